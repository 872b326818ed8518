//! The tree as one server may use it.

use super::address::{Listing, Property, segments};
use super::entry::{Entry, Holds};
use super::inbox::INBOX;
use super::{Change, ChangeKind, MAX_NODES, MAX_OCTETS, MAX_SEGMENTS, ManagementTree};
use crate::client::{Tree, Value};
use crate::code::{StatusCode, mime};
use crate::ddf::{Access, Scope};
use crate::tnds::{Document, Format};
use crate::{Payload, message};
use std::collections::{BTreeMap, BTreeSet};

/// What running a node does (`Exec`).
pub trait Run {
    /// Runs the node at this address, as this server wants. 200 when done, 202 when a generic alert
    /// with this correlator will report.
    fn run(
        &mut self,
        server: &str,
        uri: &str,
        argument: Option<&Payload>,
        correlator: Option<&str>,
    ) -> StatusCode;
}

/// A device on which no node can be run: 406.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingRuns;

impl Run for NothingRuns {
    fn run(&mut self, _: &str, _: &str, _: Option<&Payload>, _: Option<&str>) -> StatusCode {
        StatusCode::FEATURE_NOT_SUPPORTED
    }
}

/// The tree as one server may use it.
pub struct Acting<'a> {
    pub(super) tree: &'a mut ManagementTree,
    pub(super) server: &'a str,
    runs: &'a mut dyn Run,
}

impl<'a> Acting<'a> {
    pub(super) fn new(
        tree: &'a mut ManagementTree,
        server: &'a str,
        runs: &'a mut dyn Run,
    ) -> Self {
        Self { tree, server, runs }
    }

    pub(super) fn allowed<'u>(
        &self,
        uri: &'u str,
        access: Access,
    ) -> Result<(Vec<&'u str>, &Entry), StatusCode> {
        self.tree.allowed(uri, access, self.server)
    }

    pub(super) fn note(&mut self, path: &[&str], kind: ChangeKind) {
        self.tree.changes.push(Change {
            server: self.server.to_owned(),
            uri: address(path),
            kind,
        });
    }

    fn try_add(&mut self, uri: &str, value: &Value) -> Result<(), StatusCode> {
        let path = segments(uri)?;
        if path.first() == Some(&INBOX) && self.tree.find(INBOX).is_some() {
            return self.take_in(&path, value);
        }
        let (name, parent) = path.split_last().ok_or(StatusCode::ALREADY_EXISTS)?;
        if self.tree.at(&path).is_some() {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        self.allowed(&address(parent), Access::Add)?;
        let entry = match serialized(value)? {
            None => made(value)?,
            Some(document) => {
                let [node] = document.nodes.as_slice() else {
                    return Err(StatusCode::BAD_REQUEST);
                };
                Entry::from_node(node, &all(), Scope::Dynamic)
                    .map_err(|_unfit| StatusCode::BAD_REQUEST)?
            }
        };
        self.insert(parent, name, entry)
    }

    pub(super) fn insert(
        &mut self,
        parent: &[&str],
        name: &str,
        entry: Entry,
    ) -> Result<(), StatusCode> {
        if !super::is_name(name) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let below = entry.depth().saturating_add(1);
        if parent.len().saturating_add(below) > MAX_SEGMENTS {
            return Err(StatusCode::URI_TOO_LONG);
        }
        let (nodes, octets) = self.tree.root.weight();
        let (more, longer) = entry.weight();
        if nodes.saturating_add(more) > MAX_NODES || octets.saturating_add(longer) > MAX_OCTETS {
            return Err(StatusCode::DEVICE_FULL);
        }
        let entry = self.owned(parent, entry);
        let now = self.tree.now.clone();
        let found = self.tree.at_mut(parent).ok_or(StatusCode::NOT_FOUND)?;
        let Holds::Children(children) = &mut found.holds else {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        };
        if children.contains_key(name) {
            return Err(StatusCode::ALREADY_EXISTS);
        }
        children.insert(name.to_owned(), entry);
        found.touch(now.as_ref());
        let path = [parent, &[name]].concat();
        self.note(&path, ChangeKind::Added);
        Ok(())
    }

    /// Who makes an interior node where it may not replace, may replace what it made. What the others
    /// may do stays as it was.
    fn owned(&self, parent: &[&str], mut entry: Entry) -> Entry {
        let acl = self.tree.effective_acl(parent);
        let is_plain = !entry.is_leaf() && entry.acl.is_empty();
        if is_plain && !acl.allows(Access::Replace, self.server) {
            let rights = [Access::Add, Access::Delete, Access::Replace];
            entry.acl = rights
                .into_iter()
                .fold(acl.clone(), |acl, right| acl.with(right, self.server));
        }
        entry
    }

    fn try_replace(&mut self, uri: &str, value: &Value) -> Result<(), StatusCode> {
        let (path, entry) = self.allowed(uri, Access::Replace)?;
        let Holds::Value(format, old) = &entry.holds else {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        };
        // What a command does not say of the format counts as text, and text may be any of them.
        let is_said = value.format == message::Format::from(*format);
        if !(is_said || value.format == message::Format::Chr) || !format.admits(&value.data) {
            return Err(StatusCode::UNSUPPORTED_FORMAT);
        }
        let (_, octets) = self.tree.root.weight();
        let (before, after) = (old.as_bytes().len(), value.data.as_bytes().len());
        if after > before && octets.saturating_add(after) > MAX_OCTETS {
            return Err(StatusCode::DEVICE_FULL);
        }
        let now = self.tree.now.clone();
        let entry = self.tree.at_mut(&path).ok_or(StatusCode::NOT_FOUND)?;
        if let Holds::Value(_, old) = &mut entry.holds {
            old.clone_from(&value.data);
        }
        entry.touch(now.as_ref());
        self.note(&path, ChangeKind::Replaced);
        Ok(())
    }

    fn try_delete(&mut self, uri: &str) -> Result<(), StatusCode> {
        let (path, entry) = self.allowed(uri, Access::Delete)?;
        if entry.scope == Scope::Permanent || path.is_empty() {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        self.tree.cut(&path).ok_or(StatusCode::NOT_FOUND)?;
        let now = self.tree.now.clone();
        let parent = path.split_last().map_or(&[][..], |(_, parent)| parent);
        if let Some(parent) = self.tree.at_mut(parent) {
            parent.touch(now.as_ref());
        }
        self.note(&path, ChangeKind::Deleted);
        Ok(())
    }

    /// A leaf's value into another leaf, which is made if it is not there.
    fn try_copy(&mut self, source: &str, target: &str) -> Result<(), StatusCode> {
        let (_, from) = self.allowed(source, Access::Get)?;
        let Holds::Value(format, data) = &from.holds else {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        };
        let value = Value {
            format: (*format).into(),
            content_type: from.kind.clone(),
            data: data.clone(),
        };
        match self.tree.at(&segments(target)?) {
            Some(_) => self.try_replace(target, &value),
            None => self.try_add(target, &value),
        }
    }
}

impl Tree for Acting<'_> {
    fn get(&mut self, uri: &str) -> Result<Value, StatusCode> {
        let (_, entry) = self.allowed(uri, Access::Get)?;
        Ok(value_of(entry))
    }

    fn exec(
        &mut self,
        uri: &str,
        argument: Option<&Payload>,
        correlator: Option<&str>,
    ) -> StatusCode {
        match self.allowed(uri, Access::Exec) {
            Ok((path, _)) => {
                let uri = address(&path);
                self.runs.run(self.server, &uri, argument, correlator)
            }
            Err(code) => code,
        }
    }

    fn add(&mut self, uri: &str, value: &Value) -> StatusCode {
        code(self.try_add(uri, value))
    }

    fn replace(&mut self, uri: &str, value: &Value) -> StatusCode {
        code(self.try_replace(uri, value))
    }

    fn delete(&mut self, uri: &str) -> StatusCode {
        code(self.try_delete(uri))
    }

    fn copy(&mut self, source: &str, target: &str) -> StatusCode {
        code(self.try_copy(source, target))
    }

    fn property(&mut self, uri: &str, property: Property) -> Result<Value, StatusCode> {
        let (path, entry) = self.allowed(uri, Access::Get)?;
        super::property::read(&path, entry, property)
    }

    fn replace_property(&mut self, uri: &str, property: Property, value: &Value) -> StatusCode {
        code(self.try_replace_property(uri, property, value))
    }

    fn list(&mut self, uri: &str, listing: Listing) -> Result<Vec<(String, Value)>, StatusCode> {
        self.listed(uri, listing)
    }

    fn begin_atomic(&mut self) -> Result<(), StatusCode> {
        let before = (self.tree.root.clone(), self.tree.changes.len());
        self.tree.saved = Some(Box::new(before));
        Ok(())
    }

    fn end_atomic(&mut self) -> Result<(), StatusCode> {
        self.tree.saved = None;
        Ok(())
    }

    fn roll_back_atomic(&mut self) -> Result<(), StatusCode> {
        let saved = self.tree.saved.take();
        let (root, changes) = *saved.ok_or(StatusCode::ATOMIC_ROLL_BACK_FAILED)?;
        self.tree.root = root;
        self.tree.changes.truncate(changes);
        Ok(())
    }
}

