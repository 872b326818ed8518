//! For whom a group is, and what a device says of itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{GroupEntry, Manifest, RELEASE};
use crate::function::Function;

/// Most words in one selector.
const MAX_WORDS: usize = 64;
/// Longest word of a selector, in bytes.
const MAX_WORD: usize = 100;

/// For which devices a group is: each list that is not empty has to admit the device.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Selectors {
    /// Kinds of device (`laptop`, `handset`, … as hostnamed calls the chassis); one of them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<String>,
    /// Models, as their makers call them; one of them, in whatever case.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub models: BTreeSet<String>,
    /// Serial numbers of devices; one of them, in whatever case.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<String>,
    /// Devices by the name that they gave themselves (`urn:uuid:…`); one of them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<String>,
    /// Functions that the device has; all of them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub functions: BTreeSet<Function>,
    /// Labels from the device's settings; all of them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// Of several groups for a device the one with the highest number is taken; at equal numbers
    /// the first of the manifest.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(priority: &i16) -> bool {
    *priority == 0
}

/// What a device says of itself when it chooses a group.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Properties {
    /// Its kind, in hostnamed's words for a chassis.
    pub kind: String,
    /// Its model, as its maker calls it.
    pub model: String,
    /// Its serial number, from its firmware; empty when it says none.
    pub serial: String,
    /// Its own name, `urn:uuid:…`.
    pub device: String,
    /// The functions that it has.
    pub functions: BTreeSet<Function>,
    /// Labels from its settings.
    pub labels: BTreeSet<String>,
    /// The group that its settings or its company's server name. It is taken only when it is for
    /// this device; and no other is taken in its place.
    pub group: Option<String>,
}

impl Selectors {
    /// Whether a group with these is for the device.
    pub fn admit(&self, device: &Properties) -> bool {
        let one_of = |words: &BTreeSet<String>, word: &str| {
            let is_named = words.iter().any(|named| named.eq_ignore_ascii_case(word));
            words.is_empty() || (!word.is_empty() && is_named)
        };
        one_of(&self.kinds, &device.kind)
            && one_of(&self.models, &device.model)
            && one_of(&self.serials, &device.serial)
            && one_of(&self.devices, &device.device)
            && self.functions.is_subset(&device.functions)
            && self.labels.is_subset(&device.labels)
    }

    /// Whether there are no more words than a manifest has room for.
    pub(super) fn is_bounded(&self) -> bool {
        let lists = [
            &self.kinds,
            &self.models,
            &self.serials,
            &self.devices,
            &self.labels,
        ];
        lists.into_iter().all(|words| {
            let fits = |word: &String| !word.trim().is_empty() && word.len() <= MAX_WORD;
            words.len() <= MAX_WORDS && words.iter().all(fits)
        })
    }
}

impl Manifest {
    /// The group for this device: of those that admit it, and have the name that it wants if it
    /// wants one, the one of the highest priority; at equal priority the first.
    pub fn select(&self, device: &Properties) -> Option<&GroupEntry> {
        let is_wanted =
            |entry: &GroupEntry| device.group.as_ref().is_none_or(|name| entry.name == *name);
        let mut chosen: Option<&GroupEntry> = None;
        for entry in &self.groups {
            let is_higher =
                chosen.is_none_or(|chosen| entry.selectors.priority > chosen.selectors.priority);
            if !entry.is_release() && is_higher && is_wanted(entry) && entry.selectors.admit(device)
            {
                chosen = Some(entry);
            }
        }
        chosen
    }

    /// The container of a release of the device of this name (`urn:uuid:…`), where the card
    /// carries one.
    pub fn release_for(&self, device: &str) -> Option<&GroupEntry> {
        self.groups
            .iter()
            .find(|entry| entry.is_release() && entry.selectors.devices.contains(device))
    }
}

impl GroupEntry {
    /// Whether it is no group, but a signed release of one device ([`RELEASE`]).
    pub fn is_release(&self) -> bool {
        self.members.contains(RELEASE)
    }
}
