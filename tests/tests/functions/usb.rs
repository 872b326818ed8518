//! USB, from both ends of the wire.

use anyhow::{Result, ensure};
use cardwarden_tests::machine::Machine;
use cardwarden_tests::machine::usb;
use cardwarden_tests::matrix::{Case, Device, Record};
use cardwarden_tests::scenario::{self, expect};

use crate::table::{BLUETOOTH, CAMERA, GADGET, MICROPHONE, arrives, without};

/// A USB device is there when a driver has it.
macro_rules! usb {
    ($function:literal, $kind:literal, $driver:literal) => {
        Device {
            function: $function,
            plug: concat!("lab plug ", $kind),
            unplug: concat!(
                "lab unplug $(cd /sys/bus/usb/drivers/",
                $driver,
                " && echo [0-9]*:1.0 | cut -d: -f1)"
            ),
            attempt: concat!(
                "ls -d /sys/bus/usb/drivers/",
                $driver,
                "/[0-9]*:* >/dev/null 2>&1 && echo there || echo gone"
            ),
            works: "there",
            refused: "gone",
        }
    };
}

pub(crate) const STORAGE: Device = usb!("usb.storage", "usb-storage", "usb-storage");
pub(crate) const KEYBOARD: Device = usb!("usb.hid", "usb-keyboard", "usbhid");
pub(crate) const NETWORK: Device = usb!("usb.network", "usb-network", "cdc_ncm");
pub(crate) const SERIAL: Device = usb!("usb.serial", "usb-serial", "cdc_acm");
pub(crate) const MIDI: Device = usb!("usb.audio", "usb-midi", "snd-usb-audio");
pub(crate) const PRINTER: Device = usb!("usb.printer", "usb-printer", "usblp");

pub(crate) fn each_usb_function_is_off_alone_and_with_others(machine: &mut Machine) -> Result<()> {
    let devices = [STORAGE, KEYBOARD, NETWORK, SERIAL];
    let mut records = devices.map(|device| Record::new(device.function, machine.system()));
    for device in &devices {
        machine.ok(device.plug)?;
        arrives(machine, device)?;
    }
    machine.ok(USED)?;
    for (device, record) in devices.iter().zip(&mut records) {
        let others = devices
            .iter()
            .filter(|other| other.function != device.function);
        record.case(machine, Case::NewOpen, |machine| {
            device.under(machine, "disable")?;
            device.is_off(machine)?;
            others
                .into_iter()
                .try_for_each(|other| arrives(machine, other))
        });
    }
    what_was_in_use_ended_well(machine, &mut records);
    scenario::insert(
        machine,
        &without(&devices.map(|device| device.function)),
        "",
    )?;
    for (device, record) in devices.iter().zip(&mut records) {
        record.case(machine, Case::NewOpen, |machine| device.is_off(machine));
    }
    machine.ok(UNPLUG_ALL)?;
    for (device, record) in devices.iter().zip(&mut records) {
        record.case(machine, Case::HotPlug, |machine| {
            machine.ok(&format!("{} && lab settle", device.plug))?;
            device.is_off(machine)
        });
    }
    scenario::insert(machine, &without(&["nfc"]), "")?;
    for (device, record) in devices.iter().zip(&mut records) {
        record.case(machine, Case::PolicyEnd, |machine| arrives(machine, device));
    }
    machine.ok(UNPLUG_ALL)?;
    // The gadget's end of the wire has such a node too.
    let midi =
        "/dev/snd/$(basename /sys/bus/usb/drivers/snd-usb-audio/[0-9]*:*/sound/card*/midiC*)";
    let later = [(MIDI, midi), (PRINTER, "/dev/usb/lp0")]
        .map(|(device, node)| one_that_comes_later(machine, &device, node));
    records
        .into_iter()
        .map(Record::finish)
        .chain(later)
        .collect()
}

