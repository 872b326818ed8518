//! Outcomes that the server has yet to take: one file each, in `outcomes/` below the state.
//!
//! ```text
//!  append ──► N-ASSOCIATION.json ──acknowledged──► removed; the newest becomes N-….sent instead
//!                    │
//!                    ├── cannot be read ──► N-….damaged      a line in the log; never in the way
//!                    └── the server will never take it ──► N-….refused
//! ```
//!
//! An outcome's number is never given twice, not even after a crash: the next one follows the
//! highest number of any file, and the newest file that was ever written never goes without a
//! newer one. So there is no counter that could disagree with the files, and an outcome costs one
//! flush of a file and one of the folder.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cardwarden_policy::outcome::{Event, Outcome};
use jiff::Timestamp;
use uuid::Uuid;

use crate::durable;

/// Most outcomes that wait. With more, the oldest goes that tells of a function or a refusal; the
/// gap in the numbers tells the server. At 4 KiB a file this is 16 MiB of disk.
const MAX_WAITING: usize = 4096;
/// Most files that are set aside; the oldest goes first.
const MAX_ASIDE: usize = 64;
/// Longest file that is read, in bytes; an outcome is some hundred. Written as XML it grows to six
/// times that at most (`&quot;`), which still fits one message.
const MAX_OUTCOME: u64 = 8 * 1024;
/// Longest free text in an outcome, in characters: what a card or a probe said. As JSON it grows to
/// six times that at most.
const MAX_TEXT: usize = 1000;

/// What becomes of a file: its ending.
const WAITING: &str = "json";
const SENT: &str = "sent";
const DAMAGED: &str = "damaged";
const REFUSED: &str = "refused";
/// What [`durable::replace`] leaves behind when it is cut off.
const UNFINISHED: &str = "new";

/// The queue. Whoever holds it may append, send and acknowledge.
#[derive(Debug)]
pub(crate) struct Queue {
    folder: PathBuf,
    index: Mutex<Index>,
}

/// What lies in the folder.
#[derive(Debug, Default)]
struct Index {
    /// By number, with the association.
    waiting: BTreeMap<u64, Uuid>,
    /// The number of the next outcome.
    next: u64,
}

/// The queue cannot do as asked; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The folder cannot be used.
    #[error("the folder {} cannot be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An outcome cannot be written.
    #[error("the outcome {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A file's name, taken apart.
#[derive(Clone, Copy, Debug)]
struct Name<'a> {
    sequence: u64,
    association: Uuid,
    ending: &'a str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (stem, ending) = name.split_once('.')?;
        let (sequence, association) = stem.split_once('-')?;
        Some(Self {
            sequence: sequence.parse().ok()?,
            association: association.parse().ok()?,
            ending,
        })
    }
}

impl Queue {
    /// Opens the queue below the folder of the state, and clears up what a crash left.
    pub(crate) fn open(state: &Path) -> Result<Self, QueueError> {
        let folder = state.join("outcomes");
        let index = create(&folder)
            .and_then(|()| survey(&folder))
            .map_err(|source| QueueError::Folder {
                path: folder.clone(),
                source,
            })?;
        Ok(Self {
            folder,
            index: Mutex::new(index),
        })
    }

    /// Keeps an outcome, durably when this returns. On an error the number is not used up.
    pub(crate) fn append(
        &self,
        association: Uuid,
        at: Timestamp,
        event: Event,
    ) -> Result<Outcome, QueueError> {
        let mut index = self.index();
        if index.waiting.len() >= MAX_WAITING {
            self.drop_one(&mut index);
        }
        let sequence = index.next;
        let outcome = Outcome {
            id: id(association, sequence),
            at,
            event: shortened(event),
        };
        let path = self.path(sequence, association, WAITING);
        let failed = |source| QueueError::Write {
            path: path.clone(),
            source,
        };
        let bytes = serde_json::to_vec(&outcome).map_err(|error| failed(error.into()))?;
        durable::replace(&path, &bytes).map_err(failed)?;
        index.waiting.insert(sequence, association);
        index.next = sequence.saturating_add(1);
        Ok(outcome)
    }

    /// How many outcomes of these associations wait.
    pub(crate) fn count(&self, associations: &BTreeSet<Uuid>) -> u64 {
        let waiting = |association: &&Uuid| associations.contains(association);
        u64::try_from(self.index().waiting.values().filter(waiting).count()).unwrap_or(u64::MAX)
    }

