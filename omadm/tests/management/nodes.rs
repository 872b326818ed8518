//! Commands on nodes.

use crate::world::{ACME, OTHER, Runs, act, add, answer, interior, items, tree, write};
use omadm::client::{Tree, Value};
use omadm::code::{StatusCode, mime};
use omadm::message::{Command, Format as Said, Item, Location};
use omadm::tnds::{Document, Format, Node};
use omadm::tree::{Change, ChangeKind, MAX_SEGMENT_LEN, NotPlanted, NothingRuns, Unfit};

#[test]
fn a_server_makes_reads_changes_and_removes_a_leaf() {
    let mut tree = tree();
    assert_eq!(add(&mut tree, ACME, "./Shared/A", "1"), 200);
    assert_eq!(add(&mut tree, ACME, "Shared/A", "1"), 418);
    let value = act(&mut tree, ACME, |tree| tree.get("./Shared/A")).unwrap();
    assert_eq!(value, Value::text("1"));
    let text = Value::text("2");
    let code = act(&mut tree, ACME, |tree| tree.replace("./Shared/A", &text));
    assert_eq!(code, StatusCode::OK);
    assert_eq!(tree.text("./Shared/A"), Some("2"));
    let code = act(&mut tree, ACME, |tree| tree.delete("./Shared/A"));
    assert_eq!(code, StatusCode::OK);
    let code = act(&mut tree, ACME, |tree| tree.delete("./Shared/A"));
    assert_eq!(code, StatusCode::NOT_FOUND);
    let kinds: Vec<ChangeKind> = tree.take_changes().iter().map(|it| it.kind).collect();
    let expected = [ChangeKind::Added, ChangeKind::Replaced, ChangeKind::Deleted];
    assert_eq!(kinds, expected);
    assert!(tree.take_changes().is_empty());
}

#[test]
fn the_node_decides_before_the_access_list_does() {
    let mut tree = tree();
    let mut code = |server, act: fn(&mut dyn Tree) -> StatusCode| {
        crate::world::act(&mut tree, server, act).number()
    };
    assert_eq!(
        code(OTHER, |it| it.replace("./Vendor/X", &Value::text(""))),
        404
    );
    assert_eq!(
        code(OTHER, |it| it.add("./Vendor/X", &Value::text(""))),
        405
    );
    assert_eq!(
        code(OTHER, |it| it.replace("./Vendor/Mode", &Value::text("2"))),
        425
    );
    assert_eq!(code(OTHER, |it| it.exec("./Vendor/Run", None, None)), 425);
    assert_eq!(code(OTHER, |it| it.delete("./Vendor/Mode")), 425);
    assert_eq!(
        code(OTHER, |it| it.add("./Shared/X", &Value::text(""))),
        425
    );
    assert_eq!(code(ACME, |it| it.delete("./Vendor/Mode")), 405);
    assert_eq!(code(ACME, |it| it.delete(".")), 405);
    assert_eq!(code(ACME, |it| it.add(".", &interior())), 418);
    assert_eq!(code(ACME, |it| it.add("./Shared/X/Y", &interior())), 404);
    assert_eq!(
        code(ACME, |it| it.replace("./Vendor", &Value::text("2"))),
        405
    );
    assert_eq!(code(ACME, |it| it.exec("./Vendor/Run", None, None)), 406);
    assert_eq!(code(ACME, |it| it.get("./Inbox").unwrap_err()), 405);
    assert_eq!(code(ACME, |it| it.get("./Inbox/X").unwrap_err()), 404);
}

#[test]
fn who_may_run_a_node_runs_it() {
    let (mut tree, mut runs) = (tree(), Runs::default());
    let code = tree
        .acting_as(ACME, &mut runs)
        .exec("Vendor/Run", None, None);
    assert_eq!(code, StatusCode::ACCEPTED_FOR_PROCESSING);
    assert_eq!(runs.0, ["acme-dm ./Vendor/Run"]);
}

