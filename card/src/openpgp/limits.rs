//! What a card says that it can: the application related data (application 3.4, 4.4.3 to 4.4.5).

use crate::tlv::{self, Malformed};
use crate::transport::Lengths;

/// Most bytes of the private use objects of a card before version 3 (application 2.1, 4.4.1).
const OLD_SPECIAL: usize = 254;
/// Bytes of a command beside its data: header, and extended Lc and Le (ISO/IEC 7816-4, 5.1).
const COMMAND_FRAME: usize = 9;
/// Bytes of an answer beside its data: the status word.
const ANSWER_FRAME: usize = 2;
/// Bit of the third byte of the card capabilities: extended Lc and Le (ISO/IEC 7816-4, 12.1.1.9).
const EXTENDED: u8 = 0x40;
/// Bit of the first byte of the extended capabilities: PINs can be hashed before.
const KDF: u8 = 0x01;

/// The tags of what is needed in the application related data.
mod tag {
    pub(super) const APPLICATION: u32 = 0x6E;
    pub(super) const AID: u32 = 0x4F;
    pub(super) const HISTORICAL: u32 = 0x5F52;
    pub(super) const LENGTHS: u32 = 0x7F66;
    pub(super) const DISCRETIONARY: u32 = 0x73;
    pub(super) const CAPABILITIES: u32 = 0xC0;
    /// One length in the extended length information.
    pub(super) const LENGTH: u32 = 0x02;
}

/// What a card can.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Limits {
    /// Most bytes of a cardholder certificate.
    pub(super) certificate: usize,
    /// Most bytes of a private use object.
    pub(super) special: usize,
    /// How long APDUs may be, as far as the card is concerned.
    pub(super) lengths: Lengths,
    /// Whether PINs may have to be hashed.
    pub(super) kdf: bool,
}

impl Limits {
    /// Reads the application related data.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        // Some cards give the value alone, some the whole object.
        let bytes = tlv::find(bytes, tag::APPLICATION).unwrap_or(bytes);
        let aid = tlv::find(bytes, tag::AID)?;
        // Its place differs: 3.0 has the capabilities within the discretionary objects.
        let capabilities = tlv::find(bytes, tag::DISCRETIONARY)
            .and_then(|inner| tlv::find(inner, tag::CAPABILITIES))
            .or_else(|_missing| tlv::find(bytes, tag::CAPABILITIES))?;
        let &[features, _, _, _, c1, c0, s1, s0, ..] = capabilities else {
            return Err(Malformed::Missing {
                tag: tag::CAPABILITIES,
            });
        };
        let is_old = aid.get(6).is_some_and(|version| *version < 3);
        Ok(Self {
            certificate: usize::from(u16::from_be_bytes([c1, c0])),
            special: if is_old {
                OLD_SPECIAL
            } else {
                usize::from(u16::from_be_bytes([s1, s0]))
            },
            lengths: lengths(bytes),
            kdf: features & KDF != 0,
        })
    }
}

/// Extended lengths where the card says both that it takes them and how long they are.
fn lengths(bytes: &[u8]) -> Lengths {
    let says_so = tlv::find(bytes, tag::HISTORICAL).is_ok_and(promises_extended);
    let Ok(information) = tlv::find(bytes, tag::LENGTHS) else {
        return Lengths::Short;
    };
    let mut found = tlv::objects(information).map_while(Result::ok);
    let mut next = || {
        let object = found.next().filter(|object| object.tag == tag::LENGTH)?;
        let [high, low] = *object.value else {
            return None;
        };
        Some(usize::from(u16::from_be_bytes([high, low])))
    };
    match (says_so, next(), next()) {
        (true, Some(command), Some(answer)) => Lengths::extended(
            command.saturating_sub(COMMAND_FRAME),
            answer.saturating_sub(ANSWER_FRAME),
        ),
        _unsaid => Lengths::Short,
    }
}

