//! Which devices an entry means.

use cardwarden_policy::usb::{
    Connection, Device, Impossible, Interface, InterfaceSet, MAX_PATTERNS, MAX_TEXT, Match,
};
use proptest::prelude::*;

use crate::devices::{device, entry, set, stick};

fn read(text: &str) -> Match {
    toml::from_str(text).expect(text)
}

proptest! {
    #[test]
    fn entries_and_devices_survive_being_written(entry in entry(), device in device()) {
        // An empty list and no list are one: `interfaces = {}` is refused by the check.
        let toml = toml::to_string(&entry).unwrap();
        prop_assert_eq!(&toml::from_str::<Match>(&toml).unwrap(), &entry);
        let json = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Match>(&json).unwrap(), &entry);
        let toml = toml::to_string(&device).unwrap();
        prop_assert_eq!(&toml::from_str::<Device>(&toml).unwrap(), &device);
        let json = serde_json::to_string(&device).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Device>(&json).unwrap(), &device);
    }

    #[test]
    fn another_field_never_makes_an_entry_mean_more(
        one in entry(), other in entry(), device in device(),
    ) {
        let both = Match {
            class: one.class.or(other.class),
            id: one.id.or(other.id),
            serial: one.serial.clone().or(other.serial),
            manufacturer: one.manufacturer.clone().or(other.manufacturer),
            name: one.name.clone().or(other.name),
            port: one.port.clone().or(other.port),
            connection: one.connection.or(other.connection),
            descriptors: one.descriptors.or(other.descriptors),
            interfaces: one.interfaces.clone().or(other.interfaces),
        };
        prop_assert!(one.matches(&device) || !both.matches(&device));
    }

    #[test]
    fn the_order_of_interfaces_does_not_matter(entry in entry(), device in device()) {
        let mut turned = device.clone();
        turned.interfaces.reverse();
        prop_assert_eq!(entry.matches(&device), entry.matches(&turned));
    }

    #[test]
    fn entries_that_mean_one_device_can_meet(
        one in entry(), other in entry(), device in device(),
    ) {
        prop_assert_eq!(one.can_meet(&other), other.can_meet(&one));
        if one.matches(&device) && other.matches(&device) {
            prop_assert!(one.can_meet(&other));
        }
    }

    #[test]
    fn what_means_a_device_is_not_called_impossible(entry in entry(), device in device()) {
        let empty_set = entry.interfaces.as_ref().is_some_and(|set| set.is_empty());
        if entry.matches(&device) && entry != Match::default() && !empty_set {
            prop_assert_eq!(entry.check(), Ok(()));
        }
    }

    /// Against every way to pair patterns and interfaces.
    #[test]
    fn equals_holds_when_some_pairing_leaves_nothing_over(
        set in set(), interfaces in prop::collection::vec(crate::devices::interface(), 0..4),
    ) {
        fn paired(patterns: &[cardwarden_policy::usb::ClassPattern], free: &[Interface]) -> bool {
            let Some((first, rest)) = patterns.split_first() else {
                return free.is_empty();
            };
            (0..free.len()).any(|position| {
                let mut left = free.to_vec();
                first.covers(left.remove(position)) && paired(rest, &left)
            })
        }
        let equals = InterfaceSet { equals: set.equals, ..InterfaceSet::default() };
        let expected = equals.equals.is_empty() || paired(&equals.equals, &interfaces);
        prop_assert_eq!(equals.holds(&interfaces), expected);
    }
}

#[test]
fn each_field_asks_for_its_own_fact() {
    let stick = stick();
    let hash = "07".repeat(32);
    let descriptors = format!("descriptors = \"{hash}\"");
    let cases = [
        ("class = \"08\"", "class = \"03\""),
        ("class = \"*\"", "class = \"08:06:62\""),
        ("id = \"0781:5567\"", "id = \"0781:5568\""),
        ("id = \"0781:*\"", "id = \"046d:*\""),
        ("id = \"*:*\"", "id = \"5567:0781\""),
        ("serial = \"4C530001\"", "serial = \"4c530001\""),
        ("manufacturer = \"SanDisk\"", "manufacturer = \"SanDisk \""),
        ("name = \"Cruzer Blade\"", "name = \"\""),
        ("port = \"1-2\"", "port = \"1-2.*\""),
        ("port = \"1-*\"", "port = \"1-20\""),
        ("connection = \"external\"", "connection = \"built-in\""),
        (descriptors.as_str(), "connection = \"unknown\""),
        (
            "interfaces.all-of = [\"08\"]",
            "interfaces.all-of = [\"08\", \"03\"]",
        ),
        (
            "interfaces.one-of = [\"08\", \"03\"]",
            "interfaces.one-of = [\"03\", \"0b\"]",
        ),
        (
            "interfaces.none-of = [\"03\"]",
            "interfaces.none-of = [\"08\"]",
        ),
        (
            "interfaces.equals = [\"08:06:*\"]",
            "interfaces.equals = [\"08\", \"08\"]",
        ),
    ];
    for (means, means_not) in cases {
        assert!(read(means).matches(&stick), "{means}");
        assert!(!read(means_not).matches(&stick), "{means_not}");
        assert_eq!(read(means).check(), Ok(()));
    }
}

