//! What a reader says of itself (PC/SC specification, part 10): how long an APDU it carries.

use pcsc::{Card, ctl_code};

use crate::transport::Lengths;

/// `CM_IOCTL_GET_FEATURE_REQUEST` (part 10, 2.2).
const GET_FEATURES: u32 = 3400;
/// `FEATURE_GET_TLV_PROPERTIES` (part 10, 2.3).
const TLV_PROPERTIES: u8 = 0x12;
/// `PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize` (part 10, 2.6.14).
const MAX_APDU_DATA: u8 = 0x0A;
/// Room for an answer of a driver; the longest known one has 120 bytes.
const ANSWER: usize = 512;

/// The properties of the reader that holds this card, where it says them.
pub(super) fn properties(card: &Card) -> Option<Vec<u8>> {
    let mut answer = [0; ANSWER];
    let features = card.control(ctl_code(GET_FEATURES.into()), &[], &mut answer);
    let code = control_code(features.ok()?)?;
    let mut answer = [0; ANSWER];
    let properties = card.control(code.into(), &[], &mut answer).ok()?;
    Some(properties.to_vec())
}

/// The control code of the reader's properties, among its features. Control codes are big-endian.
pub fn control_code(features: &[u8]) -> Option<u32> {
    let code = find(features, TLV_PROPERTIES)?;
    Some(u32::from_be_bytes(code.try_into().ok()?))
}

/// How long APDUs are by the reader's properties: 0 is short ones only, another number the most
/// data bytes. Numbers are little-endian.
pub fn carried(properties: &[u8]) -> Option<Lengths> {
    let most = u32::from_le_bytes(find(properties, MAX_APDU_DATA)?.try_into().ok()?);
    let most = usize::try_from(most).ok()?;
    Some(Lengths::extended(most, most))
}

/// The value of a tag of one byte with a length of one byte.
fn find(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let (&[tag, length], rest) = bytes.split_first_chunk()?;
        let value = rest.get(..usize::from(length))?;
        if tag == wanted {
            return Some(value);
        }
        bytes = rest.get(usize::from(length)..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_libccid_says_of_readers_is_understood() {
        // FEATURE_GET_TLV_PROPERTIES behind FEATURE_CCID_ESC_COMMAND.
        let features = [0x13, 4, 0x42, 0, 0, 1, 0x12, 4, 0x42, 0x33, 0, 0x12];
        assert_eq!(control_code(&features), Some(0x4233_0012));
        let properties = |size: [u8; 4]| [&[1, 2, 0, 0, 0x0A, 4][..], &size].concat();
        for (size, expected) in [
            ([0, 0, 1, 0], Lengths::extended(65_535, 65_536)),
            ([0, 8, 0, 0], Lengths::extended(2048, 2048)),
            ([0; 4], Lengths::Short),
        ] {
            assert_eq!(carried(&properties(size)), Some(expected));
        }
        assert_eq!(carried(&[1, 2, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn whatever_a_driver_says_is_read_within_its_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..80)
        ) {
            prop_assert!(control_code(&bytes).is_none() || bytes.len() >= 6);
            prop_assert!(carried(&bytes).is_none() || bytes.len() >= 6);
        }
    }
}
