//! From bytes to trust. A signed thing is a `COSE_Sign1` (RFC 9052) whose payload is CBOR and whose
//! protected content type says what it is; [`Anchors::verify`] is the only function that makes a
//! [`Verified`] out of bytes.

use std::ops::Deref;

use coset::{CborSerializable as _, CoseSign1, CoseSign1Builder, HeaderBuilder, iana};
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::LineEnding;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::document::Malformed;
use crate::manifest::{MAX_MANIFEST, Manifest};
use crate::statement::Release;

/// Deepest nesting of CBOR that is read.
const MAX_CBOR_DEPTH: usize = 32;
/// Most bytes of a signed release.
const MAX_RELEASE: usize = 2048;

/// The first 8 bytes of the SHA-256 of a key's `SubjectPublicKeyInfo`: the COSE key id, and what
/// people compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
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

/// Why bytes are not believed. Each variant has a stable code ([`Rejected::code`]).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// Not `COSE_Sign1`, or its CBOR cannot be read: truncated, damaged, or something else.
    #[error("the {what} cannot be read: {problem}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What the reader stumbled over.
        problem: String,
    },
    /// Longer than is ever read.
    #[error("{what} is longer than {most} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The bound, in bytes.
        most: usize,
    },
    /// Nobody signed it.
    #[error("the {what} is not signed")]
    Unsigned {
        /// What it was taken for.
        what: &'static str,
    },
    /// Signed with a key that is in no file of `trust.d`.
    #[error("signed with key {key}, which this device does not trust")]
    UnknownSigner {
        /// The key, as far as it is named.
        key: String,
    },
    /// The signature does not fit the bytes.
    #[error("the signature does not fit: the {what} was changed, or another key signed it")]
    Signature {
        /// What was to be signed.
        what: &'static str,
    },
    /// Signed, but as something else.
    #[error("signed as something else than a {what}")]
    OtherKind {
        /// What was expected.
        what: &'static str,
    },
    /// A layout of the future.
    #[error("layout version {layout} is not known to this version of Cardwarden")]
    Layout {
        /// The version found.
        layout: u8,
    },
    /// A name is empty or too long.
    #[error("a name in the manifest is empty or longer than 100 bytes")]
    Name,
    /// More groups than a card can hold.
    #[error("the manifest names {count} groups; 19 is the most")]
    TooManyGroups {
        /// How many it names.
        count: usize,
    },
    /// The card has no group for a device of this kind.
    #[error("the card holds no group for a device of the kind `{kind}`")]
    NoGroup {
        /// The kind of this device.
        kind: String,
    },
    /// The entry is not of this manifest.
    #[error("the group is not named by this manifest")]
    ForeignGroup,
    /// The group is not the one that was signed.
    #[error("the group `{group}` is not the one that was signed: its hash or length differs")]
    GroupMismatch {
        /// Its name.
        group: String,
    },
    /// Signed, but no policy.
    #[error("the signed policy makes no sense")]
    Policy(#[source] Malformed),
    /// The manifest's key of the card is no P-256 point.
    #[error("the manifest's key of the card is no P-256 key")]
    CardKey,
    /// The card does not hold the key that the manifest was made for.
    #[error("the card cannot prove that it is the one the company issued; it may be a copy")]
    Copy,
    /// An older version than one that was seen.
    #[error("version {version} is older than version {floor}, which this device has seen")]
    RolledBack {
        /// The version offered.
        version: u64,
        /// The highest seen.
        floor: u64,
    },
    /// The device belongs to another company.
    #[error("this device is associated with {associated}; {company} has no say here")]
    OtherCompany {
        /// Who it belongs to.
        associated: String,
        /// Who wants it.
        company: String,
    },
    /// A release for another device or an ended association.
    #[error("the release is for another device or for an association that has ended")]
    OtherDevice,
}

