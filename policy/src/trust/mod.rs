//! From bytes to trust. A signed thing is a `COSE_Sign1` (RFC 9052) whose payload is CBOR and whose
//! protected content type says what it is; [`Anchors::verify_at`] (and [`Anchors::verify`], which is
//! stricter) is the only function that makes a [`Verified`] out of bytes.

mod delegation;
mod introduction;
mod key;
mod policy;
mod rejected;
mod sign;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::Deref;

use coset::{CborSerializable as _, CoseSign1, Label};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::delegation::{Delegation, MAX_DELEGATION, Pointless, Power, UnknownPower};
pub use self::introduction::Introduction;
pub use self::key::{Anchor, KeyId, NoPublicKey, NoSigningKey, SigningKey};
pub use self::policy::{MAX_POLICY, SignedPolicy};
pub use self::rejected::Rejected;
pub use self::sign::{Delegate, NotSigned, Signer, sign, sign_introducing};
use crate::document::Switch;
use crate::function::Function;
use crate::manifest::{MAX_MANIFEST, Manifest};
use crate::statement::{Order, Release};

/// Deepest nesting of CBOR that is read.
const MAX_CBOR_DEPTH: usize = 32;
/// Most bytes of a signed release.
const MAX_RELEASE: usize = 2048;
/// Most bytes of a signed order: a delegation, and room for twice as much.
const MAX_ORDER: usize = 3072;
/// The protected header that carries the signed [`Delegation`] under which a statement was signed.
const DELEGATION_HEADER: &str = "delegation";

/// Something that a trusted company signed. There is no other way to one than
/// [`Anchors::verify`] and what it leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified<T> {
    value: T,
    signer: KeyId,
    delegate: Option<KeyId>,
}

impl<T> Verified<T> {
    /// The company's key that vouches for it: it signed, or let another key sign.
    pub const fn signer(&self) -> KeyId {
        self.signer
    }

    /// The other key, when one signed in the company's name.
    pub const fn delegate(&self) -> Option<KeyId> {
        self.delegate
    }

