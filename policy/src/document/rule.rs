//! Rules.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Notice, is_default};
use crate::condition::Condition;
use crate::function::Function;
use crate::usb::Match;

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
    pub when: Option<Box<Condition>>,
    /// What unknown facts mean to it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_unknown: OnUnknown,
    /// USB devices that may be used: a disabling rule spares them, an enabling rule is about them
    /// alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Match>,
    /// USB devices that must not be used: a disabling rule is about them alone, an enabling rule
    /// leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Match>,
    /// What a disabling rule leaves of storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// What the person at the device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Box<Notice>>,
}

/// What a rule does while its condition holds. Disable beats enable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// May be used, whatever the baseline says.
    Enable,
    /// Must not be used.
    Disable,
    /// Refuses nothing; tells what `disable` would have done.
    Audit,
}

impl Action {
    /// The word for it in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Audit => "audit",
        }
    }
}

/// What becomes of a rule whose condition cannot be told true from false.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// A disabling rule holds, an enabling one does not.
    #[default]
    Restrict,
    /// The rule does not hold.
    Ignore,
}

/// What a rule that disables storage leaves of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// It can be read, not written.
    ReadOnly,
}

impl Rule {
    /// Whether it says something of USB alone, so that the kernel needs no counter for it.
    pub fn is_of_usb_alone(&self) -> bool {
        self.functions.iter().all(|function| function.is_usb())
    }

    /// The devices that it is about: all but …, or these alone.
    pub(crate) fn scope(&self) -> (&[Match], &[Match]) {
        match self.action {
            Action::Disable | Action::Audit => (&self.deny, &self.allow),
            Action::Enable => (&self.allow, &self.deny),
        }
    }
}
