//! What lasts: whose policy is in force, the lowest versions still accepted, and what was told of
//! each function. One file, replaced whole; the signed bytes are kept as they came and are
//! verified anew at each start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardwarden_policy::clock::HighWater;
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::operation::Operation;
use cardwarden_policy::outcome::{Event, FunctionOutcome};
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::trust::Anchor;
use cardwarden_policy::{Anchors, Endorsement, Floor, Function, Manifest, Standing, Verified};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::durable;

/// Bytes, written as base64.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// The bond between this device and a company.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Association {
    /// The company's key, `SubjectPublicKeyInfo`: trusted from here on, whatever becomes of
    /// `trust.d`.
    pub(crate) anchor: Bytes,
    /// The signed manifest, as it lay on the card.
    pub(crate) manifest: Bytes,
    /// The group that this device took, as it lay on the card.
    pub(crate) group: Bytes,
    /// What the card signed for this device's key.
    pub(crate) endorsement: Endorsement,
    /// The card's signature over it, DER.
    pub(crate) signature: Bytes,
    /// When the association began.
    pub(crate) since: Timestamp,
    /// When this policy came into force: from then on its tasks run.
    pub(crate) taken: Timestamp,
}

/// A card that was in the reader when its company let the device go.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Released {
    /// The key that signed its manifest.
    pub(crate) signer: String,
    /// The manifest's version; 0 when it could not be read.
    pub(crate) version: u64,
    /// The association that ended.
    pub(crate) association: Uuid,
}

/// What was told of a function, and since when it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Since when verdict and reason hold.
    pub(crate) since: Timestamp,
    /// The outcome.
    pub(crate) outcome: FunctionOutcome,
}

/// Something to tell the server, and the association that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Untold {
    /// The association.
    pub(crate) association: Uuid,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// What happened.
    pub(crate) event: Event,
}

/// Version of the layout of [`State`].
const LAYOUT: u8 = 2;

/// Everything that lasts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// [`LAYOUT`].
    layout: u8,
    /// Whose policy is in force.
    pub(crate) association: Option<Association>,
    /// The highest version seen, by company key.
    pub(crate) floors: BTreeMap<String, u64>,
    /// The card that must be taken out and put in again before it counts.
    pub(crate) released: Option<Released>,
    /// The latest time that the device has seen.
    pub(crate) high_water: Option<HighWater>,
    /// When the company's server last answered.
    pub(crate) contact: Option<Timestamp>,
    /// What the server and tasks switched.
    pub(crate) operations: Vec<Operation>,
    /// The tasks' runs so far.
    pub(crate) ledger: Ledger,
    /// What was told of each function.
    pub(crate) told: BTreeMap<Function, Told>,
    /// What happened and is yet to be told, saved together with the change itself.
    pub(crate) untold: Vec<Untold>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            layout: LAYOUT,
            association: None,
            floors: BTreeMap::new(),
            released: None,
            high_water: None,
            contact: None,
            operations: Vec::new(),
            ledger: Ledger::default(),
            told: BTreeMap::new(),
            untold: Vec::new(),
        }
    }
}

/// Where the state lies.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    path: PathBuf,
}

/// What was found in the store.
#[derive(Debug)]
pub(crate) struct Found {
    /// The state; empty when it cannot be read.
    pub(crate) state: State,
    /// What the device may rely on.
    pub(crate) standing: Standing,
}

impl Store {
    /// The store in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("state.json"),
        }
    }

    /// Reads what lasts. That there is nothing is no error; that it cannot be read restricts.
    pub(crate) fn load(&self) -> Found {
        let problem = match std::fs::read(&self.path) {
            Ok(bytes) => match serde_json::from_slice::<State>(&bytes) {
                Ok(state) if state.layout == LAYOUT => {
                    let standing = standing(&state);
                    return Found { state, standing };
                }
                Ok(state) => format!("it has layout {}, not {LAYOUT}", state.layout),
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Found {
                    state: State::default(),
                    standing: Standing::Absent,
                };
            }
            Err(error) => error.to_string(),
        };
        let problem = format!("{}: {problem}", self.path.display());
        Found {
            state: State::default(),
            standing: Standing::Unproven { problem },
        }
    }

    /// Writes what lasts. On an error nothing has changed.
    pub(crate) fn save(&self, state: &State) -> std::io::Result<()> {
        durable::replace(&self.path, &serde_json::to_vec(state)?)
    }
}

impl State {
    /// The lowest version that is still accepted from a company.
    pub(crate) fn floor(&self, signer: &str) -> Floor {
        Floor::at(self.floors.get(signer).copied().unwrap_or_default())
    }
}

impl Association {
    /// Believes the kept bytes anew.
    pub(crate) fn verify(&self) -> Result<(Verified<Manifest>, Verified<Mandate>), String> {
        let anchor = Anchor::from_der(&self.anchor.0).map_err(|error| error.to_string())?;
        let anchors: Anchors = std::iter::once(anchor).collect();
        let manifest: Verified<Manifest> = anchors
            .verify_at(&self.manifest.0, Some(self.taken))
            .map_err(|error| error.to_string())?;
        let mut why = "no group of its manifest".to_owned();
        for entry in &manifest.groups {
            match manifest.group(entry, &self.group.0) {
                Ok(mandate) => return Ok((manifest, mandate)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}

/// What a state lets the device rely on.
pub(crate) fn standing(state: &State) -> Standing {
    match state.association.as_ref().map(Association::verify) {
        None => Standing::Absent,
        Some(Ok((_, mandate))) => Standing::Proven(Box::new(mandate)),
        Some(Err(problem)) => Standing::Unproven {
            problem: format!("the policy that was kept: {problem}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_kept_means_that_no_company_has_a_say() {
        let folder = tempfile::tempdir().unwrap();
        let found = Store::new(folder.path()).load();
        assert!(matches!(found.standing, Standing::Absent));
    }

    #[test]
    fn a_damaged_state_restricts_instead_of_letting_go() {
        let folder = tempfile::tempdir().unwrap();
        for damaged in [&b"{"[..], b"", b"[]", b"{}", b"{\"association\":{}}"] {
            durable::replace(&folder.path().join("state.json"), damaged).unwrap();
            let found = Store::new(folder.path()).load();
            assert!(
                matches!(found.standing, Standing::Unproven { .. }),
                "{damaged:?}"
            );
        }
    }
}
