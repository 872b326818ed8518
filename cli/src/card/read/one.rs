//! One group of a card, with the PIN where it needs one.

use cardwarden_card::{Pin, READING_TIME, profile};
use cardwarden_policy::manifest::Manifest;
use cardwarden_policy::{Anchors, GroupEntry, Verified, describe};
use jiff::Timestamp;
use serde::Serialize;

use super::{QUESTION, believe, give};
use crate::card::args::Read;
use crate::card::pin;
use crate::card::reach::{Reached, Trouble, blame, with_card};
use crate::card::shown::Entry;
use crate::failure::{Exit, Failure};
use crate::file::{self, Readable};
use crate::output::{Lines, Output, harmless};

/// `card read GROUP --json`.
#[derive(Serialize)]
struct Content {
    reader: String,
    company: String,
    version: u64,
    #[serde(flatten)]
    entry: Entry,
    server: Option<String>,
    /// What the policy does, in sentences.
    policy: Vec<Paragraph>,
}

#[derive(Serialize)]
struct Paragraph {
    heading: &'static str,
    sentences: Vec<String>,
}

/// A group that was found in a believed manifest.
struct Found {
    card: String,
    reader: String,
    manifest: Verified<Manifest>,
    entry: GroupEntry,
    /// Its bytes, or that the PIN is needed.
    bytes: Result<Vec<u8>, profile::Error>,
}

/// Shows one group, and writes it to a file when that is asked for.
pub(super) fn read_one(arguments: &Read, anchors: &Anchors, name: &str) -> Result<Output, Failure> {
    let source = arguments.at.source();
    let found = with_card(source, READING_TIME, "reading the card", |card| {
        find(card, anchors, name, None)
    })?;
    let found = match &found.bytes {
        // The PIN is typed while nobody is kept from the card.
        Err(profile::Error::PinNeeded { tries }) => {
            let question = format!("{QUESTION}{}", pin::tries(*tries));
            let pin = pin::ask(&question, arguments.pin_file.as_deref(), "--pin-file")?;
            with_card(source, READING_TIME, "reading the card", |card| {
                find(card, anchors, name, Some(&pin))
            })?
        }
        Ok(_) | Err(_) => found,
    };
    let bytes = found.bytes.map_err(|error| blame(&found.card, &error))?;
    let mandate = believe(&found.manifest, &found.entry, &bytes).map_err(|rejected| {
        Failure::because(
            format!("{}: “{name}” is not believed", found.card),
            &rejected,
        )
        .exiting(Exit::Refused)
    })?;
    if let Some(out) = &arguments.out {
        file::create(out, &bytes, Readable::Owner)?;
    }
    let content = Content {
        reader: found.reader,
        company: found.manifest.company.clone(),
        version: found.manifest.version,
        entry: Entry::from(&found.entry),
        server: mandate
            .as_ref()
            .and_then(|mandate| mandate.account.as_ref())
            .map(|account| account.server_url.clone()),
        policy: mandate.as_ref().map_or_else(Vec::new, |mandate| {
            describe::policy(&mandate.policy)
                .into_iter()
                .map(|paragraph| Paragraph {
                    heading: paragraph.heading,
                    sentences: paragraph.sentences,
                })
                .collect()
        }),
    };
    if arguments.at.json {
        return Output::json(&content);
    }
    Ok(Output::text(content.describe()))
}

fn find(
    card: &mut Reached<'_>,
    anchors: &Anchors,
    name: &str,
    pin: Option<&Pin>,
) -> Result<Found, Trouble> {
    let bytes = card
        .profile
        .read_manifest()
        .map_err(|error| card.blame(&error))?;
    let manifest = anchors
        .verify_at::<Manifest>(&bytes, Some(Timestamp::now()))
        .map_err(|rejected| {
            Failure::because(format!("{} is not believed", card.card()), &rejected)
                .exiting(Exit::Refused)
        })?;
    let is_meant = |entry: &&GroupEntry| entry.name == name || entry.id.to_string() == name;
    let entry = manifest.groups.iter().find(is_meant).cloned();
    let Some(entry) = entry else {
        let names: Vec<&str> = manifest
            .groups
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        return Err(Failure::new(format!(
            "{} has no group “{}”; there are: {}",
            card.card(),
            harmless(name),
            harmless(&names.join(", "))
        ))
        .into());
    };
    give(card, pin)?;
    let bytes = card.profile.read_group(&entry);
    Ok(Found {
        card: card.card(),
        reader: card.reader.to_owned(),
        manifest,
        entry,
        bytes,
    })
}

impl Content {
    fn describe(&self) -> String {
        let mut lines = Lines::default();
        lines.pair("Company", &harmless(&self.company));
        lines.pair("Version", &self.version.to_string());
        lines.pair("Group", &harmless(&self.entry.line()));
        lines.pair(
            "Server",
            &harmless(self.server.as_deref().unwrap_or("none")),
        );
        for paragraph in &self.policy {
            lines.add("");
            lines.add(paragraph.heading);
            for sentence in &paragraph.sentences {
                lines.add(&format!("  {}", harmless(sentence)));
            }
        }
        lines.into_text()
    }
}
