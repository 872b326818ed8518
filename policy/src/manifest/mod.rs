//! The signed group directory of a card (the *manifest*) and the groups of Management Objects it
//! names (P8, P9 of the use case): a device reads the directory, chooses one group, and reads
//! only that. One signature covers all, since each entry holds the hash of its group.

mod card;
mod members;
mod selectors;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::card::{CardIdentity, MAX_SERIAL};
pub use self::selectors::{Properties, Selectors};
use crate::compiled::Compiled;
use crate::document::Policy;
use crate::facts::Fingerprint;
use crate::trust::{Rejected, Verified};

/// Version of the layout of manifests and groups.
pub const LAYOUT: u8 = 2;
/// Most bytes of a signed manifest: two PIV data objects of 3,052 bytes.
pub const MAX_MANIFEST: usize = 6104;
/// Most bytes of a group.
pub const MAX_GROUP: usize = 32 * 1024;
/// Most groups on one card.
pub const MAX_GROUPS: usize = 19;
/// What an entry has as its only member that is no group of Management Objects but a signed
/// [`crate::Release`] of one device.
pub const RELEASE: &str = "org.cardwarden.release/1.0";
/// Longest name of a company or group, in bytes.
pub const MAX_NAME: usize = 100;

/// What a card holds, as its company signed it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`LAYOUT`].
    pub layout: u8,
    /// The company's name, as people know it.
    pub company: String,
    /// Rises with every issue; a device never goes back to a lower one.
    pub version: u64,
    /// When the company signed. A clock that shows an earlier time is wrong.
    pub issued: Timestamp,
    /// The card that it is for.
    pub card: CardIdentity,
    /// The groups.
    pub groups: Vec<GroupEntry>,
}

/// Where a group lies, for whom it is, and what it must hash to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEntry {
    /// Number of the group, unique on the card.
    pub id: u16,
    /// Its name, for people.
    pub name: String,
    /// The Management Objects in it, by their identifiers ([`crate::mo`]); or [`RELEASE`].
    #[serde(rename = "mo", with = "members")]
    pub members: BTreeSet<String>,
    /// The devices that it is for; all when there are none.
    #[serde(rename = "for", default, skip_serializing_if = "is_default")]
    pub selectors: Selectors,
    /// The card's objects that hold it, in order: data objects of PIV (`0x5FC10D` …), files of
    /// PKCS#15, instances of OpenPGP's cardholder certificate.
    #[serde(rename = "in")]
    pub containers: Vec<u32>,
    /// Its length in bytes.
    #[serde(rename = "len")]
    pub length: u32,
    /// SHA-256 of its bytes.
    #[serde(rename = "hash", with = "serde_bytes")]
    pub sha256: Vec<u8>,
    /// Whether the card gives it only after the user's PIN.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pin: bool,
}

/// Whether this is what an entry that says nothing means.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Related Management Objects that a device takes together. [`crate::mo`] spells them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// What the device may do.
    pub policy: Policy,
    /// The company's server, where there is one.
    pub account: Option<Account>,
}

/// How a device reaches the company's DM server (the part of `DMAcc` that is needed here).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `https://` address without a path.
    pub server_url: String,
    /// Server identifier (`DMAcc` `ServerID`).
    pub server_id: String,
    /// The only certificate authority that the server's certificate may come from, DER.
    #[serde(with = "serde_bytes")]
    pub ca: Vec<u8>,
}

/// One group, with what its manifest says about it: all that a decision needs from a card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mandate {
    /// The company's name.
    pub company: String,
    /// The manifest's version.
    pub version: u64,
    /// When the company signed.
    pub issued: Timestamp,
    /// The card that it came from ([`CardIdentity::fingerprint`]).
    pub card: Option<Fingerprint>,
    /// The group's name.
    pub group_name: String,
    /// What the device may do.
    pub policy: Arc<Compiled>,
    /// The company's server, where there is one.
    pub account: Option<Account>,
}

