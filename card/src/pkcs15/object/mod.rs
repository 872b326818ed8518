//! What the files of a PKCS#15 application say (PKCS#15 v1.1, section 6; ISO/IEC 7816-15), and of
//! EF.DIR (ISO/IEC 7816-4, 12.2.2.1).
//!
//! Reading is total and takes what cards in the field hold: lengths longer than they need to be,
//! padding of `00` and `FF` before, between and behind, entries of kinds that mean nothing to us.
//! Nesting is as deep as these functions are, and each list has a bound. Writing is DER.

mod data_object;
mod pin;
#[cfg(test)]
mod tests;
mod token;

pub use self::data_object::{DataObject, read_dodf};
pub use self::pin::{PinObject, read_aodf};
pub use self::token::{
    Application, Token, read_applications, read_token, write_application, write_token,
};
use crate::tlv;

/// RID and PIX of PKCS#15 (PKCS#15 v1.1, 5.4.1).
pub const AID: &[u8] = b"\xA0\x00\x00\x00\x63PKCS-15";
/// OMA DM bootstrap on a smart card, 2.23.43.7.1 (OMA-TS-DM Bootstrap, "Smartcard").
pub const OMA_DM_BOOTSTRAP: &[u8] = &[0x67, 0x2B, 0x07, 0x01];
/// Most objects that are looked at in one file. The longest file has 32,767 bytes, and none in
/// the field names more than some dozens.
const MAX_OBJECTS: usize = 512;

/// Tags of what is written and read (X.690; in PKCS#15 all tags are implicit).
mod tag {
    pub(super) const INTEGER: u32 = 0x02;
    pub(super) const BITS: u32 = 0x03;
    pub(super) const OCTETS: u32 = 0x04;
    pub(super) const OID: u32 = 0x06;
    pub(super) const TEXT: u32 = 0x0C;
    pub(super) const SEQUENCE: u32 = 0x30;
    pub(super) const LENGTH: u32 = 0x80;
    pub(super) const OID_DO: u32 = 0xA1;
    pub(super) const TYPE: u32 = 0xA1;
    pub(super) const DATA_OBJECTS: u32 = 0xA7;
    pub(super) const AUTHENTICATION_OBJECTS: u32 = 0xA8;
    pub(super) const PIN_REFERENCE: u32 = 0x80;
    pub(super) const APPLICATION: u32 = 0x61;
    pub(super) const APPLICATION_ID: u32 = 0x4F;
    pub(super) const APPLICATION_LABEL: u32 = 0x50;
    pub(super) const APPLICATION_PATH: u32 = 0x51;
}

/// Where something lies (PKCS#15 v1.1, 6.1.4).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path {
    /// File identifiers of two bytes each: from the MF when the first is `3F00`, from the
    /// application otherwise.
    pub file: Vec<u8>,
    /// First byte, when not the whole file is meant.
    pub index: u32,
    /// How many bytes, when not the whole file is meant.
    pub length: Option<u32>,
}

impl Path {
    /// A whole file of the application.
    pub fn of(fid: u16) -> Self {
        Self {
            file: fid.to_be_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// A part of a file of the application.
    pub fn part(fid: u16, index: u32, length: u32) -> Self {
        Self {
            index,
            length: Some(length),
            ..Self::of(fid)
        }
    }

    /// The file itself: the last identifier.
    pub fn fid(&self) -> Option<u16> {
        self.file.last_chunk().copied().map(u16::from_be_bytes)
    }

    fn read(sequence: &[u8]) -> Option<Self> {
        let file = tlv::find(sequence, tag::OCTETS).ok()?;
        // 16 bytes are eight levels; cards have three.
        if file.is_empty() || !file.len().is_multiple_of(2) || file.len() > 16 {
            return None;
        }
        let number = |tag| tlv::find(sequence, tag).ok().and_then(unsigned);
        Some(Self {
            file: file.to_vec(),
            index: number(tag::INTEGER).unwrap_or(0),
            length: number(tag::LENGTH),
        })
    }

    fn write(&self) -> Vec<u8> {
        let mut path = tlv::encode(tag::OCTETS, &self.file);
        if let Some(length) = self.length {
            tlv::push(&mut path, tag::INTEGER, &integer(self.index));
            tlv::push(&mut path, tag::LENGTH, &integer(length));
        }
        tlv::encode(tag::SEQUENCE, &path)
    }
}

/// A number that is not negative (X.690, 8.3).
fn unsigned(bytes: &[u8]) -> Option<u32> {
    let significant = bytes
        .iter()
        .position(|byte| *byte != 0)
        .map_or(&[][..], |first| bytes.get(first..).unwrap_or_default());
    let is_negative = bytes.first().is_none_or(|first| first & 0x80 != 0);
    if is_negative || significant.len() > 4 {
        return None;
    }
    Some(
        significant
            .iter()
            .fold(0, |number, byte| (number << 8) | u32::from(*byte)),
    )
}

fn integer(number: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = number
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

/// An object in a file, and where it lies in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Framed<'a> {
    tag: u32,
    value: &'a [u8],
    begin: usize,
    end: usize,
}

/// The objects of a file that may be padded with `00` and `FF` anywhere between them. Ends where
/// bytes are no object.
fn framed(bytes: &[u8]) -> Vec<Framed<'_>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, 0x00 | 0xFF) {
            at = at.saturating_add(1);
            continue;
        }
        let mut rest = tlv::objects(bytes.get(at..).unwrap_or_default());
        let Some(Ok(object)) = rest.next() else {
            break;
        };
        let end = at.saturating_add(rest.position());
        found.push(Framed {
            tag: object.tag,
            value: object.value,
            begin: at,
            end,
        });
        at = end;
        if found.len() >= MAX_OBJECTS {
            break;
        }
    }
    found
}

/// Whether a file holds nothing but padding.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, 0x00 | 0xFF))
}

/// Where a file's objects end and padding may begin; `None` when what follows them is neither.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let end = framed(bytes).last().map_or(0, |object| object.end);
    is_blank(bytes.get(end..).unwrap_or_default()).then_some(end)
}

/// An entry of EF(ODF) for data objects (PKCS#15 v1.1, 6.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directory {
    /// The file that lists the objects.
    pub path: Path,
    /// Where the entry begins in EF(ODF).
    pub begin: usize,
    /// Where it ends.
    pub end: usize,
}

/// The files that list data objects. Entries of other kinds are passed over.
pub fn read_odf(bytes: &[u8]) -> Vec<Directory> {
    directories(bytes, tag::DATA_OBJECTS)
}

/// The files that list PINs.
pub fn read_pin_files(odf: &[u8]) -> Vec<Directory> {
    directories(odf, tag::AUTHENTICATION_OBJECTS)
}

fn directories(bytes: &[u8], kind: u32) -> Vec<Directory> {
    framed(bytes)
        .into_iter()
        .filter(|object| object.tag == kind)
        .filter_map(|object| {
            let sequence = tlv::find(object.value, tag::SEQUENCE).ok()?;
            Some(Directory {
                path: Path::read(sequence)?,
                begin: object.begin,
                end: object.end,
            })
        })
        .collect()
}

/// The entry of EF(ODF) that says which file lists data objects.
pub fn write_odf(dodf: &Path) -> Vec<u8> {
    tlv::encode(tag::DATA_OBJECTS, &dodf.write())
}
