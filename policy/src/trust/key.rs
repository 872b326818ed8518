//! Keys: the public ones that a device trusts, and the private ones with which a company signs.

use coset::iana;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::LineEnding;
use sha2::{Digest as _, Sha256};

use super::{NotSigned, Rejected, Signed, Signer};
use crate::facts::Fingerprint;

/// The first 8 bytes of the SHA-256 of a key's `SubjectPublicKeyInfo`: the COSE key id, and what
/// people compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

impl KeyId {
    /// The id as a COSE header names it; an id of another length names no key of ours.
    pub(super) fn named(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().map(Self).ok()
    }

    fn of(spki: &[u8]) -> Self {
        let mut id = [0; 8];
        id.iter_mut()
            .zip(Sha256::digest(spki))
            .for_each(|(to, from)| *to = from);
        Self(id)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A company's public key.
#[derive(Clone, Debug)]
enum PublicKey {
    P256(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A key that this device trusts.
#[derive(Clone, Debug)]
pub struct Anchor {
    id: KeyId,
    key: PublicKey,
    spki: Vec<u8>,
}

/// The text is no public key that is understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no public key in PEM (`BEGIN PUBLIC KEY`) of P-256 or Ed25519")]
pub struct NoPublicKey;

impl Anchor {
    /// Reads `SubjectPublicKeyInfo` in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, NoPublicKey> {
        let pem = pem.trim();
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            return Self::of(PublicKey::P256(Box::new(key)));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem)
            .map_err(|_malformed| NoPublicKey)?;
        Self::of(PublicKey::Ed25519(Box::new(key)))
    }

    /// Reads `SubjectPublicKeyInfo` in DER.
    pub fn from_der(spki: &[u8]) -> Result<Self, NoPublicKey> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(spki) {
            return Self::of(PublicKey::P256(Box::new(key)));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_der(spki)
            .map_err(|_malformed| NoPublicKey)?;
        Self::of(PublicKey::Ed25519(Box::new(key)))
    }

    /// The P-256 key of a point (SEC 1, 2.3.3).
    pub fn from_p256_point(point: &[u8]) -> Result<Self, NoPublicKey> {
        let key =
            p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_malformed| NoPublicKey)?;
        Self::of(PublicKey::P256(Box::new(key)))
    }

    /// The Ed25519 key of 32 bytes (RFC 8032, 5.1.5).
    pub fn from_ed25519_bytes(bytes: &[u8]) -> Result<Self, NoPublicKey> {
        let key = ed25519_dalek::VerifyingKey::try_from(bytes).map_err(|_malformed| NoPublicKey)?;
        Self::of(PublicKey::Ed25519(Box::new(key)))
    }

    fn of(key: PublicKey) -> Result<Self, NoPublicKey> {
        let der = match &key {
            PublicKey::P256(key) => key.to_public_key_der(),
            PublicKey::Ed25519(key) => key.to_public_key_der(),
        };
        let spki = der.map_err(|_unencodable| NoPublicKey)?.as_bytes().to_vec();
        Ok(Self {
            id: KeyId::of(&spki),
            key,
            spki,
        })
    }

    /// What the key is called.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The SHA-256 of its `SubjectPublicKeyInfo`: what people compare before they trust it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.spki).into())
    }

    /// The key as `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Writes `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> Result<String, NoPublicKey> {
        let pem = match &self.key {
            PublicKey::P256(key) => key.to_public_key_pem(LineEnding::LF),
            PublicKey::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_unencodable| NoPublicKey)
    }

    /// Whether a signature fits bytes.
    pub(super) fn fits(&self, signature: &[u8], bytes: &[u8]) -> bool {
        match &self.key {
            PublicKey::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(bytes, &signature).is_ok()),
            PublicKey::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok()),
        }
    }

    /// How this key signs.
    pub(super) fn algorithm(&self) -> iana::Algorithm {
        match self.key {
            PublicKey::P256(_) => iana::Algorithm::ES256,
            PublicKey::Ed25519(_) => iana::Algorithm::EdDSA,
        }
    }
}

/// A company's private key, as far as it lies in a file.
pub enum SigningKey {
    /// ECDSA with P-256 and SHA-256.
    P256(Box<p256::ecdsa::SigningKey>),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// The text is no private key that is understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoSigningKey {
    /// Neither P-256 nor Ed25519, or not PKCS#8.
    #[error("this is no private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`) of P-256 or Ed25519")]
    Malformed,
    /// The seed is no key; try another.
    #[error("these bytes make no key")]
    Seed,
    /// The key cannot be written as PEM.
    #[error("the key cannot be written as PEM")]
    Unencodable,
}

impl SigningKey {
    /// Reads PKCS#8 in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, NoSigningKey> {
        let pem = pem.trim();
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::P256(Box::new(key)));
        }
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
            .map(|key| Self::Ed25519(Box::new(key)))
            .map_err(|_malformed| NoSigningKey::Malformed)
    }

    /// Makes a P-256 key of 32 bytes from a cryptographic source of random numbers.
    pub fn p256_from_seed(seed: &[u8; 32]) -> Result<Self, NoSigningKey> {
        p256::ecdsa::SigningKey::from_slice(seed)
            .map(|key| Self::P256(Box::new(key)))
            .map_err(|_out_of_range| NoSigningKey::Seed)
    }

    /// Makes an Ed25519 key of 32 bytes from a cryptographic source of random numbers.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Self {
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Writes PKCS#8 in PEM.
    pub fn to_pem(&self) -> Result<String, NoSigningKey> {
        let pem = match self {
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
            Self::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF),
        };
        pem.map(|text| text.to_string())
            .map_err(|_unencodable| NoSigningKey::Unencodable)
    }

    /// Writes the public key as `trust.d` wants it.
    pub fn to_public_pem(&self) -> Result<String, NoSigningKey> {
        self.anchor()
            .and_then(|anchor| anchor.to_pem())
            .map_err(|_unencodable| NoSigningKey::Unencodable)
    }

    /// The public key.
    pub fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        Anchor::of(match self {
            Self::P256(key) => PublicKey::P256(Box::new(*key.verifying_key())),
            Self::Ed25519(key) => PublicKey::Ed25519(Box::new(key.verifying_key())),
        })
    }

    /// Signs a statement ([`super::sign`]).
    pub fn sign<T: Signed>(&self, value: &T) -> Result<Vec<u8>, Rejected> {
        super::sign(self, value)
    }
}

impl Signer for SigningKey {
    fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        self.anchor()
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        Ok(match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_vec(),
        })
    }
}
