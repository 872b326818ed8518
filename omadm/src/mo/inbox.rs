//! `./Inbox`: takes objects and puts them where objects of their kind are kept (OMA DM 1.2
//! *Standardized Objects*, 5.6). It takes `Add` and nothing else.
//!
//! [`ManagementTree::place`](crate::tree::ManagementTree::place) says where that is.

use crate::ddf::{self, Access, Scope};
use crate::tnds::Node;

/// The object's identifier.
pub const URN: &str = "urn:oma:mo:oma-dm-inbox:1.0";

/// The object, which is always empty.
pub fn node() -> Node {
    Node::interior("Inbox", []).of_kind(URN)
}

/// The object's description.
pub fn description() -> ddf::Node {
    ddf::Node {
        name: "Inbox".to_owned(),
        ..ddf::Node::object(URN, [])
            .takes([Access::Add])
            .described("Takes objects and puts them where they belong.")
            .scoped(Scope::Permanent)
    }
}