fn code(result: Result<(), StatusCode>) -> StatusCode {
    result.err().unwrap_or(StatusCode::OK)
}

/// The address of a node, from the root on.
pub(super) fn address(path: &[&str]) -> String {
    match path {
        [] => ".".to_owned(),
        _ => format!("./{}", path.join("/")),
    }
}

pub(super) fn value_of(entry: &Entry) -> Value {
    match &entry.holds {
        Holds::Value(format, data) => Value {
            format: (*format).into(),
            content_type: entry.kind.clone(),
            data: data.clone(),
        },
        Holds::Children(children) => {
            let names: Vec<&str> = children.keys().map(String::as_str).collect();
            Value {
                content_type: entry.kind.clone(),
                ..Value::interior(&names)
            }
        }
    }
}

/// The commands that a node takes which a server has made: all but running it.
fn all() -> BTreeSet<Access> {
    let runs = |access: &Access| *access != Access::Exec;
    Access::ALL.into_iter().filter(runs).collect()
}

/// The serialised tree that a value is, if it says that it is one.
pub(super) fn serialized(value: &Value) -> Result<Option<Document>, StatusCode> {
    let bytes = value.data.as_bytes();
    let document = match value.content_type.as_deref() {
        Some(mime::TNDS_XML) => Document::from_xml(bytes).ok(),
        Some(mime::TNDS_WBXML) => Document::from_wbxml(bytes).ok(),
        Some(_) | None => return Ok(None),
    };
    document.map(Some).ok_or(StatusCode::BAD_REQUEST)
}

/// The node that an `Add` makes of its value.
fn made(value: &Value) -> Result<Entry, StatusCode> {
    let holds = if value.format == message::Format::Node {
        if !value.data.as_bytes().is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        Holds::Children(BTreeMap::new())
    } else {
        let mut known = Format::ALL.into_iter();
        let format = known.find(|known| message::Format::from(*known) == value.format);
        let format = format
            .filter(|format| format.admits(&value.data))
            .ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        Holds::Value(format, value.data.clone())
    };
    let mut entry = Entry::new(holds, all(), Scope::Dynamic);
    entry.kind.clone_from(&value.content_type);
    Ok(entry)
}