impl Rejected {
    /// A stable word for this reason: in logs, on D-Bus, and to the server.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLong { .. } => "too-long",
            Self::Unsigned { .. } => "unsigned",
            Self::UnknownSigner { .. } => "unknown-signer",
            Self::Signature { .. } => "bad-signature",
            Self::OtherKind { .. } => "other-kind",
            Self::Layout { .. } => "unknown-layout",
            Self::Name => "bad-name",
            Self::TooManyGroups { .. } => "too-many-groups",
            Self::NoGroup { .. } => "no-group",
            Self::ForeignGroup => "foreign-group",
            Self::GroupMismatch { .. } => "group-mismatch",
            Self::Policy(_) => "bad-policy",
            Self::CardKey => "bad-card-key",
            Self::Copy => "copied-card",
            Self::RolledBack { .. } => "rolled-back",
            Self::OtherCompany { .. } => "other-company",
            Self::OtherDevice => "other-device",
        }
    }
}

/// Something that a trusted company signed. There is no other way to one than
/// [`Anchors::verify`] and what it leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified<T> {
    value: T,
    signer: KeyId,
}

impl<T> Verified<T> {
    /// The key that signed.
    pub const fn signer(&self) -> KeyId {
        self.signer
    }

    /// Something that the same signature vouches for.
    pub(crate) fn derive<U>(&self, value: U) -> Verified<U> {
        Verified {
            value,
            signer: self.signer,
        }
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "only this crate says what can be signed")]
    pub trait Sealed {}
    impl Sealed for super::Manifest {}
    impl Sealed for super::Release {}
}

/// What a company signs.
pub trait Signed: Serialize + DeserializeOwned + sealed::Sealed {
    /// What people call it.
    const WHAT: &'static str;
    /// Content type in the protected header.
    const CONTENT_TYPE: &'static str;
    /// Most bytes, signature included.
    const MAX: usize;

    /// Refuses what cannot be meant.
    fn check(&self) -> Result<(), Rejected>;
}

impl Signed for Manifest {
    const WHAT: &'static str = "manifest";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.manifest+cbor";
    const MAX: usize = MAX_MANIFEST;

    fn check(&self) -> Result<(), Rejected> {
        Self::check(self)
    }
}

impl Signed for Release {
    const WHAT: &'static str = "release";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.release+cbor";
    const MAX: usize = MAX_RELEASE;

    fn check(&self) -> Result<(), Rejected> {
        Ok(())
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

    /// The key as `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn fits(&self, signature: &[u8], bytes: &[u8]) -> bool {
        match &self.key {
            PublicKey::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(bytes, &signature).is_ok()),
            PublicKey::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok()),
        }
    }

    fn algorithm(&self) -> iana::Algorithm {
        match self.key {
            PublicKey::P256(_) => iana::Algorithm::ES256,
            PublicKey::Ed25519(_) => iana::Algorithm::EdDSA,
        }
    }
}

/// The keys that this device trusts.
#[derive(Clone, Debug, Default)]
pub struct Anchors(Vec<Anchor>);

impl FromIterator<Anchor> for Anchors {
    fn from_iter<I: IntoIterator<Item = Anchor>>(anchors: I) -> Self {
        Self(anchors.into_iter().collect())
    }
}

impl Anchors {
    /// Adds a key.
    pub fn insert(&mut self, anchor: Anchor) {
        if self.find(anchor.id).is_none() {
            self.0.push(anchor);
        }
    }

    /// The trusted key of this id.
    pub fn find(&self, id: KeyId) -> Option<&Anchor> {
        self.0.iter().find(|anchor| anchor.id == id)
    }

