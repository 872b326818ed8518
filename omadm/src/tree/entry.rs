//! One node of the tree, and all below it.

use super::address::{Parts, is_name};
use super::{Acl, MalformedAcl};
use crate::Payload;
use crate::ddf::{Access, Scope};
use crate::tnds::{Content, Format, Kind, Node, Properties};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) acl: Acl,
    pub(super) title: Option<String>,
    pub(super) changed: Option<String>,
    /// Media type of a leaf, or identifier of the object of which an interior node is the root.
    pub(super) kind: Option<String>,
    pub(super) version: u16,
    pub(super) access: BTreeSet<Access>,
    pub(super) scope: Scope,
    pub(super) holds: Holds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    Children(BTreeMap<String, Entry>),
    Value(Format, Payload),
}

/// A serialised tree that cannot become part of a management tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A node has no name, or one that no address can hold.
    #[error("{0:?} cannot be the name of a node")]
    Name(String),
    /// A node's access list is none.
    #[error("the access list of {name} is none")]
    Acl {
        /// The node.
        name: String,
        /// Why.
        #[source]
        cause: MalformedAcl,
    },
    /// A leaf's value is none of its format.
    #[error("the value of {name} is no {format}")]
    Value {
        /// The leaf.
        name: String,
        /// Its format.
        format: Format,
    },
}

impl Entry {
    pub(super) fn new(holds: Holds, access: BTreeSet<Access>, scope: Scope) -> Self {
        Self {
            acl: Acl::default(),
            title: None,
            changed: None,
            kind: None,
            version: 0,
            access,
            scope,
            holds,
        }
    }

    /// A node and all below it as they were serialised. Its name is the caller's business.
    pub(super) fn from_node(
        node: &Node,
        access: &BTreeSet<Access>,
        scope: Scope,
    ) -> Result<Self, Unfit> {
        let name = || node.name.clone();
        let holds = match &node.content {
            Content::Children(children) => {
                let mut entries = BTreeMap::new();
                for child in children {
                    if !is_name(&child.name) || entries.contains_key(&child.name) {
                        return Err(Unfit::Name(child.name.clone()));
                    }
                    let entry = Self::from_node(child, access, scope)?;
                    entries.insert(child.name.clone(), entry);
                }
                Holds::Children(entries)
            }
            Content::Leaf { format, value } => {
                let value = value.clone().unwrap_or_default();
                if !value.as_bytes().is_empty() && !format.admits(&value) {
                    let (name, format) = (name(), *format);
                    return Err(Unfit::Value { name, format });
                }
                Holds::Value(*format, value)
            }
        };
        let acl = node.properties().acl.as_deref().unwrap_or_default().parse();
        let acl = acl.map_err(|cause| Unfit::Acl {
            name: name(),
            cause,
        })?;
        let kind = node.properties().kind.as_ref().map(|kind| match kind {
            Kind::Mime(name) | Kind::Object(name) => name.clone(),
        });
        Ok(Self {
            acl,
            title: node.properties().title.clone(),
            changed: node.properties().changed.clone(),
            kind,
            version: node.properties().version.unwrap_or_default(),
            ..Self::new(holds, access.clone(), scope)
        })
    }

    /// The node and all below it, serialised; what `sees` hides, by the list that counts for it, is
    /// left out with all below it. `acl` is the list that counts for the node itself.
    pub(super) fn to_node(
        &self,
        name: &str,
        parts: Parts,
        acl: &Acl,
        sees: &dyn Fn(&Self, &Acl) -> bool,
    ) -> Node {
        let content = match &self.holds {
            Holds::Children(children) => {
                let node = |(name, entry): (&String, &Self)| {
                    let own = Some(&entry.acl).filter(|acl| !acl.is_empty());
                    let acl = own.unwrap_or(acl);
                    sees(entry, acl).then(|| entry.to_node(name, parts, acl, sees))
                };
                Content::Children(children.iter().filter_map(node).collect())
            }
            Holds::Value(format, value) => Content::Leaf {
                format: *format,
                value: parts.value.then(|| value.clone()),
            },
        };
        let others = parts.others;
        let kind = self
            .kind
            .clone()
            .filter(|_| others)
            .map(|kind| match self.holds {
                Holds::Children(_) => Kind::Object(kind),
                Holds::Value(..) => Kind::Mime(kind),
            });
        Node {
            name: name.to_owned(),
            path: None,
            properties: Properties {
                acl: (parts.acl && !self.acl.is_empty()).then(|| self.acl.to_string()),
                title: self.title.clone().filter(|_| others),
                changed: self.changed.clone().filter(|_| others),
                kind,
                version: (others && self.version > 0).then_some(self.version),
                ..Properties::default()
            }
            .known(),
            content,
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        match &self.holds {
            Holds::Children(children) => children.get(name),
            Holds::Value(..) => None,
        }
    }

    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        match &mut self.holds {
            Holds::Children(children) => children.get_mut(name),
            Holds::Value(..) => None,
        }
    }

    pub(super) const fn is_leaf(&self) -> bool {
        matches!(self.holds, Holds::Value(..))
    }

    /// How many nodes, and how many octets of values and names.
    pub(super) fn weight(&self) -> (usize, usize) {
        match &self.holds {
            Holds::Value(_, value) => (1, value.as_bytes().len()),
            Holds::Children(children) => {
                let add = |(nodes, octets): (usize, usize), (name, entry): (&String, &Self)| {
                    let (more, longer) = entry.weight();
                    let longer = longer.saturating_add(name.len());
                    (nodes.saturating_add(more), octets.saturating_add(longer))
                };
                children.iter().fold((1, 0), add)
            }
        }
    }

    /// How many levels there are below.
    pub(super) fn depth(&self) -> usize {
        match &self.holds {
            Holds::Value(..) => 0,
            Holds::Children(children) => children
                .values()
                .map(|child| child.depth().saturating_add(1))
                .max()
                .unwrap_or(0),
        }
    }

    /// The node has changed.
    pub(super) fn touch(&mut self, now: Option<&String>) {
        self.version = self.version.wrapping_add(1);
        if let Some(now) = now {
            self.changed = Some(now.clone());
        }
    }

    pub(super) fn forget(&mut self, server: &str) {
        self.acl.forget(server);
        if let Holds::Children(children) = &mut self.holds {
            for child in children.values_mut() {
                child.forget(server);
            }
        }
    }
}
