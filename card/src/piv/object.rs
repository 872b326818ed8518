//! How our content lies in PIV data objects.
//!
//! Retired key certificates' containers (SP 800-73-4 part 1, table 3) take any bytes and are read
//! without a PIN. The manifest begins in the last of them, [`MANIFEST`]; groups fill from there
//! downwards, since real retired keys fill from the first upwards. Content that is longer than a
//! container spans several. Each object begins with a header by which it is known as ours:
//!
//! ```text
//! 43 57 4D 4F   "CWMO"
//! 01            layout
//! 4D | 47       'M' manifest, 'G' group
//! xx            which part, from 0
//! xx xx xx xx   number of the issue; all objects of one issue share it
//! xx            last byte of the next part's tag; 00 for the last part
//! ```

/// Begin of the manifest: retired key certificate 20.
pub(crate) const MANIFEST: u32 = 0x005F_C120;
/// First container that is used: retired key certificate 1.
pub(crate) const FIRST: u32 = 0x005F_C10D;
/// Certificate of the card authentication key; there when somebody else uses slot 9E.
pub(crate) const CARD_CERTIFICATE: u32 = 0x005F_C101;
/// Most bytes of a container that every card has (SP 800-73-4 part 1, table 3).
const CONTAINER: usize = 1905;
/// Bytes of a header.
const HEADER: usize = 12;
/// Most bytes of content in one object.
pub(crate) const PART: usize = CONTAINER - HEADER;
/// Marks an object as ours.
const MAGIC: &[u8] = b"CWMO";
/// Version of this layout.
const LAYOUT: u8 = 1;
/// What all our tags begin with.
const TAG_PREFIX: u32 = 0x005F_C100;

/// What an object is a part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The signed directory.
    Manifest,
    /// A group.
    Group,
}

impl Kind {
    const fn mark(self) -> u8 {
        match self {
            Self::Manifest => b'M',
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
    /// Where the next part lies.
    pub(crate) next: Option<u32>,
}

/// What the begin of an object says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    /// There is no object, or an empty one.
    Nothing,
    /// One of ours.
    Ours(Header),
    /// Somebody else's, or ours of a future layout.
    Foreign,
}

impl Header {
    /// Reads the begin of an object's value; the rest is content.
    pub(crate) fn read(value: &[u8]) -> Option<(Self, &[u8])> {
        let (&[layout, mark, part, i0, i1, i2, i3, next], content) =
            value.strip_prefix(MAGIC)?.split_first_chunk()?;
        let kind = [Kind::Manifest, Kind::Group]
            .into_iter()
            .find(|kind| kind.mark() == mark)?;
        let next = match next {
            0 => None,
            low => Some(TAG_PREFIX | u32::from(low)).filter(|tag| is_container(*tag)),
        };
        let issue = u32::from_be_bytes([i0, i1, i2, i3]);
        (layout == LAYOUT).then_some((
            Self {
                kind,
                part,
                issue,
                next,
            },
            content,
        ))
    }

    /// The object's value.
    pub(crate) fn write(self, content: &[u8]) -> Vec<u8> {
        let next = self.next.map_or(0, |tag| tag.to_be_bytes()[3]);
        let mut value = MAGIC.to_vec();
        value.extend([LAYOUT, self.kind.mark(), self.part]);
        value.extend(self.issue.to_be_bytes());
        value.push(next);
        value.extend(content);
        value
    }
}

/// Whether groups may lie in this object.
pub(crate) fn is_container(tag: u32) -> bool {
    (FIRST..MANIFEST).contains(&tag)
}

/// How many objects content of this length takes.
pub(crate) fn parts(length: usize) -> usize {
    length.div_ceil(PART).max(1)
}

/// The objects that `content` becomes when it lies in `tags`.
pub(crate) fn split(kind: Kind, issue: u32, content: &[u8], tags: &[u32]) -> Vec<(u32, Vec<u8>)> {
    let mut pieces = content.chunks(PART);
    let follow = tags.iter().skip(1).copied().map(Some).chain([None]);
    tags.iter()
        .zip(follow)
        .zip(0_u8..)
        .map(|((tag, next), part)| {
            let piece = pieces.next().unwrap_or_default();
            (
                *tag,
                Header {
                    kind,
                    part,
                    issue,
                    next,
                }
                .write(piece),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_split_is_linked_and_whole() {
        let content: Vec<u8> = (0..5000_u32).map(|i| i.to_le_bytes()[0]).collect();
        let tags = [MANIFEST, 0x005F_C11F, 0x005F_C11C];
        assert_eq!(parts(content.len()), tags.len());
        let objects = split(Kind::Manifest, 7, &content, &tags);
        let mut whole: Vec<u8> = Vec::new();
        for (index, (tag, value)) in objects.iter().enumerate() {
            assert!(value.len() <= CONTAINER);
            let (header, piece) = Header::read(value).unwrap();
            assert_eq!(
                (*tag, usize::from(header.part), header.issue),
                (tags[index], index, 7)
            );
            assert_eq!(header.next, tags.get(index + 1).copied());
            whole.extend(piece);
        }
        assert_eq!(whole, content);
    }

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
        for length in 0..HEADER {
            assert_eq!(Header::read(&ours[..length]), None);
        }
        let mut future = ours.clone();
        future[4] = 2;
        assert_eq!(Header::read(&future), None);
        assert_eq!(Header::read(&[0x70; 40]), None);
    }

    #[test]
    fn a_link_out_of_our_containers_leads_nowhere() {
        for low in [0x01, 0x0C, 0x20, 0x21, 0xFF] {
            let mut value = Header {
                kind: Kind::Manifest,
                part: 0,
                issue: 1,
                next: None,
            }
            .write(b"");
            *value.last_mut().unwrap() = low;
            assert_eq!(Header::read(&value).unwrap().0.next, None);
        }
    }
}
