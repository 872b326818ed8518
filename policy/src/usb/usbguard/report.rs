//! What became of a file of rules, line by line.

use std::fmt;

use super::rule::{Key, Operator};
use crate::usb::{MAX_TEXT, Match};

/// A file of rules in our words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Import {
    /// Devices that are allowed.
    pub allow: Vec<Match>,
    /// Devices that are refused, whatever `allow` says.
    pub deny: Vec<Match>,
    /// Whether a device that no list names is refused. It is, unless the file ends with a line
    /// that allows everything else.
    pub default_block: bool,
    /// What was not carried over, what was changed, and what to know; by line.
    pub report: Vec<Note>,
}

/// Something to know of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// From 1.
    pub line: u32,
    /// The line.
    pub text: Box<str>,
    /// What there is to know.
    pub why: Why,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Outcome {
    /// It is not in the lists; other verdicts can follow, but none that allows more.
    LeftOut,
    /// It is in the lists, and refuses some devices that `USBGuard` would let in.
    Stricter,
    /// The verdicts are the same.
    Same,
}

impl Outcome {
    /// The words for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Stricter => "stricter",
            Self::Same => "same",
        }
    }
}

/// What there is to know of a line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Why {
    /// It asks for `USBGuard`'s own hash.
    #[error(
        "hash is USBGuard's own, over other bytes than `descriptors`; rules without it come from usbguard generate-policy --no-hashes"
    )]
    Hash,
    /// It asks for the hash of the hub.
    #[error("parent-hash is USBGuard's own hash of the hub; name the port instead")]
    ParentHash,
    /// It has conditions.
    #[error("conditions (if) are not carried over; see `when` and tasks")]
    Condition,
    /// An operator that cannot be said.
    #[error("{attribute} {operator} cannot be said")]
    Operator {
        /// The attribute.
        attribute: &'static str,
        /// The operator.
        operator: &'static str,
    },
    /// The kind of connection cannot be said.
    #[error(
        "with-connect-type \"{0}\" cannot be said; there are \"hardwired\" (built-in) and \"hotplug\" (external)"
    )]
    ConnectType(Box<str>),
    /// No port is called so.
    #[error("no port is called `{0}`")]
    NoPort(Box<str>),
    /// A string that is no text.
    #[error("{0} is no UTF-8")]
    NoText(&'static str),
    /// A string that is too long.
    #[error("{0} is longer than {MAX_TEXT} bytes; no device says so much")]
    TooLong(&'static str),
    /// Its sets of values make too many combinations.
    #[error("its sets of values make too many combinations")]
    TooMany,
    /// It refuses by an `equals` that is wider than ours.
    #[error(
        "USBGuard's equals lets one interface stand for two patterns when they overlap, which cannot be said of what is refused"
    )]
    WideEquals,
    /// It is for the tools.
    #[error("the targets match and device have no place in a file of rules")]
    Target,
    /// A line before it may refuse, and could not be carried over.
    #[error(
        "line {0} comes first, may refuse the same devices, and could not be carried over; without it this line would allow more"
    )]
    Overtaken(u32),
    /// No device gets there.
    #[error("never reached: line {0} decides for every device")]
    Unreachable(u32),
    /// An attribute has one value, and the line wants several.
    #[error("never applies: a device has one {0}")]
    Never(&'static str),
    /// Numbers in large letters.
    #[error(
        "never applies: USBGuard compares id letter by letter, and the kernel writes small ones"
    )]
    CapitalId,
    /// It refuses what is refused anyway, and would overrule a line that allows.
    #[error(
        "left to the default, which refuses: here it would overrule line {0}, which comes first in USBGuard"
    )]
    Redundant(u32),
    /// It overrules lines that come first in `USBGuard`.
    #[error(
        "overrules line {first}{}: both may mean the same device, USBGuard takes the first line, and here what refuses wins",
        others(*more)
    )]
    Overrules {
        /// The first line that allows.
        first: u32,
        /// How many more there are.
        more: u32,
    },
    /// It allows by an `equals` that is narrower than `USBGuard`'s.
    #[error(
        "equals pairs each interface with one pattern; USBGuard lets one interface stand for two patterns when they overlap, and another go unasked"
    )]
    NarrowEquals,
    /// Numbers in large letters, beside others.
    #[error(
        "an id in large letters is passed over: USBGuard compares letter by letter, and the kernel writes small ones"
    )]
    SomeCapitalId,
    /// `reject` also takes the device off the bus.
    #[error("reject becomes a refusal; the device is not taken off the bus")]
    Reject,
    /// Its label is not kept.
    #[error("its label is not kept")]
    Label,
}

fn others(more: u32) -> String {
    match more {
        0 => String::new(),
        1 => " and one other".to_owned(),
        _ => format!(" and {more} others"),
    }
}

impl Why {
    pub(super) fn operator(key: Key, operator: Operator) -> Self {
        Self::Operator {
            attribute: key.name(),
            operator: operator.name(),
        }
    }

    /// What became of the line.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Hash
            | Self::ParentHash
            | Self::Condition
            | Self::Operator { .. }
            | Self::ConnectType(_)
            | Self::NoPort(_)
            | Self::NoText(_)
            | Self::TooLong(_)
            | Self::TooMany
            | Self::WideEquals
            | Self::Target
            | Self::Overtaken(_) => Outcome::LeftOut,
            Self::Overrules { .. } | Self::NarrowEquals => Outcome::Stricter,
            Self::Unreachable(_)
            | Self::Never(_)
            | Self::CapitalId
            | Self::Redundant(_)
            | Self::SomeCapitalId
            | Self::Reject
            | Self::Label => Outcome::Same,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {}: {}",
            self.line,
            self.why.outcome().name(),
            self.why
        )
    }
}
