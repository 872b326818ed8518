//! The certificate of the card's own key, for others than us.

use super::objects::{CARD_CERTIFICATE, PORTABLE};
use super::{Piv, command};
use crate::profile::{Act, Error};
use crate::shelf::{Held, Shelf as _};
use crate::tlv;

/// The certificate in its container, how it is compressed, and its check, which is empty (SP
/// 800-73-4 part 1, table 10).
const CERTIFICATE: u32 = 0x70;
const INFO: u32 = 0x71;
const CHECK: u32 = 0xFE;
/// Not compressed.
const PLAIN: [u8; 1] = [0];

impl Piv<'_> {
    /// Writes the certificate of the card authentication key to its standard place, if nothing is
    /// there. Whether it was written.
    pub(super) fn put_certificate(&mut self, certificate: &[u8]) -> Result<bool, Error> {
        if self.peek(CARD_CERTIFICATE)? != Held::Nothing {
            return Ok(false);
        }
        let content = [
            tlv::encode(CERTIFICATE, certificate),
            tlv::encode(INFO, &PLAIN),
            tlv::encode(CHECK, &[]),
        ]
        .concat();
        if content.len() > PORTABLE {
            return Err(Error::TooLong {
                what: "certificate",
                most: PORTABLE,
            });
        }
        let act = Act::Write(CARD_CERTIFICATE);
        self.send(act, &command::put(CARD_CERTIFICATE, &content))
            .map(|_nothing| true)
    }
}
