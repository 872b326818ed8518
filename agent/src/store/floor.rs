//! The lowest issue that is still accepted from each company. It lies in two places, and of two
//! that differ the higher counts: whoever loses, damages or brings back one of them brings no old
//! policy back.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use cardwarden_policy::{Floor, Rejected};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable;

/// Version of the layout of the second place.
const LAYOUT: u8 = 1;

/// The newest issue that was accepted of a company.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issue {
    /// Its version.
    pub(crate) version: u64,
    /// When the company signed it. A card that is issued again in place of a lost one has the same
    /// version, and is no older.
    pub(crate) issued: Timestamp,
}

/// Why an issue is not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TooOld {
    /// Its version is lower than one that was seen.
    Version(Rejected),
    /// Another card was issued in its place.
    Replaced {
        /// The version of both.
        version: u64,
        /// When the other was issued.
        since: Timestamp,
    },
}

/// The newest issue of each company, by its key.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Floors(BTreeMap<String, Issue>);

impl Floors {
    /// Whether an issue is no older than the newest one that was accepted.
    pub(crate) fn admit(&self, company: &str, offered: Issue) -> Result<(), TooOld> {
        let Some(floor) = self.0.get(company) else {
            return Ok(());
        };
        Floor::at(floor.version)
            .admit(offered.version)
            .map_err(TooOld::Version)?;
        if offered.version == floor.version && offered.issued < floor.issued {
            return Err(TooOld::Replaced {
                version: floor.version,
                since: floor.issued,
            });
        }
        Ok(())
    }

    /// Raises the floor of a company; it never sinks.
    pub(crate) fn raise(&mut self, company: &str, accepted: Issue) {
        let floor = self.0.entry(company.to_owned()).or_insert(accepted);
        *floor = accepted.max(*floor);
    }

    /// Of each company the higher one.
    pub(super) fn higher(mut self, other: &Self) -> Self {
        for (company, issue) in &other.0 {
            self.raise(company, *issue);
        }
        self
    }

    /// Whether no company was ever seen.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The second place: a file in another folder than the rest of the state.
#[derive(Clone, Debug)]
pub(super) struct SecondPlace {
    path: PathBuf,
}

/// What is in the second place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    layout: u8,
    floors: Floors,
}

impl SecondPlace {
    /// The file.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it lies, for people.
    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Reads it; `None` when there is nothing, and in words why it cannot be read.
    pub(super) fn load(&self) -> Result<Option<Floors>, String> {
        let at = |problem: &dyn std::fmt::Display| format!("{}: {problem}", self.path.display());
        match std::fs::read(&self.path) {
            Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.layout == LAYOUT => Ok(Some(kept.floors)),
                Ok(kept) => Err(at(&format_args!("it has layout {}", kept.layout))),
                Err(error) => Err(at(&error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&error)),
        }
    }

    /// Writes it. On an error nothing has changed.
    pub(super) fn save(&self, floors: &Floors) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let kept = Kept {
            layout: LAYOUT,
            floors: floors.clone(),
        };
        durable::replace(&self.path, &serde_json::to_vec(&kept)?)
    }
}
