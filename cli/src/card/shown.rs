//! How groups and cards are shown, to people and to programs.

use std::collections::BTreeSet;

use cardwarden_policy::explain::chain;
use cardwarden_policy::manifest::{CardIdentity, GroupEntry, Selectors};
use cardwarden_policy::trust::Rejected;
use serde::Serialize;

/// What is wrong, in a stable word and in a sentence.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl Problem {
    /// What trust says.
    pub(super) fn of_trust(rejected: &Rejected) -> Self {
        Self {
            code: rejected.code(),
            text: chain(rejected),
        }
    }

    /// What a card says.
    pub(super) fn of_card(error: &cardwarden_card::profile::Error) -> Self {
        Self {
            code: error.code(),
            text: chain(error),
        }
    }
}

/// A group, as a manifest has it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    pub(super) id: u16,
    pub(super) name: String,
    /// The Management Objects in it, by their identifiers.
    pub(super) members: BTreeSet<String>,
    /// For whom it is.
    #[serde(rename = "for")]
    pub(super) selectors: Selectors,
    /// The containers that hold it, as the profile numbers them, hexadecimal.
    pub(super) containers: Vec<String>,
    /// Bytes.
    pub(super) length: u32,
    /// SHA-256, hexadecimal.
    pub(super) sha256: String,
    /// Whether it is read with the card's PIN only.
    pub(super) pin: bool,
    /// Whether it is a signed release instead of Management Objects.
    pub(super) release: bool,
}

impl From<&GroupEntry> for Entry {
    fn from(entry: &GroupEntry) -> Self {
        Self {
            id: entry.id,
            name: entry.name.clone(),
            members: entry.members.clone(),
            selectors: entry.selectors.clone(),
            containers: entry.containers.iter().map(|id| container(*id)).collect(),
            length: entry.length,
            sha256: hex(&entry.sha256),
            pin: entry.pin,
            release: entry.is_release(),
        }
    }
}

impl Entry {
    /// In one line.
    pub(super) fn line(&self) -> String {
        let pin = if self.pin { ", PIN needed" } else { "" };
        let begin: String = self.sha256.chars().take(SHOWN_DIGITS).collect();
        format!(
            "{} “{}” for {}: {}, {} bytes in {}, SHA-256 {begin}…{pin}",
            self.id,
            self.name,
            audience(&self.selectors),
            joined(&self.members),
            self.length,
            self.containers.join(" ")
        )
    }
}

/// Digits of a hash that people are shown.
const SHOWN_DIGITS: usize = 16;

/// A container, as its profile's documents number it.
pub(super) fn container(id: u32) -> String {
    if id > 0xFFFF {
        format!("{id:06X}")
    } else {
        format!("{id:04X}")
    }
}

/// By what a card is known.
pub(super) fn identity(card: &CardIdentity) -> String {
    match card {
        CardIdentity::Key(_) => format!("its own key, {}", hex(&card.fingerprint().0)),
        CardIdentity::Serial { serial, .. } => {
            format!("copyable card, serial number {}", hex(serial))
        }
    }
}

/// For whom a group is, in words.
pub(crate) fn audience(selectors: &Selectors) -> String {
    let functions: BTreeSet<String> = selectors
        .functions
        .iter()
        .map(ToString::to_string)
        .collect();
    let lists = [
        ("kind", &selectors.kinds, " or "),
        ("model", &selectors.models, " or "),
        ("serial", &selectors.serials, " or "),
        ("device", &selectors.devices, " or "),
        ("function", &functions, " and "),
        ("label", &selectors.labels, " and "),
    ];
    let mut words: Vec<String> = lists
        .into_iter()
        .filter(|(_, list, _)| !list.is_empty())
        .map(|(name, list, between)| {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            format!("{name} {}", list.join(between))
        })
        .collect();
    if words.is_empty() {
        words.push("every device".to_owned());
    }
    if selectors.priority != 0 {
        words.push(format!("priority {}", selectors.priority));
    }
    words.join(", ")
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn joined(words: &BTreeSet<String>) -> String {
    if words.is_empty() {
        return "no Management Objects".to_owned();
    }
    words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" + ")
}

#[cfg(test)]
mod tests {
    use cardwarden_policy::Function;

    use super::*;

    #[test]
    fn a_group_is_told_with_everything_that_narrows_it() {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
        let selectors = Selectors {
            kinds: words(&["laptop", "convertible"]),
            labels: words(&["field", "lab"]),
            functions: [Function::Camera].into(),
            priority: -3,
            ..Selectors::default()
        };
        assert_eq!(
            audience(&selectors),
            "kind convertible or laptop, function camera, label field and lab, priority -3"
        );
        assert_eq!(audience(&Selectors::default()), "every device");
        let mut entry = GroupEntry::describing(2, "lab", b"x", vec![0x005F_C10D, 0x5001]);
        entry.selectors = selectors;
        entry.pin = true;
        let line = Entry::from(&entry).line();
        assert!(line.starts_with("2 “lab” for kind convertible"), "{line}");
        assert!(
            line.contains("1 bytes in 5FC10D 5001, SHA-256 2d711642b726b044…, PIN needed"),
            "{line}"
        );
    }

    #[test]
    fn a_card_is_told_by_its_key_or_as_one_that_can_be_copied() {
        let serial = CardIdentity::Serial {
            profile: "openpgp".to_owned(),
            serial: vec![0xD2, 0x76],
        };
        assert_eq!(identity(&serial), "copyable card, serial number d276");
        let key = identity(&CardIdentity::Key(vec![4; 65]));
        assert!(
            key.starts_with("its own key, ") && key.len() == 13 + 64,
            "{key}"
        );
    }
}
