//! The key that opens a card for writing.

use std::fmt;

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use des::TdesEde3;
use zeroize::Zeroizing;

/// Algorithms of management keys (SP 800-78-4, table 6-2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// Triple DES with three keys.
    Tdes,
    /// AES-128.
    Aes128,
    /// AES-192.
    Aes192,
    /// AES-256.
    Aes256,
}

impl Algorithm {
    /// The algorithm of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0x03 => Some(Self::Tdes),
            0x08 => Some(Self::Aes128),
            0x0A => Some(Self::Aes192),
            0x0C => Some(Self::Aes256),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tdes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
        }
    }

    /// Bytes of its keys.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Tdes | Self::Aes192 => 24,
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

/// A management key. Its bytes are never shown, and are wiped from memory with it.
#[derive(Clone)]
pub struct ManagementKey(Zeroizing<Vec<u8>>);

/// The text is no management key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a management key is 32, 48 or 64 hexadecimal digits")]
pub struct NoManagementKey;

impl ManagementKey {
    /// The key that PIV cards leave the factory with (Nitrokey; `YubiKey` before 5.7).
    pub fn factory() -> Self {
        Self([1, 2, 3, 4, 5, 6, 7, 8].repeat(3).into())
    }

    /// A key of 16, 24 or 32 bytes in hexadecimal digits; blanks and colons are ignored.
    pub fn from_hex(text: &str) -> Result<Self, NoManagementKey> {
        let digits = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or(NoManagementKey)?;
        let bytes: Zeroizing<Vec<u8>> = digits
            .chunks_exact(2)
            .map(|pair| {
                pair.iter()
                    .fold(0_u8, |byte, digit| byte.wrapping_shl(4) | digit)
            })
            .collect::<Vec<u8>>()
            .into();
        if digits.len() % 2 == 0 && matches!(bytes.len(), 16 | 24 | 32) {
            Ok(Self(bytes))
        } else {
            Err(NoManagementKey)
        }
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    /// What a key of this length can be, for cards that do not tell; most usual first.
    pub(crate) fn candidates(&self) -> Vec<Algorithm> {
        [
            Algorithm::Tdes,
            Algorithm::Aes128,
            Algorithm::Aes192,
            Algorithm::Aes256,
        ]
        .into_iter()
        .filter(|algorithm| algorithm.key_length() == self.0.len())
        .collect()
    }

    /// Encrypts one block; `None` when the key or the block has the wrong length.
    pub(crate) fn encrypt(&self, algorithm: Algorithm, block: &[u8]) -> Option<Vec<u8>> {
        match algorithm {
            Algorithm::Tdes => encrypt_with::<TdesEde3>(&self.0, block),
            Algorithm::Aes128 => encrypt_with::<Aes128>(&self.0, block),
            Algorithm::Aes192 => encrypt_with::<Aes192>(&self.0, block),
            Algorithm::Aes256 => encrypt_with::<Aes256>(&self.0, block),
        }
    }
}

impl fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagementKey({} bytes)", self.0.len())
    }
}

fn encrypt_with<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = Array::<u8, C::BlockSize>::try_from(block).ok()?;
    cipher.encrypt_block(&mut block);
    Some(block.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_encrypts_as_its_standard_says() {
        // FIPS 197, appendix C; and DES with three equal keys, which is DES (SP 800-17 table 1).
        let plain: Vec<u8> = (0..16).map(|i| i * 0x11).collect();
        let key = |n: u8| ManagementKey((0..n).collect::<Vec<u8>>().into());
        for (algorithm, length, first) in [
            (Algorithm::Aes128, 16, 0x69),
            (Algorithm::Aes192, 24, 0xDD),
            (Algorithm::Aes256, 32, 0x8E),
        ] {
            assert_eq!(key(length).encrypt(algorithm, &plain).unwrap()[0], first);
        }
        let ones = ManagementKey(vec![1; 24].into());
        let block = [0x80, 0, 0, 0, 0, 0, 0, 0];
        let expected = [0x95, 0xF8, 0xA5, 0xE5, 0xDD, 0x31, 0xD9, 0x00];
        assert_eq!(ones.encrypt(Algorithm::Tdes, &block).unwrap(), expected);
    }

    #[test]
    fn a_key_of_another_length_encrypts_nothing() {
        assert_eq!(
            ManagementKey(vec![1; 16].into()).encrypt(Algorithm::Tdes, &[0; 8]),
            None
        );
        assert_eq!(
            ManagementKey::factory().encrypt(Algorithm::Tdes, &[0; 16]),
            None
        );
    }

    #[test]
    fn keys_are_read_in_hexadecimal_and_never_shown() {
        let key = ManagementKey::from_hex(&"01 02:03 04 05 06 07 08".repeat(3)).unwrap();
        assert_eq!(key.0, ManagementKey::factory().0);
        assert_eq!(format!("{key:?}"), "ManagementKey(24 bytes)");
        for text in ["", "0102", &"g".repeat(48), &"0".repeat(47)] {
            assert!(ManagementKey::from_hex(text).is_err(), "{text}");
        }
    }
}
