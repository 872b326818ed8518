//! What is refused and let in, and in which order.

use super::*;

#[test]
fn nothing_is_touched_while_nothing_is_restricted() {
    let mut bench = Bench::new();
    bench.fake.plug(&made("1-1", 0x0781, STICK));
    let writes = Writes::of(&bench.fake);
    assert_eq!(bench.turn(&[]), (Vec::new(), Vec::new()));
    assert_eq!(bench.turn(&[Function::Infrared]), (Vec::new(), Vec::new()));
    assert_eq!(writes.seen(), Vec::<PathBuf>::new());
}

#[test]
fn what_is_refused_goes_before_anything_is_let_in_and_ports_close_first() {
    let mut bench = Bench::new();
    let sound = made("1-2", 0x1111, &["01:01:00"]);
    bench.fake.plug(&made("1-1", 0x0781, STICK));
    bench.turn(&[Function::UsbPrinter]);
    bench.fake.plug(&sound);
    assert!(!bench.authorized("1-2"), "born without authorisation");
    let writes = Writes::of(&bench.fake);
    bench.turn(&[Function::UsbStorage]);
    let seen = writes.seen();
    assert!(ends(&seen, "1-1/authorized").unwrap() < ends(&seen, "1-2/authorized").unwrap());
    assert!(!bench.authorized("1-1") && bench.authorized("1-2"));

    let mut fresh = Bench::new();
    fresh.fake.plug(&made("1-1", 0x0781, STICK));
    let writes = Writes::of(&fresh.fake);
    fresh.turn(&[Function::UsbStorage]);
    let seen = writes.seen();
    assert!(
        ends(&seen, "usb1/authorized_default").unwrap() < ends(&seen, "1-1/authorized").unwrap()
    );
    assert!(ends(&seen, "usb.json.new") < ends(&seen, "usb1/authorized_default"));
}

#[test]
fn a_device_that_is_let_in_gets_its_interfaces_and_drivers_also_from_the_next_agent() {
    let mut bench = Bench::new();
    bench.turn(&[Function::UsbStorage]);
    let sound = made("1-2", 0x1111, &["01:01:00"]);
    bench.fake.plug(&sound);
    bench.restart();
    bench.follow(&[Function::UsbStorage], &[sound]);
    assert!(bench.authorized("1-2") && bench.authorized("1-2:1.0"));
    assert_eq!(bench.fake.get("sys/bus/usb/drivers_probe"), "1-2:1.0");
}

#[test]
fn repeated_turns_write_nothing() {
    let mut bench = Bench::new();
    let all = [made("1-1", 0x0781, STICK), made("1-2", 0x046d, CAMERA)];
    for one in &all {
        bench.fake.plug(one);
    }
    let off = [Function::UsbStorage, Function::UsbVideo];
    bench.follow(&off, &all);
    let writes = Writes::of(&bench.fake);
    let (short, held) = bench.turn(&off);
    assert_eq!(short, []);
    assert!(held.iter().all(|one| one.met == Met::Refused));
    let proof = "1-1 (0781:0825): authorized = 0";
    assert!(
        held.iter()
            .any(|one| one.proof == proof && one.function == Function::UsbStorage)
    );
    assert_eq!(writes.seen(), Vec::<PathBuf>::new());
}

#[test]
fn a_composite_device_loses_only_what_is_refused_of_it() {
    for off in [Function::UsbVideo, Function::Camera] {
        let mut bench = Bench::new();
        let all = [made("1-2", 0x046d, CAMERA)];
        bench.fake.plug(&all[0]);
        bench.follow(&[off], &all);
        assert!(
            bench.authorized("1-2") && bench.authorized("1-2:1.2"),
            "{off}"
        );
        assert!(
            !bench.authorized("1-2:1.0") && !bench.authorized("1-2:1.1"),
            "{off}"
        );
        // One that is plugged in later never has them.
        bench.fake.unplug(&all[0]);
        bench.fake.plug(&all[0]);
        bench.follow(&[off], &all);
        assert!(
            bench.authorized("1-2") && bench.authorized("1-2:1.2"),
            "{off}"
        );
        assert!(
            !bench.authorized("1-2:1.0") && !bench.authorized("1-2:1.1"),
            "{off}"
        );
        bench.follow(&[], &all);
        assert!(
            bench.authorized("1-2:1.0") && bench.authorized("1-2:1.1"),
            "{off}"
        );
    }
}

#[test]
fn a_rule_that_names_a_device_takes_all_of_it_and_closes_the_ports() {
    let mut bench = Bench::new();
    let all = [made("1-2", 0x046d, CAMERA)];
    bench.fake.plug(&all[0]);
    let named = |found: &[Attached]| {
        let mut decision = decision(&[], found);
        decision.names_devices = true;
        for (port, ruling) in &mut decision.devices {
            if port == "1-2" {
                ruling.access = Access::Refused;
            }
        }
        decision
    };
    bench.turn_with(named);
    assert!(!bench.authorized("1-2"));
    assert_eq!(
        bench
            .fake
            .get("sys/bus/usb/devices/usb1/authorized_default"),
        "0"
    );
}

#[test]
fn a_bluetooth_adapter_is_refused_with_bluetooth() {
    let mut bench = Bench::new();
    let all = [
        made("1-1", 0x1111, &["e0:01:01", "e0:01:01"]),
        made("1-2", 0x0a5c, &["ff:01:01"]),
        made("1-3", 0x1111, &["ff:01:01"]),
    ];
    for one in &all {
        bench.fake.plug(one);
    }
    bench.follow(&[Function::Bluetooth], &all);
    let now = ["1-1", "1-2", "1-3"].map(|port| bench.authorized(port));
    assert_eq!(now, [false, false, true]);
}