#[test]
fn two_devices_with_one_serial_number_are_told_apart_by_their_ports() {
    let one = stick();
    let twin = Device {
        port: "1-3".to_owned(),
        ..stick()
    };
    let serial = read("serial = \"4C530001\"");
    assert!(serial.matches(&one) && serial.matches(&twin));
    let with_port = read("serial = \"4C530001\"\nport = \"1-2\"");
    assert!(with_port.matches(&one) && !with_port.matches(&twin));
}

#[test]
fn a_device_without_a_string_is_matched_by_the_empty_one_and_no_other() {
    for serial in [None, Some(String::new())] {
        let nameless = Device { serial, ..stick() };
        assert!(read("serial = \"\"").matches(&nameless));
        assert!(!read("serial = \"4C530001\"").matches(&nameless));
    }
    assert!(!read("serial = \"\"").matches(&stick()));
    let unread = Device {
        descriptors: None,
        ..stick()
    };
    assert!(!read(&format!("descriptors = \"{}\"", "07".repeat(32))).matches(&unread));
}

#[test]
fn a_class_is_found_in_the_device_as_a_whole_and_in_each_interface() {
    let hub = Device {
        class: Interface::new(9, 0, 1),
        interfaces: vec![Interface::new(8, 6, 80), Interface::KEYBOARD],
        connection: Connection::Unknown,
        ..stick()
    };
    for class in ["09", "08:06", "03:01:01", "*"] {
        assert!(
            read(&format!("class = \"{class}\"")).matches(&hub),
            "{class}"
        );
    }
    // The class of a device whose interfaces have their own is none.
    assert!(!read("class = \"00\"").matches(&stick()));
}

#[test]
fn equals_takes_no_keyboard_in_the_place_of_a_stick() {
    let two_sticks = read("interfaces.equals = [\"08\", \"08:06:50\"]");
    let hidden = Device {
        interfaces: vec![Interface::new(8, 6, 80), Interface::KEYBOARD],
        ..stick()
    };
    assert!(!two_sticks.matches(&hidden));
}

#[test]
fn the_impossible_is_refused_with_its_reason() {
    let long = "x".repeat(MAX_TEXT + 1);
    let many = ["\"08\""; MAX_PATTERNS + 1].join(", ");
    let cases = [
        (String::new(), Impossible::Empty),
        ("[interfaces]".to_owned(), Impossible::EmptyInterfaces),
        (
            format!("interfaces.one-of = [{many}]"),
            Impossible::TooManyInterfaces(MAX_PATTERNS + 1),
        ),
        (
            format!("name = \"{long}\""),
            Impossible::TooLong {
                field: "name",
                bytes: MAX_TEXT + 1,
            },
        ),
    ];
    for (text, reason) in cases {
        assert_eq!(read(&text).check(), Err(reason), "{text}");
    }
    let contradictions = [
        "interfaces = { equals = [\"08\"], none-of = [\"08\"] }",
        "interfaces = { equals = [\"08:06:50\"], none-of = [\"*\"] }",
        "interfaces = { all-of = [\"03\"], none-of = [\"03\"] }",
        "interfaces = { one-of = [\"03:01\", \"08\"], none-of = [\"03\", \"08\"] }",
        "interfaces = { equals = [\"08\"], all-of = [\"03\"] }",
        "interfaces = { equals = [\"*\"], all-of = [\"03\", \"08\"] }",
        "class = \"03:01\"\ninterfaces.none-of = [\"03\"]",
    ];
    for text in contradictions {
        assert_eq!(read(text).check(), Err(Impossible::Contradiction), "{text}");
    }
    for text in [
        "vendor = 1",
        "class = \"3\"",
        "connection = \"outside\"",
        "interfaces.any = []",
    ] {
        assert!(toml::from_str::<Match>(text).is_err(), "{text}");
    }
}

#[test]
fn an_entry_says_in_plain_words_what_it_means() {
    let cases = [
        (
            "class = \"03:01:01\"\nport = \"1-1\"",
            "any keyboard (03:01:01) at port 1-1",
        ),
        ("class = \"*\"", "any device"),
        ("class = \"58\"", "any device of class 58"),
        (
            "id = \"1d6b:*\"\nclass = \"09\"",
            "any hub (09) of maker 1d6b",
        ),
        (
            "id = \"0781:5567\"\nserial = \"4C\"\nconnection = \"external\"",
            "any device of product 0781:5567 with the serial number “4C”, plugged in from outside",
        ),
        (
            "name = \"a\\u001b[2J\"\nserial = \"\"\nport = \"1-1.*\"",
            "any device with the name “a\\u{1b}[2J”, without a serial number, at a port that begins with 1-1.",
        ),
        (
            "interfaces = { equals = [\"08:06:50\"], none-of = [\"03\", \"e0\", \"02\"] }",
            "any device with exactly the interface 08:06:50, with no interface of 03, e0 or 02",
        ),
    ];
    for (text, words) in cases {
        assert_eq!(read(text).to_string(), words);
    }
}
