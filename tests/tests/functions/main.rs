//! Every function, by every way in which somebody may come to use it. What is found fills the table of
//! `docs/ENFORCEMENT.md`.

mod mapped;
mod sticks;
mod table;
mod usb;

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::matrix::{Case, DENIED, Device, Record};
use cardwarden_tests::pins::Tier;
use cardwarden_tests::scenario::{self, expect};
use mapped::memory_without_a_descriptor_is_told_of;
use sticks::what_may_only_be_read_is_not_written_to;
use table::{BLUETOOTH, CAMERA, Holder, INFRARED, MICROPHONE, NFC, RADIO, stands, without};
use usb::{
    KEYBOARD, MIDI, NETWORK, PRINTER, SERIAL, STORAGE, a_disabled_gadget_is_no_device_to_anybody,
    each_usb_function_is_off_alone_and_with_others,
    what_is_plugged_in_is_let_in_by_the_policy_in_force_alone, what_is_usb_is_closed_as_usb_too,
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
    what_is_plugged_in_is_let_in_by_the_policy_in_force_alone,
    what_may_only_be_read_is_not_written_to,
    memory_without_a_descriptor_is_told_of,
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
    expect(machine, "lab try stream /dev/video0", "works")?;
    what_only_a_thread_has_open_ends(machine)
}

/// Threads may have tables of descriptors of their own, in which their process has nothing.
fn what_only_a_thread_has_open_ends(machine: &mut Machine) -> Result<()> {
    machine.ok("lab hold camera --apart --name thread")?;
    // By the process it is not to be found; by its threads it is.
    expect(
        machine,
        "cd /proc/$(systemctl show -P MainPID lab-held-thread) && find fd/ -lname /dev/video0 | wc -l && find task/*/fd/ -lname /dev/video0 | grep -q . && echo apart",
        "0 apart",
    )?;
    CAMERA.under(machine, "disable")?;
    machine.ok("lab held thread --stopped 10")?;
    expect(
        machine,
        "lab try use ioctl thread --from held; lab try use restart thread --from held",
        "EPERM EPERM",
    )?;
    machine.ok("lab held thread --end")?;
    CAMERA.under(machine, "enable")
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
        Tier::Kernel => &[
            CAMERA, MICROPHONE, SOCKETS, INFRARED, NFC, SERIAL, STORAGE, KEYBOARD, NETWORK, MIDI,
            PRINTER,
        ],
        Tier::KernelOpen => &[CAMERA, MICROPHONE, INFRARED],
    };
    let functions = devices.iter().map(|device| device.function);
    let (of_usb, others): (Vec<&str>, Vec<&str>) =
        functions.partition(|function| function.starts_with("usb."));
    let mut policy = without(&others);
    if !of_usb.is_empty() {
        // A rule that names devices is about USB alone.
        write!(
            policy,
            "\n[[rules]]\nid = \"usb\"\nfunctions = {of_usb:?}\naction = \"disable\"\n{DENIED}"
        )?;
    }
    scenario::insert(machine, &policy, "")?;
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
        stands(machine, &CAMERA, &[films]).and_then(|()| what_was_handed_over_is_stopped(machine)),
        stands(machine, &MICROPHONE, &[records]),
        stands(machine, &INFRARED, &[]),
        stands(machine, &RADIO, &[]),
    ]
    .into_iter()
    .collect()
}

/// Who films with a descriptor of somebody else's is stopped, whether it was handed over before the policy came or
/// after, and though nobody else has it open any more.
fn what_was_handed_over_is_stopped(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new("camera", machine.system()).beside("-handed-over");
    machine.ok("lab hold node --path /dev/video0 --name giver && lab hold camera --of giver --name taker && lab held giver --end")?;
    record.case(machine, Case::Passed, |machine| {
        CAMERA.under(machine, "disable")?;
        machine.ok("lab held taker --stopped 10")?;
        // One who is stopped before the first picture does not even begin.
        machine
            .ok(
                "lab hold camera --of taker --name later && lab held later --stopped 10 \
                 || journalctl -u lab-held-later -o cat --no-pager | grep 'stopped before it got anything: EINVAL'",
            )
            .map(drop)
    });
    machine.ok("lab held later --end; lab held taker --end")?;
    CAMERA.under(machine, "enable")?;
    record.finish()
}
