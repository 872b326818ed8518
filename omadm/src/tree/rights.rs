//! Who may do what with which node (OMA DM 1.2 *Tree and Description*, 7.7.1).

use super::address::segments;
use super::entry::Entry;
use super::{Acl, ManagementTree};
use crate::code::StatusCode;
use crate::ddf::Access;

impl ManagementTree {
    /// The list that counts for a node: its own, or that of the nearest ancestor that has one.
    pub(super) fn effective_acl(&self, path: &[&str]) -> &Acl {
        let mut entry = &self.root;
        let mut acl = &entry.acl;
        for name in path {
            let Some(child) = entry.child(name) else {
                break;
            };
            entry = child;
            if !entry.acl.is_empty() {
                acl = &entry.acl;
            }
        }
        acl
    }

    /// The node at an address, if this server may use this command on it: 404, 405 or 425 if not.
    pub(super) fn allowed<'a>(
        &self,
        uri: &'a str,
        access: Access,
        server: &str,
    ) -> Result<(Vec<&'a str>, &Entry), StatusCode> {
        let path = segments(uri)?;
        let entry = self.at(&path).ok_or(StatusCode::NOT_FOUND)?;
        if !entry.access.contains(&access) {
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        if !self.effective_acl(&path).allows(access, server) {
            return Err(StatusCode::PERMISSION_DENIED);
        }
        Ok((path, entry))
    }

    /// Whether this server may replace the list of a node that is there: the parent's list decides,
    /// and for an interior node its own does, too.
    pub(super) fn may_replace_acl(&self, path: &[&str], server: &str) -> bool {
        let may = |path: &[&str]| self.effective_acl(path).allows(Access::Replace, server);
        let by_parent = path.split_last().is_some_and(|(_, parent)| may(parent));
        let is_interior = self.at(path).is_some_and(|entry| !entry.is_leaf());
        by_parent || (is_interior && may(path))
    }
}
