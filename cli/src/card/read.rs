//! `cardwarden card read`: what a card holds, and whether this device believes it.

use std::collections::BTreeSet;

use cardwarden_card::{Profile, READING_TIME};
use cardwarden_policy::GroupEntry;
use cardwarden_policy::explain::chain;
use cardwarden_policy::manifest::Manifest;
use cardwarden_policy::trust::{Rejected, Verified};
use jiff::Timestamp;
use serde::Serialize;

use super::with_card;
use crate::args::CardRead;
use crate::failure::{Exit, Failure};
use crate::key;
use crate::output::{Lines, Output, harmless};

/// Shows what a card holds, and whether it is believed here.
pub(crate) fn read(arguments: &CardRead) -> Result<Output, Failure> {
    let anchors = key::anchors(&arguments.trust)?;
    let contents = with_card(
        arguments.reader.as_deref(),
        READING_TIME,
        |reader, profile| {
            let bytes = profile
                .read_manifest()
                .map_err(|error| Failure::because(format!("the card in {reader}"), &error))?;
            Ok(contents(
                reader,
                profile,
                &anchors.verify_at(&bytes, Some(Timestamp::now())),
            ))
        },
    )?;
    let exit = (!contents.verified || contents.groups.iter().any(|group| !group.verified))
        .then_some(Exit::Refused);
    let output = if arguments.json {
        Output::json(&contents)?
    } else {
        Output::text(describe(&contents))
    };
    Ok(match exit {
        Some(exit) => output.exiting(exit),
        None => output,
    })
}

/// `card read --json`.
#[derive(Serialize)]
struct Contents {
    reader: String,
    profile: &'static str,
    /// Whether a trusted key signed the manifest.
    verified: bool,
    /// Why not.
    problem: Option<Problem>,
    company: Option<String>,
    version: Option<u64>,
    issued: Option<Timestamp>,
    signer: Option<String>,
    groups: Vec<GroupContents>,
}

#[derive(Serialize)]
struct GroupContents {
    id: u16,
    name: String,
    kinds: BTreeSet<String>,
    length: u32,
    /// Whether the group is the one that was signed, and makes sense.
    verified: bool,
    problem: Option<Problem>,
    rules: Option<usize>,
    server: Option<String>,
}

#[derive(Serialize)]
struct Problem {
    code: &'static str,
    text: String,
}

fn contents(
    reader: &str,
    profile: &mut dyn Profile,
    manifest: &Result<Verified<Manifest>, Rejected>,
) -> Contents {
    let mut contents = Contents {
        reader: reader.to_owned(),
        profile: profile.name(),
        verified: false,
        problem: None,
        company: None,
        version: None,
        issued: None,
        signer: None,
        groups: Vec::new(),
    };
    match manifest {
        Err(rejected) => contents.problem = Some(problem(rejected)),
        Ok(manifest) => {
            contents.verified = true;
            contents.company = Some(manifest.company.clone());
            contents.version = Some(manifest.version);
            contents.issued = Some(manifest.issued);
            contents.signer = Some(manifest.signer().to_string());
            contents.groups = groups(profile, manifest);
        }
    }
    contents
}

fn groups(profile: &mut dyn Profile, manifest: &Verified<Manifest>) -> Vec<GroupContents> {
    let group = |entry: &GroupEntry| {
        let read = profile
            .read_group(entry)
            .map_err(|error| Problem {
                code: error.code(),
                text: chain(&error),
            })
            .and_then(|bytes| {
                manifest
                    .group(entry, &bytes)
                    .map_err(|rejected| problem(&rejected))
            });
        let mandate = read.as_ref().ok();
        GroupContents {
            id: entry.id,
            name: entry.name.clone(),
            kinds: entry.kinds.clone(),
            length: entry.length,
            verified: mandate.is_some(),
            rules: mandate.map(|mandate| mandate.policy.rules.len()),
            server: mandate
                .and_then(|mandate| mandate.account.as_ref())
                .map(|account| account.server_url.clone()),
            problem: read.err(),
        }
    };
    manifest.groups.iter().map(group).collect()
}

fn problem(rejected: &Rejected) -> Problem {
    Problem {
        code: rejected.code(),
        text: chain(rejected),
    }
}

fn describe(contents: &Contents) -> String {
    let mut lines = Lines::default();
    let mut line = |name: &str, what: &str| lines.pair(name, &harmless(what));
    line("Reader", &contents.reader);
    line("Card", contents.profile);
    if let Some(Problem { code, text }) = &contents.problem {
        line("Refused", &format!("{text} ({code})"));
    }
    if let (Some(company), Some(version), Some(issued), Some(signer)) = (
        &contents.company,
        contents.version,
        contents.issued,
        &contents.signer,
    ) {
        line("Company", company);
        line(
            "Version",
            &format!("{version}, issued {issued}, signed with trusted key {signer}"),
        );
    }
    for group in &contents.groups {
        let kinds = match group.kinds.len() {
            0 => "every kind of device".to_owned(),
            _ => group
                .kinds
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        };
        let state = if let Some(Problem { code, text }) = &group.problem {
            format!("refused: {text} ({code})")
        } else {
            let rules = match group.rules {
                Some(1) => "1 rule".to_owned(),
                rules => format!("{} rules", rules.unwrap_or_default()),
            };
            let server = group.server.as_deref().unwrap_or("none");
            format!("verified, {rules}, server {server}")
        };
        line(
            "Group",
            &format!(
                "{} “{}” for {kinds}, {} bytes: {state}",
                group.id, group.name, group.length
            ),
        );
    }
    lines.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_holds_is_shown_with_what_is_not_believed() {
        let group = |id, name: &str, problem: Option<Problem>| GroupContents {
            id,
            name: name.to_owned(),
            kinds: BTreeSet::new(),
            length: 120,
            verified: problem.is_none(),
            rules: problem.is_none().then_some(2),
            server: None,
            problem,
        };
        let torn = Problem {
            code: "group-mismatch",
            text: "its hash differs".to_owned(),
        };
        let contents = Contents {
            reader: "Virtual PCD 00 00".to_owned(),
            profile: "PIV",
            verified: true,
            problem: None,
            company: Some("B \u{1b}[2JCompany".to_owned()),
            version: Some(7),
            issued: Some(Timestamp::UNIX_EPOCH),
            signer: Some("0011223344556677".to_owned()),
            groups: vec![group(1, "laptops", None), group(2, "all", Some(torn))],
        };
        assert_eq!(
            describe(&contents),
            "\
Reader   Virtual PCD 00 00
Card     PIV
Company  B \u{fffd}[2JCompany
Version  7, issued 1970-01-01T00:00:00Z, signed with trusted key 0011223344556677
Group    1 “laptops” for every kind of device, 120 bytes: verified, 2 rules, server none
Group    2 “all” for every kind of device, 120 bytes: refused: its hash differs (group-mismatch)
"
        );
    }
}
