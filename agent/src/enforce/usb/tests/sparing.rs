//! What is never taken.

use super::*;

#[test]
fn the_only_keyboard_stays_and_one_that_is_plugged_in_beside_it_does_not() {
    let mut bench = Bench::new();
    let all = [made("1-4", 0x1111, KEYBOARD), made("1-1", 0x2222, KEYBOARD)];
    bench.fake.plug(&all[0]);
    bench.turn(&[Function::UsbHid]);
    bench.fake.plug(&all[1]);
    let short = bench.follow(&[Function::UsbHid], &all);
    assert!(bench.authorized("1-4") && bench.authorized("1-4:1.0"));
    assert!(
        !bench.authorized("1-1"),
        "the later one is not the only one"
    );
    assert_eq!(spared(&short), BTreeSet::from([Function::UsbHid]));
    bench.restart();
    bench.follow(&[Function::UsbHid], &all);
    assert!(bench.authorized("1-4") && !bench.authorized("1-1"));
}

#[test]
fn no_keyboard_of_usb_stays_where_the_machine_has_another() {
    let mut bench = Bench::new();
    let all = [made("1-4", 0x1111, KEYBOARD)];
    bench.fake.plug(&all[0]);
    let folder = "sys/devices/platform/i8042/serio0/input/input3";
    let keys = format!("{folder}/capabilities/key");
    bench.fake.put(
        &keys,
        "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n",
    );
    bench.fake.link("sys/class/input/input3", folder);
    let short = bench.follow(&[Function::UsbHid], &all);
    assert!(!bench.authorized("1-4"));
    assert_eq!(spared(&short), BTreeSet::new());
    // What a program made is no keyboard that people could type on.
    let forged = "sys/devices/virtual/input/input4";
    std::fs::remove_file(bench.fake.path("sys/class/input/input3")).unwrap();
    bench
        .fake
        .put(&format!("{forged}/capabilities/key"), "fffffffffffffffe\n");
    bench.fake.link("sys/class/input/input4", forged);
    bench.follow(&[Function::UsbHid], &all);
    assert!(bench.authorized("1-4"));
}

#[test]
fn a_card_reader_stays_and_what_else_it_is_does_not() {
    let mut bench = Bench::new();
    let all = [
        made("1-1", 0x1111, READER),
        made("1-2", 0x1111, &["0b:00:00", "08:06:50"]),
    ];
    for one in &all {
        bench.fake.plug(one);
    }
    let short = bench.follow(&[Function::Usb], &all);
    assert!(bench.authorized("1-1") && bench.authorized("1-1:1.0"));
    assert!(bench.authorized("1-2:1.0") && !bench.authorized("1-2:1.1"));
    assert!(spared(&short).contains(&Function::UsbSmartcard));
    assert!(
        short
            .iter()
            .all(|one| one.is_spared && one.problem.contains("it reads cards"))
    );
}

#[test]
fn hubs_built_in_input_and_the_modem_stay() {
    let mut bench = Bench::new();
    let hub = made("1-1", 0x1111, &["09:00:00"]);
    let touch = Made {
        connect_type: "hardwired",
        ..made("1-2", 0x1111, &["03:00:00"])
    };
    let modem = Made {
        connect_type: "hardwired",
        ..made("1-3", 0x1111, &["02:0e:00", "0a:00:02", "08:06:50"])
    };
    let stranger = made("1-5", 0x1111, &["02:0e:00", "0a:00:02"]);
    let all = [hub, touch, modem, stranger];
    for one in &all {
        bench.fake.plug(one);
    }
    bench.follow(&[Function::Usb], &all);
    assert!(bench.authorized("1-1:1.0") && bench.authorized("1-2:1.0"));
    assert!(bench.authorized("1-3:1.0") && !bench.authorized("1-3:1.2"));
    assert!(!bench.authorized("1-5"), "firmware knows the modem's port");
}