#[test]
fn a_value_is_one_of_its_format() {
    let mut tree = tree();
    let mut replace =
        |value: &Value| act(&mut tree, ACME, |tree| tree.replace("./Vendor/Mode", value)).number();
    let said = |format, text: &str| Value {
        format,
        ..Value::text(text)
    };
    assert_eq!(replace(&Value::text("two")), 415);
    assert_eq!(replace(&said(Said::Bool, "true")), 415);
    assert_eq!(replace(&said(Said::Int, "7")), 200);
    assert_eq!(replace(&Value::text("8")), 200);
    let unknown = said(Said::Other("ogg".into()), "");
    let code = act(&mut tree, ACME, |tree| tree.add("./Shared/A", &unknown));
    assert_eq!(code, StatusCode::UNSUPPORTED_FORMAT);
    let full = said(Said::Node, "no value");
    let code = act(&mut tree, ACME, |tree| tree.add("./Shared/A", &full));
    assert_eq!(code, StatusCode::BAD_REQUEST);
}

#[test]
fn addresses_have_bounds() {
    let mut tree = tree();
    let long = format!("./Shared/{}", "x".repeat(MAX_SEGMENT_LEN + 1));
    let deep = format!("./Shared{}", "/a".repeat(40));
    for (uri, code) in [
        (long.as_str(), 414),
        (deep.as_str(), 414),
        ("./Shared//a", 404),
        ("./Shared/..", 404),
        ("./Shared/", 404),
        ("", 404),
        ("/Shared", 404),
        ("./Shared/\u{1}", 404),
    ] {
        assert_eq!(add(&mut tree, ACME, uri, ""), code, "{uri}");
    }
    let mut uri = "./Shared".to_owned();
    let codes: Vec<StatusCode> = (0..30)
        .map(|_| {
            uri.push_str("/a");
            act(&mut tree, ACME, |tree| tree.add(&uri, &interior()))
        })
        .collect();
    assert_eq!(codes.iter().filter(|code| code.is_success()).count(), 23);
    assert!(
        tree.node(".")
            .map(|root| Document::of([root]).to_xml())
            .is_some()
    );
}

#[test]
fn a_tree_does_not_grow_without_end() {
    let mut tree = tree();
    let large = "x".repeat(1 << 20);
    let codes: Vec<u16> = (0..6)
        .map(|number| add(&mut tree, ACME, &format!("./Shared/{number}"), &large))
        .collect();
    assert_eq!(codes, [200, 200, 200, 420, 420, 420]);
    let huge = Value::text("x".repeat(3 << 20));
    let code = act(&mut tree, ACME, |tree| tree.replace("./Shared/0", &huge));
    assert_eq!(code, StatusCode::DEVICE_FULL);
    let mut tree = crate::world::tree();
    let full = (0..10_000)
        .map(|number| add(&mut tree, ACME, &format!("./Shared/{number}"), ""))
        .find(|code| *code != 200);
    assert_eq!(full, Some(420));
}

fn serialized(node: Node) -> Value {
    Value {
        format: Said::Xml,
        content_type: Some(mime::TNDS_XML.into()),
        data: Document::of([node]).to_xml().unwrap().into(),
    }
}

fn capability(name: &str) -> Node {
    Node::interior(name, [Node::leaf("Enabled", Format::Bool, "true")])
        .of_kind("urn:oma:mo:oma-dcmo:1.0")
}

#[test]
fn a_serialised_tree_becomes_a_sub_tree_under_the_name_it_is_given() {
    let mut tree = tree();
    let value = serialized(capability("Camera"));
    let code = act(&mut tree, ACME, |tree| tree.add("./Shared/C", &value));
    assert_eq!(code, StatusCode::OK);
    assert_eq!(tree.text("./Shared/C/Enabled"), Some("true"));
    let found = act(&mut tree, ACME, |tree| tree.get("./Shared/C")).unwrap();
    assert_eq!(found.data, "Enabled");
    assert_eq!(
        found.content_type.as_deref(),
        Some("urn:oma:mo:oma-dcmo:1.0")
    );
    let broken = Value {
        data: "<MgmtTree>".into(),
        ..value
    };
    let code = act(&mut tree, ACME, |tree| tree.add("./Shared/D", &broken));
    assert_eq!(code, StatusCode::BAD_REQUEST);
}

