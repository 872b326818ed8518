//! Access lists, properties, and whole sub-trees.

use crate::world::{ACME, OTHER, act, add, answer, interior, items, tree, write};
use omadm::client::Value;
use omadm::code::StatusCode;
use omadm::ddf::Access;
use omadm::message::{Command, Format, Item};
use omadm::tnds::Document;
use omadm::tree::{Acl, MAX_ACL_LEN, MalformedAcl, ManagementTree, NothingRuns, Property};
use proptest::prelude::*;

fn acl(text: &str) -> Acl {
    text.parse().unwrap()
}

fn property(tree: &mut ManagementTree, uri: &str, property: Property) -> Result<String, u16> {
    let value = act(tree, ACME, |tree| tree.property(uri, property));
    let text = |value: Value| value.data.into_text().unwrap();
    value.map(text).map_err(StatusCode::number)
}

fn replace(tree: &mut ManagementTree, server: &str, uri: &str, as_: (Property, &str)) -> u16 {
    let (property, text) = as_;
    let value = Value::text(text);
    act(tree, server, |tree| {
        tree.replace_property(uri, property, &value)
    })
    .number()
}

#[test]
fn what_is_no_access_list_is_named() {
    for (text, error) in [
        ("Get", MalformedAcl::Entry("Get".into())),
        ("Get=", MalformedAcl::Entry("Get=".into())),
        ("Get=a++b", MalformedAcl::Entry("Get=a++b".into())),
        ("Get=*&", MalformedAcl::Entry(String::new())),
        ("Copy=*", MalformedAcl::Command("Copy".into())),
        ("get=*", MalformedAcl::Command("get".into())),
        ("Get=a&Get=b", MalformedAcl::Repeated("Get")),
    ] {
        assert_eq!(text.parse::<Acl>(), Err(error), "{text}");
    }
    let long = format!("Get={}", "a".repeat(MAX_ACL_LEN));
    assert_eq!(
        long.parse::<Acl>(),
        Err(MalformedAcl::Long(MAX_ACL_LEN + 4))
    );
    assert_eq!(acl("Get=a+*+b").to_string(), "Get=*");
    assert!(acl("").is_empty());
}

proptest! {
    #[test]
    fn an_access_list_is_read_as_it_was_written(
        grants in prop::collection::vec((0_usize..5, "[a-c*]{1,2}"), 0..8),
    ) {
        let commands =
            [Access::Add, Access::Delete, Access::Exec, Access::Get, Access::Replace];
        let list = grants.iter().fold(Acl::default(), |list, (place, server)| {
            list.with(commands[*place], server.replace('*', "x"))
        });
        prop_assert_eq!(list.to_string().parse(), Ok(list.clone()));
        for (place, server) in &grants {
            prop_assert!(list.allows(commands[*place], &server.replace('*', "x")));
        }
    }

    #[test]
    fn any_text_is_an_access_list_or_none(text in "([A-Z][a-z]{2,6}=?[a-b+*&=]{0,6}){0,3}") {
        if let Ok(list) = text.parse::<Acl>() {
            prop_assert_eq!(list.to_string().parse(), Ok(list));
        }
    }
}

#[test]
fn the_nearest_list_counts_as_a_whole() {
    let mut tree = tree();
    let value = act(&mut tree, OTHER, |tree| tree.get("./Vendor/Mode"));
    assert!(value.is_ok());
    tree.set_acl("./Vendor/Mode", acl("Replace=other-dm"))
        .unwrap();
    let value = act(&mut tree, OTHER, |tree| tree.get("./Vendor/Mode"));
    assert_eq!(value, Err(StatusCode::PERMISSION_DENIED));
    let text = Value::text("5");
    let code = act(&mut tree, OTHER, |tree| {
        tree.replace("./Vendor/Mode", &text)
    });
    assert_eq!(code, StatusCode::OK);
    let code = act(&mut tree, ACME, |tree| tree.replace("./Vendor/Mode", &text));
    assert_eq!(code, StatusCode::PERMISSION_DENIED);
}

