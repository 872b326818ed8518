//! A policy means the same in each of its three spellings, whatever the way between them.

use cardwarden_policy::mo::{self, Unreadable};
use cardwarden_policy::{Account, Group, Policy};
use omadm::tnds::{Document, Format, Node};
use proptest::prelude::*;

use crate::arbitrary::policy;
use crate::signed::mandate;

fn account() -> Account {
    Account {
        server_url: "https://dm.b-company.example".to_owned(),
        server_id: "dm.b-company.example".to_owned(),
        ca: vec![0x30, 0x82, 0x01, 0x00],
    }
}

fn xml(policy: &Policy) -> Vec<u8> {
    Document::of([policy.to_mo().unwrap()]).to_xml().unwrap()
}

fn from_xml(bytes: &[u8]) -> Policy {
    Policy::from_mo(&Document::from_xml(bytes).unwrap().nodes[0]).unwrap()
}

fn card(policy: Policy) -> Policy {
    let group = Group {
        policy,
        account: Some(account()),
    };
    let read = Group::from_bytes(&group.to_bytes().unwrap()).unwrap();
    assert_eq!(read.account, group.account);
    read.policy
}

fn text(policy: &Policy) -> Policy {
    Policy::from_toml(&policy.to_toml()).unwrap()
}

proptest! {
    #[test]
    fn what_a_card_says_is_what_was_written(policy in policy()) {
        prop_assert_eq!(&**mandate(policy.clone()).policy, &policy);
    }

    #[test]
    fn round_trips_lose_nothing_in_any_order(policy in policy()) {
        prop_assert_eq!(&card(text(&from_xml(&xml(&policy)))), &policy);
        prop_assert_eq!(&text(&card(from_xml(&xml(&policy)))), &policy);
        prop_assert_eq!(&from_xml(&xml(&text(&card(policy.clone())))), &policy);
    }

    #[test]
    fn every_object_fits_its_description(policy in policy()) {
        let object = policy.to_mo().unwrap();
        prop_assert_eq!(mo::description().check(&object), Ok(()));
    }

    #[test]
    fn damaged_bytes_are_refused_or_mean_a_policy(
        policy in policy(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Group { policy, account: Some(account()) }.to_bytes().unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(group) = Group::from_bytes(&bytes) {
            prop_assert!(group.policy.check().is_ok());
        }
    }
}

#[test]
fn the_description_that_is_shipped_is_the_one_that_holds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policy.ddf");
    let holds = String::from_utf8(mo::description().to_xml().unwrap()).unwrap();
    if std::env::var_os("CARDWARDEN_WRITE_DDF").is_some() {
        #[expect(
            clippy::disallowed_methods,
            reason = "the file is this repository's own"
        )]
        std::fs::write(path, &holds).unwrap();
    }
    let shipped = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        shipped, holds,
        "write it anew: CARDWARDEN_WRITE_DDF=1 cargo test -p cardwarden-policy --test mo"
    );
}

#[test]
fn an_unknown_node_and_a_wrong_value_are_refused_with_their_address() {
    let rule = |nodes: Vec<Node>| {
        let rules = Node::interior("Rules", [Node::interior("a", nodes)]);
        Policy::from_mo(&Node::interior("Policy", [rules]).of_kind(mo::POLICY)).unwrap_err()
    };
    let leaf = |name, text: &str| Node::leaf(name, Format::Chr, text);
    assert_eq!(
        rule(vec![leaf("Colour", "red")]).to_string(),
        "/Rules/a/Colour: there is no such node"
    );
    assert_eq!(
        rule(vec![leaf("When", "{ weekly")]).to_string(),
        "/Rules/a/When: it should be a value in TOML"
    );
    let smuggled = rule(vec![leaf("When", "{}\ncontact = 'x'")]);
    assert!(matches!(smuggled, Unreadable::Value { .. }), "{smuggled}");
    let misspelt = rule(vec![leaf("Functions", "camra"), leaf("Action", "disable")]);
    assert!(
        misspelt.to_string().contains("did you mean `camera`?"),
        "{misspelt}"
    );
}

#[test]
fn a_group_without_a_policy_or_with_a_stranger_in_it_is_refused() {
    let bytes = |nodes: Vec<Node>| Document::of(nodes).to_wbxml().unwrap();
    let stranger = bytes(vec![Node::interior(
        "X",
        [Node::leaf("A", Format::Chr, "1")],
    )]);
    assert_eq!(
        Group::from_bytes(&stranger),
        Err(Unreadable::Unknown("X".to_owned()))
    );
    assert!(matches!(Group::from_bytes(b""), Err(Unreadable::Tree(_))));
}
