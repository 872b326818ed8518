//! PINs, as EF(AODF) lists them.

use super::{framed, tag, unsigned};
use crate::tlv;

/// How a PIN is given to the card (PKCS#15 v1.1, 6.7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PinObject {
    /// Its number in VERIFY.
    pub reference: u8,
    /// Least characters.
    pub least: usize,
    /// Bytes that VERIFY takes when the PIN is padded.
    pub stored: usize,
    /// With what it is padded, where it is.
    pub pad: Option<u8>,
    /// Whether it is the security officer's.
    pub is_officers: bool,
}

impl PinObject {
    /// The flags, first bit first: case-sensitive, local, change-disabled, unblock-disabled,
    /// initialized, needs-padding, unblocking-pin, so-pin.
    const NEEDS_PADDING: u8 = 0x04;
    const UNBLOCKS: u8 = 0x02;
    const OFFICERS: u8 = 0x01;

    fn read(bytes: &[u8]) -> Option<Self> {
        let typed = tlv::find(bytes, tag::TYPE).ok()?;
        let attributes = tlv::find(typed, tag::SEQUENCE).ok()?;
        let flags = tlv::find(attributes, tag::BITS).ok()?.get(1).copied()?;
        if flags & Self::UNBLOCKS != 0 {
            return None;
        }
        let numbers: Vec<usize> = tlv::objects(attributes)
            .map_while(Result::ok)
            .filter(|object| object.tag == tag::INTEGER)
            .filter_map(|object| usize::try_from(unsigned(object.value)?).ok())
            .collect();
        let reference = match tlv::find(attributes, tag::PIN_REFERENCE) {
            // A number above 127 has a byte of sign before it, or the card forgot it.
            Ok(&[reference] | &[0, reference]) => reference,
            Ok(_other) => return None,
            Err(_missing) => 0,
        };
        let pad = match tlv::find(attributes, tag::OCTETS) {
            Ok(&[pad]) => pad,
            Ok(_) | Err(_) => 0,
        };
        Some(Self {
            reference,
            least: numbers.first().copied().unwrap_or(1),
            stored: numbers.get(1).copied().unwrap_or(8).min(127),
            pad: (flags & Self::NEEDS_PADDING != 0).then_some(pad),
            is_officers: flags & Self::OFFICERS != 0,
        })
    }
}

/// The PINs of EF(AODF); what is no PIN of the user's or the officer's is passed over.
pub fn read_aodf(bytes: &[u8]) -> Vec<PinObject> {
    framed(bytes)
        .into_iter()
        .filter(|object| object.tag == tag::SEQUENCE)
        .filter_map(|object| PinObject::read(object.value))
        .collect()
}
