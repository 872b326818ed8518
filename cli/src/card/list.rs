//! `cardwarden card list`: the readers, the cards in them, and the groups that each card names.
//! Groups themselves are not read, and no PIN is asked for.

use cardwarden_card::{Presence, READING_TIME, Readers, Slot};
use cardwarden_policy::Anchors;
use jiff::Timestamp;
use serde::Serialize;

use super::args::List;
use super::manifest::Directory;
use super::reach::{kind, unreachable, with_card_of};
use super::shown::{Problem, hex};
use crate::failure::Failure;
use crate::key;
use crate::output::{Lines, Output, harmless};

/// `card list --json` is an array of these.
#[derive(Serialize)]
struct Shown<'a> {
    reader: &'a str,
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

/// Lists the readers.
pub(super) fn list(arguments: &List) -> Result<Output, Failure> {
    let anchors = key::anchors(&arguments.trust)?;
    let readers = Readers::open().map_err(|error| unreachable(&error))?;
    let slots = readers.list().map_err(|error| unreachable(&error))?;
    let slots: Vec<Slot> = slots
        .into_iter()
        .filter(|slot| {
            arguments
                .reader
                .as_ref()
                .is_none_or(|name| *name == slot.name)
        })
        .collect();
    let shown: Vec<Shown<'_>> = slots
        .iter()
        .map(|slot| show(&readers, slot, &anchors))
        .collect();
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

fn show<'a>(readers: &Readers, slot: &'a Slot, anchors: &Anchors) -> Shown<'a> {
    let mut shown = Shown {
        reader: &slot.name,
        presence: slot.presence.name(),
        atr: hex(&slot.atr),
        profile: None,
        directory: Directory::default(),
    };
    if slot.presence != Presence::Card {
        return shown;
    }
    let read = with_card_of(
        readers,
        Some(&slot.name),
        READING_TIME,
        "reading the card",
        |card| {
            let manifest = card.profile.read_manifest();
            Ok((card.profile.name(), manifest))
        },
    );
    match read {
        Ok((profile, manifest)) => {
            shown.profile = Some(profile);
            shown.directory = match manifest {
                Ok(bytes) => Directory::read(&bytes, anchors, Timestamp::now()).0,
                Err(error) => Directory::unread(Problem::of_card(&error)),
            };
        }
        Err(trouble) => {
            shown.directory = Directory::unread(Problem {
                code: trouble.code,
                text: trouble.failure.text,
            });
        }
    }
    shown
}

fn describe(slot: &Shown<'_>, lines: &mut Lines) {
    lines.add(&format!("{:<6} {}", slot.presence, harmless(slot.reader)));
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
                reader: "Virtual PCD 00 00",
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
