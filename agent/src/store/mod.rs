//! What lasts: whose policies are in force, the lowest versions still accepted, and what was told of
//! each function. One file, replaced whole; the signed bytes are kept as they came and are
//! verified anew at each start. The floors lie in a second place too ([`floor`]).

mod floor;
mod layout2;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardwarden_policy::clock::HighWater;
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::operation::Operation;
use cardwarden_policy::outcome::{Event, FunctionOutcome};
use cardwarden_policy::schedule::Ledger;
use cardwarden_policy::trust::{Anchor, SignedPolicy};
use cardwarden_policy::{
    Anchors, Authenticity, Endorsement, Function, KeyId, Manifest, Proof, Standing, Verified,
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use self::floor::SecondPlace;
pub(crate) use self::floor::{Floors, Issue, TooOld};
use crate::durable;
use crate::rest::read_apart;

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
#[serde(deny_unknown_fields)]
pub(crate) struct Association {
    /// Its number; a release names it.
    pub(crate) id: Uuid,
    /// The company's key, `SubjectPublicKeyInfo`: trusted from here on, whatever becomes of
    /// `trust.d`.
    pub(crate) anchor: Bytes,
    /// The signed manifest, as it lay on the card.
    pub(crate) manifest: Bytes,
    /// The group that this device took, as it lay on the card.
    pub(crate) group: Bytes,
    /// What holds instead of what the card says, since the company sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivered: Option<Delivered>,
    /// What the card said of this device's key.
    pub(crate) endorsement: Endorsement,
    /// With what the card showed that it is the one that its company issued.
    pub(crate) proof: Proof,
    /// When the association began.
    pub(crate) since: Timestamp,
    /// When the card's policy came into force.
    pub(crate) taken: Timestamp,
    /// The group that the company's server asked for, by name.
    pub(crate) wanted: Option<String>,
    /// When it ends, where its company said so ahead.
    pub(crate) ends: Option<Timestamp>,
    /// What the server and tasks switched.
    pub(crate) operations: Vec<Operation>,
    /// The tasks' runs so far.
    pub(crate) ledger: Ledger,
    /// When the company's server last answered.
    pub(crate) contact: Option<Timestamp>,
    /// What this company was told of each function.
    pub(crate) told: BTreeMap<Function, Told>,
}

/// A policy that came by a server or in a file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delivered {
    /// The signed policy, as it came.
    pub(crate) statement: Bytes,
    /// When it came into force.
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
    /// What the company was told of each function, until it is told that it has no say any more.
    #[serde(default)]
    pub(crate) told: BTreeMap<Function, Told>,
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
const LAYOUT: u8 = 3;

/// Everything that lasts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// [`LAYOUT`].
    layout: u8,
    /// Whether it was read from an earlier layout.
    #[serde(skip)]
    is_migrated: bool,
    /// Why what was kept before is lost. It may have said that a company has a say, so everything
    /// stays off until one speaks.
    pub(crate) lost: Option<String>,
    /// Whose policies are in force, in the order in which they came. The first says whether there
    /// may be more.
    pub(crate) associations: Vec<Association>,
    /// The newest issue seen, by company key.
    pub(crate) floors: Floors,
    /// The cards that must be taken out and put in again before they count, one of each company.
    pub(crate) released: Vec<Released>,
    /// The latest time that the device has seen.
    pub(crate) high_water: Option<HighWater>,
    /// What was published of each function, and since when it holds.
    pub(crate) told: BTreeMap<Function, Told>,
    /// What happened and is yet to be told, saved together with the change itself.
    pub(crate) untold: Vec<Untold>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            layout: LAYOUT,
            is_migrated: false,
            lost: None,
            associations: Vec::new(),
            floors: Floors::default(),
            released: Vec::new(),
            high_water: None,
            told: BTreeMap::new(),
            untold: Vec::new(),
        }
    }
}

/// Where the state lies.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    path: PathBuf,
    second: SecondPlace,
}

/// What was found in the store.
#[derive(Debug)]
pub(crate) struct Found {
    /// The state; when it cannot be read, the floors alone.
    pub(crate) state: State,
    /// What the device may rely on ([`standings`]).
    pub(crate) standings: Vec<Standing>,
    /// What was lost or damaged of the floors, and is made good.
    pub(crate) healed: Option<String>,
}

impl Store {
    /// The store in a folder, with the floors a second time in the file `floor`.
    pub(crate) fn new(folder: &Path, floor: &Path) -> Self {
        Self {
            path: folder.join("state.json"),
            second: SecondPlace::new(floor),
        }
    }

    /// Whether something was ever kept.
    pub(crate) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Reads what lasts. That there is nothing is no error; that it cannot be read restricts, until a
    /// company speaks anew.
    pub(crate) fn load(&self) -> Found {
        let mut state = self.read().unwrap_or_else(|problem| State {
            lost: Some(format!("{}: {problem}", self.path.display())),
            ..State::default()
        });
        let healed = self.heal(&mut state);
        let standings = standings(&state, &[]);
        Found {
            state,
            standings,
            healed,
        }
    }

