//! `cardwarden card read`: what a card holds, and whether this device believes it.

mod one;

use cardwarden_card::{Pin, READING_TIME};
use cardwarden_policy::manifest::{Mandate, Manifest};
use cardwarden_policy::{Anchors, GroupEntry, Rejected, Verified};
use jiff::Timestamp;
use serde::Serialize;

use super::args::Read;
use super::manifest::Directory;
use super::pin;
use super::reach::{Reached, Trouble, kind, with_card};
use super::shown::{Entry, Problem, audience};
use crate::failure::{Exit, Failure};
use crate::key;
use crate::output::{Lines, Output, harmless};

/// Shows what a card holds, and whether it is believed here.
pub(super) fn read(arguments: &Read) -> Result<Output, Failure> {
    let anchors = key::anchors(&arguments.trust)?;
    match &arguments.group {
        None => read_all(arguments, &anchors),
        Some(group) => one::read_one(arguments, &anchors, group),
    }
}

/// `card read --json`.
#[derive(Serialize)]
struct Contents {
    reader: String,
    profile: &'static str,
    /// Whether a trusted key signed the manifest, and why not.
    verified: bool,
    problem: Option<Problem>,
    company: Option<String>,
    version: Option<u64>,
    issued: Option<Timestamp>,
    signer: Option<String>,
    groups: Vec<GroupContents>,
}

/// A group that was read.
#[derive(Serialize)]
struct GroupContents {
    #[serde(flatten)]
    entry: Entry,
    /// Whether the group is the one that was signed, and makes sense.
    verified: bool,
    problem: Option<Problem>,
    rules: Option<usize>,
    server: Option<String>,
}

fn read_all(arguments: &Read, anchors: &Anchors) -> Result<Output, Failure> {
    let pin = arguments
        .pin_file
        .as_deref()
        .map(|file| pin::ask(QUESTION, Some(file), "--pin-file"))
        .transpose()?;
    let source = arguments.at.source();
    let contents = with_card(source, READING_TIME, "reading the card", |card| {
        let bytes = card
            .profile
            .read_manifest()
            .map_err(|error| card.blame(&error))?;
        give(card, pin.as_ref())?;
        let (directory, believed) = Directory::read(&bytes, anchors, Timestamp::now());
        let groups = believed.map_or_else(
            |_rejected| Vec::new(),
            |manifest| {
                let groups = manifest.groups.iter();
                groups.map(|entry| group(card, &manifest, entry)).collect()
            },
        );
        Ok(Contents::of(card, directory, groups))
    })?;
    let is_whole = contents
        .groups
        .iter()
        .all(|group| group.verified || group.is_locked());
    let output = if arguments.at.json {
        Output::json(&contents)?
    } else {
        Output::text(contents.describe())
    };
    Ok(if contents.verified && is_whole {
        output
    } else {
        output.exiting(Exit::Refused)
    })
}

/// What is asked for.
const QUESTION: &str = "the card's PIN";

fn give(card: &mut Reached<'_>, pin: Option<&Pin>) -> Result<(), Trouble> {
    match pin {
        None => Ok(()),
        Some(pin) => card
            .profile
            .verify_pin(pin)
            .map_err(|error| card.blame(&error)),
    }
}

fn group(
    card: &mut Reached<'_>,
    manifest: &Verified<Manifest>,
    entry: &GroupEntry,
) -> GroupContents {
    let read = card
        .profile
        .read_group(entry)
        .map_err(|error| Problem::of_card(&error))
        .and_then(|bytes| {
            believe(manifest, entry, &bytes).map_err(|rejected| Problem::of_trust(&rejected))
        });
    let mandate = read.as_ref().ok().and_then(Option::as_ref);
    GroupContents {
        entry: Entry::from(entry),
        verified: read.is_ok(),
        rules: mandate.map(|mandate| mandate.policy.rules.len()),
        server: mandate
            .and_then(|mandate| mandate.account.as_ref())
            .map(|account| account.server_url.clone()),
        problem: read.err(),
    }
}

