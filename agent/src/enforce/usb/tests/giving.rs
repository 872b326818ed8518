//! What was taken is given back, and nothing else.

use proptest::prelude::*;

use super::*;

#[test]
fn what_somebody_else_refused_is_not_given_back() {
    let mut bench = Bench::new();
    let all = [
        made("1-1", 0x1111, STICK),
        made("1-2", 0x2222, &["01:01:00"]),
    ];
    for one in &all {
        bench.fake.plug(one);
    }
    bench.fake.put("sys/bus/usb/devices/1-2/authorized", "0\n");
    bench.fake.settle(&all);
    bench.follow(&[Function::UsbStorage], &all);
    assert!(!bench.authorized("1-1") && !bench.authorized("1-2"));
    bench.restart();
    bench.follow(&[], &all);
    assert!(bench.authorized("1-1") && !bench.authorized("1-2"));
    // A user refuses what the policy lets in.
    bench.follow(&[Function::UsbPrinter], &all);
    bench.fake.put("sys/bus/usb/devices/1-1/authorized", "0\n");
    bench.fake.settle(&all);
    bench.follow(&[Function::UsbPrinter], &all);
    bench.follow(&[], &all);
    assert!(!bench.authorized("1-1"));
}

#[test]
fn ports_are_opened_as_they_were_also_by_the_next_agent() {
    let mut bench = Bench::new();
    let hub = "sys/bus/usb/devices/usb1";
    let module = "sys/module/usbcore/parameters/authorized_default";
    bench.fake.put(&format!("{hub}/authorized_default"), "2\n");
    bench.turn(&[Function::UsbStorage]);
    bench.fake.controller(2);
    let born = "sys/bus/usb/devices/usb2/authorized_default";
    assert_eq!(
        bench.fake.get(born),
        "0\n",
        "a new controller is born closed"
    );
    bench.turn(&[Function::UsbStorage]);
    for attribute in ["authorized_default", "interface_authorized_default"] {
        assert_eq!(bench.fake.get(&format!("{hub}/{attribute}")), "0");
    }
    assert_eq!(bench.fake.get(module), "0");
    bench.restart();
    bench.turn(&[]);
    assert_eq!(bench.fake.get(&format!("{hub}/authorized_default")), "2");
    assert_eq!(
        bench
            .fake
            .get(&format!("{hub}/interface_authorized_default")),
        "1"
    );
    assert_eq!(
        (
            bench.fake.get(born).as_str(),
            bench.fake.get(module).as_str()
        ),
        ("1", "-1")
    );
    assert!(!bench.fake.path("run/usb.json").exists());
}

#[test]
fn a_device_that_comes_with_its_controller_is_given_though_nobody_saw_either_come() {
    let mut bench = Bench::new();
    bench.turn(&[Function::UsbStorage]);
    bench.fake.controller(2);
    let sound = [made("2-1", 0x1111, &["01:01:00"])];
    bench.fake.plug(&sound[0]);
    assert!(!bench.authorized("2-1"), "it is born refused");
    bench.follow(&[Function::UsbStorage], &sound);
    assert!(bench.authorized("2-1"));
}

#[test]
fn what_usbguard_leaves_refused_is_left_to_it() {
    let mut bench = Bench::new();
    bench
        .fake
        .put("sys/bus/usb/devices/usb1/authorized_default", "0\n");
    bench.turn(&[Function::UsbStorage]);
    let sound = [made("1-2", 0x1111, &["01:01:00"])];
    bench.fake.plug(&sound[0]);
    bench.follow(&[Function::UsbStorage], &sound);
    assert!(!bench.authorized("1-2"));
    bench.turn(&[]);
    assert_eq!(
        bench
            .fake
            .get("sys/bus/usb/devices/usb1/authorized_default")
            .trim(),
        "0"
    );
}

#[test]
fn a_device_that_has_gone_is_no_shortfall() {
    let mut bench = Bench::new();
    let stick = made("1-1", 0x1111, STICK);
    bench.fake.plug(&stick);
    let found = Found {
        usb: bench.ports.scan(),
        ..Found::default()
    };
    bench.fake.unplug(&stick);
    let decision = decision(&[Function::UsbStorage], &found.usb);
    let goal = Goal {
        decision: &decision,
        found: &found,
    };
    assert_eq!(bench.usb.tighten(goal), []);
    assert_eq!(bench.usb.loosen(goal), []);
    let held = bench.usb.held(goal);
    assert!(held.iter().all(|one| one.proof.starts_with("usb1")));
}

const DEVICES: [(&str, &[&str]); 6] = [
    ("1-1", STICK),
    ("1-2", CAMERA),
    ("1-3", &["01:01:00"]),
    ("1-5", &["07:01:02", "ff:00:00"]),
    ("1-6", &["e0:01:01"]),
    ("1-7", &["09:00:00"]),
];
const OFF: [Function; 8] = [
    Function::Usb,
    Function::UsbStorage,
    Function::UsbVideo,
    Function::UsbAudio,
    Function::UsbPrinter,
    Function::UsbOther,
    Function::Camera,
    Function::Bluetooth,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_was_restricted_and_is_not_is_as_it_was(
        strangers in prop::collection::vec(any::<bool>(), DEVICES.len()),
        offs in prop::collection::vec(prop::sample::subsequence(OFF.to_vec(), 0..4), 1..4),
        restarts in any::<bool>(),
    ) {
        let mut bench = Bench::new();
        let all: Vec<Made<'_>> =
            DEVICES.iter().map(|(port, classes)| made(port, 0x1111, classes)).collect();
        for (one, is_refused) in all.iter().zip(&strangers) {
            bench.fake.plug(one);
            if *is_refused {
                let path = format!("sys/bus/usb/devices/{}/authorized", one.port);
                bench.fake.put(&path, "0\n");
            }
        }
        bench.fake.settle(&all);
        for off in &offs {
            bench.follow(off, &all);
            let found = bench.fake.scan();
            let decision = decision(off, &found);
            for one in found.iter().filter(|one| !one.is_root_hub()) {
                let mut aim = aim(one, &decision);
                aim.settle(&decision);
                let at = DEVICES.iter().position(|(port, _)| *port == one.device.port).unwrap();
                prop_assert_eq!(one.is_authorized, !aim.is_whole && !strangers[at]);
                for interface in &one.interfaces {
                    prop_assert_eq!(interface.is_authorized, aim.allows(interface.number));
                }
            }
            if restarts {
                bench.restart();
            }
        }
        bench.follow(&[], &all);
        for (one, is_refused) in all.iter().zip(&strangers) {
            prop_assert_eq!(bench.authorized(one.port), !is_refused);
            if !is_refused {
                for number in 0..one.classes.len() {
                    let name = format!("{}:1.{number}", one.port);
                    prop_assert!(bench.authorized(&name));
                }
            }
        }
        let born = bench.fake.get("sys/bus/usb/devices/usb1/authorized_default");
        prop_assert_eq!(born.trim(), "1");
        prop_assert!(!bench.fake.path("run/usb.json").exists());
    }
}
