//! `cardwarden card list`: the readers, the cards in them, and the groups that each card names.
//! Groups themselves are not read, and no PIN is asked for.

use cardwarden_card::modem::Place;
use cardwarden_card::{Presence, READING_TIME, Readers, Slot, profile};
use cardwarden_policy::Anchors;
use jiff::Timestamp;
use serde::Serialize;

use super::args::List;
use super::manifest::Directory;
use super::reach::{Reached, Source, Trouble, kind, unreachable, with_card, with_card_of};
use super::shown::{Problem, hex};
use crate::failure::Failure;
use crate::key;
use crate::output::{Lines, Output, harmless};

/// What is done meanwhile.
const DOING: &str = "reading the card";

/// `card list --json` is an array of these.
#[derive(Serialize)]
struct Shown {
    reader: String,
    /// `empty`, `card`, or `mute` for one that does not answer.
    presence: &'static str,
    /// The answer to reset, in hexadecimal digits.
    atr: String,
    /// How the card is read: `piv`, `openpgp` or `pkcs15`; `null` when it is none of ours.
    profile: Option<&'static str>,
    /// What the card says it holds.
    #[serde(flatten)]
    directory: Directory,
}

/// Lists the readers, or what is in a modem.
pub(super) fn list(arguments: &List) -> Result<Output, Failure> {
    let anchors = key::anchors(&arguments.trust)?;
    let shown = match &arguments.modem {
        Some(modem) => vec![show_sim(modem, &anchors)?],
        None => show_readers(arguments.reader.as_deref(), &anchors)?,
    };
    if arguments.json {
        return Output::json(&shown);
    }
    if shown.is_empty() {
        return Ok(Output::text("no card reader is connected\n"));
    }
    let mut lines = Lines::default();
    for slot in &shown {
        describe(slot, &mut lines);
    }
    Ok(Output::text(lines.into_text()))
}

fn show_readers(only: Option<&str>, anchors: &Anchors) -> Result<Vec<Shown>, Failure> {
    let readers = Readers::open().map_err(|error| unreachable(&error))?;
    let slots = readers.list().map_err(|error| unreachable(&error))?;
    Ok(slots
        .into_iter()
        .filter(|slot| only.is_none_or(|name| name == slot.name))
        .map(|slot| show(&readers, slot, anchors))
        .collect())
}

fn show(readers: &Readers, slot: Slot, anchors: &Anchors) -> Shown {
    let mut shown = Shown {
        reader: slot.name,
        presence: slot.presence.name(),
        atr: hex(&slot.atr),
        profile: None,
        directory: Directory::default(),
    };
    if slot.presence == Presence::Card {
        let read = with_card_of(readers, &shown.reader, READING_TIME, DOING, look);
        shown.fill(read, anchors);
    }
    shown
}

/// A modem does not show its SIM's answer to reset.
fn show_sim(modem: &Place, anchors: &Anchors) -> Result<Shown, Failure> {
    let read = match with_card(Source::Modem(modem), READING_TIME, DOING, look) {
        // Whether there is a SIM at all is known only once it answers.
        Err(trouble) if trouble.code != "not-ours" => return Err(trouble.into()),
        read => read,
    };
    let mut shown = Shown {
        reader: modem.to_string(),
        presence: Presence::Card.name(),
        atr: String::new(),
        profile: None,
        directory: Directory::default(),
    };
    shown.fill(read, anchors);
    Ok(shown)
}

/// What a card is and says, as far as it says anything.
type Looked = (&'static str, Result<Vec<u8>, profile::Error>);

#[expect(clippy::unnecessary_wraps, reason = "a conversation may fail")]
fn look(card: &mut Reached<'_>) -> Result<Looked, Trouble> {
    let manifest = card.profile.read_manifest();
    Ok((card.profile.name(), manifest))
}

impl Shown {
    fn fill(&mut self, read: Result<Looked, Trouble>, anchors: &Anchors) {
        self.directory = match read {
            Ok((profile, manifest)) => {
                self.profile = Some(profile);
                match manifest {
                    Ok(bytes) => Directory::read(&bytes, anchors, Timestamp::now()).0,
                    Err(error) => Directory::unread(Problem::of_card(&error)),
                }
            }
            Err(trouble) => Directory::unread(Problem {
                code: trouble.code,
                text: trouble.failure.text,
            }),
        };
    }
}

fn describe(slot: &Shown, lines: &mut Lines) {
    lines.add(&format!("{:<6} {}", slot.presence, harmless(&slot.reader)));
    if let Some(profile) = slot.profile {
        lines.add(&format!("  Card     {}", kind(profile)));
    }
    let mut inner = Lines::default();
    slot.directory.describe(&mut inner);
    for line in inner.into_text().lines() {
        lines.add(&format!("  {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_reader_is_one_line_and_a_strange_card_says_why() {
        let shown = |presence, profile, directory| {
            let mut lines = Lines::default();
            let slot = Shown {
                reader: "Virtual PCD 00 00".to_owned(),
                presence,
                atr: String::new(),
                profile,
                directory,
            };
            describe(&slot, &mut lines);
            lines.into_text()
        };
        assert_eq!(
            shown("empty", None, Directory::default()),
            "empty  Virtual PCD 00 00\n"
        );
        let problem = Problem {
            code: "not-ours",
            text: "the card holds no company's policy".to_owned(),
        };
        assert_eq!(
            shown("card", Some("openpgp"), Directory::unread(problem)),
            "card   Virtual PCD 00 00\n  Card     OpenPGP\n  State    \
             the card holds no company's policy (not-ours)\n"
        );
    }
}
