//! The policy language: a baseline for each function, then rules and tasks. One model; TOML is how
//! people write it ([`Policy::from_toml`]), Management Objects are how it travels ([`crate::mo`]).

mod check;
mod notice;
mod rule;
mod task;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::check::Unfit;
pub use self::notice::Notice;
pub use self::rule::{Action, OnUnknown, Rule, Storage};
pub use self::task::{At, Missed, Monthly, Once, Task, WeeklyAt};
use crate::condition::{Condition, Reached, Zone};
use crate::diagnosis::Malformed;
use crate::function::Function;
use crate::span::Span;
use crate::trust::Rejected;

/// Most rules about functions other than USB. Each has a refusal counter in the kernel.
pub const MAX_RULES: usize = 1000;
/// Most rules in all: those about USB alone are held by authorisation, and need no counter.
pub const MAX_USB_RULES: usize = 10_000;
/// Most matches of USB devices in all rules together.
pub const MAX_MATCHES: usize = 20_000;
/// Most tasks.
pub const MAX_TASKS: usize = 100;
/// Longest text (names, notices), in bytes.
pub const MAX_TEXT: usize = 500;
/// Longest policy as text, in bytes.
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// What a company wants of a device.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Policy {
    /// Whose policy it is, as people know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Where people ask: an address or a telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// A web page that helps further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The zone of every window, period and task that names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// When a device may take this policy.
    #[serde(skip_serializing_if = "is_default")]
    pub validity: Validity,
    /// Which devices may take it.
    #[serde(skip_serializing_if = "is_default")]
    pub audience: Audience,
    /// Whether another company may have a say on the device, too.
    #[serde(skip_serializing_if = "is_default")]
    pub companies: Companies,
    /// Whether what is enforced is guarded against root, too.
    #[serde(skip_serializing_if = "is_default")]
    pub guard: Guard,
    /// What holds for a function when no rule speaks. A function that is not named is enabled; a
    /// part of `usb` that is not named is as `usb` is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub baseline: BTreeMap<Function, Switch>,
    /// What the company's server may do beyond this policy.
    #[serde(skip_serializing_if = "is_default")]
    pub remote: Remote,
    /// The rules. Their order matters only for which of several is given as the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What is to be done at set times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
}

/// Whether this is what a document that says nothing means.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How many companies may have a say on one device. The policy that came first decides.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Companies {
    /// This one alone: the card of another is refused.
    #[default]
    One,
    /// Others, too. For each function the stricter verdict wins.
    Several,
}

/// Whether what is enforced is guarded: against being undone by root while the device is on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// It is.
    #[default]
    On,
    /// It is not: for machines on which kernel programs, drivers or this agent are developed.
    Off,
}

/// What a baseline or an operation does with a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// May be used.
    Enable,
    /// Must not be used.
    Disable,
}

impl Switch {
    /// The word for it in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// When a device may take a policy. What is in force stays in force after its end: the end of a
/// document is no way out of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Validity {
    /// Not before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Not from this instant on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

impl Validity {
    /// Whether a device may take the policy at `now`. It was signed at `issued`, so that it is not
    /// earlier; when the time is not known, that is all that is known of it.
    pub fn admits(self, now: Option<Timestamp>, issued: Timestamp) -> Result<(), Rejected> {
        let least = now.map_or(issued, |now| now.max(issued));
        match (self.not_before, self.not_after) {
            (_, Some(end)) if least >= end => Err(Rejected::Expired { end }),
            (Some(begin), _) if now.is_some() && least < begin => {
                Err(Rejected::NotYetValid { begin })
            }
            _ => Ok(()),
        }
    }
}

/// Which devices a policy is for: those that are in every list that is given. Without any, all.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Audience {
    /// By identifier, `urn:uuid:…`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<String>,
    /// By kind (`laptop`, `handset`, … as hostnamed calls the chassis).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<String>,
    /// By the maker's name of the model.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub models: BTreeSet<String>,
}

/// A device, as an audience is asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    /// Its identifier.
    pub device: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its model.
    pub model: &'a str,
}

impl Audience {
    /// Whether a device is one of those.
    pub fn includes(&self, device: Addressee<'_>) -> bool {
        let admits = |list: &BTreeSet<String>, is: &str| list.is_empty() || list.contains(is);
        admits(&self.devices, device.device)
            && admits(&self.kinds, device.kind)
            && admits(&self.models, device.model)
    }
}

/// What the company's server may do beyond this policy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Remote {
    /// In which direction.
    pub may: Direction,
    /// For how long one operation holds at most; for good, when not given.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
}

/// In which direction an operation may go beyond the policy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It may disable what the policy enables.
    #[default]
    Tighten,
    /// It may also enable what the policy disables.
    Loosen,
}

impl Policy {
    /// Reads what a person wrote.
    pub fn from_toml(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_DOCUMENT {
            return Err(check::too_long(text.len()));
        }
        let policy: Self =
            toml::from_str(text).map_err(|error| Malformed::unreadable(text, &error))?;
        policy
            .check()
            .and_then(|()| policy.check_sense())
            .map_err(|error| error.found_in(text))?;
        Ok(policy)
    }

    /// Writes the policy the way people write it.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// The servers that conditions want to be reached.
    pub fn servers(&self) -> BTreeSet<&Reached> {
        self.conditions()
            .filter_map(|atom| {
                let Condition::Network(network) = atom else {
                    return None;
                };
                network.server.as_ref()
            })
            .collect()
    }

    /// Every atom of every rule's condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.rules
            .iter()
            .filter_map(|rule| rule.when.as_deref())
            .flat_map(Condition::atoms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_for_the_devices_that_are_in_every_list() {
        let audience = Audience {
            kinds: ["laptop".to_owned()].into(),
            models: ["L1".to_owned(), "L2".to_owned()].into(),
            ..Audience::default()
        };
        let device = Addressee {
            device: "urn:uuid:1",
            kind: "laptop",
            model: "L2",
        };
        assert!(audience.includes(device));
        assert!(!audience.includes(Addressee {
            kind: "handset",
            ..device
        }));
        assert!(Audience::default().includes(device));
    }

    #[test]
    fn a_policy_is_taken_between_its_begin_and_its_end() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let validity = Validity {
            not_before: Some(at("2026-01-01T00:00:00Z")),
            not_after: Some(at("2027-01-01T00:00:00Z")),
        };
        let issued = at("2025-12-01T00:00:00Z");
        let code = |now: Option<&str>| validity.admits(now.map(at), issued).map_err(|no| no.code());
        assert_eq!(code(Some("2025-12-31T23:59:59Z")), Err("not-yet-valid"));
        assert_eq!(code(Some("2026-01-01T00:00:00Z")), Ok(()));
        assert_eq!(code(Some("2027-01-01T00:00:00Z")), Err("expired"));
        assert_eq!(code(None), Ok(()));
        let late = validity.admits(None, at("2027-06-01T00:00:00Z"));
        assert_eq!(late.map_err(|no| no.code()), Err("expired"));
    }

    #[test]
    fn what_people_write_survives_the_round_trip() {
        let text = include_str!("../../tests/documents/everything.toml");
        let policy = Policy::from_toml(text).unwrap();
        assert_eq!(Policy::from_toml(&policy.to_toml()).unwrap(), policy);
    }
}
