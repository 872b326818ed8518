//! What opens a card: for writing, or for reading what a PIN protects.

use std::fmt;

use zeroize::Zeroizing;

use crate::management::ManagementKey;

/// Longest PIN, in bytes (`OpenPGP` card 3.4, 4.3.1: 127).
const MAX_PIN: usize = 127;

/// A PIN. Its digits are never shown, and are wiped from memory with it.
#[derive(Clone)]
pub struct Pin(Zeroizing<Vec<u8>>);

/// The bytes are no PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a PIN has 1 to {MAX_PIN} characters")]
pub struct NoPin;

impl Pin {
    /// A PIN of 1 to 127 bytes. What is no PIN is wiped from memory too.
    pub fn new(bytes: Vec<u8>) -> Result<Self, NoPin> {
        let bytes = Zeroizing::new(bytes);
        if bytes.is_empty() || bytes.len() > MAX_PIN {
            return Err(NoPin);
        }
        Ok(Self(bytes))
    }

    /// Its bytes, for the command that verifies it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

/// What opens a card for writing. Which one it is depends on the profile.
#[derive(Clone, Debug)]
pub enum Authority {
    /// PIV: the key of slot 9B.
    ManagementKey(ManagementKey),
    /// `OpenPGP`: PW3. PKCS#15: the PIN of the card's security officer.
    AdminPin(Pin),
    /// The card lets everybody write, as file-system cards do before they are personalised.
    None,
}

impl Authority {
    /// What it is, for people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ManagementKey(_) => "a management key",
            Self::AdminPin(_) => "an administrator's PIN",
            Self::None => "nothing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_has_a_length_and_is_never_shown() {
        for length in [0, 128] {
            assert_eq!(Pin::new(vec![b'1'; length]).unwrap_err(), NoPin);
        }
        let pin = Pin::new(b"123456".to_vec()).unwrap();
        assert_eq!(pin.as_bytes(), b"123456");
        assert_eq!(format!("{:?}", Authority::AdminPin(pin)), "AdminPin(Pin)");
    }
}
