//! `cardwarden card`: what is in the readers, what a card holds, and writing one.

use std::collections::BTreeSet;
use std::path::Path;

use cardwarden_card::{
    Issue, ManagementKey, NamedGroup, Profile, READING_TIME, Readers, WRITING_TIME, issue, open,
};
use cardwarden_policy::manifest::{Account, Group, Manifest};
use cardwarden_policy::trust::{Anchor, Anchors, Rejected, Verified};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{CardRead, CardWrite};
use crate::failure::{Exit, Failure};
use crate::output::{Lines, Output, harmless};
use crate::{file, policy, release};

/// Where the device's trusted keys lie.
const TRUST: &str = "/etc/cardwarden/trust.d";
/// Longest certificate or public key that is read.
const MAX_PEM: usize = 64 * 1024;

/// `card list --json` is an array of these.
#[derive(Serialize)]
struct Slot<'a> {
    reader: &'a str,
    /// `empty`, `card`, or `mute` for one that does not answer.
    presence: &'static str,
    /// The answer to reset, in hexadecimal digits.
    atr: String,
}

/// Lists the readers.
pub(crate) fn list(json: bool) -> Result<Output, Failure> {
    let unreadable = |error| Failure::because("the readers cannot be listed", &error);
    let slots = Readers::open()
        .and_then(|readers| readers.list())
        .map_err(unreadable)?;
    if json {
        let slots: Vec<_> = slots
            .iter()
            .map(|slot| Slot {
                reader: &slot.name,
                presence: slot.presence.name(),
                atr: hex(&slot.atr),
            })
            .collect();
        return Output::json(&slots);
    }
    if slots.is_empty() {
        return Ok(Output::text("no card reader is connected\n"));
    }
    let mut lines = Lines::default();
    for slot in slots {
        lines.add(&format!(
            "{:<6} {}",
            slot.presence.name(),
            harmless(&slot.name)
        ));
    }
    Ok(Output::text(lines.into_text()))
}

/// Shows what a card holds, and whether it is believed here.
pub(crate) fn read(arguments: &CardRead) -> Result<Output, Failure> {
    let anchors = anchors(&arguments.trust)?;
    let contents = with_card(
        arguments.reader.as_deref(),
        READING_TIME,
        |reader, profile| {
            let bytes = profile
                .read_manifest()
                .map_err(|error| Failure::because(format!("the card in {reader}"), &error))?;
            Ok(contents(reader, profile, &anchors.verify(&bytes)))
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
    let group = |entry: &cardwarden_policy::GroupEntry| {
        let read = profile
            .read_group(entry)
            .map_err(|error| Problem {
                code: error.code(),
                text: crate::failure::chain(&error),
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
            rules: mandate.map(|mandate| mandate.group.policy.rules.len()),
            server: mandate
                .and_then(|mandate| mandate.group.account.as_ref())
                .map(|account| account.server_url.clone()),
            problem: read.err(),
        }
    };
    manifest.groups.iter().map(group).collect()
}

fn problem(rejected: &Rejected) -> Problem {
    Problem {
        code: rejected.code(),
        text: crate::failure::chain(rejected),
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

/// Writes a policy to a card.
pub(crate) fn write(arguments: &CardWrite) -> Result<Output, Failure> {
    let policy = policy::read(&arguments.policy)?;
    let key = release::signing_key(&arguments.key)?;
    let management = match &arguments.management_key {
        None => ManagementKey::factory(),
        Some(hex) => ManagementKey::from_hex(hex)
            .map_err(|error| Failure::because("--management-key", &error))?,
    };
    let group = Group {
        policy,
        account: account(arguments)?,
    };
    let content = Issue {
        company: arguments.company.clone(),
        version: arguments.version,
        issued: Timestamp::now(),
        groups: vec![NamedGroup {
            name: arguments.group.clone(),
            kinds: arguments.kinds.iter().cloned().collect(),
            group,
        }],
    };
    with_card(
        arguments.reader.as_deref(),
        WRITING_TIME,
        |reader, profile| {
            let receipt = issue(profile, &management, &content, |manifest| {
                key.sign(manifest)
            })
            .map_err(|error| Failure::because(format!("the card in {reader}"), &error))?;
            Ok(Output::text(format!(
                "the card in {} holds version {} of the policy of {}\n",
                harmless(reader),
                receipt.manifest.version,
                harmless(&receipt.manifest.company)
            )))
        },
    )
}

fn account(arguments: &CardWrite) -> Result<Option<Account>, Failure> {
    let (Some(url), Some(id), Some(ca)) = (
        &arguments.server_url,
        &arguments.server_id,
        &arguments.server_ca,
    ) else {
        return Ok(None);
    };
    if !url.starts_with("https://") {
        return Err(Failure::new(format!(
            "--server-url {url}: the address starts with https://"
        )));
    }
    Ok(Some(Account {
        server_url: url.trim_end_matches('/').to_owned(),
        server_id: id.clone(),
        ca: certificate(ca)?,
    }))
}

/// The first certificate of a PEM file, in DER.
fn certificate(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = file::read_text(path, MAX_PEM)?;
    let none = || Failure::new(format!("{} holds no certificate in PEM", path.display()));
    let (_, rest) = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .ok_or_else(none)?;
    let (body, _) = rest
        .split_once("-----END CERTIFICATE-----")
        .ok_or_else(none)?;
    let body: String = body.split_whitespace().collect();
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body)
        .map_err(|error| Failure::because(format!("{} is damaged", path.display()), &error))
}

/// Speaks with the card in the reader of this name, or with the only card there is.
fn with_card<T>(
    reader: Option<&str>,
    time: std::time::Duration,
    speak: impl FnOnce(&str, &mut dyn Profile) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let unreachable = |error| Failure::because("no card can be reached", &error);
    let readers = Readers::open().map_err(unreachable)?;
    let mut connection = readers.connect(reader).map_err(unreachable)?;
    let reader = connection.reader().to_owned();
    let exclusive = connection.transaction().map_err(unreachable)?;
    let mut profile = open(exclusive, time)
        .map_err(|error| Failure::because(format!("the card in {reader}"), &error))?;
    speak(&reader, profile.as_mut())
}

/// The device's trusted keys and those that were named. A directory that is not there trusts
/// nobody.
fn anchors(named: &[std::path::PathBuf]) -> Result<Anchors, Failure> {
    let mut paths = Vec::new();
    if let Ok(entries) = std::fs::read_dir(TRUST) {
        let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "pem")));
    }
    paths.extend(named.iter().cloned());
    let anchor = |path: &std::path::PathBuf| {
        Anchor::from_pem(&file::read_text(path, MAX_PEM)?)
            .map_err(|error| Failure::because(path.display().to_string(), &error))
    };
    paths.iter().map(anchor).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Readable;

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

    #[test]
    fn the_first_certificate_of_a_file_is_taken_and_others_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let pem = "x\n-----BEGIN CERTIFICATE-----\nMAMC\nAQU=\n-----END CERTIFICATE-----\n";
        file::create(&path, pem.as_bytes(), Readable::All).unwrap();
        assert_eq!(certificate(&path).unwrap(), [0x30, 3, 2, 1, 5]);

        let other = directory.path().join("key.pem");
        file::create(&other, b"-----BEGIN PUBLIC KEY-----\n", Readable::All).unwrap();
        assert!(
            certificate(&other)
                .unwrap_err()
                .text
                .contains("no certificate")
        );
    }
}
