//! Cards that want their PINs hashed (application 3.4, 4.3.2: KDF-DO).

use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::command::Reference;
use crate::tlv::{self, Malformed};

/// Most bytes that are hashed for one PIN: what S2K can count to (RFC 4880, 3.7.1.3) is more than
/// anyone waits for.
const MAX_COUNT: u32 = 0x03E0_0000;

/// The data objects of the KDF-DO.
mod tag {
    pub(super) const OUTER: u32 = 0xF9;
    pub(super) const ALGORITHM: u32 = 0x81;
    pub(super) const HASH: u32 = 0x82;
    pub(super) const COUNT: u32 = 0x83;
    pub(super) const USER_SALT: u32 = 0x84;
    pub(super) const ADMIN_SALT: u32 = 0x86;
}

/// Salted and iterated S2K (RFC 4880, 3.7.1.3).
const ITERATED: u8 = 0x03;
/// Numbers of hashes (RFC 4880, 9.4).
const SHA256: u8 = 0x08;
const SHA512: u8 = 0x0A;

/// What is given to the card for a PIN, according to its KDF-DO.
pub(super) fn derive(
    object: &[u8],
    reference: Reference,
    pin: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let object = tlv::find(object, tag::OUTER).unwrap_or(object);
    match tlv::find(object, tag::ALGORITHM) {
        Ok([ITERATED]) => {}
        // Nothing there, or no hashing.
        Ok([0]) | Err(Malformed::Missing { .. }) => return Ok(Zeroizing::new(pin.to_vec())),
        Ok(_unknown) => {
            return Err(Malformed::Missing {
                tag: tag::ALGORITHM,
            });
        }
        Err(malformed) => return Err(malformed),
    }
    let user_salt = tlv::find(object, tag::USER_SALT);
    let salt = match reference {
        Reference::User => user_salt,
        // One salt for all when there are no more.
        Reference::Admin => tlv::find(object, tag::ADMIN_SALT).or(user_salt),
    }?;
    let count = tlv::find(object, tag::COUNT)?;
    let count: [u8; 4] = count
        .try_into()
        .map_err(|_other_length| Malformed::Missing { tag: tag::COUNT })?;
    let count = u32::from_be_bytes(count).min(MAX_COUNT);
    match tlv::find(object, tag::HASH)? {
        [SHA256] => Ok(iterate::<Sha256>(salt, pin, count)),
        [SHA512] => Ok(iterate::<Sha512>(salt, pin, count)),
        _unknown => Err(Malformed::Missing { tag: tag::HASH }),
    }
}

/// Hashes salt and PIN, over and over, until so many bytes are hashed; at least once.
fn iterate<D: sha2::Digest>(salt: &[u8], pin: &[u8], count: u32) -> Zeroizing<Vec<u8>> {
    let round = Zeroizing::new([salt, pin].concat());
    let mut left = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .max(round.len());
    let mut hash = D::new();
    while left > 0 && !round.is_empty() {
        let part = round.get(..left.min(round.len())).unwrap_or_default();
        hash.update(part);
        left = left.saturating_sub(part.len());
    }
    Zeroizing::new(hash.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (4.3.2).
    const EXAMPLE: &[u8] = b"\x81\x01\x03\x82\x01\x08\x83\x04\x00\x01\x86\xA0\
        \x84\x0801234567\x86\x08ABCDEFGH";

    /// Bytes from hexadecimal digits.
    fn bytes(digits: &str) -> Vec<u8> {
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn pins_are_hashed_as_in_the_specification_s_example() {
        for (reference, pin, expected) in [
            (
                Reference::User,
                "123456",
                "773784a602b6c81e3f092f4d7d00e17cc822d88f7360fcf2d2ef2d9d901f44b6",
            ),
            (
                Reference::Admin,
                "12345678",
                "2675d6164a0d4827d1d00c7eea620d015c00030a1cab38b4d0dd600b27dc9630",
            ),
        ] {
            let whole = tlv::encode(tag::OUTER, EXAMPLE);
            for object in [EXAMPLE, &whole] {
                let given = derive(object, reference, pin.as_bytes()).unwrap();
                assert_eq!(*given, bytes(expected));
            }
        }
    }

    #[test]
    fn a_card_without_hashing_gets_the_pin_itself() {
        for object in [&[][..], &[0x81, 0x01, 0x00]] {
            let given = derive(object, Reference::User, b"123456").unwrap();
            assert_eq!(*given, b"123456");
        }
    }

    #[test]
    fn what_is_not_known_is_never_given_as_a_pin() {
        for damaged in 0..EXAMPLE.len() {
            let object = &EXAMPLE[..damaged];
            if let Ok(given) = derive(object, Reference::Admin, b"12345678") {
                assert!(damaged == 0 || given.len() == 32, "{damaged}");
            }
        }
        for (at, value) in [(2, 0x02), (5, 0x0B)] {
            let mut object = EXAMPLE.to_vec();
            object[at] = value;
            assert!(derive(&object, Reference::User, b"123456").is_err());
        }
    }
}