    /// Believes signed bytes, or says why not.
    pub fn verify<T: Signed>(&self, bytes: &[u8]) -> Result<Verified<T>, Rejected> {
        if bytes.len() > T::MAX {
            return Err(Rejected::TooLong {
                what: T::WHAT,
                most: T::MAX,
            });
        }
        let sign1 = CoseSign1::from_slice(bytes).map_err(|error| Rejected::Malformed {
            what: T::WHAT,
            problem: error.to_string(),
        })?;
        if sign1.signature.is_empty() {
            return Err(Rejected::Unsigned { what: T::WHAT });
        }
        let header = &sign1.protected.header;
        let named = KeyId(header.key_id.as_slice().try_into().unwrap_or_default());
        let anchor = self.find(named).ok_or_else(|| Rejected::UnknownSigner {
            key: named.to_string(),
        })?;
        let algorithm = coset::RegisteredLabelWithPrivate::Assigned(anchor.algorithm());
        if header.alg.as_ref() != Some(&algorithm) {
            return Err(Rejected::Signature { what: T::WHAT });
        }
        sign1
            .verify_signature(&[], |signature, signed| {
                if anchor.fits(signature, signed) {
                    Ok(())
                } else {
                    Err(())
                }
            })
            .map_err(|()| Rejected::Signature { what: T::WHAT })?;
        if header.content_type != Some(coset::ContentType::Text(T::CONTENT_TYPE.to_owned())) {
            return Err(Rejected::OtherKind { what: T::WHAT });
        }
        let value: T = decode(sign1.payload.as_deref().unwrap_or_default(), T::WHAT)?;
        value.check()?;
        Ok(Verified {
            value,
            signer: anchor.id,
        })
    }
}

/// The lowest version that is still accepted. It only rises.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd)]
pub struct Floor(u64);

impl Floor {
    /// A floor at the highest version seen so far.
    pub const fn at(version: u64) -> Self {
        Self(version)
    }

    /// The lowest version accepted.
    pub const fn version(self) -> u64 {
        self.0
    }

    /// The floor after accepting `version`, or why it is not accepted.
    pub const fn admit(self, version: u64) -> Result<Self, Rejected> {
        if version < self.0 {
            return Err(Rejected::RolledBack {
                version,
                floor: self.0,
            });
        }
        Ok(Self(version))
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
        let pem = match self {
            Self::P256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Self::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_unencodable| NoSigningKey::Unencodable)
    }

    /// The public key.
    pub fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        Anchor::of(match self {
            Self::P256(key) => PublicKey::P256(Box::new(*key.verifying_key())),
            Self::Ed25519(key) => PublicKey::Ed25519(Box::new(key.verifying_key())),
        })
    }

    /// Signs.
    pub fn sign<T: Signed>(&self, value: &T) -> Result<Vec<u8>, Rejected> {
        value.check()?;
        let malformed = |problem: String| Rejected::Malformed {
            what: T::WHAT,
            problem,
        };
        let anchor = self
            .anchor()
            .map_err(|error| malformed(error.to_string()))?;
        let header = HeaderBuilder::new()
            .algorithm(anchor.algorithm())
            .key_id(anchor.id.0.to_vec())
            .content_type(T::CONTENT_TYPE.to_owned())
            .build();
        let bytes = CoseSign1Builder::new()
            .protected(header)
            .payload(encode(value))
            .create_signature(&[], |bytes| self.sign_bytes(bytes))
            .build()
            .to_vec()
            .map_err(|error| malformed(error.to_string()))?;
        if bytes.len() > T::MAX {
            return Err(Rejected::TooLong {
                what: T::WHAT,
                most: T::MAX,
            });
        }
        Ok(bytes)
    }

    fn sign_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(bytes);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(bytes).to_vec(),
        }
    }
}

/// CBOR of a value of ours. Writing to memory cannot fail, and our types have no unserialisable
/// parts; were it to, the empty result is refused by every reader.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    match ciborium::into_writer(value, &mut bytes) {
        Ok(()) => bytes,
        Err(_unserialisable) => Vec::new(),
    }
}

/// Reads CBOR that is exactly one value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, Rejected> {
    let malformed = |problem: String| Rejected::Malformed { what, problem };
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_CBOR_DEPTH)
        .map_err(|error| malformed(error.to_string()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(malformed("bytes follow its end".to_owned()))
    }
}
