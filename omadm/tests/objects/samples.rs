//! Objects with everything that they may have, and with nothing that they need not.

use omadm::code::{StatusCode, dcmo::Operation};
use omadm::ddf::{self, Document};
use omadm::mo::dcmo::Capability;
use omadm::mo::dev_detail::DevDetail;
use omadm::mo::{dcmo, dev_detail, dev_info, dm_acc, inbox, scheduling};
use omadm::tnds::{self, Format, Node};
use omadm::tree::{ManagementTree, NothingRuns, Planted};
use omadm::{DevInfo, message};
use proptest::prelude::*;

pub(crate) fn capability() -> impl Strategy<Value = Capability> {
    let text = || prop::option::of("[a-z <&]{0,12}");
    let flag = || prop::option::of(any::<bool>());
    (
        "[A-Za-z]{1,12}",
        text(),
        text(),
        flag(),
        any::<bool>(),
        flag(),
    )
        .prop_map(
            |(property, group, description, attached, enabled, notify_user)| Capability {
                property,
                group,
                description,
                attached,
                enabled,
                notify_user,
            },
        )
}

/// Holds an object against its description, in every form that it can have; the object as a tree has
/// it.
pub(crate) fn fits(description: &ddf::Node, node: &Node) -> Node {
    let document = Document::of([description.clone()]);
    document.check(node).unwrap();
    let tree = tnds::Document::of([node.clone()]);
    let xml = tnds::Document::from_xml(&tree.to_xml().unwrap()).unwrap();
    let wbxml = tnds::Document::from_wbxml(&tree.to_wbxml().unwrap()).unwrap();
    for read in [xml, wbxml] {
        document.check(read.nodes.first().unwrap()).unwrap();
    }
    let mut tree = ManagementTree::new();
    tree.plant(".", &Node::interior("A", []), &Planted::permanent([]))
        .unwrap();
    tree.plant_described("./A", node, description).unwrap();
    let uri = format!("./A/{}", node.name);
    let planted = tree.node(&uri).unwrap();
    document.check(&planted).unwrap();
    planted
}

proptest! {
    #[test]
    fn a_capability_is_read_as_it_was_written(capability in capability()) {
        let node = capability.to_node("Camera");
        let planted = fits(&dcmo::description(), &node);
        prop_assert_eq!(Capability::from_node(&planted), Ok(capability.clone()));
        prop_assert_eq!(Capability::from_node(&node), Ok(capability));
    }
}

#[test]
fn a_capability_can_be_used_when_it_is_enabled_and_there() {
    let with = |enabled, attached| Capability {
        attached,
        ..Capability::new("USB", enabled)
    };
    assert!(with(true, None).is_usable());
    assert!(with(true, Some(true)).is_usable());
    assert!(!with(true, Some(false)).is_usable());
    assert!(!with(false, Some(true)).is_usable());
}

#[test]
fn what_lacks_a_leaf_is_no_capability() {
    let node = Node::interior("Camera", [Node::leaf("Property", Format::Chr, "x")]);
    let error = Capability::from_node(&node).unwrap_err();
    assert_eq!(error.to_string(), "Enabled is not true or false");
    let node = Node::interior("Camera", [Node::leaf("Enabled", Format::Bool, "true")]);
    let error = Capability::from_node(&node).unwrap_err();
    assert_eq!(error.to_string(), "Property is not a leaf with a text");
}

#[test]
fn an_operation_and_its_report_name_the_same_node() {
    for operation in [Operation::Enable, Operation::Disable] {
        let report = dcmo::report("./DCMO/Camera", operation, Some("acme-1"), 1404);
        let source = report.source.unwrap();
        let found = dcmo::operation_at(&source);
        assert_eq!(found, Some(("./DCMO/Camera", operation)));
        assert_eq!(report.mark, Some(message::Mark::Warning));
        assert_eq!(report.data, "1404");
    }
    assert_eq!(dcmo::operation_at("./DCMO/Camera/Enable"), None);
    let done = dcmo::report("./A", Operation::Enable, None, 1200);
    assert_eq!(done.mark, Some(message::Mark::Informational));
}

