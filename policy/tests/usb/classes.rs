//! What is read and written, and what belongs where.

use std::collections::BTreeSet;

use cardwarden_policy::Function;
use cardwarden_policy::usb::{ClassPattern, Device, IdPattern, Interface, PortPattern};
use proptest::prelude::*;

use crate::devices::{device, stick};

fn of(interfaces: &[&str]) -> BTreeSet<Function> {
    let interfaces = interfaces
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    Device {
        interfaces,
        ..stick()
    }
    .classes()
}

#[test]
fn interfaces_belong_to_the_parts_of_usb_by_their_codes() {
    let parts = [
        ("01:01:00", Function::UsbAudio),
        ("02:02:01", Function::UsbSerial),
        ("02:06:00", Function::UsbNetwork),
        ("02:0d:00", Function::UsbNetwork),
        ("02:0e:00", Function::UsbNetwork),
        ("02:02:ff", Function::UsbNetwork),
        ("e0:01:03", Function::UsbNetwork),
        ("ef:04:01", Function::UsbNetwork),
        ("02:01:00", Function::UsbOther),
        ("03:01:01", Function::UsbHid),
        ("03:00:00", Function::UsbHid),
        ("06:01:01", Function::UsbStorage),
        ("07:01:02", Function::UsbPrinter),
        ("08:06:50", Function::UsbStorage),
        ("08:06:62", Function::UsbStorage),
        ("0a:00:00", Function::UsbOther),
        ("0b:00:00", Function::UsbSmartcard),
        ("0e:01:00", Function::UsbVideo),
        ("10:01:00", Function::UsbVideo),
        ("10:03:00", Function::UsbAudio),
        ("e0:01:01", Function::UsbOther),
        ("fe:01:01", Function::UsbOther),
        ("ff:ff:00", Function::UsbOther),
    ];
    for (interface, part) in parts {
        assert_eq!(of(&[interface]), BTreeSet::from([part]), "{interface}");
    }
}

#[test]
fn a_composite_device_belongs_to_the_part_of_each_interface() {
    assert_eq!(
        of(&["08:06:50", "03:01:01"]),
        BTreeSet::from([Function::UsbStorage, Function::UsbHid])
    );
    // The data of a serial line and of a network adapter are no part of their own.
    assert_eq!(
        of(&["02:02:01", "0a:00:00"]),
        BTreeSet::from([Function::UsbSerial])
    );
    assert_eq!(
        of(&["e0:01:03", "0a:00:00"]),
        BTreeSet::from([Function::UsbNetwork])
    );
}

#[test]
fn a_device_that_shows_no_interface_is_what_it_says_as_a_whole() {
    let bare = |class: &str| {
        Device {
            class: class.parse().unwrap(),
            interfaces: Vec::new(),
            ..stick()
        }
        .classes()
    };
    assert_eq!(bare("00:00:00"), BTreeSet::from([Function::UsbOther]));
    assert_eq!(bare("08:06:50"), BTreeSet::from([Function::UsbStorage]));
    assert_eq!(bare("09:00:01"), BTreeSet::new());
}

proptest! {
    #[test]
    fn only_hubs_belong_to_no_part(
        class in any::<(u8, u8, u8)>(),
        interfaces in prop::collection::vec(any::<(u8, u8, u8)>(), 0..4),
        hub in any::<bool>(),
    ) {
        let triple = |(class, subclass, protocol)| Interface::new(class, subclass, protocol);
        let mut interfaces: Vec<Interface> = interfaces.into_iter().map(triple).collect();
        let class = if hub { Interface::new(9, 0, 1) } else { triple(class) };
        if hub {
            for interface in &mut interfaces {
                interface.class = 9;
            }
        }
        let device = Device { class, interfaces, ..stick() };
        let is_hub = if device.interfaces.is_empty() {
            device.class.class == 9
        } else {
            device.interfaces.iter().all(|interface| interface.class == 9)
        };
        prop_assert_eq!(device.classes().is_empty(), is_hub);
        prop_assert!(device.classes().into_iter().all(|part| part.whole() == Some(Function::Usb)));
    }

    #[test]
    fn patterns_survive_being_written_and_cover_what_they_spell(triple in any::<(u8, u8, u8)>()) {
        let interface = Interface::new(triple.0, triple.1, triple.2);
        let text = interface.to_string();
        prop_assert_eq!(text.parse::<Interface>().unwrap(), interface);
        let (class, subclass, protocol) = triple;
        let shorter = [format!("{class:02x}"), format!("{class:02x}:{subclass:02x}")];
        for short in shorter.iter().map(String::as_str).chain([text.as_str(), "*"]) {
            let pattern: ClassPattern = short.parse().unwrap();
            prop_assert_eq!(pattern.to_string(), short);
            prop_assert!(pattern.covers(interface));
            prop_assert!(pattern.contains(ClassPattern::from(interface)));
        }
        let wild: ClassPattern = format!("{class:02x}:*:*").parse().unwrap();
        prop_assert_eq!(wild.to_string(), format!("{class:02x}"));
        prop_assert_eq!(text, format!("{class:02x}:{subclass:02x}:{protocol:02x}"));
    }

    #[test]
    fn a_wider_pattern_covers_what_a_narrower_one_does(device in device()) {
        for interface in device.interfaces {
            for (wide, narrow) in [("*", "03"), ("03", "03:01"), ("03:01", "03:01:01")] {
                let [wide, narrow]: [ClassPattern; 2] = [wide, narrow].map(|one| one.parse().unwrap());
                prop_assert!(wide.contains(narrow) && !narrow.contains(wide));
                prop_assert!(wide.covers(interface) || !narrow.covers(interface));
            }
        }
    }
}

#[test]
fn what_is_no_class_maker_or_port_is_refused() {
    let classes = [
        "",
        "3",
        "003",
        "03:",
        "03:1",
        "*:01",
        "03:*:01",
        "03:01:01:01",
        "+3",
        "zz",
        "é",
    ];
    for text in classes {
        assert!(text.parse::<ClassPattern>().is_err(), "{text}");
    }
    assert!("03:01".parse::<Interface>().is_err());
    for text in [
        "",
        "1d6b",
        "1d6b:",
        "1d6b:2",
        "*:0002",
        "1d6b:0002:1",
        "+d6b:0002",
        "1d6b:**",
    ] {
        assert!(text.parse::<IdPattern>().is_err(), "{text}");
    }
    for text in [
        "", "*", "1", "1-", "1-1.", "-1", "1-a", "1-1**", "1 *", "usb", "usb1.1", "front*",
    ] {
        assert!(text.parse::<PortPattern>().is_err(), "{text}");
    }
    for text in [
        "usb1",
        "1-1",
        "12-1.2.10",
        "1*",
        "1-*",
        "1-1*",
        "1-1.*",
        "u*",
        "usb*",
    ] {
        assert_eq!(text.parse::<PortPattern>().unwrap().to_string(), text);
    }
    for text in ["1d6b:0002", "1d6b:*", "*:*"] {
        assert_eq!(text.parse::<IdPattern>().unwrap().to_string(), text);
    }
    assert_eq!(
        "1D6B:0002".parse::<IdPattern>().unwrap().to_string(),
        "1d6b:0002"
    );
}
