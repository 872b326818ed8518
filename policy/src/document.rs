//! The policy language: a baseline for each function, then rules. One model; TOML is how people
//! write it, CBOR how it travels on the card.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::function::Function;

/// Most rules one policy may have. Each rule has a refusal counter in the kernel.
pub const MAX_RULES: usize = 1000;
/// Longest text (names, notices), in bytes.
pub const MAX_TEXT: usize = 500;
/// Longest policy document, in bytes, in either spelling.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// What a company wants of a device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// Where people ask: an address, a telephone number, a web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What holds for a function when no rule speaks. A function that is not named is enabled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baseline: BTreeMap<Function, Switch>,
    /// The rules. Their order matters only for which of several is given as the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What a baseline does with a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// May be used.
    Enable,
    /// Must not be used.
    Disable,
}

/// What a rule does while its condition holds. Disable beats enable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// May be used, whatever the baseline says.
    Enable,
    /// Must not be used.
    Disable,
    /// Refuses nothing; tells what `disable` would have done.
    Audit,
}

/// What becomes of a rule whose condition cannot be told true from false.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// A disabling rule holds, an enabling one does not.
    #[default]
    Restrict,
    /// The rule does not hold.
    Ignore,
}

impl OnUnknown {
    /// Whether this is what a document that says nothing means.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The name by which the rule is given as a reason; unique in its policy.
    pub id: String,
    /// What it is about.
    pub functions: BTreeSet<Function>,
    /// What it does.
    pub action: Action,
    /// When it holds; always, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What unknown facts mean to it.
    #[serde(default, skip_serializing_if = "OnUnknown::is_default")]
    pub on_unknown: OnUnknown,
    /// What the person at the device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
}

/// Why a document is no policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the policy is {length} bytes long; {MAX_DOCUMENT} is the most")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not TOML, or not what the language knows. The text names line and column.
    #[error("{0}")]
    Syntax(String),
    /// More than [`MAX_RULES`] rules.
    #[error("the policy has {count} rules; {MAX_RULES} is the most")]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
    /// Two rules have one name.
    #[error("two rules have the id `{id}`; give each its own")]
    DuplicateRule {
        /// The name.
        id: String,
    },
    /// A rule without a name.
    #[error("rule {position} has an empty id; give it a name")]
    NamelessRule {
        /// Which rule, counted from 1.
        position: usize,
    },
    /// A rule that is about nothing.
    #[error("rule `{id}` names no function; it could never do anything")]
    IdleRule {
        /// Its name.
        id: String,
    },
    /// A text longer than [`MAX_TEXT`].
    #[error("a text of {length} bytes in {place}; {MAX_TEXT} is the most")]
    TextTooLong {
        /// Where it stands.
        place: String,
        /// Its length in bytes.
        length: usize,
    },
    /// A condition that cannot be meant.
    #[error("rule `{id}`: {problem}")]
    Condition {
        /// The rule.
        id: String,
        /// What is wrong with its condition.
        problem: crate::condition::Impossible,
    },
}

impl Policy {
    /// Reads what a person wrote.
    pub fn from_toml(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_DOCUMENT {
            return Err(Malformed::TooLong { length: text.len() });
        }
        let policy: Self =
            toml::from_str(text).map_err(|error| Malformed::Syntax(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// Writes the policy the way people write it.
    pub fn to_toml(&self) -> Result<String, Malformed> {
        toml::to_string_pretty(self).map_err(|error| Malformed::Syntax(error.to_string()))
    }

    /// Refuses what no policy can mean. Everything that becomes a policy passes here.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.rules.len() > MAX_RULES {
            return Err(Malformed::TooManyRules {
                count: self.rules.len(),
            });
        }
        if let Some(contact) = &self.contact {
            bounded("contact", contact)?;
        }
        let mut ids = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.id.trim().is_empty() {
                return Err(Malformed::NamelessRule {
                    position: index.saturating_add(1),
                });
            }
            if !ids.insert(rule.id.as_str()) {
                return Err(Malformed::DuplicateRule {
                    id: rule.id.clone(),
                });
            }
            rule.check()?;
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self) -> Result<(), Malformed> {
        bounded("a rule's id", &self.id)?;
        if let Some(notify) = &self.notify {
            bounded(&format!("rule `{}`, notify", self.id), notify)?;
        }
        if self.functions.is_empty() {
            return Err(Malformed::IdleRule {
                id: self.id.clone(),
            });
        }
        if let Some(condition) = &self.when {
            condition.check().map_err(|problem| Malformed::Condition {
                id: self.id.clone(),
                problem,
            })?;
        }
        Ok(())
    }
}

fn bounded(place: &str, text: &str) -> Result<(), Malformed> {
    if text.len() > MAX_TEXT {
        return Err(Malformed::TextTooLong {
            place: place.to_owned(),
            length: text.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = r#"
        contact = "security@b-company.example"

        [baseline]
        nfc = "disable"

        [[rules]]
        id = "work-hours"
        functions = ["camera", "bluetooth"]
        action = "disable"
        when.weekly = { days = ["mon", "fri"], from = "08:00", to = "18:00", zone = "Europe/Berlin" }
        notify = "No pictures in the office."
    "#;

    #[test]
    fn what_people_write_survives_the_round_trip() {
        let policy = Policy::from_toml(OFFICE).unwrap();
        let again = Policy::from_toml(&policy.to_toml().unwrap()).unwrap();
        assert_eq!(policy, again);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Policy::from_toml("contact = \"x\"\ncolour = 1\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 2") && error.contains("colour"),
            "{error}"
        );
    }

    #[test]
    fn a_rule_that_could_never_do_anything_is_refused() {
        let text = "[[rules]]\nid = \"a\"\nfunctions = []\naction = \"disable\"\n";
        assert!(matches!(
            Policy::from_toml(text),
            Err(Malformed::IdleRule { .. })
        ));
    }

    #[test]
    fn two_rules_of_one_name_are_refused() {
        let rule = "[[rules]]\nid = \"a\"\nfunctions = [\"camera\"]\naction = \"disable\"\n";
        let error = Policy::from_toml(&rule.repeat(2)).unwrap_err();
        assert_eq!(error, Malformed::DuplicateRule { id: "a".to_owned() });
    }

    #[test]
    fn a_window_of_no_length_and_an_unknown_zone_are_refused() {
        for window in [
            r#"{ days = ["mon"], from = "08:00", to = "08:00", zone = "Europe/Berlin" }"#,
            r#"{ days = ["mon"], from = "08:00", to = "09:00", zone = "Europe/Nowhere" }"#,
            r#"{ days = ["mon"], from = "08:00", to = "25:00", zone = "Europe/Berlin" }"#,
            r#"{ days = [], from = "08:00", to = "09:00", zone = "Europe/Berlin" }"#,
        ] {
            let text = format!(
                "[[rules]]\nid = \"a\"\nfunctions = [\"camera\"]\naction = \"disable\"\nwhen.weekly = {window}\n"
            );
            assert!(Policy::from_toml(&text).is_err(), "{window}");
        }
    }
}
