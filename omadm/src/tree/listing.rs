//! Whole sub-trees in one answer (OMA DM 1.2 *Tree and Description*, 7.3).

use super::acting::{Acting, address, value_of};
use super::address::Listing;
use super::entry::{Entry, Holds};
use crate::Payload;
use crate::client::Value;
use crate::code::{StatusCode, mime};
use crate::ddf::Access;
use crate::message;
use crate::tnds::Document;

impl Acting<'_> {
    /// What the server may read of a node and all below it.
    pub(super) fn listed(
        &self,
        uri: &str,
        listing: Listing,
    ) -> Result<Vec<(String, Value)>, StatusCode> {
        let (path, entry) = self.allowed(uri, Access::Get)?;
        let parts = match listing {
            Listing::Tnds(parts) => parts,
            Listing::Struct | Listing::StructData => {
                let mut found = Vec::new();
                self.walk(&path, entry, listing, &mut found);
                return Ok(found);
            }
        };
        let name = path.last().copied().unwrap_or_default();
        let acl = self.tree.effective_acl(&path);
        let mut node = entry.to_node(name, parts, acl, &|entry, acl| self.sees(entry, acl));
        let parent = path.split_last().map(|(_, parent)| address(parent));
        node.path = parent;
        let bytes = Document::of([node]).to_xml();
        let bytes = bytes.map_err(|_unwritable| StatusCode::COMMAND_FAILED)?;
        let value = Value {
            format: message::Format::Xml,
            content_type: Some(mime::TNDS_XML.to_owned()),
            data: bytes.into(),
        };
        Ok(vec![(uri.to_owned(), value)])
    }

    /// Whether the server may read a node on which this list counts.
    fn sees(&self, entry: &Entry, acl: &super::Acl) -> bool {
        entry.access.contains(&Access::Get) && acl.allows(Access::Get, self.server)
    }

    fn walk(
        &self,
        path: &[&str],
        entry: &Entry,
        listing: Listing,
        found: &mut Vec<(String, Value)>,
    ) {
        if !self.sees(entry, self.tree.effective_acl(path)) {
            return;
        }
        let mut value = value_of(entry);
        if listing == Listing::Struct || !entry.is_leaf() {
            value.data = Payload::default();
        }
        found.push((address(path), value));
        if let Holds::Children(children) = &entry.holds {
            for (name, child) in children {
                self.walk(&[path, &[name.as_str()]].concat(), child, listing, found);
            }
        }
    }
}
