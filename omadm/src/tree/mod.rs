//! The device's management tree in memory: nodes, properties, access lists (OMA DM 1.2 *Tree and
//! Description*).
//!
//! ```text
//!  device ──► plant, set, describe, remove ──► ManagementTree ◄── Acting ◄── client::Awaiting
//!                                                   │            (one server, its rights)
//!                                                   └──► take_changes ──► device
//! ```
//!
//! The device itself may do everything. A server acts through [`Acting`], which is the
//! [`Tree`](crate::client::Tree) of a session: every command is held against the node's `AccessType`
//! (405) and its access list (425). What a server has changed is told by
//! [`ManagementTree::take_changes`]; what running a node does is the business of the caller's [`Run`].
//!
//! ```
//! use omadm::client::{Tree, Value};
//! use omadm::code::StatusCode;
//! use omadm::ddf::Access;
//! use omadm::tnds::{Format, Node};
//! use omadm::tree::{ManagementTree, NothingRuns, Planted};
//!
//! let mut tree = ManagementTree::new();
//! let planted = Planted::permanent([Access::Get, Access::Replace]);
//! tree.plant(".", &Node::interior("Vendor", [Node::leaf("Mode", Format::Int, "1")]), &planted)?;
//! tree.set_acl("./Vendor", "Get=*&Replace=acme-dm".parse()?)?;
//!
//! let mut runs = NothingRuns;
//! let mut other = tree.acting_as("other-dm", &mut runs);
//! assert_eq!(other.replace("./Vendor/Mode", &Value::text("2")), StatusCode::PERMISSION_DENIED);
//! let mut acme = tree.acting_as("acme-dm", &mut runs);
//! assert_eq!(acme.replace("./Vendor/Mode", &Value::text("2")), StatusCode::OK);
//! assert_eq!(tree.text("./Vendor/Mode"), Some("2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acl;
mod acting;
mod address;
mod entry;
mod inbox;
mod listing;
mod property;
mod rights;

pub use acl::{Acl, MAX_ACL_LEN, MalformedAcl};
pub use acting::{Acting, NothingRuns, Run};
pub use address::{Listing, MAX_SEGMENT_LEN, MAX_SEGMENTS, MAX_URI_LEN, Parts, Property};
pub use entry::Unfit;

pub(crate) use address::{Query, split};

use crate::Payload;
use crate::ddf::{self, Access, Scope};
use crate::tnds::{Format, Node};
use address::{is_name, segments};
use entry::{Entry, Holds};
use std::collections::{BTreeMap, BTreeSet};

/// Most nodes that servers can make a tree have.
pub const MAX_NODES: usize = 8_192;
/// Most octets that servers can make a tree's values and names have: 4 MiB.
pub const MAX_OCTETS: usize = 4 << 20;

/// A management tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementTree {
    root: Entry,
    now: Option<String>,
    changes: Vec<Change>,
    /// Where the inbox puts objects, by their identifiers.
    places: BTreeMap<String, (String, Planted)>,
    /// The tree and its changes before an atomic group.
    saved: Option<Box<(Entry, usize)>>,
}

/// Something that a server has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// The server.
    pub server: String,
    /// The node, from `./` on; what it was called before, if it was renamed.
    pub uri: String,
    /// How.
    pub kind: ChangeKind,
}

/// How a node was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was made, with all below it.
    Added,
    /// It has another value.
    Replaced,
    /// It was removed, with all below it.
    Deleted,
    /// A property was replaced.
    Property(Property),
}

/// What the device says of nodes that it plants: the same for the node and all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The commands that the nodes take.
    pub access: BTreeSet<Access>,
    /// Whether servers can remove and rename them.
    pub scope: Scope,
}

impl Planted {
    /// Nodes that stay, and take these commands.
    pub fn permanent(access: impl IntoIterator<Item = Access>) -> Self {
        Self {
            access: access.into_iter().collect(),
            scope: Scope::Permanent,
        }
    }