/// Whether historical bytes promise extended lengths: compact TLV, tag 7 (card capabilities), of
/// three bytes (ISO/IEC 7816-4, 12.1.1).
fn promises_extended(historical: &[u8]) -> bool {
    let mut rest = historical.get(1..).unwrap_or_default();
    while let Some((&head, tail)) = rest.split_first() {
        let length = usize::from(head & 0x0F);
        let Some((value, behind)) = tail.split_at_checked(length) else {
            return false;
        };
        if head == 0x73 {
            return value.last().is_some_and(|third| third & EXTENDED != 0);
        }
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Nitrokey 3 says, cut to what is read.
    fn nitrokey(special: u16) -> Vec<u8> {
        let aid = [&[0xD2, 0x76, 0, 1, 0x24, 1, 3, 4][..], &[0; 8]].concat();
        let mut capabilities = vec![0x3F, 0, 0x10, 0, 0x10, 0];
        capabilities.extend(special.to_be_bytes());
        capabilities.extend([0, 1]);
        let mut bytes = tlv::encode(tag::AID, &aid);
        let historical = [0x00, 0x31, 0xF5, 0x73, 0xC0, 0x01, 0x60, 0x05, 0x90, 0x00];
        tlv::push(&mut bytes, tag::HISTORICAL, &historical);
        let lengths = [0x02, 0x02, 0x1D, 0xB9, 0x02, 0x02, 0x1D, 0xB9];
        tlv::push(&mut bytes, tag::LENGTHS, &lengths);
        let inner = tlv::encode(tag::CAPABILITIES, &capabilities);
        tlv::push(&mut bytes, tag::DISCRETIONARY, &inner);
        bytes
    }

    #[test]
    fn limits_are_read_with_and_without_the_outer_tag() {
        let bare = nitrokey(255);
        let limits = Limits::read(&bare).unwrap();
        assert_eq!((limits.certificate, limits.special), (4096, 255));
        assert!(limits.kdf);
        assert_eq!(
            limits.lengths,
            Lengths::Extended {
                command: 7600,
                answer: 7607
            }
        );
        let whole = tlv::encode(tag::APPLICATION, &bare);
        assert_eq!(Limits::read(&whole), Ok(limits));
    }

    #[test]
    fn old_cards_have_small_private_objects_whatever_stands_there() {
        let mut bytes = nitrokey(4096);
        bytes[8] = 2;
        assert_eq!(Limits::read(&bytes).unwrap().special, OLD_SPECIAL);
    }

    #[test]
    fn extended_lengths_need_both_the_promise_and_the_numbers() {
        let bytes = nitrokey(255);
        let at = |needle: &[u8]| {
            bytes
                .windows(needle.len())
                .position(|window| window == needle)
                .unwrap()
        };
        let (promise, numbers) = (at(&[0x73, 0xC0, 0x01, 0x60]) + 3, at(&[0x7F, 0x66]));
        let mut silent = bytes.clone();
        silent[promise] = 0x20;
        assert_eq!(Limits::read(&silent).unwrap().lengths, Lengths::Short);
        let mut unnumbered = bytes.clone();
        unnumbered[numbers + 1] = 0x67;
        assert_eq!(Limits::read(&unnumbered).unwrap().lengths, Lengths::Short);
    }

    #[test]
    fn whatever_a_card_says_is_read_or_refused() {
        let bytes = nitrokey(255);
        for cut in 0..bytes.len() {
            for lie in [0x00, 0x7F, 0x80, 0x84, 0xFF] {
                let head = bytes[..cut].to_vec();
                let damaged = [&head, &[lie][..], &bytes[cut + 1..]].concat();
                for read in [Limits::read(&head), Limits::read(&damaged)] {
                    let most = usize::from(u16::MAX);
                    assert!(
                        read.is_err() || read.is_ok_and(|found| found.special <= most),
                        "{cut} {lie:02X}"
                    );
                }
            }
        }
        assert!(Limits::read(&[]).is_err());
    }
}
