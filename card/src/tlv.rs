//! BER-TLV as smart cards use it (ISO/IEC 7816-4, 5.2.2): definite lengths only.
//!
//! Reading is total: whatever the bytes, the answer is a part of them or a [`Malformed`], and a
//! lying length can never reach beyond them. Nesting is the caller's business, one level a call.

/// Most bytes of a tag. ISO/IEC 7816-4 uses up to three.
const MAX_TAG: usize = 3;
/// Most bytes of a length behind its first. Three reach 16 MiB, far beyond any card.
const MAX_LENGTH: u8 = 3;

/// Why bytes are no BER-TLV.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end within a tag, or the tag is longer than three bytes.
    #[error("the tag at byte {at} has no end")]
    Tag {
        /// Where it begins.
        at: usize,
    },
    /// The bytes end within a length, or its form is not a definite one of up to four bytes.
    #[error("the length at byte {at} cannot be read")]
    Length {
        /// Where it begins.
        at: usize,
    },
    /// The length promises more than there is.
    #[error("tag {tag:X} promises {promised} bytes, but {present} follow")]
    Lying {
        /// The tag.
        tag: u32,
        /// How many bytes its length promises.
        promised: usize,
        /// How many there are.
        present: usize,
    },
    /// The tag that has to be there is not.
    #[error("tag {tag:X} is missing")]
    Missing {
        /// The tag.
        tag: u32,
    },
}

/// One data object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tlv<'a> {
    /// The tag, its bytes as one number (`0x7F49`).
    pub tag: u32,
    /// The value.
    pub value: &'a [u8],
}

/// The data objects of some bytes, one after another. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Reads the data objects that `bytes` is made of.
pub const fn objects(bytes: &[u8]) -> Objects<'_> {
    Objects { bytes, at: 0 }
}

impl<'a> Objects<'a> {
    /// Bytes that were read so far: where the next object begins.
    pub const fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn tag(&mut self) -> Option<u32> {
        let first = self.byte()?;
        let mut tag = u32::from(first);
        if first & 0x1F != 0x1F {
            return Some(tag);
        }
        for _ in 1..MAX_TAG {
            let next = self.byte()?;
            tag = tag.checked_shl(8)? | u32::from(next);
            if next & 0x80 == 0 {
                return Some(tag);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(usize::from(first));
        }
        let count = first & 0x7F;
        if count == 0 || count > MAX_LENGTH {
            return None;
        }
        (0..count).try_fold(0_usize, |length, _| {
            Some(
                length
                    .checked_mul(256)?
                    .saturating_add(usize::from(self.byte()?)),
            )
        })
    }

    fn object(&mut self) -> Result<Tlv<'a>, Malformed> {
        let at = self.at;
        let tag = self.tag().ok_or(Malformed::Tag { at })?;
        let at = self.at;
        let length = self.length().ok_or(Malformed::Length { at })?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let value = rest.get(..length).ok_or(Malformed::Lying {
            tag,
            promised: length,
            present: rest.len(),
        })?;
        self.at = self.at.saturating_add(length);
        Ok(Tlv { tag, value })
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let object = self.object();
        if object.is_err() {
            self.at = self.bytes.len();
        }
        Some(object)
    }
}

/// The value of the first object with this tag.
pub fn find(bytes: &[u8], tag: u32) -> Result<&[u8], Malformed> {
    for object in objects(bytes) {
        let object = object?;
        if object.tag == tag {
            return Ok(object.value);
        }
    }
    Err(Malformed::Missing { tag })
}

/// What there is of the value of the object with this tag, which has to be the first, when the
/// bytes may end before it does.
pub fn begin(bytes: &[u8], tag: u32) -> Result<&[u8], Malformed> {
    let mut objects = objects(bytes);
    let found = objects.tag().ok_or(Malformed::Tag { at: 0 })?;
    let at = objects.at;
    let length = objects.length().ok_or(Malformed::Length { at })?;
    let rest = bytes.get(objects.at..).unwrap_or_default();
    if found != tag {
        return Err(Malformed::Missing { tag });
    }
    Ok(rest.get(..length).unwrap_or(rest))
}

/// Appends a data object to `out`, with the shortest length there is.
pub fn push(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    let significant = |bytes: [u8; 4]| bytes.into_iter().skip_while(|byte| *byte == 0);
    if tag == 0 {
        out.push(0);
    }
    out.extend(significant(tag.to_be_bytes()));
    match u8::try_from(value.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _long => {
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
            let count = u8::try_from(significant(length).count()).unwrap_or(4);
            out.push(0x80 | count);
            out.extend(significant(length));
        }
    }
    out.extend(value);
}

/// One data object.
pub fn encode(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, tag, value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_form_are_read_as_they_were_written() {
        for length in [0, 1, 127, 128, 255, 256, 1905, 65_535, 65_536] {
            let value = vec![0xA5; length];
            for tag in [0x53, 0x7C, 0x5C, 0x7F49, 0x005F_C120] {
                let bytes = encode(tag, &value);
                assert_eq!(find(&bytes, tag), Ok(value.as_slice()));
                assert_eq!(objects(&bytes).count(), 1);
            }
        }
    }

    #[test]
    fn a_lying_length_is_told_from_a_missing_tag() {
        assert_eq!(
            find(&[0x53, 0x05, 0x01], 0x53),
            Err(Malformed::Lying {
                tag: 0x53,
                promised: 5,
                present: 1
            })
        );
        assert_eq!(
            find(&[0x53, 0x00], 0x54),
            Err(Malformed::Missing { tag: 0x54 })
        );
        assert_eq!(find(&[0x53, 0x80], 0x53), Err(Malformed::Length { at: 1 }));
        assert_eq!(
            find(&[0x5F, 0xFF, 0xFF, 0xFF], 0x53),
            Err(Malformed::Tag { at: 0 })
        );
    }
}
