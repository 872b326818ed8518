//! A policy that comes by a server or in a file, with a signature of its own: for devices without
//! a card reader, and for handing a policy on.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Power, Rejected, Signed, Verified, sealed};
use crate::document::MAX_DOCUMENT;
use crate::manifest::{Group, MAX_NAME, Mandate};
use crate::mo::Unwritable;

/// Most bytes of a signed policy: as many as a policy may have as text.
pub const MAX_POLICY: usize = MAX_DOCUMENT;
/// What the only group of such a policy is called.
const GROUP: &str = "all";

/// A policy as its company signs it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedPolicy {
    /// The company's name.
    pub company: String,
    /// Rises with every issue; a device never goes back to a lower one.
    pub version: u64,
    /// When the company signed. A clock that shows an earlier time is wrong.
    pub issued: Timestamp,
    /// The group, as it would lie on a card: TNDS in WBXML ([`crate::mo`]).
    #[serde(with = "serde_bytes")]
    pub group: Vec<u8>,
}

impl SignedPolicy {
    /// What is to be signed.
    pub fn new(
        company: String,
        version: u64,
        issued: Timestamp,
        group: &Group,
    ) -> Result<Self, Unwritable> {
        Ok(Self {
            company,
            version,
            issued,
            group: group.to_bytes()?,
        })
    }
}

impl sealed::Sealed for SignedPolicy {}

impl Signed for SignedPolicy {
    const WHAT: &'static str = "policy";
    const CONTENT_TYPE: &'static str = "application/vnd.cardwarden.policy+cbor";
    const MAX: usize = MAX_POLICY;
    /// It replaces all that the company said before, as a manifest does.
    const POWER: Option<Power> = Some(Power::Manifests);

    fn company(&self) -> &str {
        &self.company
    }

    fn issued(&self) -> Option<Timestamp> {
        Some(self.issued)
    }

    fn check(&self) -> Result<(), Rejected> {
        if self.company.trim().is_empty() || self.company.len() > MAX_NAME {
            return Err(Rejected::Name);
        }
        Ok(())
    }
}

impl Verified<SignedPolicy> {
    /// What a decision needs of it on a device where a card of the company has a say: `card` is what that
    /// says. Where the policy names no server, the card's stays.
    ///
    /// # Errors
    ///
    /// It is of another company, older than the card, or no policy.
    pub fn instead_of(&self, card: &Verified<Mandate>) -> Result<Verified<Mandate>, Rejected> {
        if (&self.company, self.signer()) != (&card.company, card.signer()) {
            return Err(Rejected::OtherCompany {
                associated: card.company.clone(),
                company: self.company.clone(),
            });
        }
        if (self.version, self.issued) < (card.version, card.issued) {
            return Err(Rejected::RolledBack {
                version: self.version,
                floor: card.version,
            });
        }
        let mandate = self.mandate()?;
        let account = mandate.account.clone().or_else(|| card.account.clone());
        Ok(self.derive(Mandate {
            card: card.card,
            account,
            ..mandate.value
        }))
    }

    /// What a decision needs of it, or why it is no policy.
    pub fn mandate(&self) -> Result<Verified<Mandate>, Rejected> {
        let group = Group::from_bytes(&self.group).map_err(|why| Rejected::Group(Box::new(why)))?;
        Ok(self.derive(Mandate {
            company: self.company.clone(),
            version: self.version,
            issued: self.issued,
            card: None,
            group_name: GROUP.to_owned(),
            policy: Arc::new(group.policy.into()),
            account: group.account,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fingerprint;
    use crate::manifest::Account;
    use crate::trust::{Anchors, sign};
    use crate::{Policy, SigningKey};

    fn signed(version: u64) -> (Anchors, Vec<u8>) {
        let key = SigningKey::ed25519_from_seed(&[7; 32]);
        let group = Group {
            policy: Policy::from_toml("baseline.nfc = \"disable\"\n").unwrap(),
            account: None,
        };
        let policy = SignedPolicy::new(
            "B Company".to_owned(),
            version,
            Timestamp::UNIX_EPOCH,
            &group,
        )
        .unwrap();
        let anchors = [key.anchor().unwrap()].into_iter().collect();
        (anchors, sign(&key, &policy).unwrap())
    }

    #[test]
    fn a_signed_policy_is_a_mandate_and_a_changed_one_is_none() {
        let (anchors, bytes) = signed(3);
        let verified = anchors.verify::<SignedPolicy>(&bytes).unwrap();
        let mandate = verified.mandate().unwrap();
        assert_eq!((mandate.version, mandate.policy.baseline.len()), (3, 1));
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(anchors.verify::<SignedPolicy>(&changed).is_err());
        }
    }

    #[test]
    fn a_policy_replaces_what_a_card_of_its_company_says_unless_it_is_older() {
        let (anchors, bytes) = signed(3);
        let mandate = |version| {
            let (_, bytes) = signed(version);
            let policy = anchors.verify::<SignedPolicy>(&bytes).unwrap();
            let mandate = policy.mandate().unwrap();
            policy.derive(Mandate {
                card: Some(Fingerprint([1; 32])),
                account: Some(Account {
                    server_url: "https://dm.example.com".to_owned(),
                    server_id: "dm".to_owned(),
                    ca: Vec::new(),
                }),
                ..mandate.value
            })
        };
        let policy = anchors.verify::<SignedPolicy>(&bytes).unwrap();
        let replaced = policy.instead_of(&mandate(2)).unwrap();
        assert_eq!((replaced.version, replaced.card), (3, mandate(2).card));
        assert_eq!(replaced.account, mandate(2).account);
        let older = policy.instead_of(&mandate(4)).unwrap_err();
        assert_eq!(
            older,
            Rejected::RolledBack {
                version: 3,
                floor: 4
            }
        );
        let mut other = mandate(2);
        other.value.company = "C Company".to_owned();
        let other = policy.instead_of(&other).unwrap_err();
        assert!(matches!(other, Rejected::OtherCompany { .. }), "{other:?}");
    }

    #[test]
    fn a_signed_policy_is_not_taken_for_a_manifest() {
        let (anchors, bytes) = signed(3);
        let taken = anchors.verify::<crate::Manifest>(&bytes).unwrap_err();
        assert_eq!(taken, Rejected::OtherKind { what: "manifest" });
    }
}