impl GroupEntry {
    /// The entry of a group that lies in `containers`, for every device. What is no group of
    /// Management Objects has no members.
    pub fn describing(id: u16, name: &str, bytes: &[u8], containers: Vec<u32>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            members: crate::mo::members(bytes),
            selectors: Selectors::default(),
            containers,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            sha256: Sha256::digest(bytes).to_vec(),
            pin: false,
        }
    }

    /// The entry of a signed release of the device of this name (`urn:uuid:…`).
    pub fn releasing(id: u16, device: &str, statement: &[u8], containers: Vec<u32>) -> Self {
        Self {
            members: [RELEASE.to_owned()].into(),
            selectors: Selectors {
                devices: [device.to_owned()].into(),
                ..Selectors::default()
            },
            ..Self::describing(id, "release", statement, containers)
        }
    }

    /// Whether these bytes are the ones that were signed.
    fn admit(&self, bytes: &[u8]) -> Result<(), Rejected> {
        if u32::try_from(bytes.len()) == Ok(self.length)
            && Sha256::digest(bytes).as_slice() == self.sha256.as_slice()
        {
            Ok(())
        } else {
            Err(Rejected::GroupMismatch {
                group: self.name.clone(),
            })
        }
    }
}

impl Verified<Mandate> {
    /// A copy that shares nothing with this one, made in one go.
    #[must_use]
    pub fn rebuilt(&self) -> Self {
        self.derive(Mandate {
            policy: Arc::new(Compiled::clone(&self.policy)),
            ..Mandate::clone(self)
        })
    }
}

impl Manifest {
    /// Refuses what no manifest can mean.
    pub(crate) fn check(&self) -> Result<(), Rejected> {
        let named = |name: &str| !name.trim().is_empty() && name.len() <= MAX_NAME;
        if self.layout != LAYOUT {
            return Err(Rejected::Layout {
                layout: self.layout,
            });
        }
        let is_named = |entry: &GroupEntry| named(&entry.name) && entry.selectors.is_bounded();
        if !named(&self.company) || !self.groups.iter().all(is_named) {
            return Err(Rejected::Name);
        }
        self.card.check()?;
        if self.groups.len() > MAX_GROUPS {
            return Err(Rejected::TooManyGroups {
                count: self.groups.len(),
            });
        }
        let lengths_fit = self
            .groups
            .iter()
            .all(|entry| usize::try_from(entry.length).is_ok_and(|length| length <= MAX_GROUP));
        if !lengths_fit {
            return Err(Rejected::TooLong {
                what: "a group",
                most: MAX_GROUP,
            });
        }
        Ok(())
    }
}

impl Verified<Manifest> {
    /// Believes the bytes of a group of this manifest, or says why not. The only way to a
    /// [`Verified<Mandate>`].
    pub fn group(&self, entry: &GroupEntry, bytes: &[u8]) -> Result<Verified<Mandate>, Rejected> {
        if !self.groups.contains(entry) {
            return Err(Rejected::ForeignGroup);
        }
        entry.admit(bytes)?;
        if entry.members != crate::mo::members(bytes) {
            return Err(Rejected::Members {
                group: entry.name.clone(),
            });
        }
        let group = Group::from_bytes(bytes).map_err(|why| Rejected::Group(Box::new(why)))?;
        Ok(self.derive(Mandate {
            company: self.company.clone(),
            version: self.version,
            issued: self.issued,
            card: Some(self.card.fingerprint()),
            group_name: entry.name.clone(),
            policy: Arc::new(group.policy.into()),
            account: group.account,
        }))
    }

    /// Believes the bytes of a release of this manifest to be the ones that were put there, or
    /// says why not. The release has a signature of its own, and is not believed yet.
    pub fn release<'b>(&self, entry: &GroupEntry, bytes: &'b [u8]) -> Result<&'b [u8], Rejected> {
        if !self.groups.contains(entry) || !entry.is_release() {
            return Err(Rejected::ForeignGroup);
        }
        entry.admit(bytes)?;
        Ok(bytes)
    }
}
