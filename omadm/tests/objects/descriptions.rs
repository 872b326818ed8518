//! The descriptions that the repository ships, for servers of others.

use omadm::ddf::{Document, Node};
use omadm::mo;
use std::path::Path;

/// File names, and what is in them.
fn all() -> [(&'static str, Node); 6] {
    [
        ("dcmo", mo::dcmo::description()),
        ("dev-detail", mo::dev_detail::description()),
        ("dev-info", mo::dev_info::description()),
        ("dm-acc", mo::dm_acc::description()),
        ("inbox", mo::inbox::description()),
        ("scheduling", mo::scheduling::description()),
    ]
}

/// After a change: `cargo run -p omadm --example describe -- dcmo > omadm/ddf/dcmo.ddf`, and so on.
#[test]
fn the_shipped_descriptions_are_those_of_the_code() {
    for (name, node) in all() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("ddf/{name}.ddf"));
        let shipped = std::fs::read(&path).unwrap();
        let document = Document::of([node]);
        assert_eq!(shipped, document.to_xml().unwrap(), "{name}");
        assert_eq!(Document::from_xml(&shipped).unwrap(), document);
    }
}