#[test]
fn a_server_may_run_an_operation_and_not_write_the_state() {
    use omadm::client::{Tree, Value};
    let mut tree = ManagementTree::new();
    tree.plant(".", &Node::interior("DCMO", []), &Planted::permanent([]))
        .unwrap();
    let node = Capability::new("Camera", true).to_node("Camera");
    tree.plant_described("./DCMO", &node, &dcmo::description())
        .unwrap();
    let all = "Add=*&Delete=*&Exec=*&Get=*&Replace=*";
    tree.set_acl(".", all.parse().unwrap()).unwrap();
    let mut runs = NothingRuns;
    let mut server = tree.acting_as("acme-dm", &mut runs);
    let off = Value::text("false");
    let not_allowed = StatusCode::COMMAND_NOT_ALLOWED;
    assert_eq!(server.replace("./DCMO/Camera/Enabled", &off), not_allowed);
    assert_eq!(server.delete("./DCMO/Camera"), not_allowed);
    assert_eq!(server.add("./DCMO/Camera/X", &off), not_allowed);
    let disable = "./DCMO/Camera/Operations/Disable";
    assert_eq!(server.get(disable), Err(not_allowed));
    // It was allowed, and then nothing runs here.
    let unsupported = StatusCode::FEATURE_NOT_SUPPORTED;
    assert_eq!(server.exec(disable, None, None), unsupported);
}

#[test]
fn a_device_says_what_it_is() {
    let detail = DevDetail {
        firmware: "1".into(),
        software: "2".into(),
        hardware: "3".into(),
        ..DevDetail::new("smartphone", "Example")
    };
    let node = detail.to_node();
    let planted = fits(&dev_detail::description(), &node);
    assert_eq!(DevDetail::from_node(&planted), Ok(detail.clone()));
    assert_eq!(node.at("URI/MaxSegLen").and_then(Node::text), Some("255"));
    assert_eq!(DevDetail::from_node(&node), Ok(detail));
    let error = DevDetail::from_node(&Node::interior("DevDetail", [])).unwrap_err();
    assert_eq!(error.at, "DevTyp");
}

#[test]
fn a_device_says_who_it_is() {
    let mut device = DevInfo::new("urn:uuid:1", "Example", "phone");
    let planted = fits(&dev_info::description(), &device.to_node());
    assert_eq!(DevInfo::from_node(&planted), Ok(device.clone()));
    device.further.insert("Ext/A/B".into(), "1".into());
    device.further.insert("Ext/A/C".into(), "2".into());
    let node = device.to_node();
    assert_eq!(node.at("Ext/A/C").and_then(Node::text), Some("2"));
    assert_eq!(DevInfo::from_node(&node), Ok(device));
    assert!(DevInfo::from_node(&Node::interior("DevInfo", [])).is_err());
}

#[test]
fn objects_find_their_place_by_the_inbox() {
    use omadm::client::{Tree, Value};
    let mut tree = ManagementTree::new();
    let closed = Planted::permanent([]);
    tree.plant(".", &Node::interior("Accounts", []), &closed)
        .unwrap();
    tree.plant_described(".", &inbox::node(), &inbox::description())
        .unwrap();
    tree.place(dm_acc::URN, "./Accounts", Planted::dynamic([]));
    fits(&inbox::description(), &inbox::node());
    let account = dm_acc::Account::new("acme-dm", "https://dm.example.test");
    let document = tnds::Document::of([account.to_node("acme")]);
    let value = Value {
        format: message::Format::Bin,
        content_type: Some(omadm::code::mime::TNDS_WBXML.into()),
        data: document.to_wbxml().unwrap().into(),
    };
    let mut runs = NothingRuns;
    let code = tree.acting_as("anybody", &mut runs).add("./Inbox", &value);
    assert_eq!(code, StatusCode::OK);
    let found = tree.node("./Accounts/acme").unwrap();
    let found = dm_acc::Account::from_node(&found).unwrap();
    assert_eq!(found.server_id, "acme-dm");
}

#[test]
fn every_object_has_its_registered_name() {
    for (urn, description) in [
        (dcmo::URN, dcmo::description()),
        (dev_info::URN, dev_info::description()),
        (dev_detail::URN, dev_detail::description()),
        (dm_acc::URN, dm_acc::description()),
        (inbox::URN, inbox::description()),
        (scheduling::URN, scheduling::description()),
    ] {
        assert_eq!(description.properties.kind, ddf::Kind::Object(urn.into()));
    }
}
