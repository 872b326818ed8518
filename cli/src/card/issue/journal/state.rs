//! What a journal's lines mean.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::card::issue::record::Record;

/// Version of the lines.
pub(super) const LAYOUT: u8 = 1;
/// How a journal begins.
const FIRST: &str = r#"{"event":"opened","#;

/// What is issued, so that one journal is never continued with something else.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Batch {
    /// The company.
    pub(crate) company: String,
    /// The version.
    pub(crate) version: u64,
    /// SHA-256 of the template and the files that it names for everybody, hexadecimal.
    pub(crate) template: String,
}

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first line.
    Opened {
        layout: u8,
        at: Timestamp,
        batch: Batch,
    },
    /// From here on the card may be half written.
    Begun {
        id: String,
        card: String,
        at: Timestamp,
    },
    /// The card is the person's.
    Done { record: Box<Record> },
    /// The card that was being written is gone.
    Lost {
        id: String,
        card: String,
        at: Timestamp,
    },
}

/// How far a person's card is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Nothing was written.
    Due,
    /// This card may be half written.
    Begun {
        /// Its fingerprint.
        card: String,
    },
    /// It was issued.
    Done(Box<Record>),
}

/// Why a card is not the one to write now.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum OtherCard {
    /// Somebody else has it.
    #[error("this card was issued to {name} ({id}) already")]
    Given {
        /// Whose it is.
        name: String,
        /// Who that is.
        id: String,
    },
    /// Another card may be half written for this person.
    #[error(
        "another card ({card}) was being written for {id} when that was interrupted; put that one \
         in, or say that it is lost: --lost {id}"
    )]
    HalfWritten {
        /// The person.
        id: String,
        /// The card's fingerprint.
        card: String,
    },
    /// It was begun for somebody else, who comes later.
    #[error("this card was being written for {id} when that was interrupted; put in another one")]
    Reserved {
        /// The other person.
        id: String,
    },
}

/// What a journal says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct State {
    pub(super) batch: Option<Batch>,
    people: BTreeMap<String, Stage>,
}

impl State {
    /// Reads lines; returns how many bytes of them are whole. A last line without its end was
    /// being written when everything stopped, and never came to count.
    pub(super) fn read(text: &str) -> Result<(Self, usize), String> {
        let whole = text.rfind('\n').map_or(0, |end| end.saturating_add(1));
        // Whatever else a person names by mistake is not shortened.
        let begin = text.get(..FIRST.len()).unwrap_or(text);
        if !FIRST.starts_with(begin) {
            return Err("its first line is none of a journal".to_owned());
        }
        let mut state = Self::default();
        let lines = text.get(..whole).unwrap_or_default().lines();
        for (line, number) in lines.zip(1_usize..) {
            let line: Line = serde_json::from_str(line)
                .map_err(|error| format!("line {number} cannot be read: {error}"))?;
            state
                .take(line)
                .map_err(|problem| format!("line {number}: {problem}"))?;
        }
        Ok((state, whole))
    }

    pub(super) fn take(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Opened { layout, batch, .. } => {
                if layout != LAYOUT {
                    return Err(format!("it has layout {layout}, which is not known here"));
                }
                self.batch = Some(batch);
            }
            Line::Begun { id, card, .. } => {
                self.people.insert(id, Stage::Begun { card });
            }
            Line::Done { record } => {
                self.people.insert(record.id.clone(), Stage::Done(record));
            }
            Line::Lost { id, .. } => {
                self.people.insert(id, Stage::Due);
            }
        }
        Ok(())
    }

    pub(super) fn stage(&self, id: &str) -> Stage {
        self.people.get(id).cloned().unwrap_or(Stage::Due)
    }

    /// Whether a card may be written for a person.
    pub(super) fn admit(&self, id: &str, card: &str) -> Result<(), OtherCard> {
        match self.stage(id) {
            Stage::Begun { card: begun } if begun != card => {
                return Err(OtherCard::HalfWritten {
                    id: id.to_owned(),
                    card: begun,
                });
            }
            Stage::Begun { .. } | Stage::Due | Stage::Done(_) => {}
        }
        for (other, stage) in self.people.iter().filter(|(other, _)| *other != id) {
            match stage {
                Stage::Done(record) if record.card == card => {
                    return Err(OtherCard::Given {
                        name: record.name.clone(),
                        id: other.clone(),
                    });
                }
                Stage::Begun { card: begun } if begun == card => {
                    return Err(OtherCard::Reserved { id: other.clone() });
                }
                Stage::Done(_) | Stage::Begun { .. } | Stage::Due => {}
            }
        }
        Ok(())
    }
}
