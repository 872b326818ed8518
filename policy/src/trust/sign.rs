//! Signing: from a statement and whatever holds a private key to bytes.

use coset::cbor::value::Value;
use coset::{CborSerializable as _, CoseSign1Builder, HeaderBuilder};

use super::introduction::HEADER as INTRODUCTION_HEADER;
use super::{Anchor, DELEGATION_HEADER, Delegation, NoPublicKey, Rejected, Signed, encode};

/// What holds a private key: memory, a token, a service.
pub trait Signer {
    /// The public key.
    fn anchor(&self) -> Result<Anchor, NoPublicKey>;

    /// Signs a message. With P-256: ECDSA over its SHA-256, r and s of 32 bytes each, big-endian.
    /// With Ed25519: pure `EdDSA` (RFC 8032), 64 bytes.
    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned>;

    /// The signed delegation under which the key speaks; `None` for a company's own key.
    fn delegation(&self) -> Option<&[u8]> {
        None
    }
}

/// Why a key did not sign.
#[derive(Debug, thiserror::Error)]
#[error("the key does not sign")]
pub struct NotSigned(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A token can name a public key that is not of the private one.
#[derive(Debug, thiserror::Error)]
#[error("the signature does not fit the public key that was given with it")]
struct OtherKeySigned;

/// A key that speaks for a company under a delegation.
pub struct Delegate<S> {
    signer: S,
    delegation: Vec<u8>,
}

impl<S: Signer> Delegate<S> {
    /// A key with the delegation that a root signed for it. That the delegation is for this key
    /// is checked; whether its root is trusted is the reader's to say.
    pub fn new(signer: S, delegation: Vec<u8>) -> Result<Self, Rejected> {
        let claimed = Delegation::claimed(&delegation)?;
        let own = signer.anchor().map_err(keyless::<Delegation>)?;
        if claimed.anchor()?.id() != own.id() {
            return Err(Rejected::DelegatedToOther {
                key: own.id().to_string(),
            });
        }
        Ok(Self { signer, delegation })
    }
}

impl<S: Signer> Signer for Delegate<S> {
    fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        self.signer.anchor()
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        self.signer.sign_bytes(message)
    }

    fn delegation(&self) -> Option<&[u8]> {
        Some(&self.delegation)
    }
}

impl<S: Signer + ?Sized> Signer for Box<S> {
    fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        (**self).anchor()
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        (**self).sign_bytes(message)
    }

    fn delegation(&self) -> Option<&[u8]> {
        (**self).delegation()
    }
}

fn keyless<T: Signed>(error: NoPublicKey) -> Rejected {
    Rejected::Malformed {
        what: T::WHAT,
        problem: error.to_string(),
    }
}

/// Signs a statement.
pub fn sign<T: Signed>(signer: &(impl Signer + ?Sized), value: &T) -> Result<Vec<u8>, Rejected> {
    sign_with(signer, value, None)
}

/// Signs a statement and puts the company's own key beside it, for devices that have never heard of
/// the company ([`super::Introduction`]).
pub fn sign_introducing<T: Signed>(
    signer: &(impl Signer + ?Sized),
    value: &T,
    root: &Anchor,
) -> Result<Vec<u8>, Rejected> {
    sign_with(signer, value, Some(root))
}

fn sign_with<T: Signed>(
    signer: &(impl Signer + ?Sized),
    value: &T,
    root: Option<&Anchor>,
) -> Result<Vec<u8>, Rejected> {
    value.check()?;
    let anchor = signer.anchor().map_err(keyless::<T>)?;
    let mut header = HeaderBuilder::new()
        .algorithm(anchor.algorithm())
        .key_id(anchor.id().0.to_vec())
        .content_type(T::CONTENT_TYPE.to_owned());
    if let Some(delegation) = signer.delegation() {
        let value = Value::Bytes(delegation.to_vec());
        header = header.text_value(DELEGATION_HEADER.to_owned(), value);
    }
    let mut beside = HeaderBuilder::new();
    if let Some(root) = root {
        let value = Value::Bytes(root.spki().to_vec());
        beside = beside.text_value(INTRODUCTION_HEADER.to_owned(), value);
    }
    let bytes = CoseSign1Builder::new()
        .protected(header.build())
        .unprotected(beside.build())
        .payload(encode(value))
        .try_create_signature(&[], |bytes| {
            let signature = signer.sign_bytes(bytes)?;
            if anchor.fits(&signature, bytes) {
                Ok(signature)
            } else {
                Err(NotSigned(Box::new(OtherKeySigned)))
            }
        })
        .map_err(|error| Rejected::NotSigned {
            problem: crate::explain::chain(&error),
        })?
        .build()
        .to_vec()
        .map_err(|error| Rejected::Malformed {
            what: T::WHAT,
            problem: error.to_string(),
        })?;
    if bytes.len() > T::MAX {
        return Err(Rejected::TooLong {
            what: T::WHAT,
            most: T::MAX,
        });
    }
    Ok(bytes)
}