/// Believes a group, or a release to be the one that was put there; there is no mandate in that.
fn believe(
    manifest: &Verified<Manifest>,
    entry: &GroupEntry,
    bytes: &[u8],
) -> Result<Option<Verified<Mandate>>, Rejected> {
    if entry.is_release() {
        return manifest.release(entry, bytes).map(|_statement| None);
    }
    manifest.group(entry, bytes).map(Some)
}

impl GroupContents {
    /// Whether only the PIN is missing.
    fn is_locked(&self) -> bool {
        self.problem
            .as_ref()
            .is_some_and(|problem| problem.code == "pin-needed")
    }

    fn describe(&self) -> String {
        let state = match &self.problem {
            Some(_locked) if self.is_locked() => format!(
                "locked: `cardwarden card read {}` asks for the PIN",
                self.entry.name
            ),
            Some(Problem { code, text }) => format!("refused: {text} ({code})"),
            None if self.entry.release => "verified, a release".to_owned(),
            None => {
                let rules = match self.rules {
                    Some(1) => "1 rule".to_owned(),
                    rules => format!("{} rules", rules.unwrap_or_default()),
                };
                let server = self.server.as_deref().unwrap_or("none");
                format!("verified, {rules}, server {server}")
            }
        };
        format!(
            "{} “{}” for {}, {} bytes: {state}",
            self.entry.id,
            self.entry.name,
            audience(&self.entry.selectors),
            self.entry.length
        )
    }
}

impl Contents {
    fn of(card: &Reached<'_>, directory: Directory, groups: Vec<GroupContents>) -> Self {
        Self {
            reader: card.reader.to_owned(),
            profile: card.profile.name(),
            verified: directory.verified,
            problem: directory.problem,
            company: directory.company,
            version: directory.version,
            issued: directory.issued,
            signer: directory.signer,
            groups,
        }
    }

    fn describe(&self) -> String {
        let mut lines = Lines::default();
        let mut line = |name: &str, what: &str| lines.pair(name, &harmless(what));
        line("Reader", &self.reader);
        line("Card", kind(self.profile));
        if let Some(Problem { code, text }) = &self.problem {
            line("Refused", &format!("{text} ({code})"));
        }
        if let (Some(company), Some(version), Some(issued), Some(signer)) =
            (&self.company, self.version, self.issued, &self.signer)
        {
            let trusted = if self.verified {
                "trusted key"
            } else {
                "unknown key"
            };
            line("Company", company);
            line(
                "Version",
                &format!("{version}, issued {issued}, signed with {trusted} {signer}"),
            );
        }
        for group in &self.groups {
            line("Group", &group.describe());
        }
        lines.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_holds_is_shown_with_what_is_not_believed() {
        let group = |id, name: &str, problem: Option<Problem>| GroupContents {
            entry: Entry::from(&GroupEntry::describing(id, name, &[0; 120], vec![])),
            verified: problem.is_none(),
            rules: problem.is_none().then_some(2),
            server: None,
            problem,
        };
        let problem = |code, text: &str| Problem {
            code,
            text: text.to_owned(),
        };
        let torn = problem("group-mismatch", "its hash differs");
        let locked = problem("pin-needed", "the card gives this only after its PIN");
        let contents = Contents {
            reader: "Virtual PCD 00 00".to_owned(),
            profile: "piv",
            verified: true,
            problem: None,
            company: Some("B \u{1b}[2JCompany".to_owned()),
            version: Some(7),
            issued: Some(Timestamp::UNIX_EPOCH),
            signer: Some("0011223344556677".to_owned()),
            groups: vec![
                group(1, "laptops", None),
                group(2, "all", Some(torn)),
                group(3, "lab", Some(locked)),
            ],
        };
        assert_eq!(
            contents.describe(),
            "\
Reader   Virtual PCD 00 00
Card     PIV
Company  B \u{fffd}[2JCompany
Version  7, issued 1970-01-01T00:00:00Z, signed with trusted key 0011223344556677
Group    1 “laptops” for every device, 120 bytes: verified, 2 rules, server none
Group    2 “all” for every device, 120 bytes: refused: its hash differs (group-mismatch)
Group    3 “lab” for every device, 120 bytes: locked: `cardwarden card read lab` asks for the PIN
"
        );
    }
}
