//! Standard management objects: what they say as types, as trees, and as descriptions.
//!
//! | module | object | where |
//! |---|---|---|
//! | [`DevInfo`](crate::DevInfo), [`dev_info`] | who the device is | `./DevInfo` |
//! | [`dev_detail`] | what the device is | `./DevDetail` |
//! | [`dm_acc`] | an account with a server: addresses, credentials | anywhere |
//! | [`inbox`] | where objects are put that find their place themselves | `./Inbox` |
//! | [`dcmo`] | one function of the device that can be switched off | anywhere, one instance for each |
//! | [`scheduling`] | commands that run by themselves when it is time | anywhere, one instance for each |
//!
//! Each type has `to_node` and `from_node`, and each module a `description` (DDF) which every node so
//! made fits. [`ManagementTree::plant_described`](crate::tree::ManagementTree::plant_described) puts
//! both into a tree:
//!
//! ```
//! use omadm::client::Tree;
//! use omadm::code::StatusCode;
//! use omadm::mo::dcmo::{self, Capability};
//! use omadm::tnds::Node;
//! use omadm::tree::{ManagementTree, NothingRuns, Planted};
//!
//! let mut tree = ManagementTree::new();
//! tree.plant(".", &Node::interior("DCMO", []), &Planted::permanent([]))?;
//! let camera = Capability::new("Camera", true).to_node("Camera");
//! tree.plant_described("./DCMO", &camera, &dcmo::description())?;
//! // It may be read but not written: it is switched by running a node.
//! let mut runs = NothingRuns;
//! let mut server = tree.acting_as("acme-dm", &mut runs);
//! assert!(server.get("./DCMO/Camera/Enabled").is_ok_and(|value| value.data == "true"));
//! let off = omadm::client::Value::text("false");
//! let code = server.replace("./DCMO/Camera/Enabled", &off);
//! assert_eq!(code, StatusCode::COMMAND_NOT_ALLOWED);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The texts of DCMO 1.0 and DM Scheduling 1.0 were not at hand when this was written: DCMO's nodes are
//! those of its descendants (DM 2.0, LwM2M), Scheduling's are modelled on what is published about it.
//! The Policy object and groups of objects belong to whoever defines them.

pub mod dcmo;
pub mod dev_detail;
pub mod dev_info;
pub mod dm_acc;
pub mod inbox;
pub mod scheduling;

use crate::ddf;
use crate::tnds::{Content, Format, Node};

/// A tree that is no object of the kind it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at} is not {wanted}")]
pub struct Unreadable {
    /// The node, by its address below the object's root; empty for the root itself.
    pub at: String,
    /// What should be there.
    pub wanted: &'static str,
}

fn missing(at: &str, wanted: &'static str) -> Unreadable {
    Unreadable {
        at: at.to_owned(),
        wanted,
    }
}

/// The text of a leaf that must be there.
fn text(root: &Node, at: &str) -> Result<String, Unreadable> {
    optional_text(root, at)?.ok_or_else(|| missing(at, "a leaf with a text"))
}

/// The text of a leaf, if it is there.
fn optional_text(root: &Node, at: &str) -> Result<Option<String>, Unreadable> {
    let Some(node) = root.at(at) else {
        return Ok(None);
    };
    let text = node.text().map(str::to_owned);
    text.map(Some)
        .ok_or_else(|| missing(at, "a leaf with a text"))
}

fn optional_bool(root: &Node, at: &str) -> Result<Option<bool>, Unreadable> {
    match optional_text(root, at)?.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(missing(at, "true or false")),
    }
}

fn number<T: std::str::FromStr>(root: &Node, at: &str) -> Result<T, Unreadable> {
    let number = text(root, at)?.parse().ok();
    number.ok_or_else(|| missing(at, "a number of the size it may have"))
}

/// The children of a node that may be missing, by number where their names are numbers: a tree may
/// have them in another order than they were made in.
fn children<'a>(root: &'a Node, at: &str) -> Vec<&'a Node> {
    let mut children: Vec<&Node> = root.at(at).map_or(&[][..], Node::children).iter().collect();
    children.sort_by_key(|node| node.name.parse::<u64>().unwrap_or(u64::MAX));
    children
}

fn chr(name: &str, value: &str) -> Node {
    Node::leaf(name, Format::Chr, value)
}

fn boolean(name: &str, value: bool) -> Node {
    Node::leaf(name, Format::Bool, value.to_string())
}

fn int(name: &str, value: impl Into<u64>) -> Node {
    let value: u64 = value.into();
    Node::leaf(name, Format::Int, value.to_string())
}

/// A node without a value, which is there to be run.
fn operation(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        content: Content::Leaf {
            format: Format::Null,
            value: None,
        },
        ..Node::default()
    }
}

/// Nodes named `1`, `2` and so on.
fn counted(name: &str, nodes: impl IntoIterator<Item = Vec<Node>>) -> Option<Node> {
    let node = |(place, children): (usize, Vec<Node>)| Node::interior(place.to_string(), children);
    let children: Vec<Node> = (1..).zip(nodes).map(node).collect();
    (!children.is_empty()).then(|| Node::interior(name, children))
}

/// What a vendor adds: anything.
fn extension() -> ddf::Node {
    ddf::Node::interior("Ext", [])
        .occurs(ddf::Occurrence::ZeroOrOne)
        .described("Room for what vendors add.")
}
