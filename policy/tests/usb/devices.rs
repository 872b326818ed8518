//! Devices and entries from small alphabets, so that they often meet.

use cardwarden_policy::facts::Fingerprint;
use cardwarden_policy::usb::{
    ClassPattern, Connection, Device, IdPattern, Interface, InterfaceSet, Match, PortPattern,
};
use proptest::prelude::*;

pub(crate) const PORTS: [&str; 7] = ["usb1", "1-1", "1-10", "1-1.4", "1-1.4.2", "2-1", "2-1.1"];
const CLASSES: [&str; 9] = [
    "03:01:01", "03:01:02", "03:00:00", "08:06:50", "08:06:62", "0b:00:00", "e0:01:01", "02:02:01",
    "0a:00:00",
];
const PATTERNS: [&str; 12] = [
    "*", "03", "03:01", "03:01:01", "03:01:02", "08", "08:06:50", "0b", "e0:01", "02", "0a:00:00",
    "07",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "A1", "a1", "B2", "B2 ", "\u{e9}\"\\"]).prop_map(str::to_owned)
}

pub(crate) fn interface() -> impl Strategy<Value = Interface> {
    prop::sample::select(CLASSES.to_vec()).prop_map(|text| text.parse().unwrap())
}

pub(crate) fn pattern() -> impl Strategy<Value = ClassPattern> {
    prop::sample::select(PATTERNS.to_vec()).prop_map(|text| text.parse().unwrap())
}

pub(crate) fn connection() -> impl Strategy<Value = Connection> {
    prop::sample::select(Connection::ALL.to_vec())
}

fn number() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![0x1d6b, 0x046d, 2])
}

fn hash() -> impl Strategy<Value = Fingerprint> {
    prop::sample::select(vec![Fingerprint([1; 32]), Fingerprint([2; 32])])
}

prop_compose! {
    pub(crate) fn device()(
        vendor in number(),
        product in number(),
        revision in prop::option::of(0_u16..3),
        texts in prop::array::uniform3(prop::option::of(text())),
        port in prop::sample::select(PORTS.to_vec()),
        connection in connection(),
        descriptors in prop::option::of(hash()),
        class in prop_oneof![3 => Just(Interface::BY_INTERFACE), 1 => interface()],
        interfaces in prop::collection::vec(interface(), 0..5),
    ) -> Device {
        let [serial, manufacturer, name] = texts;
        let port = port.to_owned();
        Device {
            vendor, product, revision, serial, manufacturer, name, port, connection, descriptors,
            class, interfaces,
        }
    }
}

fn id() -> impl Strategy<Value = IdPattern> {
    prop_oneof![
        (number(), number()).prop_map(|(vendor, product)| IdPattern::product(vendor, product)),
        number().prop_map(IdPattern::vendor),
        Just(IdPattern::ANY),
    ]
}

pub(crate) fn port() -> impl Strategy<Value = PortPattern> {
    let beginnings = ["1-1*", "1-1.*", "1*", "usb*", "2-*"];
    prop::sample::select([&PORTS[..], &beginnings].concat()).prop_map(|text| text.parse().unwrap())
}

prop_compose! {
    pub(crate) fn set()(
        lists in prop::array::uniform4(
            prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(pattern(), 1..4)],
        ),
    ) -> InterfaceSet {
        let [all_of, one_of, none_of, equals] = lists;
        InterfaceSet { all_of, one_of, none_of, equals }
    }
}

/// Mostly `None`, so that entries are not too narrow to mean anything.
fn seldom<S: Strategy>(inner: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::weighted(0.25, inner)
}

prop_compose! {
    pub(crate) fn entry()(
        class in seldom(pattern()),
        id in seldom(id()),
        texts in prop::array::uniform3(seldom(text())),
        port in seldom(port()),
        connection in seldom(connection()),
        descriptors in seldom(hash()),
        interfaces in seldom(set()),
    ) -> Match {
        let [serial, manufacturer, name] = texts.map(|text| text.map(String::into_boxed_str));
        let interfaces = interfaces.map(Box::new);
        Match { class, id, serial, manufacturer, name, port, connection, descriptors, interfaces }
    }
}

/// A stick with a serial number, in a port in front.
pub(crate) fn stick() -> Device {
    Device {
        vendor: 0x0781,
        product: 0x5567,
        revision: Some(0x0126),
        serial: Some("4C530001".to_owned()),
        manufacturer: Some("SanDisk".to_owned()),
        name: Some("Cruzer Blade".to_owned()),
        port: "1-2".to_owned(),
        connection: Connection::External,
        descriptors: Some(Fingerprint([7; 32])),
        class: Interface::BY_INTERFACE,
        interfaces: vec![Interface::new(0x08, 0x06, 0x50)],
    }
}