    /// Nodes that servers may remove if they have the right, and that take these commands.
    pub fn dynamic(access: impl IntoIterator<Item = Access>) -> Self {
        Self {
            access: access.into_iter().collect(),
            scope: Scope::Dynamic,
        }
    }
}

/// Why the device cannot have the tree as it wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPlanted {
    /// The address is no node's.
    #[error("there is no node {0}")]
    NoSuchNode(String),
    /// The node is a leaf, and has no children.
    #[error("{0} is a leaf")]
    Leaf(String),
    /// The node is no leaf, and has no value.
    #[error("{0} is no leaf")]
    NoLeaf(String),
    /// There is such a node already.
    #[error("there is a node {0} already")]
    Exists(String),
    /// The node cannot be part of a tree.
    #[error("the node cannot be part of a tree")]
    Unfit(#[from] Unfit),
}

impl Default for ManagementTree {
    fn default() -> Self {
        Self::new()
    }
}

impl ManagementTree {
    /// A root without children, which everybody may read and add to.
    pub fn new() -> Self {
        let access = BTreeSet::from([Access::Add, Access::Get]);
        let holds = Holds::Children(BTreeMap::new());
        let mut root = Entry::new(holds, access, Scope::Permanent);
        root.acl = Acl::root();
        Self {
            root,
            now: None,
            changes: Vec::new(),
            places: BTreeMap::new(),
            saved: None,
        }
    }

    /// What time it is, as the property `TStamp` is to say it (ISO 8601). This crate reads no clock.
    pub fn set_now(&mut self, now: impl Into<String>) {
        self.now = Some(now.into());
    }

    /// Objects with this identifier that come by `./Inbox` become children of this node, and are as
    /// this says.
    pub fn place(
        &mut self,
        object: impl Into<String>,
        parent: impl Into<String>,
        planted: Planted,
    ) {
        self.places.insert(object.into(), (parent.into(), planted));
    }

    /// Makes a node and all below it children of `parent`.
    pub fn plant(&mut self, parent: &str, node: &Node, as_: &Planted) -> Result<(), NotPlanted> {
        if !is_name(&node.name) {
            return Err(Unfit::Name(node.name.clone()).into());
        }
        let entry = Entry::from_node(node, &as_.access, as_.scope)?;
        let Holds::Children(children) = &mut self.find_mut(parent)?.holds else {
            return Err(NotPlanted::Leaf(parent.to_owned()));
        };
        if children.contains_key(&node.name) {
            return Err(NotPlanted::Exists(format!("{parent}/{}", node.name)));
        }
        children.insert(node.name.clone(), entry);
        Ok(())
    }

    /// Makes a node and all below it children of `parent`, with the commands and the scope that their
    /// description has. What is not described takes no command and stays.
    pub fn plant_described(
        &mut self,
        parent: &str,
        node: &Node,
        description: &ddf::Node,
    ) -> Result<(), NotPlanted> {
        self.plant(parent, node, &Planted::permanent([]))?;
        self.describe(&format!("{parent}/{}", node.name), description)
    }

    /// Gives the nodes of a sub-tree the commands and the scope that their description has. What is
    /// not described stays as it is; so does the scope where the description names none.
    pub fn describe(&mut self, uri: &str, description: &ddf::Node) -> Result<(), NotPlanted> {
        apply(self.find_mut(uri)?, description);
        Ok(())
    }

    /// Gives a node the commands that it takes.
    pub fn set_access(
        &mut self,
        uri: &str,
        access: impl IntoIterator<Item = Access>,
    ) -> Result<(), NotPlanted> {
        self.find_mut(uri)?.access = access.into_iter().collect();
        Ok(())
    }

    /// Gives a node an access list.
    pub fn set_acl(&mut self, uri: &str, acl: Acl) -> Result<(), NotPlanted> {
        self.find_mut(uri)?.acl = acl;
        Ok(())
    }

