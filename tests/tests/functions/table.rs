//! The devices of the functions, the programs that have them open, and what is so of all of them.

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::machine::Machine;
use cardwarden_tests::matrix::{Case, Device, Record, rule};
use cardwarden_tests::pins::Tier;
use cardwarden_tests::scenario::{self, expect};

pub(crate) const CAMERA: Device = Device {
    function: "camera",
    plug: "lab plug camera",
    unplug: "lab unplug /dev/video0",
    attempt: "lab try open /dev/video0",
    works: "open",
    refused: "EPERM",
};

pub(crate) const MICROPHONE: Device = Device {
    function: "microphone",
    plug: "lab plug microphone",
    unplug: "lab unplug pcmC0D0c",
    attempt: "lab try open /dev/snd/pcmC0D0c /dev/snd/pcmC0D1c",
    works: "open open",
    refused: "EPERM EPERM",
};

pub(crate) const BLUETOOTH: Device = Device {
    function: "bluetooth",
    plug: "lab plug bluetooth",
    unplug: "lab unplug hci0",
    attempt: "lab try bluetooth",
    works: "open",
    refused: "EPERM",
};

/// Where no program stands at the sockets, the radio is what is off.
pub(crate) const RADIO: Device = Device {
    attempt: "cat /sys/class/bluetooth/hci0/rfkill*/soft",
    works: "0",
    refused: "1",
    ..BLUETOOTH
};

pub(crate) const INFRARED: Device = Device {
    function: "infrared",
    plug: "lab plug infrared",
    unplug: "lab unplug /dev/lirc0",
    attempt: "lab try open /dev/lirc0",
    works: "open",
    refused: "EPERM",
};

pub(crate) const NFC: Device = Device {
    function: "nfc",
    plug: "lab plug nfc",
    unplug: "lab unplug nfc0",
    attempt: "lab try nfc; lab try nfc-netlink",
    works: "open works",
    refused: "EPERM EPERM",
};

/// Which gadget has the controller: `Documentation/ABI/testing/sysfs-class-udc`.
pub(crate) const GADGET: Device = Device {
    function: "usb-gadget",
    plug: "lab plug gadget",
    unplug: "lab unplug dummy_udc.0",
    attempt: "test -n \"$(cat /sys/class/udc/dummy_udc.0/function)\" && echo bound || echo free",
    works: "bound",
    refused: "free",
};

/// A program that has something before the policy comes, and what it does with it.
pub(crate) struct Holder {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) path: Option<&'static str>,
    /// It films or records, and has to be stopped.
    pub(crate) is_busy: bool,
    pub(crate) ways: &'static [&'static str],
}

impl Holder {
    fn start(&self, machine: &mut Machine) -> Result<()> {
        let path = self
            .path
            .map(|path| format!("--path {path}"))
            .unwrap_or_default();
        machine
            .ok(&format!(
                "lab hold {} --name {} {path}",
                self.kind, self.name
            ))
            .map(drop)
    }

    fn goes_on(&self, machine: &mut Machine) -> Result<()> {
        let state = machine.ok(&format!("lab held {}", self.name))?;
        ensure!(state.starts_with("busy"), "{} is {state}", self.name);
        self.uses(machine, "held", false)
    }

    /// Tries every use; what is permitted may fail for a reason of the device's own.
    fn uses(&self, machine: &mut Machine, from: &str, is_refused: bool) -> Result<()> {
        for way in self.ways {
            let said = machine.ok(&format!("lab try use {way} {} --from {from}", self.name))?;
            ensure!(
                (said == "EPERM") == is_refused,
                "{way} by {} ({from}): {said}",
                self.name
            );
        }
        Ok(())
    }

    fn is_stopped(&self, machine: &mut Machine) -> Result<()> {
        if self.is_busy {
            machine.ok(&format!("lab held {} --stopped 10", self.name))?;
        }
        if machine.system().tier == Tier::Kernel {
            self.uses(machine, "held", true)?;
        }
        Ok(())
    }
}

/// All that is so of a device and the programs that have it open.
pub(crate) fn stands(machine: &mut Machine, device: &Device, holders: &[Holder]) -> Result<()> {
    let mut record = Record::new(device.function, machine.system());
    machine.ok(device.plug)?;
    device.is_on(machine)?;
    for holder in holders {
        holder.start(machine)?;
        holder.goes_on(machine)?;
    }
    // Of a radio that is switched off, nothing tells who would have used it; and the lab's is a program that
    // must not start while it is off.
    let is_radio = *device == RADIO;
    if !is_radio {
        record.case(machine, Case::Audit, |machine| {
            is_audited(machine, device, holders)
        });
    }
    record.case(machine, Case::NewOpen, |machine| {
        device.under(machine, "disable")?;
        device.is_off(machine)
    });
    if !holders.is_empty() {
        record.case(machine, Case::OpenBefore, |machine| {
            holders
                .iter()
                .try_for_each(|holder| holder.is_stopped(machine))
        });
        if machine.system().tier == Tier::Kernel {
            record.case(machine, Case::Passed, |machine| {
                holders
                    .iter()
                    .filter(|holder| !holder.ways.is_empty())
                    .try_for_each(|holder| {
                        holder.uses(machine, "passed", true)?;
                        holder.uses(machine, "taken", true)
                    })
            });
        }
    }
    for holder in holders {
        machine.ok(&format!("lab held {} --end", holder.name))?;
    }
    if !is_radio {
        record.case(machine, Case::HotPlug, |machine| {
            // No waiting for the agent between the plug and the attempt.
            let later = format!(
                "{} && {{ {} >/dev/null; {}; }}",
                device.unplug, device.plug, device.attempt
            );
            expect(machine, &later, device.refused)?;
            machine.ok("lab settle")?;
            device.is_off(machine)
        });
    }
    record.case(machine, Case::PolicyEnd, |machine| {
        device.under(machine, "enable")?;
        device.is_on(machine)
    });
    record.finish()
}

/// Nothing is refused or stopped, and the agent tells who would have been.
fn is_audited(machine: &mut Machine, device: &Device, holders: &[Holder]) -> Result<()> {
    device.under(machine, "audit")?;
    device.is_on(machine)?;
    holders
        .iter()
        .try_for_each(|holder| holder.goes_on(machine))?;
    let status = scenario::status(machine)?;
    let function = status
        .get("functions")
        .and_then(|all| all.get(device.function));
    let audited = function
        .and_then(|function| function.get("audited"))
        .cloned()
        .unwrap_or_default();
    ensure!(audited.to_string().contains("law"), "audited by {audited}");
    let told = machine.ok(
        "journalctl -u cardwardend -o cat --no-pager | grep -F 'would have been refused' || true",
    )?;
    ensure!(
        told.lines()
            .any(|line| line.contains(device.function) && line.contains("lab")),
        "the journal says of what would have been refused: {told:?}"
    );
    Ok(())
}

/// A policy that disables these functions.
pub(crate) fn without(functions: &[&str]) -> String {
    rule(functions, "disable")
}

/// As [`expect`], once the drivers have what the kernel has found.
pub(crate) fn arrives(machine: &mut Machine, device: &Device) -> Result<()> {
    let wait = format!(
        "timeout 15 sh -c 'until [ \"$({})\" = {} ]; do udevadm settle; done'",
        device.attempt, device.works
    );
    machine
        .ok(&wait)
        .map(drop)
        .with_context(|| format!("{} does not arrive", device.function))
}
