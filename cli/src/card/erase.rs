//! `cardwarden card erase`: takes off a card what is ours, and nothing else.

use cardwarden_card::{READING_TIME, profile};
use cardwarden_policy::Anchors;
use jiff::Timestamp;
use serde::Serialize;

use super::args::Erase;
use super::authority::Asking;
use super::manifest::Directory;
use super::reach::with_card;
use super::shown::Problem;
use crate::failure::Failure;
use crate::output::{Output, confirm, harmless};

/// `card erase --json`.
#[derive(Serialize)]
struct Erased {
    reader: String,
    profile: &'static str,
    apdus: u32,
}

/// Erases a card.
pub(super) fn erase(arguments: &Erase) -> Result<Output, Failure> {
    let mut asking = Asking::new(&arguments.authorities)?;
    let source = arguments.at.source();
    if !arguments.yes {
        let held = with_card(source, READING_TIME, "reading the card", |card| {
            let holds = match card.profile.read_manifest() {
                Ok(bytes) => Directory::read(&bytes, &Anchors::default(), Timestamp::now()).0,
                Err(error) => Directory::unread(Problem::of_card(&error)),
            };
            Ok(format!("{} holds {}", card.card(), in_short(&holds)))
        })?;
        confirm(&format!(
            "{}.\nOnly the company can write it again, and devices keep what they took from it. \
             Take everything of Cardwarden off it?",
            harmless(&held)
        ))?;
    }
    let erased = asking.with(source, "erasing the card", |card, authority| {
        card.profile.authenticate(authority)?;
        card.profile.erase()?;
        match card.profile.read_manifest() {
            Err(profile::Error::NoManifest) => {}
            Err(error) => return Err(error.into()),
            Ok(_bytes) => {
                return Err(Failure::new(format!("{} still holds a policy", card.card())).into());
            }
        }
        Ok(Erased {
            reader: card.reader.to_owned(),
            profile: card.profile.name(),
            apdus: card.profile.exchanges(),
        })
    })?;
    if arguments.at.json {
        return Output::json(&erased);
    }
    Ok(Output::text(format!(
        "the card in {} holds nothing of Cardwarden any more; what others put there is untouched\n",
        harmless(&erased.reader)
    )))
}

fn in_short(held: &Directory) -> String {
    match (&held.company, held.version, &held.problem) {
        (Some(company), Some(version), _) => format!("version {version} of {company}"),
        (_, _, Some(problem)) if problem.code == "not-ours" => "no company's policy".to_owned(),
        (_, _, _) => "something of Cardwarden that cannot be read here".to_owned(),
    }
}
