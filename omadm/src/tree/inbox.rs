//! `./Inbox`: the node that takes objects and puts them where they belong (OMA DM 1.2 *Standardized
//! Objects*, 5.6). It takes nothing but `Add`.

use super::acting::{Acting, serialized};
use super::address::segments;
use super::entry::Entry;
use super::{MAX_NODES, Unfit};
use crate::client::Value;
use crate::code::StatusCode;
use crate::ddf::Access;
use crate::tnds::Document;

/// The inbox's name below the root.
pub(super) const INBOX: &str = "Inbox";

impl Acting<'_> {
    /// Puts every object of a serialised tree where objects of its kind are kept.
    pub(super) fn take_in(&mut self, path: &[&str], value: &Value) -> Result<(), StatusCode> {
        self.allowed(INBOX, Access::Add)?;
        let document = serialized(value)?.ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        let before = (self.tree.root.clone(), self.tree.changes.len());
        let result = self.put(path, &document);
        if result.is_err() {
            // All of it or nothing.
            self.tree.root = before.0;
            self.tree.changes.truncate(before.1);
        }
        result
    }

    fn put(&mut self, path: &[&str], document: &Document) -> Result<(), StatusCode> {
        let wanted = path.get(1).filter(|_| document.nodes.len() == 1);
        for node in &document.nodes {
            let place = node
                .object()
                .and_then(|object| self.tree.places.get(object));
            let (parent, planted) = place.cloned().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
            let entry = Entry::from_node(node, &planted.access, planted.scope);
            let entry = entry.map_err(|_unfit: Unfit| StatusCode::BAD_REQUEST)?;
            let parent = segments(&parent)?;
            let name = match (node.name.as_str(), wanted) {
                ("", Some(name)) => (*name).to_owned(),
                ("", None) => self.free_name(&parent)?,
                (name, _) => name.to_owned(),
            };
            self.insert(&parent, &name, entry)?;
        }
        Ok(())
    }

    /// A name that no child has yet.
    fn free_name(&self, parent: &[&str]) -> Result<String, StatusCode> {
        let parent = self.tree.at(parent).ok_or(StatusCode::COMMAND_FAILED)?;
        let mut names = (1..=MAX_NODES).map(|number| format!("X{number}"));
        names
            .find(|name| parent.child(name).is_none())
            .ok_or(StatusCode::DEVICE_FULL)
    }
}
