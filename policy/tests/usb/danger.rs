//! Lists that leave nobody able to work are seen.

use cardwarden_policy::usb::Match;
use cardwarden_policy::usb::danger::{would_take_every_card_reader, would_take_every_keyboard};
use proptest::prelude::*;

use crate::devices::entry;

fn read(texts: &[&str]) -> Vec<Match> {
    texts
        .iter()
        .map(|text| toml::from_str(text).expect(text))
        .collect()
}

#[test]
fn naming_the_class_of_keyboards_is_dangerous_however_it_is_written() {
    let dangerous: [&[&str]; 10] = [
        &["class = \"03:01:01\""],
        &["class = \"03:01:*\""],
        &["class = \"03\""],
        &["class = \"*:*:*\""],
        &["id = \"*:*\""],
        &["interfaces.one-of = [\"08\", \"03\"]"],
        &["interfaces.all-of = [\"03:01\"]"],
        &["interfaces.equals = [\"03\"]"],
        &["interfaces.none-of = [\"08\"]"],
        &[
            "class = \"03\"\nconnection = \"external\"",
            "class = \"03\"\nconnection = \"built-in\"",
            "class = \"03\"\nconnection = \"unknown\"",
        ],
    ];
    for deny in dangerous {
        assert!(would_take_every_keyboard(&read(deny), &[]), "{deny:?}");
    }
}

#[test]
fn what_leaves_some_keyboards_is_not_dangerous() {
    let harmless: [&[&str]; 9] = [
        &[],
        &["class = \"08\""],
        &["class = \"03:01:02\""],
        &["class = \"03\"\nid = \"046d:*\""],
        &["class = \"03\"\nserial = \"\""],
        &["class = \"03\"\nport = \"1-*\""],
        &["class = \"03\"\nconnection = \"external\""],
        &["interfaces.all-of = [\"03\", \"08\"]"],
        &["interfaces.none-of = [\"03\"]"],
    ];
    for deny in harmless {
        assert!(!would_take_every_keyboard(&read(deny), &[]), "{deny:?}");
    }
}

#[test]
fn an_entry_that_could_spare_a_keyboard_takes_the_danger_away() {
    let deny = read(&["class = \"03\""]);
    let sparing = [
        "id = \"046d:c31c\"",
        "port = \"1-1\"",
        "connection = \"built-in\"",
        "class = \"03:01:01\"",
        "interfaces.equals = [\"03:01\", \"03:00:00\"]",
    ];
    for allow in sparing {
        assert!(
            !would_take_every_keyboard(&deny, &read(&[allow])),
            "{allow}"
        );
    }
    let others = [
        "class = \"08\"",
        "class = \"03:01:02\"",
        "interfaces.equals = [\"08\"]",
        "interfaces.none-of = [\"03\"]",
    ];
    for allow in others {
        assert!(would_take_every_keyboard(&deny, &read(&[allow])), "{allow}");
    }
}

#[test]
fn card_readers_are_kept_like_keyboards() {
    for deny in ["class = \"0b\"", "class = \"0b:00:00\"", "id = \"*:*\""] {
        assert!(would_take_every_card_reader(&read(&[deny]), &[]), "{deny}");
        let spared = read(&["class = \"0b\"\nconnection = \"built-in\""]);
        assert!(
            !would_take_every_card_reader(&read(&[deny]), &spared),
            "{deny}"
        );
    }
    assert!(!would_take_every_card_reader(
        &read(&["class = \"03\""]),
        &[]
    ));
}

proptest! {
    #[test]
    fn more_to_deny_is_no_less_dangerous_and_more_to_allow_no_more(
        deny in prop::collection::vec(entry(), 0..4),
        allow in prop::collection::vec(entry(), 0..2),
        another in entry(),
    ) {
        let mut more_deny = deny.clone();
        more_deny.push(another.clone());
        let mut more_allow = allow.clone();
        more_allow.push(another);
        for law in [would_take_every_keyboard, would_take_every_card_reader] {
            let before = law(&deny, &allow);
            prop_assert!(law(&more_deny, &allow) || !before);
            prop_assert!(before || !law(&deny, &more_allow));
        }
    }
}
