//! `./DevInfo` as a tree and as a description (OMA DM 1.2 *Standardized Objects*, 5.1).

use super::{Unreadable, chr, missing};
use crate::DevInfo;
use crate::ddf::{self, Occurrence, Scope};
use crate::message::Item;
use crate::tnds::{Content, Format, Node};

/// The object's identifier.
pub const URN: &str = "urn:oma:mo:oma-dm-devinfo:1.0";

impl DevInfo {
    /// The object.
    pub fn to_node(&self) -> Node {
        let mut root = Node::interior("DevInfo", []).of_kind(URN);
        for (path, value) in self.leaves() {
            put(&mut root, path, value);
        }
        root
    }

    /// Reads the object. What is no text is not looked at.
    pub fn from_node(root: &Node) -> Result<Self, Unreadable> {
        let mut items = Vec::new();
        gather(root, "./DevInfo", &mut items);
        let found = Self::from_items(&items).and_then(Result::ok);
        found.ok_or_else(|| missing("", "DevInfo with DevId, Man, Mod, DmV and Lang"))
    }
}

fn put(node: &mut Node, path: &str, value: &str) {
    let Content::Children(children) = &mut node.content else {
        return;
    };
    match path.split_once('/') {
        None => children.push(chr(path, value)),
        Some((name, rest)) => {
            if !children.iter().any(|child| child.name == name) {
                children.push(Node::interior(name, []));
            }
            let child = children.iter_mut().find(|child| child.name == name);
            if let Some(child) = child {
                put(child, rest, value);
            }
        }
    }
}

fn gather(node: &Node, uri: &str, items: &mut Vec<Item>) {
    for child in node.children() {
        let uri = format!("{uri}/{}", child.name);
        match child.text() {
            Some(text) => items.push(Item::value(uri, text)),
            None => gather(child, &uri, items),
        }
    }
}

/// The object's description.
pub fn description() -> ddf::Node {
    let leaf = |name: &str, what: &str| {
        ddf::Node::leaf(name, Format::Chr)
            .described(what)
            .scoped(Scope::Permanent)
    };
    let bearer = ddf::Node::interior("Bearer", [])
        .occurs(Occurrence::ZeroOrOne)
        .described("How the device is connected.");
    let nodes = [
        leaf("DevId", "The device's identifier, a URN."),
        leaf("Man", "Who made the device."),
        leaf("Mod", "Which model it is."),
        leaf("DmV", "Version of the management client."),
        leaf("Lang", "The user's language."),
        super::extension(),
        bearer,
    ];
    ddf::Node {
        name: "DevInfo".to_owned(),
        ..ddf::Node::object(URN, nodes)
            .described("Who the device is.")
            .scoped(Scope::Permanent)
    }
}
