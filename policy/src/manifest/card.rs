//! Which card a manifest is for.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::facts::Fingerprint;
use crate::trust::Rejected;

/// Longest serial number of a card, in bytes. An ICCID has 10 (ITU-T E.118), the serial number in
/// PKCS#15's `TokenInfo` up to 255 in theory and 8 to 16 on cards that people buy.
pub const MAX_SERIAL: usize = 64;
/// Longest name of a profile, in bytes.
const MAX_PROFILE: usize = 32;
/// Bytes of an uncompressed point of P-256 (SEC 1, 2.3.3).
const POINT: usize = 65;
/// Begin of what is hashed for a card without a key, so that it can equal no key's hash.
const SERIAL_DOMAIN: &[u8] = b"cardwarden card serial 1\0";

/// By what a device knows that a manifest lies on the card that it was made for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CardIdentity {
    /// A P-256 key that signs without a PIN (PIV slot 9E), as an uncompressed point of 65 bytes.
    /// Its signature proves that the card is no copy.
    Key(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A number that the card says, where it has no such key. Whoever makes a card that says the
    /// same number has a copy.
    Serial {
        /// The profile that reads the number: `openpgp`, `pkcs15`, …
        profile: String,
        /// The number, as the card says it.
        #[serde(with = "serde_bytes")]
        serial: Vec<u8>,
    },
}

impl CardIdentity {
    /// Whether another card could pass for this one.
    pub const fn is_copyable(&self) -> bool {
        match self {
            Self::Key(_) => false,
            Self::Serial { .. } => true,
        }
    }

    /// By what conditions, people and lists name the card: the SHA-256 of its key's point, or of
    /// its profile and number.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = match self {
            Self::Key(point) => Sha256::digest(point),
            Self::Serial { profile, serial } => Sha256::new()
                .chain_update(SERIAL_DOMAIN)
                .chain_update(profile.as_bytes())
                .chain_update([0])
                .chain_update(serial)
                .finalize(),
        };
        Fingerprint(hash.into())
    }

    /// Refuses what names no card. An empty number would be that of every card without one.
    pub(crate) fn check(&self) -> Result<(), Rejected> {
        let names_one = match self {
            Self::Key(point) => point.len() == POINT,
            Self::Serial { profile, serial } => {
                !profile.is_empty()
                    && profile.len() <= MAX_PROFILE
                    && !serial.is_empty()
                    && serial.len() <= MAX_SERIAL
            }
        };
        if names_one {
            Ok(())
        } else {
            Err(Rejected::CardKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(profile: &str, serial: &[u8]) -> CardIdentity {
        CardIdentity::Serial {
            profile: profile.to_owned(),
            serial: serial.to_vec(),
        }
    }

    #[test]
    fn no_two_cards_have_one_fingerprint() {
        let cards = [
            CardIdentity::Key(vec![4; 65]),
            serial("openpgp", &[4; 64]),
            serial("pkcs15", &[4; 64]),
            serial("openpgp", &[4; 63]),
        ];
        for (index, card) in cards.iter().enumerate() {
            assert_eq!(card.check(), Ok(()));
            for other in &cards[index + 1..] {
                assert_ne!(card.fingerprint(), other.fingerprint());
            }
        }
    }

    #[test]
    fn what_names_no_card_is_refused() {
        let nobody = [
            CardIdentity::Key(Vec::new()),
            CardIdentity::Key(vec![4; 64]),
            serial("openpgp", b""),
            serial("", b"1"),
            serial("openpgp", &[0; MAX_SERIAL + 1]),
        ];
        for card in nobody {
            assert_eq!(card.check(), Err(Rejected::CardKey), "{card:?}");
        }
    }
}