    /// At most `most` outcomes of an association, oldest first. One that cannot be read is set
    /// aside.
    pub(crate) fn oldest(&self, association: Uuid, most: usize) -> Vec<Outcome> {
        let mut index = self.index();
        let mine: Vec<u64> = index
            .waiting
            .iter()
            .filter(|(_, of)| **of == association)
            .map(|(sequence, _)| *sequence)
            .collect();
        let mut outcomes = Vec::new();
        for sequence in mine {
            if outcomes.len() >= most {
                break;
            }
            match self.read(sequence, association) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    let path = self.path(sequence, association, WAITING);
                    tracing::warn!("{} is no outcome and is set aside: {error}", path.display());
                    self.set_aside(&mut index, sequence, DAMAGED);
                }
            }
        }
        outcomes
    }

    /// Everything that waits, as the disk has it.
    #[cfg(test)]
    pub(crate) fn pending(&self) -> Result<Vec<Outcome>, QueueError> {
        let failed = |source| QueueError::Folder {
            path: self.folder.clone(),
            source,
        };
        let on_disk = survey(&self.folder).map_err(failed)?;
        on_disk
            .waiting
            .iter()
            .map(|(sequence, association)| self.read(*sequence, *association).map_err(failed))
            .collect()
    }

    /// Forgets outcomes that the server has. A crash in between sends some again, which the server
    /// knows by their ids.
    pub(crate) fn acknowledge(&self, outcomes: &[Outcome]) {
        let mut index = self.index();
        let newest = index.next.saturating_sub(1);
        for outcome in outcomes {
            let Some((sequence, association)) = index.find(outcome) else {
                continue;
            };
            let path = self.path(sequence, association, WAITING);
            let gone = if sequence == newest {
                std::fs::rename(&path, self.path(sequence, association, SENT))
            } else {
                std::fs::remove_file(&path)
            };
            index.waiting.remove(&sequence);
            complain(&path, gone);
        }
        complain(&self.folder, self.clear_up(newest));
    }

    /// Sets an outcome aside that the server will never take.
    pub(crate) fn refuse(&self, outcome: &Outcome) {
        let mut index = self.index();
        if let Some((sequence, _)) = index.find(outcome) {
            self.set_aside(&mut index, sequence, REFUSED);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // Every change of the index is one step after the file's, so a panic leaves it true.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, sequence: u64, association: Uuid, ending: &str) -> PathBuf {
        self.folder
            .join(format!("{sequence:020}-{association}.{ending}"))
    }

    fn read(&self, sequence: u64, association: Uuid) -> io::Result<Outcome> {
        let mut bytes = Vec::new();
        File::open(self.path(sequence, association, WAITING))?
            .take(MAX_OUTCOME)
            .read_to_end(&mut bytes)?;
        let outcome: Outcome = serde_json::from_slice(&bytes)?;
        if outcome.id == id(association, sequence) {
            Ok(outcome)
        } else {
            Err(io::Error::other(format!(
                "it holds the outcome {}",
                outcome.id
            )))
        }
    }

    fn set_aside(&self, index: &mut Index, sequence: u64, ending: &str) {
        let Some(association) = index.waiting.remove(&sequence) else {
            return;
        };
        let path = self.path(sequence, association, WAITING);
        complain(
            &path,
            std::fs::rename(&path, self.path(sequence, association, ending)),
        );
        complain(&self.folder, self.limit_aside());
    }

    /// Makes room: the company's say begins and ends with an outcome, and those two stay.
    fn drop_one(&self, index: &mut Index) {
        let expendable = |(sequence, association): (&u64, &Uuid)| {
            let is_kept = self.read(*sequence, *association).is_ok_and(|outcome| {
                matches!(
                    outcome.event,
                    Event::Associated { .. } | Event::Released { .. }
                )
            });
            (!is_kept).then_some((*sequence, *association))
        };
        let Some((sequence, association)) = index.waiting.iter().find_map(expendable) else {
            return;
        };
        tracing::warn!("{MAX_WAITING} outcomes wait; the oldest is given up: {sequence}");
        let path = self.path(sequence, association, WAITING);
        index.waiting.remove(&sequence);
        complain(&path, std::fs::remove_file(&path));
    }

    /// Removes the marks that a newer file has made needless, once that file is there for good.
    fn clear_up(&self, newest: u64) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()?;
        for name in names(&self.folder)? {
            if Name::parse(&name).is_some_and(|name| name.ending == SENT && name.sequence < newest)
            {
                std::fs::remove_file(self.folder.join(&name))?;
            }
        }
        Ok(())
    }

    fn limit_aside(&self) -> io::Result<()> {
        let is_aside = |name: &String| {
            Name::parse(name).is_some_and(|name| [DAMAGED, REFUSED].contains(&name.ending))
        };
        // The numbers have leading zeros: the names' order is theirs.
        let aside: BTreeSet<String> = names(&self.folder)?.into_iter().filter(is_aside).collect();
        let excess = aside.len().saturating_sub(MAX_ASIDE);
        aside
            .iter()
            .take(excess)
            .try_for_each(|name| std::fs::remove_file(self.folder.join(name)))
    }
}

impl Index {
    /// The number and association of an outcome that waits.
    fn find(&self, outcome: &Outcome) -> Option<(u64, Uuid)> {
        let (_, sequence) = outcome.id.rsplit_once('/')?;
        let sequence = sequence.parse().ok()?;
        let association = *self.waiting.get(&sequence)?;
        (id(association, sequence) == outcome.id).then_some((sequence, association))
    }
}

fn id(association: Uuid, sequence: u64) -> String {
    format!("{association}/{sequence}")
}

/// The event with no more free text than an outcome may hold.
fn shortened(mut event: Event) -> Event {
    match &mut event {
        Event::Function(outcome) => shorten(&mut outcome.proof),
        Event::Rejected { problem, .. } => shorten(problem),
        Event::Associated { .. }
        | Event::Task { .. }
        | Event::Guarded { .. }
        | Event::Released { .. } => {}
    }
    event
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
    }
}

fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// What lies in the folder. Unfinished files are removed: whoever wrote one was not told that it
/// is kept.
fn survey(folder: &Path) -> io::Result<Index> {
    let mut index = Index {
        next: 1,
        ..Index::default()
    };
    for name in names(folder)? {
        if name.ends_with(UNFINISHED) {
            let path = folder.join(&name);
            complain(&path, std::fs::remove_file(&path));
            continue;
        }
        let Some(name) = Name::parse(&name) else {
            tracing::warn!("{name} in {} is none of ours", folder.display());
            continue;
        };
        index.next = index.next.max(name.sequence.saturating_add(1));
        if name.ending == WAITING {
            index.waiting.insert(name.sequence, name.association);
        }
    }
    Ok(index)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// What could not be tidied costs space or a repetition, and no outcome.
fn complain(path: &Path, result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!("cannot tidy {}: {error}", path.display());
    }
}