#[test]
fn who_may_replace_the_parent_gives_the_children_their_lists() {
    let mut tree = tree();
    let leaf = "./Vendor/Mode";
    assert_eq!(
        replace(&mut tree, OTHER, leaf, (Property::Acl, "Get=*")),
        425
    );
    // Its own list does not help with a leaf.
    tree.set_acl(leaf, acl("Replace=other-dm")).unwrap();
    assert_eq!(
        replace(&mut tree, OTHER, leaf, (Property::Acl, "Get=*")),
        425
    );
    assert_eq!(
        replace(&mut tree, ACME, leaf, (Property::Acl, "Get=*")),
        200
    );
    assert_eq!(property(&mut tree, leaf, Property::Acl), Ok("Get=*".into()));
    // It does with an interior node.
    tree.set_acl("./DCMO", acl("Replace=other-dm")).unwrap();
    assert_eq!(
        replace(&mut tree, OTHER, "./DCMO", (Property::Acl, "")),
        200
    );
    assert_eq!(
        replace(&mut tree, ACME, leaf, (Property::Acl, "Fly=*")),
        400
    );
    tree.set_acl(".", acl("Get=*&Replace=acme-dm")).unwrap();
    assert_eq!(replace(&mut tree, ACME, ".", (Property::Acl, "")), 405);
}

#[test]
fn who_makes_a_node_without_rights_on_its_parent_owns_it() {
    let mut tree = tree();
    tree.set_acl("./DCMO", acl("Add=other-dm&Get=*")).unwrap();
    let code = act(&mut tree, OTHER, |tree| tree.add("./DCMO/A", &interior()));
    assert_eq!(code, StatusCode::OK);
    assert_eq!(
        property(&mut tree, "./DCMO/A", Property::Acl),
        Ok("Add=other-dm&Delete=other-dm&Get=*&Replace=other-dm".into())
    );
    assert_eq!(add(&mut tree, OTHER, "./DCMO/A/B", "1"), 200);
    assert_eq!(add(&mut tree, ACME, "./DCMO/A/C", "1"), 425);
    let code = act(&mut tree, OTHER, |tree| tree.delete("./DCMO/A"));
    assert_eq!(code, StatusCode::OK);
}

#[test]
fn a_removed_account_is_on_no_list() {
    let mut tree = tree();
    tree.forget_server(ACME);
    assert_eq!(add(&mut tree, ACME, "./Shared/A", ""), 425);
    let left = tree.node("./Vendor").unwrap().properties().acl.clone();
    assert_eq!(left.as_deref(), Some("Get=*"));
}

#[test]
fn properties_are_read_and_only_some_are_replaced() {
    let mut tree = tree();
    tree.set_now("2026-11-23T12:00:00Z");
    add(&mut tree, ACME, "./Shared/A", "four");
    let leaf = "./Shared/A";
    for (name, found) in [
        (Property::Acl, Ok("")),
        (Property::Format, Ok("chr")),
        (Property::Name, Ok("A")),
        (Property::Size, Ok("4")),
        (Property::Title, Err(406)),
        (Property::TStamp, Err(406)),
        (Property::Type, Ok("")),
        (Property::VerNo, Ok("0")),
    ] {
        assert_eq!(
            property(&mut tree, leaf, name),
            found.map(str::to_owned),
            "{name:?}"
        );
    }
    assert_eq!(property(&mut tree, "./Shared", Property::Size), Err(406));
    assert_eq!(
        property(&mut tree, "./Shared", Property::Format),
        Ok("node".into())
    );
    assert_eq!(
        property(&mut tree, "./Shared", Property::VerNo),
        Ok("1".into())
    );
    assert_eq!(
        replace(&mut tree, ACME, leaf, (Property::Title, "A leaf")),
        200
    );
    assert_eq!(
        property(&mut tree, leaf, Property::Title),
        Ok("A leaf".into())
    );
    assert_eq!(replace(&mut tree, ACME, leaf, (Property::VerNo, "7")), 405);
    assert_eq!(replace(&mut tree, OTHER, leaf, (Property::Title, "x")), 425);
    assert_eq!(
        replace(&mut tree, ACME, "./Nowhere", (Property::Title, "x")),
        404
    );
}