/// A stick with a file, mounted; a line and a keyboard that programs have open, and one that listens to a network.
const USED: &str = r#"set -e
udevadm wait --timeout=15 /dev/disk/by-label/LAB-USB
mkdir -p /mnt/usb && mount /dev/disk/by-label/LAB-USB /mnt/usb && echo kept >/mnt/usb/note
lab hold node --path /dev/ttyACM0 --name line
event=$(ls -d /sys/bus/usb/drivers/usbhid/[0-9]*:*/*/input/input*/event* | head -n 1)
lab hold node --path "/dev/input/${event##*/}" --name keys
[ "$(lab try use read keys --from held)" = works ]
network=$(ls /sys/bus/usb/drivers/cdc_ncm/[0-9]*:*/net/ | head -n 1)
ip link set "$network" up
systemd-run --quiet --unit=lab-listens python3 -c "import socket
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
line.bind((\"$network\", 0))
while True: line.recv(2048)"
"#;

/// The network goes, and who listened to it is told.
const LISTENS_NO_MORE: &str = "timeout 15 sh -c 'while systemctl is-active -q lab-listens; do udevadm settle; done' \
    && journalctl -u lab-listens -o cat --no-pager | grep -c 'Network is down' && systemctl reset-failed lab-listens";

const UNPLUG_ALL: &str = "for each in $(ls /run/lab-plugged); do lab unplug $each; done";

/// Nothing of the stick was lost, and nobody has the others any more.
fn what_was_in_use_ended_well(machine: &mut Machine, records: &mut [Record; 4]) {
    let [storage, keyboard, network, serial] = records;
    storage.case(machine, Case::OpenBefore, |machine| {
        let look = "findmnt -n /mnt/usb; debugfs -R 'cat note' /srv/usb-storage.ext4 2>/dev/null";
        expect(machine, look, "kept")
    });
    serial.case(machine, Case::OpenBefore, |machine| {
        is_of_no_use(machine, "write", "line")
    });
    keyboard.case(machine, Case::OpenBefore, |machine| {
        is_of_no_use(machine, "read", "keys")
    });
    network.case(machine, Case::OpenBefore, |machine| {
        expect(machine, LISTENS_NO_MORE, "1")
    });
}

/// What a program has open since before the policy, and ends with it.
fn is_of_no_use(machine: &mut Machine, way: &str, name: &str) -> Result<()> {
    let said = machine.ok(&format!("lab try use {way} {name} --from held"))?;
    ensure!(said != "works", "{name} can still be used: {way}");
    machine.ok(&format!("lab held {name} --end")).map(drop)
}

/// Nothing of it was there before the policy; then somebody uses it, and the policy comes again.
fn one_that_comes_later(machine: &mut Machine, device: &Device, node: &str) -> Result<()> {
    let mut record = Record::new(device.function, machine.system());
    device.under(machine, "disable")?;
    record.case(machine, Case::HotPlug, |machine| {
        machine.ok(&format!("{} && lab settle", device.plug))?;
        device.is_off(machine)
    });
    record.case(machine, Case::PolicyEnd, |machine| {
        device.under(machine, "enable")?;
        arrives(machine, device)
    });
    machine.ok(&format!(
        "udevadm settle && lab hold node --path {node} --name used"
    ))?;
    record.case(machine, Case::NewOpen, |machine| {
        device.under(machine, "disable")?;
        device.is_off(machine)
    });
    record.case(machine, Case::OpenBefore, |machine| {
        is_of_no_use(machine, "write", "used")
    });
    device.under(machine, "enable")?;
    record.finish()
}

/// What only its maker's programs know is driven through usbfs.
const OTHER: Device = Device {
    function: "usb.other",
    plug: "lab plug usb-other",
    unplug: "",
    attempt: "grep -qx ff /sys/bus/usb/devices/*/bInterfaceClass && echo there || echo gone",
    works: "there",
    refused: "gone",
};

/// A USB device of another function, the program that has it open, and how it is used.
struct Wired {
    device: Device,
    kind: &'static str,
    hold: Option<&'static str>,
}

/// A camera, a microphone, an adapter: whatever the driver makes of it, the device itself is closed as well, so that
/// no program drives it through usbfs.
pub(crate) fn what_is_usb_is_closed_as_usb_too(machine: &mut Machine) -> Result<()> {
    let camera = Device {
        attempt: "test -e /dev/video0 && lab try stream /dev/video0 || echo gone",
        works: "works",
        ..CAMERA
    };
    let microphone = Device {
        attempt: "test -e /dev/snd/pcmC0D0c && lab try record /dev/snd/pcmC0D0c || echo gone",
        works: "works",
        ..MICROPHONE
    };
    let bluetooth = Device {
        attempt: "lab try bluetooth",
        ..BLUETOOTH
    };
    let video = Device {
        function: "usb.video",
        ..camera
    };
    let all = [
        (camera, "usb-camera", Some("lab hold camera")),
        (video, "usb-camera", Some("lab hold camera")),
        (microphone, "usb-audio", Some("lab hold microphone")),
        (bluetooth, "usb-bluetooth", None),
        (OTHER, "usb-other", None),
    ];
    let found = all.map(|(device, kind, hold)| is_closed(machine, &Wired { device, kind, hold }));
    found
        .into_iter()
        .chain([the_card_reader_stays(machine)])
        .collect()
}

/// A policy comes by it, so that none can take it: not even one that takes all of USB.
fn the_card_reader_stays(machine: &mut Machine) -> Result<()> {
    const READER: &str = "grep -lx 0b /sys/bus/usb/devices/*/bInterfaceClass";
    machine.plug_reader()?;
    machine.ok(&format!(
        "timeout 15 sh -c 'until {READER}; do udevadm settle; done'"
    ))?;
    scenario::insert(machine, &without(&["usb"]), "")?;
    let usbfs = format!("lab try usbfs $({READER} | cut -d/ -f6 | cut -d: -f1)");
    expect(machine, &usbfs, "works")?;
    let said = machine.ok("cardwarden status")?;
    ensure!(
        said.contains("is left, since it reads cards"),
        "`status` does not say that the reader is left: {said}"
    );
    Ok(())
}

fn is_closed(machine: &mut Machine, wired: &Wired) -> Result<()> {
    let Wired { device, kind, hold } = wired;
    let mut record = Record::new(device.function, machine.system());
    let name = machine.ok(&format!("lab plug {kind}"))?;
    let usbfs = format!("lab try usbfs {name} 2>/dev/null || echo gone");
    expect(machine, &usbfs, "works")?;
    if let Some(hold) = hold {
        machine.ok(hold)?;
    }
    // The device itself, by which a program drives what no driver knows.
    machine.ok(&format!(
        "lab hold node --name driven --path /dev/bus/usb/$(cd /sys/bus/usb/devices/{name} && printf %03d/%03d $(cat busnum devnum))"
    ))?;
    expect(machine, "lab try use ioctl driven --from held", "works")?;
    record.case(machine, Case::NewOpen, |machine| {
        device.under(machine, "disable")?;
        is_refused(machine, device.attempt)?;
        is_refused(machine, &usbfs)
    });
    // Where interfaces are refused, the node is still the device's; none can be claimed by it, as was tried just now.
    if device.function == "usb.video" {
        machine.ok("lab held driven --end")?;
    } else {
        record.case(machine, Case::OpenBefore, |machine| {
            is_of_no_use(machine, "ioctl", "driven")
        });
    }
    if let Some(hold) = hold {
        let program = hold.trim_start_matches("lab hold ");
        record.case(machine, Case::OpenBefore, |machine| {
            machine
                .ok(&format!("lab held {program} --stopped 10"))
                .map(drop)
        });
        machine.ok(&format!("lab held {program} --end"))?;
    }
    record.case(machine, Case::HotPlug, |machine| {
        machine.ok(&format!("lab unplug {name} && lab plug {kind}"))?;
        is_refused(machine, device.attempt)?;
        machine.ok("lab settle")?;
        is_refused(machine, device.attempt)?;
        is_refused(machine, &usbfs)
    });
    record.case(machine, Case::PolicyEnd, |machine| {
        device.under(machine, "enable")?;
        expect(machine, &usbfs, "works")?;
        arrives(machine, device)
    });
    machine.ok(&format!("lab unplug {name}"))?;
    record.finish()
}

/// Refused, or not even there.
fn is_refused(machine: &mut Machine, attempt: &str) -> Result<()> {
    let said = machine.ok(attempt)?;
    ensure!(
        ["EPERM", "gone"].contains(&said.as_str()),
        "`{attempt}` says {said}"
    );
    Ok(())
}

/// A policy by which every port is closed, and which takes the keyboard where `denied` names it.
fn closing(denied: &str) -> String {
    format!(
        "{}\n[[rules]]\nid = \"named\"\nfunctions = [\"usb\"]\naction = \"disable\"\ndeny = [{{ id = \"{denied}\" }}]\n",
        scenario::LOOSE
    )
}

/// What is plugged in is let in at once where the policy in force gives it, and never where it does not: not
/// even for a moment, and not when the policy changes while it is plugged in.
pub(crate) fn what_is_plugged_in_is_let_in_by_the_policy_in_force_alone(
    machine: &mut Machine,
) -> Result<()> {
    const OTHER: &str = "0627:ffff";
    let keyboard = usb::KEYBOARD;
    scenario::insert(machine, &closing(OTHER), "")?;
    machine.plug_usb(keyboard)?;
    is_plugged(machine, "1")?;
    machine.ok("timeout 15 sh -c 'until ls -d /sys/bus/usb/drivers/usbhid/[0-9]*:*; do udevadm settle; done'")?;
    machine.unplug_usb(keyboard)?;
    expect(machine, LET_IN, "1")?;
    scenario::send(machine, &closing(keyboard.id), "")?;
    machine.plug_usb(keyboard)?;
    is_plugged(machine, "0")?;
    machine.unplug_usb(keyboard)?;
    expect(machine, LET_IN, "1")?;
    // Both at once: whichever was first, what the policy says last holds.
    for (denied, authorized) in [(OTHER, "1"), (keyboard.id, "0")] {
        machine.plug_usb(keyboard)?;
        scenario::send(machine, &closing(denied), "")?;
        is_plugged(machine, authorized)?;
        machine.unplug_usb(keyboard)?;
    }
    Ok(())
}

/// How often the keyboard was let in.
const LET_IN: &str = "journalctl -b -u cardwardend -o cat | grep -c 'may be used'";

/// Waits until the guest has set the keyboard up as far as it may, and looks at it.
fn is_plugged(machine: &mut Machine, authorized: &str) -> Result<()> {
    const PLUGGED: &str = "grep -lsx 0627 /sys/bus/usb/devices/*/idVendor";
    machine.ok(&format!(
        "timeout 15 sh -c 'until {PLUGGED}; do udevadm settle; done' && lab settle"
    ))?;
    let now = format!("cat $(dirname $({PLUGGED}))/authorized");
    expect(machine, &now, authorized)
}

pub(crate) fn a_disabled_gadget_is_no_device_to_anybody(machine: &mut Machine) -> Result<()> {
    let mut record = Record::new(GADGET.function, machine.system());
    machine.ok(GADGET.plug)?;
    arrives(machine, &GADGET)?;
    record.case(machine, Case::OpenBefore, |machine| {
        GADGET.under(machine, "disable")?;
        GADGET.is_off(machine)
    });
    record.case(machine, Case::NewOpen, |machine| {
        machine.ok("echo dummy_udc.0 >/sys/kernel/config/usb_gadget/lab0/UDC; lab settle")?;
        GADGET.is_off(machine)
    });
    record.case(machine, Case::PolicyEnd, |machine| {
        GADGET.under(machine, "enable")?;
        machine.ok("test -n \"$(cat /sys/kernel/config/usb_gadget/lab0/UDC)\" || echo dummy_udc.0 >/sys/kernel/config/usb_gadget/lab0/UDC")?;
        arrives(machine, &GADGET)
    });
    record.finish()
}
