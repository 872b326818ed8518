//! How soon a USB device that is plugged in is decided on: from `usb_new_device`, with which the kernel takes it up,
//! to the first write of its `authorized`. `usbguard-daemon` does the same in the same machine, before.
//!
//! Both have as many rules as the figure says, and none names the device but `USBGuard`'s last, which names all.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::{Figure, median, number};
use crate::machine::Machine;
use crate::machine::usb::KEYBOARD;
use crate::pins::Kernel;
use crate::scenario;

/// How often the device is plugged in for one figure.
const PLUGS: usize = 7;

/// How often as fast as `USBGuard` we are at least, with one rule and with the most.
const FASTER: [f64; 2] = [3.0, 10.0];

/// The keys of one daemon, by the number of rules.
type Keys = [(u32, &'static str); 3];

const OURS: Keys = [
    (1, "usb.decision_ms_1"),
    (1_000, "usb.decision_ms_1000"),
    (10_000, "usb.decision_ms_10000"),
];
const THEIRS: Keys = [
    (1, "usb.usbguard_ms_1"),
    (1_000, "usb.usbguard_ms_1000"),
    (10_000, "usb.usbguard_ms_10000"),
];

/// Both daemons' times, their ratios, and the maps of ours.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    let mut machine = scenario::fresh(Kernel::V6_1)?;
    machine.ok(TRACED)?;
    machine.ok("systemctl stop cardwardend")?;
    let mut theirs = Vec::new();
    for (rules, key) in THEIRS {
        start_usbguard(&mut machine, rules)?;
        theirs.push(decided(&mut machine, "usbguard-daemon", figures, key)?);
        machine.ok("systemctl stop usbguard")?;
    }
    // USBGuard leaves them closed, and our agent gives nothing that was closed before it.
    machine.ok("for hub in /sys/bus/usb/devices/usb*; do echo 1 >$hub/authorized_default; done")?;
    machine.ok("systemctl start cardwardend && lab settle")?;
    scenario::insert(&mut machine, scenario::LOOSE, "")?;
    let mut ours = Vec::new();
    for (rules, key) in OURS {
        let policy = format!("{}{}", scenario::LOOSE, scenario::usb_rules(rules));
        scenario::send(&mut machine, &policy, "")?;
        ours.push(decided(&mut machine, "cardwardend", figures, key)?);
    }
    figures.push(Figure {
        key: "kernel.maps_kib_10000",
        value: number(&machine.ok("lab try count-maps")?)? / 1024.0,
        bound: Some(256.0),
        unit: "KiB, all maps in the kernel",
    });
    ratios(&ours, &theirs, figures)
}

/// Every time stamp is the same clock's, and says who caused it. The second trace has decisions alone: who waits
/// for one there sleeps until it comes, and takes no time from who decides.
const TRACED: &str = "mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing && echo mono >trace_clock && modprobe -a usbcore usbhid &&
echo 'p:plugged usb_new_device' >kprobe_events && echo 'p:decided usbcore:authorized_store' >>kprobe_events &&
echo 1 >events/kprobes/enable && mkdir instances/decisions && echo 1 >instances/decisions/events/kprobes/decided/enable";

/// As quick as ours is to be: its ratios to `USBGuard`, and how it grows.
fn ratios(ours: &[f64], theirs: &[f64], figures: &mut Vec<Figure>) -> Result<()> {
    let (Some((own_few, own_many)), Some((few, many))) = (ends(ours), ends(theirs)) else {
        anyhow::bail!("nothing was measured");
    };
    for (key, value, bound) in [
        ("usb.of_usbguard_1", own_few / few, 1.0 / FASTER[0]),
        ("usb.of_usbguard_10000", own_many / many, 1.0 / FASTER[1]),
        ("usb.growth_1_to_10000", own_many / own_few, GROWTH),
    ] {
        figures.push(Figure {
            key,
            value,
            bound: Some(bound),
            unit: "ratio",
        });
    }
    Ok(())
}

/// Flat, but for what differs from plug to plug.
const GROWTH: f64 = 1.5;

fn ends(values: &[f64]) -> Option<(f64, f64)> {
    Some((*values.first()?, *values.last()?))
}

fn start_usbguard(machine: &mut Machine, rules: u32) -> Result<()> {
    let mut text = String::new();
    for number in 1..rules {
        let (vendor, product) = (0x4000 + number / 0x1000, number % 0x1000);
        writeln!(text, "block id {vendor:04x}:{product:04x}").context("write a rule")?;
    }
    text.push_str("allow\n");
    machine.put("/etc/usbguard/rules.conf", 0o600, text.as_bytes())?;
    // With Debian's own settings, as Debian's unit starts it; the lab only keeps it from starting by itself.
    machine.ok("systemctl unmask --quiet usbguard && systemctl start usbguard")?;
    // It has read its rules when it takes the ports over.
    machine.ok("timeout 60 sh -c 'until grep -qx 0 /sys/bus/usb/devices/usb*/authorized_default; do sleep 0.2; done'")?;
    Ok(())
}

/// The median time to a daemon's decision, in milliseconds.
fn decided(
    machine: &mut Machine,
    daemon: &str,
    figures: &mut Vec<Figure>,
    key: &'static str,
) -> Result<f64> {
    // Not counted: a daemon that has just started still looks at what was there before.
    plug(machine, daemon)?;
    let mut times = Vec::new();
    for _ in 0..PLUGS {
        times.push(plug(machine, daemon)?);
    }
    let value = median(times)?;
    figures.push(Figure {
        key,
        value,
        bound: None,
        unit: "ms from plug to decision",
    });
    Ok(value)
}

fn plug(machine: &mut Machine, daemon: &str) -> Result<f64> {
    machine.ok("cd /sys/kernel/tracing && echo >trace && echo >instances/decisions/trace")?;
    machine.plug_usb(KEYBOARD)?;
    machine.ok(&format!(
        "timeout 30 grep -qm1 '{daemon}' /sys/kernel/tracing/instances/decisions/trace_pipe"
    ))?;
    let trace = machine.ok("cat /sys/kernel/tracing/trace")?;
    machine.unplug_usb(KEYBOARD)?;
    milliseconds(&trace, daemon)
}

/// From the moment when the device is there to what the daemon writes first from then on.
fn milliseconds(trace: &str, daemon: &str) -> Result<f64> {
    let mut lines = trace.lines().filter(|line| !line.starts_with('#'));
    let mut find = |event: &str, program: &str| {
        let line = lines
            .find(|line| line.contains(event) && line.trim_start().starts_with(program))
            .with_context(|| format!("no {event} by '{program}':\n{trace}"))?;
        let (before, _) = line.split_once(event).context("no event")?;
        let stamp = before.split_whitespace().next_back().context("no time")?;
        number(stamp.trim_end_matches(':'))
    };
    let begun = find("plugged:", "")?;
    Ok((find("decided:", daemon)? - begun) * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_writes_first_after_the_plug_counts() {
        let trace = "# tracer: nop\n usbguard-daemon-7   [001] .....  12.125000: decided: (x)\n     kworker/0:1-9   [000] d....  12.500000: plugged: (usb_new_device+0x0/0x1)\n usbguard-daemon-7   [001] .....  12.525000: decided: (authorized_store+0x0/0x1 [usbcore])\n usbguard-daemon-7   [001] .....  13.000000: decided: (x)\n";
        let taken = milliseconds(trace, "usbguard-daemon").unwrap();
        assert!((taken - 25.0).abs() < 1e-6, "{taken}");
        assert!(milliseconds(trace, "cardwardend").is_err());
    }
}
