//! DCMO 1.0: one function of a device that can be switched off and on.
//!
//! ```text
//!  <instance>                 urn:oma:mo:oma-dcmo:1.0
//!   ├ Property     chr        which function: Camera, Bluetooth, …
//!   ├ Group        chr  ?     which class of functions
//!   ├ Description  chr  ?     for people
//!   ├ Attached     bool ?     only for what can be plugged in
//!   ├ Enabled      bool       what the administrator wants, attached or not
//!   ├ NotifyUser   bool ?     whether the user is told of a change
//!   ├ Operations
//!   │  ├ Enable    Exec
//!   │  └ Disable   Exec
//!   └ Ext          node ?
//! ```
//!
//! An operation that takes its time is answered with 202, and its end reported by a generic alert:
//! [`report`]. Result codes stand in [`code::dcmo`](crate::code::dcmo).

use super::{Unreadable, boolean, chr, missing, operation, optional_bool, optional_text, text};
use crate::GenericAlert;
use crate::code::alert_type;
pub use crate::code::dcmo::URN;
use crate::code::dcmo::{self, Operation};
use crate::ddf::{self, Access, Occurrence, Scope};
use crate::message::{self, Mark};
use crate::tnds::{Format, Node};

/// What an instance says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Capability {
    /// `Property`: which function.
    pub property: String,
    /// `Group`: which class of functions.
    pub group: Option<String>,
    /// `Description`, for people.
    pub description: Option<String>,
    /// `Attached`: whether what can be plugged in is; none for what is built in.
    pub attached: Option<bool>,
    /// `Enabled`: whether it may be used, when it is attached.
    pub enabled: bool,
    /// `NotifyUser`: whether the user is told of a change.
    pub notify_user: Option<bool>,
}

impl Capability {
    /// A function with nothing optional.
    pub fn new(property: impl Into<String>, enabled: bool) -> Self {
        Self {
            property: property.into(),
            group: None,
            description: None,
            attached: None,
            enabled,
            notify_user: None,
        }
    }

    /// Whether it can be used now.
    pub fn is_usable(&self) -> bool {
        self.enabled && self.attached.unwrap_or(true)
    }

    /// The object, as an instance of this name.
    pub fn to_node(&self, instance: impl Into<String>) -> Node {
        let mut children = vec![chr("Property", &self.property)];
        children.extend(self.group.as_ref().map(|text| chr("Group", text)));
        children.extend(
            self.description
                .as_ref()
                .map(|text| chr("Description", text)),
        );
        children.extend(self.attached.map(|is_so| boolean("Attached", is_so)));
        children.push(boolean("Enabled", self.enabled));
        children.extend(self.notify_user.map(|is_so| boolean("NotifyUser", is_so)));
        let operations = [operation("Enable"), operation("Disable")];
        children.push(Node::interior("Operations", operations));
        Node::interior(instance, children).of_kind(URN)
    }

    /// Reads an instance. Nodes that DCMO does not have are not looked at.
    pub fn from_node(root: &Node) -> Result<Self, Unreadable> {
        Ok(Self {
            property: text(root, "Property")?,
            group: optional_text(root, "Group")?,
            description: optional_text(root, "Description")?,
            attached: optional_bool(root, "Attached")?,
            enabled: optional_bool(root, "Enabled")?
                .ok_or_else(|| missing("Enabled", "true or false"))?,
            notify_user: optional_bool(root, "NotifyUser")?,
        })
    }
}

/// The operation that an address names, and its instance's address.
///
/// ```
/// use omadm::code::dcmo::Operation;
/// use omadm::mo::dcmo::operation_at;
/// let found = operation_at("./DCMO/Camera/Operations/Disable");
/// assert_eq!(found, Some(("./DCMO/Camera", Operation::Disable)));
/// ```
pub fn operation_at(uri: &str) -> Option<(&str, Operation)> {
    [
        ("Enable", Operation::Enable),
        ("Disable", Operation::Disable),
    ]
    .into_iter()
    .find_map(|(name, operation)| {
        let instance = uri.strip_suffix(name)?.strip_suffix("/Operations/")?;
        Some((instance, operation))
    })
}

/// The alert that reports the end of an operation: 1200 for success, 14xx for the device's failures.
/// A failure is marked as a warning.
pub fn report(
    instance: &str,
    operation: Operation,
    correlator: Option<&str>,
    result: u16,
) -> GenericAlert {
    let mark = match result {
        dcmo::SUCCESS => Mark::Informational,
        _ => Mark::Warning,
    };
    GenericAlert {
        correlator: correlator.map(str::to_owned),
        source: Some(dcmo::operation_uri(instance, operation)),
        mark: Some(mark),
        data: result.to_string(),
        ..GenericAlert::new(alert_type::DCMO_OPERATION_COMPLETE, message::Format::Int)
    }
}

/// The object's description.
pub fn description() -> ddf::Node {
    let runs = |name: &str, what: &str| {
        ddf::Node::leaf(name, Format::Null)
            .takes([Access::Exec])
            .described(what)
            .scoped(Scope::Permanent)
    };
    let leaf = |name: &str, format, what: &str| {
        ddf::Node::leaf(name, format)
            .described(what)
            .scoped(Scope::Permanent)
    };
    let maybe = |node: ddf::Node| node.occurs(Occurrence::ZeroOrOne);
    let operations = [
        runs("Enable", "Let the capability be used."),
        runs("Disable", "Refuse its use, even when it is attached."),
    ];
    let nodes = [
        leaf("Property", Format::Chr, "Which capability."),
        maybe(leaf("Group", Format::Chr, "Which class of capabilities.")),
        maybe(leaf("Description", Format::Chr, "For people.")),
        maybe(leaf("Attached", Format::Bool, "Whether it is plugged in.")),
        leaf("Enabled", Format::Bool, "Whether it may be used."),
        maybe(leaf(
            "NotifyUser",
            Format::Bool,
            "Whether the user is told.",
        ))
        .takes([Access::Get, Access::Replace]),
        ddf::Node::interior("Operations", operations).scoped(Scope::Permanent),
        super::extension(),
    ];
    ddf::Node::object(URN, nodes)
        .occurs(Occurrence::ZeroOrMore)
        .described("One capability of the device.")
        .scoped(Scope::Permanent)
}
