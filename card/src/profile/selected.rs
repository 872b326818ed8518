//! The one way from a card to a verified mandate.

use std::time::{Duration, Instant};

use cardwarden_policy::manifest::{Mandate, Manifest, Properties};
use cardwarden_policy::trust::{Anchors, Rejected, Verified};
use jiff::Timestamp;

use super::{Error, Profile};

/// What a device takes from a card.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The signed directory, as it lies on the card.
    pub manifest: Vec<u8>,
    /// The directory, believed.
    pub verified: Verified<Manifest>,
    /// The chosen group, as it lies on the card.
    pub group: Vec<u8>,
    /// The chosen group, believed.
    pub mandate: Verified<Mandate>,
    /// How long believing took.
    pub verification: Duration,
}

/// Why nothing was taken from a card.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The card failed.
    #[error("the card cannot be read")]
    Card(#[source] Error),
    /// The card's content is not believed.
    #[error("the card is refused")]
    Rejected(#[source] Rejected),
}

impl NotTaken {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Card(error) => error.code(),
            Self::Rejected(rejected) => rejected.code(),
        }
    }
}

/// Reads the directory, believes it or not, chooses the group for a device of these properties, and
/// reads that group and no other. `now` is what the clock shows, for directories that a delegate signed;
/// `None` when that is known to be wrong.
pub fn read_selected(
    profile: &mut dyn Profile,
    anchors: &Anchors,
    device: &Properties,
    now: Option<Timestamp>,
) -> Result<Selected, NotTaken> {
    let manifest = profile.read_manifest().map_err(NotTaken::Card)?;
    let began = Instant::now();
    let verified: Verified<Manifest> = anchors
        .verify_at(&manifest, now)
        .map_err(NotTaken::Rejected)?;
    let entry = verified.select(device).ok_or_else(|| {
        NotTaken::Rejected(Rejected::NoGroup {
            kind: device.kind.clone(),
            wanted: device.group.clone(),
        })
    })?;
    let verification = began.elapsed();
    let group = profile.read_group(entry).map_err(NotTaken::Card)?;
    let began = Instant::now();
    let mandate = verified.group(entry, &group).map_err(NotTaken::Rejected)?;
    let verification = verification.saturating_add(began.elapsed());
    Ok(Selected {
        manifest,
        verified,
        group,
        mandate,
        verification,
    })
}
