//! Laws of reading what a device says of itself.

use cardwarden_policy::usb::Interface;
use cardwarden_policy::usb::descriptors::{Numbers, Setting, by_number, numbers, settings};
use proptest::prelude::*;

const DEVICE: [u8; 18] = [18, 1, 0, 2, 0, 0, 0, 64, 0x6d, 4, 0x25, 8, 0, 1, 1, 2, 3, 1];

fn configuration(value: u8) -> Vec<u8> {
    // It claims to be longer than it is, as a device may.
    vec![9, 2, 0xff, 0xff, 1, value, 0, 0x80, 50]
}

fn interface(setting: Setting) -> Vec<u8> {
    let Setting {
        number,
        setting,
        class,
    } = setting;
    vec![
        9,
        4,
        number,
        setting,
        0,
        class.class,
        class.subclass,
        class.protocol,
        0,
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    (any::<u8>(), any::<u8>(), any::<[u8; 3]>()).prop_map(|(number, setting, class)| Setting {
        number,
        setting,
        class: Interface::new(class[0], class[1], class[2]),
    })
}

/// A descriptor of another kind, such as an endpoint or one of the class's own.
fn other() -> impl Strategy<Value = Vec<u8>> {
    let kind = any::<u8>().prop_filter("no interface", |kind| *kind != 4);
    (kind, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(kind, bytes)| {
        let length = u8::try_from(bytes.len() + 2).unwrap();
        [&[length, kind][..], &bytes].concat()
    })
}

#[test]
fn the_numbers_of_a_device_stand_in_its_first_descriptor() {
    let expected = Numbers {
        vendor: 0x046d,
        product: 0x0825,
        revision: 0x0100,
        class: Interface::new(0, 0, 0),
    };
    assert_eq!(numbers(&DEVICE), Some(expected));
    assert_eq!(numbers(&DEVICE[..17]), None);
    let mut hub = DEVICE.to_vec();
    hub[4..7].copy_from_slice(&[9, 1, 2]);
    hub.extend(configuration(1));
    let class = numbers(&hub).map(|numbers| numbers.class);
    assert_eq!(class, Some(Interface::new(9, 1, 2)));
}

proptest! {
    #[test]
    fn every_interface_is_found_in_order_whatever_lies_between(
        parts in prop::collection::vec((other(), setting()), 0..20),
    ) {
        let mut bytes = DEVICE.to_vec();
        bytes.extend(configuration(1));
        for (other, setting) in &parts {
            bytes.extend(other);
            bytes.extend(interface(*setting));
        }
        let expected: Vec<Setting> = parts.iter().map(|(_, setting)| *setting).collect();
        prop_assert_eq!(settings(&bytes), expected);
    }

    #[test]
    fn any_bytes_are_read_and_more_bytes_never_hide_an_interface(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        more in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let before = settings(&bytes);
        let after = settings(&[&bytes[..], &more].concat());
        prop_assert_eq!(&after[..before.len()], &before[..]);
        prop_assert!(before.len() * 9 <= bytes.len());
    }

    #[test]
    fn no_class_is_lost_by_number(all in prop::collection::vec(setting(), 0..20)) {
        let laid = by_number(&all);
        for setting in &all {
            prop_assert!(laid[&setting.number].contains(&setting.class));
        }
        let kept: usize = laid.values().map(Vec::len).sum();
        prop_assert!(kept <= all.len());
    }
}

#[test]
fn interfaces_of_other_configurations_count_and_a_false_beginning_hides_nothing() {
    let storage: Setting = Setting {
        number: 0,
        setting: 0,
        class: "08:06:50".parse().unwrap(),
    };
    let vendor = Setting {
        setting: 5,
        class: "ff:00:00".parse().unwrap(),
        ..storage
    };
    let bytes = [
        DEVICE.to_vec(),
        configuration(1),
        interface(vendor),
        configuration(77),
        interface(storage),
    ]
    .concat();
    assert_eq!(settings(&bytes), [vendor, storage]);
    assert_eq!(
        by_number(&settings(&bytes))[&0],
        [vendor.class, storage.class]
    );
}

#[test]
fn what_is_cut_off_or_has_no_length_ends_the_reading() {
    let keyboard = Setting {
        number: 0,
        setting: 0,
        class: Interface::KEYBOARD,
    };
    let mut bytes = [DEVICE.to_vec(), configuration(1), interface(keyboard)].concat();
    assert_eq!(settings(&bytes), [keyboard]);
    assert_eq!(settings(&bytes[..bytes.len() - 1]), []);
    bytes.extend([0, 4, 1, 0, 0, 8, 6, 0x50, 0]);
    assert_eq!(settings(&bytes), [keyboard]);
}
