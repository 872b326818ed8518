//! Every function, by every way in which somebody may come to use it. What is found fills the table of
//! `docs/ENFORCEMENT.md`.

mod table;
mod usb;

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::matrix::{Case, Device, Record};
use cardwarden_tests::pins::Tier;
use cardwarden_tests::scenario::{self, expect};
use table::{BLUETOOTH, CAMERA, Holder, INFRARED, MICROPHONE, NFC, RADIO, stands, without};
use usb::{
    SERIAL, a_disabled_gadget_is_no_device_to_anybody,
    each_usb_function_is_off_alone_and_with_others, what_is_usb_is_closed_as_usb_too,
};

laws! { from fresh:
    a_disabled_camera_films_no_more_whoever_has_it_open,
    a_disabled_microphone_records_no_more_and_playback_goes_on,
    disabled_bluetooth_ends_for_open_sockets_too,
    disabled_infrared_neither_sends_nor_listens,
    disabled_nfc_has_neither_sockets_nor_netlink,
    each_usb_function_is_off_alone_and_with_others,
    a_disabled_gadget_is_no_device_to_anybody,
    what_is_usb_is_closed_as_usb_too,
}
laws! { from fresh in both tiers:
    what_is_off_is_off_before_any_login,
}
laws! { from fresh in kernel_open:
    without_lsm_what_is_opened_anew_is_refused,
}

fn a_disabled_camera_films_no_more_whoever_has_it_open(machine: &mut Machine) -> Result<()> {
    let films = Holder {
        kind: "camera",
        name: "films",
        path: None,
        is_busy: true,
        ways: &["ioctl", "restart"],
    };
    let waits = Holder {
        kind: "node",
        name: "waits",
        path: Some("/dev/video0"),
        is_busy: false,
        ways: &["ioctl", "mmap"],
    };
    stands(machine, &CAMERA, &[films, waits])?;
    expect(machine, "lab try stream /dev/video0", "works")
}

fn a_disabled_microphone_records_no_more_and_playback_goes_on(machine: &mut Machine) -> Result<()> {
    let records = Holder {
        kind: "microphone",
        name: "records",
        path: Some("/dev/snd/pcmC0D0c"),
        is_busy: true,
        ways: &[],
    };
    let waits = Holder {
        kind: "node",
        name: "waits",
        path: Some("/dev/snd/pcmC0D1c"),
        is_busy: false,
        ways: &["ioctl", "mmap"],
    };
    stands(machine, &MICROPHONE, &[records, waits])?;
    expect(machine, "lab try record /dev/snd/pcmC0D0c", "works")?;
    MICROPHONE.under(machine, "disable")?;
    expect(
        machine,
        "lab try open /dev/snd/pcmC0D0p /dev/snd/controlC0",
        "open open",
    )?;
    machine
        .ok("aplay -q -D hw:0,0 -f S16_LE -r 48000 -c 2 -s 4800 /dev/zero")
        .map(drop)
}

fn disabled_bluetooth_ends_for_open_sockets_too(machine: &mut Machine) -> Result<()> {
    let talks = Holder {
        kind: "bluetooth",
        name: "talks",
        path: None,
        is_busy: false,
        ways: &["write", "read"],
    };
    stands(machine, &BLUETOOTH, &[talks])
}

fn disabled_infrared_neither_sends_nor_listens(machine: &mut Machine) -> Result<()> {
    let listens = Holder {
        kind: "node",
        name: "listens",
        path: Some("/dev/lirc0"),
        is_busy: false,
        ways: &["ioctl", "read", "write"],
    };
    stands(machine, &INFRARED, &[listens])
}

fn disabled_nfc_has_neither_sockets_nor_netlink(machine: &mut Machine) -> Result<()> {
    let talks = Holder {
        kind: "nfc",
        name: "talks",
        path: None,
        is_busy: false,
        ways: &["write"],
    };
    stands(machine, &NFC, &[talks])
}

/// Bluetooth without a controller: the lab's is a service, and none may wait for another so early.
const SOCKETS: Device = Device {
    plug: "true",
    ..BLUETOOTH
};

/// One start for all: what is plugged in before any service of the product's runs is off all the same.
fn what_is_off_is_off_before_any_login(machine: &mut Machine) -> Result<()> {
    let devices: &[Device] = match machine.system().tier {
        Tier::Kernel => &[CAMERA, MICROPHONE, SOCKETS, INFRARED, NFC, SERIAL],
        Tier::KernelOpen => &[CAMERA, MICROPHONE, INFRARED],
    };
    let functions: Vec<&str> = devices.iter().map(|device| device.function).collect();
    scenario::insert(machine, &without(&functions), "")?;
    let mut early = String::new();
    for device in devices {
        let (plug, attempt) = (device.plug, device.attempt);
        writeln!(
            early,
            "{plug} >/dev/null 2>&1\n{{ {attempt}; }} | tr '\\n' ' '\necho"
        )?;
    }
    machine.put("/var/lib/lab/early", 0o755, early.as_bytes())?;
    machine.reboot()?;
    let seen = machine.ok("cat /var/lib/lab/early.log")?;
    let mut lines = seen.lines();
    let mut results = Vec::new();
    for device in devices {
        let mut record = Record::new(device.function, machine.system());
        let line = lines.next().unwrap_or_default().trim();
        record.case(machine, Case::Boot, |machine| {
            ensure!(line == device.refused, "at the start: {line:?}");
            machine.ok("lab settle")?;
            device.is_off(machine)
        });
        results.push(record.finish());
    }
    results.into_iter().collect()
}

fn without_lsm_what_is_opened_anew_is_refused(machine: &mut Machine) -> Result<()> {
    let films = Holder {
        kind: "camera",
        name: "films",
        path: None,
        is_busy: true,
        ways: &[],
    };
    let records = Holder {
        kind: "microphone",
        name: "records",
        path: Some("/dev/snd/pcmC0D0c"),
        is_busy: true,
        ways: &[],
    };
    [
        stands(machine, &CAMERA, &[films]),
        stands(machine, &MICROPHONE, &[records]),
        stands(machine, &INFRARED, &[]),
        stands(machine, &RADIO, &[]),
    ]
    .into_iter()
    .collect()
}
