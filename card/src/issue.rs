//! Issuing a card: from what a company wants to say to a card that says it. The command line and
//! the lab use the same few steps.

use cardwarden_policy::manifest::{CardIdentity, Group, GroupEntry, LAYOUT, Manifest, Selectors};
use cardwarden_policy::mo::Unwritable;
use cardwarden_policy::trust::Rejected;
use jiff::Timestamp;

use crate::authority::Authority;
use crate::profile::{Error, Profile, Wanted};

/// What a card is to hold.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The company's name.
    pub company: String,
    /// The version, higher than that of every card before.
    pub version: u64,
    /// When this is.
    pub issued: Timestamp,
    /// The groups.
    pub groups: Vec<NamedGroup>,
    /// Releases that the card brings to their devices.
    pub releases: Vec<SignedRelease>,
}

/// A group, and for whom it is.
#[derive(Clone, Debug)]
pub struct NamedGroup {
    /// Its name, for people.
    pub name: String,
    /// The devices that it is for; all with the default.
    pub selectors: Selectors,
    /// Whether the card gives it only after its PIN.
    pub pin: bool,
    /// What it holds.
    pub group: Group,
}

/// A release that the company signed.
#[derive(Clone, Debug)]
pub struct SignedRelease {
    /// The device that it lets go, `urn:uuid:…`.
    pub device: String,
    /// The signed [`cardwarden_policy::Release`].
    pub statement: Vec<u8>,
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

/// Opens the card for writing, makes its key when there is none, and [`fill`]s it.
pub fn issue(
    profile: &mut dyn Profile,
    authority: &Authority,
    issue: &Issue,
    sign: impl FnOnce(&Manifest) -> Result<Vec<u8>, Rejected>,
) -> Result<Receipt, NotIssued> {
    profile.authenticate(authority).map_err(NotIssued::Card)?;
    let card = profile.ensure_identity().map_err(NotIssued::Card)?;
    fill(profile, card, issue, sign)
}

/// Finds room on a card that is open for writing, has the directory signed by `sign`, and writes
/// all of it.
pub fn fill(
    profile: &mut dyn Profile,
    card: CardIdentity,
    issue: &Issue,
    sign: impl FnOnce(&Manifest) -> Result<Vec<u8>, Rejected>,
) -> Result<Receipt, NotIssued> {
    let mut contents = issue
        .groups
        .iter()
        .map(|named| named.group.to_bytes().map_err(NotIssued::Unwritable))
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    let statements = issue.releases.iter().map(|release| &release.statement);
    contents.extend(statements.cloned());
    let pins = issue.groups.iter().map(|named| named.pin);
    let wanted: Vec<Wanted> = contents
        .iter()
        .zip(pins.chain(std::iter::repeat(false)))
        .map(|(bytes, pin)| Wanted {
            length: bytes.len(),
            pin,
        })
        .collect();
    let placement = profile.place(&wanted).map_err(NotIssued::Card)?;
    let manifest = Manifest {
        layout: LAYOUT,
        company: issue.company.clone(),
        version: issue.version,
        issued: issue.issued,
        card,
        groups: entries(issue, &contents, &placement.groups),
    };
    let signed = sign(&manifest).map_err(NotIssued::Unsignable)?;
    profile
        .write(&placement, &signed, &contents)
        .map_err(NotIssued::Card)?;
    Ok(Receipt {
        manifest,
        length: signed.len(),
        exchanges: profile.exchanges(),
    })
}

/// What the directory says of each group and each release.
fn entries(issue: &Issue, contents: &[Vec<u8>], containers: &[Vec<u32>]) -> Vec<GroupEntry> {
    let mut places = contents.iter().zip(containers).zip(1_u16..);
    let groups = issue.groups.iter().zip(places.by_ref());
    let mut entries: Vec<GroupEntry> = groups
        .map(|(named, ((bytes, containers), id))| GroupEntry {
            selectors: named.selectors.clone(),
            pin: named.pin,
            ..GroupEntry::describing(id, &named.name, bytes, containers.clone())
        })
        .collect();
    let releases = issue.releases.iter().zip(places);
    entries.extend(releases.map(|(release, ((bytes, containers), id))| {
        GroupEntry::releasing(id, &release.device, bytes, containers.clone())
    }));
    entries
}
