//! `cardwarden card`: what is in the readers, what a card holds, and writing one.

mod read;

use std::path::Path;

use cardwarden_card::{
    Issue, ManagementKey, NamedGroup, Profile, Readers, WRITING_TIME, issue, open,
};
use cardwarden_policy::manifest::{Account, Group};
use cardwarden_policy::trust::sign;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::CardWrite;
use crate::failure::Failure;
use crate::output::{Lines, Output, harmless};
use crate::{file, key, policy};
pub(crate) use read::read;

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

/// Writes a policy to a card.
pub(crate) fn write(arguments: &CardWrite) -> Result<Output, Failure> {
    let policy = policy::read(&arguments.policy)?;
    let key = key::open(&arguments.signing)?;
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
                sign(&key, manifest)
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
