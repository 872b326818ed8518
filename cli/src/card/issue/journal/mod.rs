//! What was done so far with a box of cards: a file of JSON lines, each on the disk before the next
//! step is taken. Whatever interrupts, the next run goes on where this one stood.
//!
//! ```text
//!  opened ─► begun (person, card) ─► done (record)      for each person
//!               │  the card may be half written; only this card will do
//!               └► lost (person, card) ─► begun …       when a person said that it is gone
//! ```

mod state;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(super) use self::state::{Batch, OtherCard, Stage};
use self::state::{LAYOUT, Line, State};
use super::record::Record;
use crate::failure::{Exit, Failure};

/// Longest journal that is read, in bytes: a hundred thousand cards.
const MAX_JOURNAL: u64 = 256 * 1024 * 1024;

/// A journal that nobody else writes meanwhile.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    state: State,
}

impl Journal {
    /// Opens a journal, or begins one.
    pub(crate) fn open(path: &Path, batch: &Batch) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::because(
                format!("the journal {} cannot be used", path.display()),
                &error,
            )
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(format!(
                    "another run uses the journal {}; let it end first",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut text = String::new();
        (&mut file)
            .take(MAX_JOURNAL)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let (state, whole) = State::read(&text).map_err(|problem| {
            Failure::new(format!("{} is no journal: {problem}", path.display()))
        })?;
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            state,
        };
        journal.belong_to(batch)?;
        Ok(journal)
    }

    fn belong_to(&mut self, batch: &Batch) -> Result<(), Failure> {
        match &self.state.batch {
            Some(opened) if opened == batch => Ok(()),
            Some(opened) => Err(Failure::new(format!(
                "the journal {} is of version {} of {}; this is version {} of {}, or the template \
                 or a file that it names changed since. Name another journal (--journal), and \
                 raise the version",
                self.path.display(),
                opened.version,
                opened.company,
                batch.version,
                batch.company
            ))
            .exiting(Exit::Refused)),
            None => {
                self.add(Line::Opened {
                    layout: LAYOUT,
                    at: Timestamp::now(),
                    batch: batch.clone(),
                })?;
                self.keep_name()
            }
        }
    }

    /// Has the disk know the file by its name, too.
    fn keep_name(&self) -> Result<(), Failure> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.unwritable(&error))
    }

    /// How far a person's card is.
    pub(crate) fn stage(&self, id: &str) -> Stage {
        self.state.stage(id)
    }

    /// Whether a card may be written for a person.
    pub(crate) fn admit(&self, id: &str, card: &str) -> Result<(), OtherCard> {
        self.state.admit(id, card)
    }

    /// Notes that a card is about to be written.
    pub(crate) fn begin(&mut self, id: &str, card: &str) -> Result<(), Failure> {
        self.add(Line::Begun {
            id: id.to_owned(),
            card: card.to_owned(),
            at: Timestamp::now(),
        })
    }

    /// Notes that a card is issued.
    pub(crate) fn finish(&mut self, record: &Record) -> Result<(), Failure> {
        self.add(Line::Done {
            record: Box::new(record.clone()),
        })
    }

    /// Notes that the half-written card of a person is gone.
    pub(crate) fn lose(&mut self, id: &str) -> Result<(), Failure> {
        match self.stage(id) {
            Stage::Begun { card } => self.add(Line::Lost {
                id: id.to_owned(),
                card,
                at: Timestamp::now(),
            }),
            Stage::Due => Ok(()),
            Stage::Done(record) => Err(Failure::new(format!(
                "the card of {} ({id}) was written wholly; for another one: --only {id} --again",
                record.name
            ))),
        }
    }

    fn add(&mut self, line: Line) -> Result<(), Failure> {
        let mut text = serde_json::to_string(&line)
            .map_err(|error| Failure::because("the journal cannot be written", &error))?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| self.unwritable(&error))?;
        self.state.take(line).map_err(Failure::new)
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        Failure::because(
            format!("the journal {} cannot be written", self.path.display()),
            error,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn batch(version: u64) -> Batch {
        Batch {
            company: "B Company".to_owned(),
            version,
            template: "ab".repeat(32),
        }
    }

    #[test]
    fn a_journal_that_breaks_off_anywhere_goes_on_from_its_last_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path, &batch(1)).unwrap();
        journal.begin("17", "aa").unwrap();
        journal.finish(&record("17", "aa")).unwrap();
        journal.begin("18", "bb").unwrap();
        drop(journal);
        let whole = std::fs::read_to_string(&path).unwrap();
        let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
        for length in 0..=whole.len() {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(0).unwrap();
            (&file).write_all(&whole.as_bytes()[..length]).unwrap();
            drop(file);
            let lines = ends.iter().filter(|&&end| end <= length).count();
            let journal = Journal::open(&path, &batch(1)).unwrap();
            let done = matches!(journal.stage("17"), Stage::Done(_));
            assert_eq!(done, lines >= 3, "{length}");
            let begun = matches!(journal.stage("17"), Stage::Begun { .. });
            assert_eq!(begun, lines == 2, "{length}");
            assert_eq!(journal.stage("18") == Stage::Due, lines < 4, "{length}");
            drop(journal);
            // What was opened is whole again.
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.ends_with('\n') && text.lines().count() == lines.max(1));
        }
    }

    #[test]
    fn no_card_goes_to_two_people_and_a_half_written_one_to_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path, &batch(1)).unwrap();
        assert_eq!(journal.admit("17", "aa"), Ok(()));
        journal.begin("17", "aa").unwrap();
        assert_eq!(journal.admit("17", "aa"), Ok(()));
        assert!(matches!(
            journal.admit("17", "bb"),
            Err(OtherCard::HalfWritten { .. })
        ));
        assert!(matches!(
            journal.admit("18", "aa"),
            Err(OtherCard::Reserved { .. })
        ));
        journal.finish(&record("17", "aa")).unwrap();
        assert!(matches!(
            journal.admit("18", "aa"),
            Err(OtherCard::Given { .. })
        ));
        assert!(journal.lose("17").unwrap_err().text.contains("--again"));
        journal.begin("18", "bb").unwrap();
        journal.lose("18").unwrap();
        assert_eq!(journal.admit("18", "cc"), Ok(()));
        assert_eq!(journal.admit("19", "bb"), Ok(()));
    }

    #[test]
    fn a_journal_is_of_one_template_and_of_one_run_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path, &batch(1)).unwrap();
        let busy = Journal::open(&path, &batch(1)).unwrap_err();
        assert!(busy.text.contains("another run"), "{}", busy.text);
        drop(journal);
        let other = Journal::open(&path, &batch(2)).unwrap_err();
        assert_eq!(other.exit, Exit::Refused);
        assert!(Journal::open(&path, &batch(1)).is_ok());

        let list = directory.path().join("list");
        crate::file::create(&list, b"name,id", crate::file::Readable::All).unwrap();
        let none = Journal::open(&list, &batch(1)).unwrap_err();
        assert!(none.text.contains("first line"), "{}", none.text);
        assert_eq!(std::fs::read(&list).unwrap(), b"name,id");
    }
}
