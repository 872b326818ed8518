//! From bytes to trust. A signed thing is a `COSE_Sign1` (RFC 9052) whose payload is CBOR and whose
//! protected content type says what it is; [`Anchors::verify`] is the only function that makes a
//! [`Verified`] out of bytes.

mod key;
mod rejected;

use std::ops::Deref;

use coset::{CborSerializable as _, CoseSign1};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::key::{Anchor, KeyId, NoPublicKey, NoSigningKey, SigningKey};
pub use self::rejected::Rejected;
use crate::manifest::{MAX_MANIFEST, Manifest};
use crate::statement::Release;

/// Deepest nesting of CBOR that is read.
const MAX_CBOR_DEPTH: usize = 32;
/// Most bytes of a signed release.
const MAX_RELEASE: usize = 2048;

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
        if self.find(anchor.id()).is_none() {
            self.0.push(anchor);
        }
    }

    /// The trusted key of this id.
    pub fn find(&self, id: KeyId) -> Option<&Anchor> {
        self.0.iter().find(|anchor| anchor.id() == id)
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
        let anchor = KeyId::named(&header.key_id)
            .and_then(|id| self.find(id))
            .ok_or_else(|| Rejected::unknown_signer(&header.key_id))?;
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
            signer: anchor.id(),
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