#[test]
fn the_inbox_puts_an_object_where_its_kind_is_kept() {
    let mut tree = tree();
    let mut put = |uri: &str, value: &Value| act(&mut tree, OTHER, |tree| tree.add(uri, value));
    assert_eq!(
        put("./Inbox", &serialized(capability("Camera"))),
        StatusCode::OK
    );
    assert_eq!(
        put("./Inbox/BT", &serialized(capability(""))),
        StatusCode::OK
    );
    assert_eq!(put("./Inbox", &serialized(capability(""))), StatusCode::OK);
    let again = put("./Inbox", &serialized(capability("Camera")));
    assert_eq!(again, StatusCode::ALREADY_EXISTS);
    let unknown = capability("X").of_kind("urn:example:unknown");
    let refused = put("./Inbox", &serialized(unknown));
    assert_eq!(refused, StatusCode::UNSUPPORTED_FORMAT);
    let refused = put("./Inbox/X", &Value::text("no tree"));
    assert_eq!(refused, StatusCode::UNSUPPORTED_FORMAT);
    assert_eq!(tree.children("./DCMO").unwrap(), ["BT", "Camera", "X1"]);
    assert_eq!(tree.children("./Inbox").unwrap(), [""; 0]);
}

#[test]
fn a_leaf_is_copied_with_the_rights_of_both_ends() {
    let mut tree = tree();
    let copy = |source: &str, target: &str| {
        let item = Item {
            source: Some(Location::new(source)),
            ..Item::target(target)
        };
        vec![Command::Copy(items(50, vec![item]))]
    };
    let mut codes =
        |server, commands| answer(&mut tree.acting_as(server, &mut NothingRuns), commands).0;
    assert_eq!(codes(ACME, copy("./Vendor/Text", "./Shared/T")), [200]);
    assert_eq!(codes(ACME, copy("./Vendor/Mode", "./Shared/T")), [415]);
    assert_eq!(codes(ACME, copy("./Vendor", "./Shared/V")), [405]);
    assert_eq!(codes(OTHER, copy("./Vendor/Text", "./Shared/U")), [425]);
    assert_eq!(codes(ACME, copy("./Nowhere", "./Shared/U")), [404]);
    assert_eq!(
        codes(ACME, copy("./Vendor/Text?prop=ACL", "./Shared/U")),
        [405]
    );
    let nameless = vec![Command::Copy(items(50, vec![Item::target("./Shared/U")]))];
    assert_eq!(codes(ACME, nameless), [412]);
    assert_eq!(tree.text("./Shared/T"), Some("as made"));
}

#[test]
fn commands_reach_what_they_are_for_and_nothing_else() {
    let mut tree = tree();
    let of = |uri: &str| items(50, vec![write(uri, "x")]);
    let commands = vec![
        Command::Add(of("./Shared/A?prop=Title")),
        Command::Replace(of("./Shared?list=Struct")),
        Command::Delete(of("./Shared?prop=ACL")),
        Command::Get(of("./Shared?prop=Colour")),
        Command::Get(of("./Shared?x")),
        Command::Get(of("./Shared?list=TNDS+Colour")),
    ];
    let (codes, _) = answer(&mut tree.acting_as(ACME, &mut NothingRuns), commands);
    assert_eq!(codes, [405, 405, 405, 406, 406, 406]);
}

#[test]
fn the_device_is_told_what_it_cannot_have() {
    let mut tree = tree();
    let missing = tree.set("./Nowhere", "x").unwrap_err();
    assert_eq!(missing, NotPlanted::NoSuchNode("./Nowhere".into()));
    assert!(matches!(
        tree.set("./Vendor", "x"),
        Err(NotPlanted::NoLeaf(_))
    ));
    let unfit = tree.set("./Vendor/Mode", "x").unwrap_err();
    assert!(matches!(unfit, NotPlanted::Unfit(Unfit::Value { .. })));
    assert!(tree.remove("./Vendor/Mode") && !tree.remove("./Vendor/Mode"));
    assert!(!tree.remove("."));
}

#[test]
fn versions_count_and_times_are_those_of_the_caller() {
    let mut tree = tree();
    tree.set_now("2026-11-23T12:00:00Z");
    tree.set("./Vendor/Mode", "1").unwrap();
    assert_eq!(
        tree.node("./Vendor/Mode").unwrap().properties().changed,
        None
    );
    tree.set("./Vendor/Mode", "2").unwrap();
    let node = tree.node("./Vendor/Mode").unwrap();
    let properties = node.properties();
    assert_eq!(properties.version, Some(1));
    assert_eq!(properties.changed.as_deref(), Some("2026-11-23T12:00:00Z"));
}

#[test]
fn a_change_says_who_did_it() {
    let mut tree = tree();
    add(&mut tree, ACME, "Shared/A", "1");
    let change = Change {
        server: ACME.into(),
        uri: "./Shared/A".into(),
        kind: ChangeKind::Added,
    };
    assert_eq!(tree.take_changes(), [change]);
}