#[test]
fn a_node_is_renamed_unless_it_stays_or_the_name_is_taken() {
    let mut tree = tree();
    add(&mut tree, ACME, "./Shared/A", "1");
    add(&mut tree, ACME, "./Shared/B", "2");
    let name = |name| (Property::Name, name);
    assert_eq!(replace(&mut tree, ACME, "./Shared/A", name("B")), 418);
    assert_eq!(replace(&mut tree, ACME, "./Shared/A", name("x/y")), 400);
    assert_eq!(replace(&mut tree, OTHER, "./Shared/A", name("C")), 425);
    assert_eq!(replace(&mut tree, ACME, "./Vendor/Mode", name("C")), 405);
    assert_eq!(replace(&mut tree, ACME, "./Shared/A", name("C")), 200);
    assert_eq!(tree.children("./Shared").unwrap(), ["B", "C"]);
    assert_eq!(tree.text("./Shared/C"), Some("1"));
}

/// The addresses and values that a listing gives to a server.
fn listed(tree: &mut ManagementTree, server: &str, uri: &str) -> Vec<(String, String)> {
    let get = Command::Get(items(50, vec![Item::target(uri)]));
    let (codes, found) = answer(&mut tree.acting_as(server, &mut NothingRuns), vec![get]);
    assert_eq!(codes, [200]);
    let items = found.into_iter().flat_map(|results| results.items);
    let text = |item: Item| {
        let data = item.data.unwrap_or_default().into_text().unwrap();
        (item.source.unwrap().uri, data)
    };
    items.map(text).collect()
}

#[test]
fn a_listing_shows_what_the_server_may_read() {
    let mut tree = tree();
    tree.set_acl("./Vendor/Text", acl("Get=acme-dm")).unwrap();
    let uris = |tree: &mut ManagementTree, server| -> Vec<String> {
        let listed = listed(tree, server, "./Vendor?list=Struct");
        assert!(listed.iter().all(|(_, data)| data.is_empty()));
        listed.into_iter().map(|(uri, _)| uri).collect()
    };
    let all = ["./Vendor", "./Vendor/Mode", "./Vendor/Run", "./Vendor/Text"];
    assert_eq!(uris(&mut tree, ACME), all);
    assert_eq!(uris(&mut tree, OTHER), all[..3]);
    let listed = listed(&mut tree, ACME, "./Vendor?list=StructData");
    assert!(listed.contains(&("./Vendor/Mode".into(), "1".into())));
    assert!(listed.contains(&("./Vendor".into(), String::new())));
}

#[test]
fn a_serialised_listing_has_the_parts_that_are_wanted() {
    let mut tree = tree();
    tree.set_acl("./Vendor/Text", acl("Get=acme-dm")).unwrap();
    let mut document = |server, uri: &str| {
        let listed = listed(&mut tree, server, uri);
        let [(_, text)] = listed.as_slice() else {
            panic!("one document");
        };
        Document::from_xml(text.as_bytes()).unwrap()
    };
    let all = document(ACME, "./Vendor?list=TNDS");
    let vendor = all.child("Vendor").unwrap();
    assert_eq!(vendor.path.as_deref(), Some("."));
    assert!(vendor.properties().acl.is_some());
    assert_eq!(vendor.at("Text").unwrap().text(), Some("as made"));
    let bare = document(OTHER, "./Vendor?list=TNDS-Value-ACL");
    let vendor = bare.child("Vendor").unwrap();
    assert_eq!(vendor.properties().acl, None);
    assert_eq!(vendor.at("Mode").unwrap().value(), None);
    assert!(vendor.at("Text").is_none());
    let values = document(ACME, "./Vendor/Mode?list=TNDS+Value+Format");
    assert_eq!(values.child("Mode").unwrap().text(), Some("1"));
}

#[test]
fn a_property_is_asked_for_by_its_address() {
    let mut tree = tree();
    let leaf = "./Vendor/Mode?prop=Title";
    let commands = vec![
        Command::Replace(items(50, vec![write(leaf, "How")])),
        Command::Get(items(51, vec![Item::target(leaf)])),
        Command::Get(items(52, vec![Item::target("./Vendor/Mode?prop=Size")])),
    ];
    let (codes, found) = answer(&mut tree.acting_as(ACME, &mut NothingRuns), commands);
    assert_eq!(codes, [200, 200, 200]);
    let [title, size] = found.as_slice() else {
        panic!("two values");
    };
    let title = title.items.first().unwrap();
    assert_eq!(title.source.as_ref().unwrap().uri, leaf);
    assert_eq!(title.data.as_ref().unwrap(), &"How");
    assert_eq!(size.items.first().unwrap().meta.format, Some(Format::Int));
}
