//! Nonces: what makes a digest good for one time only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Longest nonce taken from a peer, in octets. DM 1.2 *Security* asks for 16 at least.
pub const MAX_NONCE_LEN: usize = 128;

/// Octets that one side gives and the other puts into its next digest.
///
/// `NextNonce` carries them as base64; the digest is over the octets themselves.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// These octets.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The two readings of the "null nonce" `0x00000000` with which a server may sign a Package 0
    /// when it has lost the device's nonce (DM 1.2 *Security*): four octets, and the text.
    pub fn nulls() -> [Self; 2] {
        [Self::new([0; 4]), Self::new(*b"0x00000000")]
    }

    /// The nonce that `NextNonce` says: base64 of 1 to [`MAX_NONCE_LEN`] octets. None for all else.
    pub fn from_base64(text: &str) -> Option<Self> {
        let octets = STANDARD.decode(text.trim_ascii()).ok()?;
        (1..=MAX_NONCE_LEN)
            .contains(&octets.len())
            .then_some(Self(octets))
    }

    /// The nonce as `NextNonce` has it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

/// A secret from which one session's nonces are made: this crate has no source of random numbers.
///
/// 32 octets from the system's random numbers, new for each session, never told to anybody. The
/// nonces made of it are distinct, and nobody else can foretell them.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// These octets, straight from the system's random numbers.
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The nonce with this number: use each number once, such as that of the message it goes out with.
    pub fn nonce(&self, number: u32) -> Nonce {
        Nonce::new(super::digest(&[
            &self.0,
            &number.to_be_bytes(),
            self.0.as_slice(),
        ]))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(secret)")
    }
}
