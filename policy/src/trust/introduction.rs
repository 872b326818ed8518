//! A company that a device does not know introduces itself: its key lies beside what it signed.
//!
//! That key vouches for nothing: anybody can make one. It lets the device show the person before it
//! who wants what, and tell one stranger from another; only that person's consent makes it trusted.

use super::{Anchor, Anchors, Rejected, Signed, Statement};

/// The unprotected header that carries the company's key, `SubjectPublicKeyInfo` in DER.
pub(super) const HEADER: &str = "introduction";

/// The key with which a stranger introduces itself.
#[derive(Clone, Debug)]
pub struct Introduction {
    anchor: Anchor,
}

impl Introduction {
    /// Reads what a statement says of its signer. Nothing of it is believed.
    pub fn read<T: Signed>(bytes: &[u8]) -> Result<Self, Rejected> {
        let statement = Statement::<T>::read(bytes)?;
        let header = &statement.sign1;
        let unknown = || Rejected::unknown_signer(&header.protected.header.key_id);
        let spki = super::header_bytes(&header.unprotected, HEADER).ok_or_else(unknown)?;
        let anchor = Anchor::from_der(spki).map_err(|_malformed| unknown())?;
        Ok(Self { anchor })
    }

    /// The key.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// What would be trusted if a person agreed: for reading what the stranger wants, so that it
    /// can be shown, and for nothing else before.
    pub fn if_agreed(&self) -> Anchors {
        [self.anchor.clone()].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::statement::Release;
    use crate::trust::{SigningKey, sign, sign_introducing};

    fn release() -> Release {
        Release {
            company: "B Company".to_owned(),
            device: "urn:uuid:x".to_owned(),
            association: Uuid::nil(),
            from: Some(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn a_stranger_is_believed_only_with_the_key_that_it_showed() {
        let key = SigningKey::ed25519_from_seed(&[1; 32]);
        let root = key.anchor().unwrap();
        let bytes = sign_introducing(&key, &release(), &root).unwrap();
        assert!(Anchors::default().verify::<Release>(&bytes).is_err());
        let introduction = Introduction::read::<Release>(&bytes).unwrap();
        assert_eq!(introduction.anchor().id(), root.id());
        let shown = introduction.if_agreed();
        assert_eq!(*shown.verify::<Release>(&bytes).unwrap(), release());
    }

    #[test]
    fn a_key_that_did_not_sign_introduces_nobody() {
        let key = SigningKey::ed25519_from_seed(&[1; 32]);
        let other = SigningKey::ed25519_from_seed(&[2; 32]).anchor().unwrap();
        let bytes = sign_introducing(&key, &release(), &other).unwrap();
        let shown = Introduction::read::<Release>(&bytes).unwrap().if_agreed();
        assert!(shown.verify::<Release>(&bytes).is_err());
    }

    #[test]
    fn who_shows_no_key_stays_unknown() {
        let key = SigningKey::ed25519_from_seed(&[1; 32]);
        let bytes = sign(&key, &release()).unwrap();
        assert!(matches!(
            Introduction::read::<Release>(&bytes),
            Err(Rejected::UnknownSigner { .. })
        ));
    }
}
