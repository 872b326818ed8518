//! What is let in as soon as it is plugged in: nothing but what the turn gives.

use proptest::prelude::*;

use super::*;
use crate::devices::usb::Texts;

const DEVICES: [&[&str]; 7] = [
    STICK,
    CAMERA,
    KEYBOARD,
    READER,
    &["07:01:02", "ff:00:00"],
    &["e0:01:01"],
    &["09:00:00"],
];
const OFF: [Function; 7] = [
    Function::Usb,
    Function::UsbStorage,
    Function::UsbVideo,
    Function::UsbHid,
    Function::UsbOther,
    Function::Camera,
    Function::Bluetooth,
];

impl Bench {
    /// Has the device be plugged in and asked about alone; whether it was let in.
    fn admit(&mut self, made: &Made<'_>, decide: impl Fn(&[Attached]) -> Decision) -> bool {
        self.fake.plug(made);
        let Some(newcomer) = self.ports.newcomer(made.port, Texts::Unasked) else {
            return false;
        };
        let found = Found {
            usb: vec![newcomer],
            ..Found::default()
        };
        let decision = decide(&found.usb);
        self.usb.admit(Goal {
            decision: &decision,
            found: &found,
        })
    }
}

/// A port, whether its device may be used, and the same of its interfaces.
type Given = (String, bool, Vec<(String, bool)>);

fn off(functions: &[Function]) -> impl Fn(&[Attached]) -> Decision {
    |found: &[Attached]| decision(functions, found)
}

#[test]
fn what_nothing_is_refused_of_is_let_in_and_the_turn_gives_it_drivers() {
    let mut bench = Bench::new();
    bench.turn(&[Function::UsbStorage]);
    let sound = [made("1-2", 0x1111, &["01:01:00"])];
    assert!(bench.admit(&sound[0], off(&[Function::UsbStorage])));
    assert!(bench.authorized("1-2"));
    bench.fake.settle(&sound);
    bench.follow(&[Function::UsbStorage], &sound);
    assert!(bench.authorized("1-2:1.0"));
    assert_eq!(bench.fake.get("sys/bus/usb/drivers_probe"), "1-2:1.0");
    // Who refuses it from now on is somebody else.
    bench.fake.put("sys/bus/usb/devices/1-2/authorized", "0\n");
    bench.fake.settle(&sound);
    bench.follow(&[], &sound);
    assert!(!bench.authorized("1-2"));
}

#[test]
fn what_is_refused_a_part_or_may_only_be_read_is_left_to_the_turn() {
    let mut bench = Bench::new();
    bench.turn(&[Function::UsbStorage, Function::Camera]);
    let camera = made("1-2", 0x046d, CAMERA);
    assert!(!bench.admit(&camera, off(&[Function::Camera])));
    let stick = made("1-1", 0x0781, STICK);
    assert!(!bench.admit(&stick, off(&[Function::UsbStorage])));
    bench.fake.unplug(&stick);
    assert!(!bench.admit(&stick, |found| {
        let mut decision = decision(&[Function::Camera], found);
        let storage = decision.rulings.get_mut(&Function::UsbStorage).unwrap();
        storage.read_only = true;
        decision.devices.clear();
        decision
    }));
    assert!(!bench.authorized("1-1") && !bench.authorized("1-2"));
}

#[test]
fn what_others_have_closed_is_not_given() {
    // A port that was closed before us, and a device that somebody refused under our eyes.
    let mut bench = Bench::new();
    let closed = "sys/bus/usb/devices/usb1/authorized_default";
    bench.fake.put(closed, "0\n");
    bench.turn(&[Function::UsbStorage]);
    let sound = made("1-2", 0x1111, &["01:01:00"]);
    assert!(!bench.admit(&sound, off(&[Function::UsbStorage])));
    let mut bench = Bench::new();
    bench.fake.plug(&sound);
    bench.turn(&[Function::UsbStorage]);
    bench.fake.put("sys/bus/usb/devices/1-2/authorized", "0\n");
    let newcomer = bench.ports.newcomer("1-2", Texts::Read).unwrap();
    let decision = decision(&[Function::UsbStorage], std::slice::from_ref(&newcomer));
    assert!(!bench.usb.admit_one(&newcomer, &decision));
    assert!(!bench.authorized("1-2"));
}

#[test]
fn nothing_is_let_in_on_a_bus_that_was_not_closed_by_us_as_it_is_now() {
    let mut bench = Bench::new();
    bench.turn(&[Function::UsbStorage]);
    // Another controller has come and has the number of the first.
    std::fs::remove_file(bench.fake.path("sys/bus/usb/devices/usb1")).unwrap();
    std::fs::rename(
        bench.fake.path("sys/devices/pci1"),
        bench.fake.path("gone/pci1"),
    )
    .unwrap();
    bench.fake.controller(1);
    let sound = made("1-2", 0x1111, &["01:01:00"]);
    assert!(!bench.admit(&sound, off(&[Function::UsbStorage])));
    assert!(!bench.authorized("1-2"));
}

#[test]
fn while_nothing_is_restricted_nobody_is_let_in() {
    let mut bench = Bench::new();
    bench.turn(&[]);
    bench
        .fake
        .put("sys/bus/usb/devices/usb1/authorized_default", "0\n");
    let sound = made("1-2", 0x1111, &["01:01:00"]);
    assert!(!bench.admit(&sound, off(&[])));
    assert!(!bench.authorized("1-2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn who_is_let_in_at_once_would_have_been_by_the_turn(
        device in prop::sample::select(DEVICES.to_vec()),
        functions in prop::sample::subsequence(OFF.to_vec(), 1..4),
        others in prop::sample::subsequence(OFF.to_vec(), 0..3),
    ) {
        // What held when the ports were closed need not be what holds now.
        let mut quick = Bench::new();
        let mut plain = Bench::new();
        quick.turn(&others);
        plain.turn(&others);
        let all = [made("1-2", 0x1111, device)];
        let is_in = quick.admit(&all[0], off(&functions));
        plain.fake.plug(&all[0]);
        plain.follow(&functions, &all);
        prop_assert!(!is_in || plain.authorized("1-2"));
        quick.fake.settle(&all);
        quick.follow(&functions, &all);
        let names = |bench: &Bench| -> Vec<Given> {
            let found = bench.fake.scan();
            let all = found.into_iter().map(|one| {
                let each = one.interfaces.into_iter();
                let each = each.map(|one| (one.appearance.name, one.is_authorized));
                (one.device.port, one.is_authorized, each.collect())
            });
            all.collect()
        };
        prop_assert_eq!(names(&quick), names(&plain));
    }
}