    /// Gives a leaf another value, which must be one of its format.
    pub fn set(&mut self, uri: &str, value: impl Into<Payload>) -> Result<(), NotPlanted> {
        let now = self.now.clone();
        let entry = self.find_mut(uri)?;
        let Holds::Value(format, old) = &mut entry.holds else {
            return Err(NotPlanted::NoLeaf(uri.to_owned()));
        };
        let value = value.into();
        if !format.admits(&value) {
            let (name, format) = (uri.to_owned(), *format);
            return Err(Unfit::Value { name, format }.into());
        }
        if *old != value {
            *old = value;
            entry.touch(now.as_ref());
        }
        Ok(())
    }

    /// Removes a node and all below it; whether there was one. The root stays.
    pub fn remove(&mut self, uri: &str) -> bool {
        segments(uri).is_ok_and(|path| self.cut(&path).is_some())
    }

    /// Takes a server's name off every access list, as when its account is removed. A list on which
    /// nobody is left says nothing any more.
    pub fn forget_server(&mut self, server: &str) {
        self.root.forget(server);
    }

    /// The value of a leaf.
    pub fn value(&self, uri: &str) -> Option<(Format, &Payload)> {
        match &self.find(uri)?.holds {
            Holds::Value(format, value) => Some((*format, value)),
            Holds::Children(_) => None,
        }
    }

    /// The value of a leaf, if it is text.
    pub fn text(&self, uri: &str) -> Option<&str> {
        self.value(uri).and_then(|(_, value)| value.as_text())
    }

    /// The names of a node's children, in their order.
    pub fn children(&self, uri: &str) -> Option<Vec<&str>> {
        match &self.find(uri)?.holds {
            Holds::Children(children) => Some(children.keys().map(String::as_str).collect()),
            Holds::Value(..) => None,
        }
    }

    /// A node and all below it, serialised; the root's name is empty.
    pub fn node(&self, uri: &str) -> Option<Node> {
        let path = segments(uri).ok()?;
        let name = path.last().copied().unwrap_or_default();
        let entry = self.find(uri)?;
        Some(entry.to_node(name, Parts::ALL, &entry.acl, &|_, _| true))
    }

    /// What servers have changed since the last time, in that order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The tree as one server may use it, for a session. Nothing that it does, not even a failure in
    /// the middle of an atomic group, leaves the tree in between.
    pub fn acting_as<'a>(&'a mut self, server: &'a str, runs: &'a mut dyn Run) -> Acting<'a> {
        Acting::new(self, server, runs)
    }

    fn find(&self, uri: &str) -> Option<&Entry> {
        let path = segments(uri).ok()?;
        self.at(&path)
    }

    fn at(&self, path: &[&str]) -> Option<&Entry> {
        path.iter()
            .try_fold(&self.root, |entry, name| entry.child(name))
    }

    fn at_mut(&mut self, path: &[&str]) -> Option<&mut Entry> {
        path.iter()
            .try_fold(&mut self.root, |entry, name| entry.child_mut(name))
    }

    fn find_mut(&mut self, uri: &str) -> Result<&mut Entry, NotPlanted> {
        let missing = || NotPlanted::NoSuchNode(uri.to_owned());
        let path = segments(uri).map_err(|_code| missing())?;
        self.at_mut(&path).ok_or_else(missing)
    }

    /// Takes a node out of its parent.
    fn cut(&mut self, path: &[&str]) -> Option<Entry> {
        let (name, parent) = path.split_last()?;
        match &mut self.at_mut(parent)?.holds {
            Holds::Children(children) => children.remove(*name),
            Holds::Value(..) => None,
        }
    }
}

fn apply(entry: &mut Entry, description: &ddf::Node) {
    entry.access.clone_from(&description.properties.access);
    if let Some(scope) = description.properties.scope {
        entry.scope = scope;
    }
    if let Holds::Children(children) = &mut entry.holds {
        for (name, child) in children {
            let described = description.children().iter();
            let by_name = described.clone().find(|node| node.name == *name);
            let nameless = || described.clone().find(|node| node.name.is_empty());
            if let Some(description) = by_name.or_else(nameless) {
                apply(child, description);
            }
        }
    }
}