    /// Something that the same signature vouches for.
    pub(crate) fn derive<U>(&self, value: U) -> Verified<U> {
        Verified {
            value,
            signer: self.signer,
            delegate: self.delegate,
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
    impl Sealed for super::Order {}
    impl Sealed for super::Delegation {}
}

/// What a company signs.
pub trait Signed: Serialize + DeserializeOwned + sealed::Sealed {
    /// What people call it.
    const WHAT: &'static str;
    /// Content type in the protected header.
    const CONTENT_TYPE: &'static str;
    /// Most bytes, signature included.
    const MAX: usize;
    /// What a delegate needs to sign it; `None` when only a company's own key can.
    const POWER: Option<Power>;

    /// The company in whose name it speaks.
    fn company(&self) -> &str;

    /// When it says that it was made.
    fn issued(&self) -> Option<Timestamp>;

    /// The functions that it names, and what it does with them; none when it is about everything.
    fn switches(&self) -> (BTreeSet<Function>, Option<Switch>) {
        (BTreeSet::new(), None)
    }

    /// Refuses what cannot be meant.
    fn check(&self) -> Result<(), Rejected>;
}

impl Signed for Manifest {
    const WHAT: &'static str = "manifest";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.manifest+cbor";
    const MAX: usize = MAX_MANIFEST;
    const POWER: Option<Power> = Some(Power::Manifests);

    fn company(&self) -> &str {
        &self.company
    }

    fn issued(&self) -> Option<Timestamp> {
        Some(self.issued)
    }

    fn check(&self) -> Result<(), Rejected> {
        Self::check(self)
    }
}

impl Signed for Release {
    const WHAT: &'static str = "release";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.release+cbor";
    const MAX: usize = MAX_RELEASE;
    const POWER: Option<Power> = Some(Power::Releases);

    fn company(&self) -> &str {
        &self.company
    }

    fn issued(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        Ok(())
    }
}

impl Signed for Order {
    const WHAT: &'static str = "order";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.order+cbor";
    const MAX: usize = MAX_ORDER;
    const POWER: Option<Power> = Some(Power::Orders);

    fn company(&self) -> &str {
        &self.company
    }

    fn issued(&self) -> Option<Timestamp> {
        Some(self.issued)
    }

    fn switches(&self) -> (BTreeSet<Function>, Option<Switch>) {
        (self.functions.clone(), Some(self.action))
    }

    fn check(&self) -> Result<(), Rejected> {
        Self::check(self)
    }
}

impl Signed for Delegation {
    const WHAT: &'static str = "delegation";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.delegation+cbor";
    const MAX: usize = MAX_DELEGATION;
    const POWER: Option<Power> = None;

    fn company(&self) -> &str {
        &self.company
    }

    fn issued(&self) -> Option<Timestamp> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        Self::check(self)
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

    /// Believes what a company's own key signed, or says why not.
    pub fn verify<T: Signed>(&self, bytes: &[u8]) -> Result<Verified<T>, Rejected> {
        self.believe(&Statement::read(bytes)?)
    }

    fn believe<T: Signed>(&self, statement: &Statement<T>) -> Result<Verified<T>, Rejected> {
        let anchor = statement.signer(self)?;
        Ok(Verified {
            value: statement.believe(anchor)?,
            signer: anchor.id(),
            delegate: None,
        })
    }

    /// Believes what a company's own key signed, or a key to which it delegated, or says why not.
    ///
    /// `now` is what the clock shows, `None` when that is known to be wrong. A delegation has to be
    /// in force both then and when the statement says that it was made; what cannot be placed in
    /// time at all is refused. A statement that was believed before and is only read again is read
    /// with the time at which it was believed: the end of a delegation takes nothing back.
    pub fn verify_at<T: Signed>(
        &self,
        bytes: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Verified<T>, Rejected> {
        let statement = Statement::<T>::read(bytes)?;
        let Some(carried) = statement.delegation() else {
            return self.believe(&statement);
        };
        let delegation = self
            .verify::<Delegation>(carried)
            .map_err(|why| Rejected::Delegation(Box::new(why)))?;
        let delegate = delegation.anchor()?;
        let named: Self = [delegate.clone()].into_iter().collect();
        let value = statement.believe(statement.signer(&named)?)?;
        delegation.permit(&value, now)?;
        Ok(Verified {
            value,
            signer: delegation.signer(),
            delegate: Some(delegate.id()),
        })
    }
}

/// Signed bytes, taken apart; nothing of them is believed yet.
struct Statement<T> {
    sign1: CoseSign1,
    kind: PhantomData<T>,
}

impl<T: Signed> Statement<T> {
    fn read(bytes: &[u8]) -> Result<Self, Rejected> {
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
        Ok(Self {
            sign1,
            kind: PhantomData,
        })
    }

    /// The delegation in its header.
    fn delegation(&self) -> Option<&[u8]> {
        header_bytes(&self.sign1.protected.header, DELEGATION_HEADER)
    }

    /// The one of these keys that it names as its signer.
    fn signer<'a>(&self, keys: &'a Anchors) -> Result<&'a Anchor, Rejected> {
        let named = &self.sign1.protected.header.key_id;
        KeyId::named(named)
            .and_then(|id| keys.find(id))
            .ok_or_else(|| Rejected::unknown_signer(named))
    }

    /// What it says, if this key signed it as what it is taken for.
    fn believe(&self, key: &Anchor) -> Result<T, Rejected> {
        let header = &self.sign1.protected.header;
        let algorithm = coset::RegisteredLabelWithPrivate::Assigned(key.algorithm());
        let fits = |signature: &[u8], signed: &[u8]| {
            if key.fits(signature, signed) {
                Ok(())
            } else {
                Err(())
            }
        };
        if header.alg.as_ref() != Some(&algorithm)
            || self.sign1.verify_signature(&[], fits).is_err()
        {
            return Err(Rejected::Signature { what: T::WHAT });
        }
        if header.content_type != Some(coset::ContentType::Text(T::CONTENT_TYPE.to_owned())) {
            return Err(Rejected::OtherKind { what: T::WHAT });
        }
        self.value()
    }

    /// What it says, whoever signed it.
    fn value(&self) -> Result<T, Rejected> {
        let value: T = decode(self.sign1.payload.as_deref().unwrap_or_default(), T::WHAT)?;
        value.check()?;
        Ok(value)
    }
}

/// The bytes of a header of ours. Anything but bytes is as good as empty: nothing that could be
/// believed.
fn header_bytes<'h>(header: &'h coset::Header, name: &str) -> Option<&'h [u8]> {
    let label = Label::Text(name.to_owned());
    let (_, value) = header.rest.iter().find(|(named, _)| *named == label)?;
    Some(value.as_bytes().map_or(&[], Vec::as_slice))
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
