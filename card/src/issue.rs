//! Issuing a card: from what a company wants to say to a card that says it. The command line and
//! the lab use the same few steps.

use std::collections::BTreeSet;

use cardwarden_policy::manifest::{Group, GroupEntry, LAYOUT, Manifest};
use cardwarden_policy::mo::Unwritable;
use cardwarden_policy::trust::Rejected;
use jiff::Timestamp;

use crate::management::ManagementKey;
use crate::profile::{Error, Profile};

/// What a card is to hold.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The company's name.
    pub company: String,
    /// The version, higher than that of every card before.
    pub version: u64,
    /// When this is.
    pub issued: Timestamp,
    /// The groups, most specific first.
    pub groups: Vec<NamedGroup>,
}

/// A group, and for whom it is.
#[derive(Clone, Debug)]
pub struct NamedGroup {
    /// Its name, for people.
    pub name: String,
    /// The kinds of device that it is for; for all when empty.
    pub kinds: BTreeSet<String>,
    /// What it holds.
    pub group: Group,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The directory.
    pub manifest: Manifest,
    /// Bytes of the signed directory.
    pub length: usize,
    /// APDUs that it took, from the begin of the conversation.
    pub exchanges: u32,
}

/// Why a card was not issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The card failed.
    #[error("the card cannot be written")]
    Card(#[source] Error),
    /// The directory cannot be signed as it is.
    #[error("the card's content cannot be signed")]
    Unsignable(#[source] Rejected),
    /// A group cannot be written as Management Objects.
    #[error("a group cannot be written")]
    Unwritable(#[source] Unwritable),
}

impl NotIssued {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Card(error) => error.code(),
            Self::Unsignable(rejected) => rejected.code(),
            Self::Unwritable(_) => "unwritable",
        }
    }
}

/// Makes the card's key when there is none, finds room, has the directory signed by `sign`, and
/// writes all of it.
pub fn issue(
    profile: &mut dyn Profile,
    management: &ManagementKey,
    issue: &Issue,
    sign: impl FnOnce(&Manifest) -> Result<Vec<u8>, Rejected>,
) -> Result<Receipt, NotIssued> {
    let groups = issue
        .groups
        .iter()
        .map(|named| named.group.to_bytes().map_err(NotIssued::Unwritable))
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    let lengths: Vec<usize> = groups.iter().map(Vec::len).collect();
    profile.authenticate(management).map_err(NotIssued::Card)?;
    let card = profile.ensure_card_key().map_err(NotIssued::Card)?;
    let placement = profile.place(&lengths).map_err(NotIssued::Card)?;
    let entries = issue
        .groups
        .iter()
        .zip(&groups)
        .zip(&placement.groups)
        .zip(1_u16..)
        .map(|(((named, bytes), containers), id)| {
            let mut entry = GroupEntry::describing(id, &named.name, bytes, containers.clone());
            entry.kinds.clone_from(&named.kinds);
            entry
        })
        .collect();
    let manifest = Manifest {
        layout: LAYOUT,
        company: issue.company.clone(),
        version: issue.version,
        issued: issue.issued,
        card,
        groups: entries,
    };
    let signed = sign(&manifest).map_err(NotIssued::Unsignable)?;
    profile
        .write(&placement, &signed, &groups)
        .map_err(NotIssued::Card)?;
    Ok(Receipt {
        manifest,
        length: signed.len(),
        exchanges: profile.exchanges(),
    })
}