    /// Makes the floors the same in both places, the higher of each company; what was wrong, in
    /// words.
    fn heal(&self, state: &mut State) -> Option<String> {
        let (kept, mut wrong) = match self.second.load() {
            Ok(Some(kept)) => (Some(kept), None),
            Ok(None) if state.floors.is_empty() || state.is_migrated => (None, None),
            Ok(None) => (None, Some(format!("{} was lost", self.second.path()))),
            Err(problem) => (None, Some(problem)),
        };
        if let Some(kept) = &kept {
            let higher = state.floors.clone().higher(kept);
            if higher != state.floors {
                let text = format!("{} knew only older ones", self.path.display());
                wrong = wrong.or(Some(text));
                state.floors = higher;
            }
        }
        if kept.as_ref() != Some(&state.floors)
            && !state.floors.is_empty()
            && let Err(error) = self.second.save(&state.floors)
        {
            wrong = Some(format!("{} cannot be written: {error}", self.second.path()));
        }
        wrong.map(|wrong| {
            format!(
                "the newest policies seen are kept in two places, and one of them was not as it was \
                 left ({wrong}). The newer one of both counts"
            )
        })
    }

    fn read(&self) -> Result<State, String> {
        #[derive(Deserialize)]
        struct Any {
            layout: u8,
        }
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(error.to_string()),
        };
        let malformed = |error: serde_json::Error| error.to_string();
        let Any { layout } = serde_json::from_slice(&bytes).map_err(malformed)?;
        match layout {
            LAYOUT => serde_json::from_slice(&bytes).map_err(malformed),
            layout2::LAYOUT => serde_json::from_slice::<layout2::OldState>(&bytes)
                .map(State::from)
                .map_err(malformed),
            layout => Err(format!("it has layout {layout}, not {LAYOUT}")),
        }
    }

    /// Writes what lasts: the floors in their second place first, so that a crash between the two
    /// leaves a floor too high for what is in force, and never one too low. On an error nothing
    /// counts.
    pub(crate) fn save(&self, state: &State) -> io::Result<()> {
        let kept = self.second.load();
        if !state.floors.is_empty() && kept != Ok(Some(state.floors.clone())) {
            self.second.save(&state.floors)?;
        }
        durable::replace(&self.path, &serde_json::to_vec(state)?)
    }
}

impl Association {
    /// The company's key.
    pub(crate) fn signer(&self) -> Option<KeyId> {
        let anchor = Anchor::from_der(&self.anchor.0).ok()?;
        Some(anchor.id())
    }

    /// How well it is known that the card was no copy.
    pub(crate) const fn authenticity(&self) -> Authenticity {
        match self.proof {
            Proof::Signature(_) => Authenticity::OwnKey,
            Proof::Serial(_) => Authenticity::Copyable,
        }
    }

    /// Whether believing another's kept bytes comes to the same.
    fn proves_as(&self, other: &Self) -> bool {
        self.taken == other.taken
            && self.anchor == other.anchor
            && self.manifest == other.manifest
            && self.group == other.group
            && self.delivered == other.delivered
    }

    /// Since when the policy that counts is in force: from then on its tasks run.
    pub(crate) fn in_force_since(&self) -> Timestamp {
        self.delivered
            .as_ref()
            .map_or(self.taken, |delivered| delivered.taken)
    }

    /// Believes the kept bytes anew: what the company says.
    pub(crate) fn verify(&self) -> Result<Verified<Mandate>, String> {
        read_apart(|| self.read()).unwrap_or_else(|| self.read())
    }

    fn read(&self) -> Result<Verified<Mandate>, String> {
        let card = self.card()?;
        let Some(delivered) = &self.delivered else {
            return Ok(card);
        };
        self.anchors()?
            .verify_at::<SignedPolicy>(&delivered.statement.0, Some(delivered.taken))
            .and_then(|policy| policy.instead_of(&card))
            .map_err(|error| error.to_string())
    }

    fn anchors(&self) -> Result<Anchors, String> {
        let anchor = Anchor::from_der(&self.anchor.0).map_err(|error| error.to_string())?;
        Ok(std::iter::once(anchor).collect())
    }

    /// What the card says, whether or not something was sent since.
    pub(crate) fn card(&self) -> Result<Verified<Mandate>, String> {
        let manifest: Verified<Manifest> = self
            .anchors()?
            .verify_at(&self.manifest.0, Some(self.taken))
            .map_err(|error| error.to_string())?;
        let mut why = "no group of its manifest".to_owned();
        for entry in &manifest.groups {
            match manifest.group(entry, &self.group.0) {
                Ok(mandate) => return Ok(mandate),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}

/// What a state lets the device rely on, for each association; when it is lost, one thing that
/// proves nothing.
///
/// `known` are associations whose standing is known: the same bytes are not believed twice, which takes
/// longer than anything else that a change of the state does.
pub(crate) fn standings(state: &State, known: &[(&Association, &Standing)]) -> Vec<Standing> {
    let standing = |association: &Association| {
        let mut known = known.iter();
        if let Some((_, standing)) = known.find(|(one, _)| one.proves_as(association)) {
            return (*standing).clone();
        }
        match association.verify() {
            Ok(mandate) => Standing::Proven(Box::new(mandate)),
            Err(problem) => Standing::Unproven {
                problem: format!("the policy that was kept: {problem}"),
            },
        }
    };
    match &state.lost {
        Some(problem) if state.associations.is_empty() => vec![Standing::Unproven {
            problem: problem.clone(),
        }],
        Some(_) | None => state.associations.iter().map(standing).collect(),
    }
}
