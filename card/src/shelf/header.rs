//! The header by which an object on a card is known as ours, and as which part of what:
//!
//! ```text
//! 43 57 4D 4F   "CWMO"
//! 01            layout
//! xx            'M' manifest, 'm' manifest of an issue with groups behind the PIN, 'G' group
//! xx            which part, from 0
//! xx xx xx xx   number of the issue; all objects of one issue share it
//! xx            lowest byte of the next part's container; 00 for the last part
//! ```

/// Bytes of a header.
pub(crate) const HEADER: usize = 12;
/// Marks an object as ours.
const MAGIC: &[u8] = b"CWMO";
/// Version of this layout.
const LAYOUT: u8 = 1;

/// What an object is a part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The signed directory.
    Manifest {
        /// Whether there are groups of its issue that can be seen only after the PIN.
        hides: bool,
    },
    /// A group.
    Group,
}

impl Kind {
    const ALL: [Self; 3] = [
        Self::Manifest { hides: false },
        Self::Manifest { hides: true },
        Self::Group,
    ];

    const fn mark(self) -> u8 {
        match self {
            Self::Manifest { hides: false } => b'M',
            Self::Manifest { hides: true } => b'm',
            Self::Group => b'G',
        }
    }
}

/// The header of an object of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    /// What it is a part of.
    pub(crate) kind: Kind,
    /// Which part, from 0.
    pub(crate) part: u8,
    /// Number of the issue.
    pub(crate) issue: u32,
    /// Lowest byte of the container of the next part.
    pub(crate) next: Option<u8>,
}

/// What the begin of a container says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    /// There is no object, or an empty one.
    Nothing,
    /// One of ours.
    Ours(Header),
    /// Somebody else's, or ours of a future layout.
    Foreign,
    /// It cannot be seen without the PIN.
    Hidden,
}

impl Held {
    /// What an object is, by the first bytes of its value.
    pub(crate) fn of(begin: &[u8]) -> Self {
        if begin.is_empty() {
            return Self::Nothing;
        }
        Header::read(begin).map_or(Self::Foreign, |(header, _content)| Self::Ours(header))
    }
}

impl Header {
    /// Reads the begin of an object's value; the rest is content.
    pub(crate) fn read(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[layout, mark, part, i0, i1, i2, i3, next], content) =
            value.strip_prefix(MAGIC)?.split_first_chunk()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.mark() == mark)?;
        let header = Self {
            kind,
            part,
            issue: u32::from_be_bytes([i0, i1, i2, i3]),
            next: (next != 0).then_some(next),
        };
        (layout == LAYOUT).then_some((header, content))
    }

    /// The object's value.
    pub(crate) fn write(self, content: &[u8]) -> Vec<u8> {
        let mut value = MAGIC.to_vec();
        value.extend([LAYOUT, self.kind.mark(), self.part]);
        value.extend(self.issue.to_be_bytes());
        value.push(self.next.unwrap_or(0));
        value.extend(content);
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_bytes_and_future_layouts_are_not_ours() {
        let ours = Header {
            kind: Kind::Group,
            part: 0,
            issue: 1,
            next: None,
        }
        .write(b"x");
        assert!(Header::read(&ours).is_some());
        for length in 1..HEADER {
            assert_eq!(Held::of(&ours[..length]), Held::Foreign);
        }
        let mut future = ours.clone();
        future[4] = 2;
        assert_eq!(Held::of(&future), Held::Foreign);
        assert_eq!(Held::of(&[0x70; 40]), Held::Foreign);
        assert_eq!(Held::of(&[]), Held::Nothing);
    }

    proptest! {
        #[test]
        fn every_header_is_read_as_it_was_written(
            kind in prop::sample::select(Kind::ALL.to_vec()), part: u8, issue: u32,
            next in prop::option::of(1_u8..), content in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let header = Header { kind, part, issue, next };
            let value = header.write(&content);
            prop_assert_eq!(value.len(), HEADER + content.len());
            prop_assert_eq!(Header::read(&value), Some((header, content.as_slice())));
        }

        #[test]
        fn whatever_is_read_as_a_header_is_written_so(
            tail in prop::collection::vec(any::<u8>(), 0..20)
        ) {
            let value = [MAGIC, &[LAYOUT], &tail].concat();
            if let Some((header, content)) = Header::read(&value) {
                prop_assert_eq!(header.write(content), value);
            }
        }
    }
}
