//! The index finds what asking each entry finds, and asks few.

use cardwarden_policy::usb::{ClassPattern, Device, IdPattern, Index, Interface, Match};
use proptest::prelude::*;

use crate::devices::{device, entry, stick};

fn filed(entries: &[Match]) -> Index {
    Index::new((0_u32..).zip(entries))
}

fn found(index: &Index, entries: &[Match], device: &Device) -> Vec<u32> {
    index.matching(device, |number| entries.get(usize::try_from(number).ok()?))
}

proptest! {
    #[test]
    fn the_index_finds_exactly_what_matches_in_ascending_order(
        entries in prop::collection::vec(entry(), 0..40),
        devices in prop::collection::vec(device(), 1..8),
    ) {
        let index = filed(&entries);
        for device in devices {
            let expected: Vec<u32> = (0_u32..)
                .zip(&entries)
                .filter_map(|(number, entry)| entry.matches(&device).then_some(number))
                .collect();
            prop_assert_eq!(found(&index, &entries, &device), expected);
        }
    }

    #[test]
    fn the_order_of_filing_does_not_matter(
        entries in prop::collection::vec(entry(), 0..20), device in device(),
    ) {
        let forwards = filed(&entries);
        let backwards: Vec<(u32, &Match)> = (0_u32..).zip(&entries).collect();
        let backwards = Index::new(backwards.into_iter().rev());
        prop_assert_eq!(
            found(&forwards, &entries, &device), found(&backwards, &entries, &device)
        );
        prop_assert_eq!(forwards.examined(&device), backwards.examined(&device));
    }
}

proptest! {
    #[test]
    fn where_no_entry_asks_for_texts_they_do_not_matter(
        entries in prop::collection::vec(entry(), 0..20), device in device(),
    ) {
        let index = filed(&entries);
        let asks = |entry: &Match| {
            entry.serial.is_some() || entry.manufacturer.is_some() || entry.name.is_some()
        };
        prop_assert_eq!(index.asks_texts(), entries.iter().any(asks));
        let plain: Vec<Match> = entries.into_iter().filter(|entry| !asks(entry)).collect();
        let index = filed(&plain);
        let silent = Device {
            serial: None,
            manufacturer: None,
            name: None,
            ..device.clone()
        };
        prop_assert_eq!(found(&index, &plain, &silent), found(&index, &plain, &device));
    }
}

type Nth = fn(u16) -> (Match, Device);

/// Ways to name single devices: entry and device of a number.
const NAMINGS: [(&str, Nth); 7] = [
    ("serial", |number| {
        let serial = format!("S{number}");
        let entry = Match {
            serial: Some(serial.as_str().into()),
            ..Match::default()
        };
        (
            entry,
            Device {
                serial: Some(serial),
                ..stick()
            },
        )
    }),
    ("id", |number| {
        let entry = Match {
            id: Some(IdPattern::product(7, number)),
            ..Match::default()
        };
        (
            entry,
            Device {
                vendor: 7,
                product: number,
                ..stick()
            },
        )
    }),
    ("maker", |number| {
        let entry = Match {
            id: Some(IdPattern::vendor(number)),
            ..Match::default()
        };
        (
            entry,
            Device {
                vendor: number,
                ..stick()
            },
        )
    }),
    // Twelve of twelve sticks of one maker had one serial number.
    ("one serial, many ports", |number| {
        let port = format!("1-{number}");
        let entry = Match {
            serial: Some("0001".into()),
            port: Some(port.parse().unwrap()),
            ..Match::default()
        };
        (
            entry,
            Device {
                serial: Some("0001".to_owned()),
                port,
                ..stick()
            },
        )
    }),
    ("all behind a port", |number| {
        let port = format!("1-{number:05}.");
        let entry = Match {
            port: Some(format!("{port}*").parse().unwrap()),
            ..Match::default()
        };
        (
            entry,
            Device {
                port: format!("{port}1"),
                ..stick()
            },
        )
    }),
    ("class", |number| {
        let [subclass, protocol] = number.to_be_bytes();
        let class = Interface::new(0xff, subclass, protocol);
        let entry = Match {
            class: Some(ClassPattern::from(class)),
            ..Match::default()
        };
        (
            entry,
            Device {
                interfaces: vec![class],
                ..stick()
            },
        )
    }),
    ("name and class", |number| {
        let name = format!("N{number}");
        let entry = Match {
            name: Some(name.as_str().into()),
            class: Some("08".parse().unwrap()),
            ..Match::default()
        };
        (
            entry,
            Device {
                name: Some(name),
                ..stick()
            },
        )
    }),
];

#[test]
fn ten_thousand_entries_are_asked_no_more_than_ten() {
    for (naming, nth) in NAMINGS {
        let examined = |count: u16| {
            let entries: Vec<Match> = (0..count).map(|number| nth(number).0).collect();
            let index = filed(&entries);
            let known = (0..count).step_by(3).map(nth).map(|(_, device)| device);
            for device in known {
                assert_eq!(index.examined(&device), 1, "{naming}: {device:?}");
                assert_eq!(
                    found(&index, &entries, &device).len(),
                    1,
                    "{naming}: {device:?}"
                );
            }
            index.examined(&nth(60_000).1)
        };
        assert_eq!([examined(10), examined(10_000)], [0, 0], "{naming}");
    }
}

#[test]
fn ten_thousand_entries_take_less_than_a_mebibyte() {
    for (naming, nth) in NAMINGS {
        let entries: Vec<Match> = (0..10_000).map(|number| nth(number).0).collect();
        let bytes = filed(&entries).bytes();
        assert!(bytes < 1024 * 1024, "{naming}: {bytes}");
    }
}
