//! What is in force costs others, in instructions: counted, so the figures are the same in every run.

use anyhow::Result;

use super::{Figure, median, number};
use crate::image::Image;
use crate::lab;
use crate::machine::Machine;
use crate::machine::accelerator::Accelerator;
use crate::pins::Kernel;
use crate::scenario;

/// Several of each: how many other names share a file's place in the kernel's name cache differs from moment to
/// moment, by a few instructions.
const FILES: &str = "/srv/a /srv/b /srv/c /etc/passwd /etc/group /etc/hosts /usr/bin/env";
const DEVICES: &str = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom";
/// Of tmpfs: an open of a file of overlayfs is two, and runs every hook twice.
const PLAIN: &str = "/run/a /run/b /run/c /run/d /run/e";

/// Until the hooks for what was open before are gone, since nobody has it any more.
const NOBODY: &str = "timeout 120 sh -c 'while ls /sys/fs/bpf/cardwarden/*/link_file_permission 2>/dev/null; do cardwarden sync; sleep 1; done' >/dev/null";

/// Every function off.
const EVERYTHING: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "everything"
functions = ["camera", "microphone", "bluetooth", "usb", "usb-gadget", "infrared", "nfc"]
action = "disable"
"#;

/// A guest's counts, in one state of what is in force.
#[derive(Debug)]
struct Counts {
    files: Vec<f64>,
    devices: Vec<f64>,
    plain: Vec<f64>,
    sockets: Vec<f64>,
}

/// How often each is counted; the least is what it costs when nothing else happens to come between.
const TIMES: usize = 3;

impl Counts {
    fn take(machine: &mut Machine) -> Result<Self> {
        let mut once = |what: &str| -> Result<Vec<f64>> {
            let printed = machine.ok(&format!("lab try {what}"))?;
            printed.split_whitespace().map(number).collect()
        };
        let mut count = |what: &str| -> Result<Vec<f64>> {
            let mut least = once(what)?;
            for _ in 1..TIMES {
                least = lesser(&least, &once(what)?);
            }
            Ok(least)
        };
        Ok(Self {
            files: count(&format!("count {FILES}"))?,
            devices: count(&format!("count {DEVICES}"))?,
            plain: count(&format!("count {PLAIN}"))?,
            sockets: count("count-sockets")?,
        })
    }

    /// Of each the lesser count of two.
    fn least(&self, other: &Self) -> Self {
        Self {
            files: lesser(&self.files, &other.files),
            devices: lesser(&self.devices, &other.devices),
            plain: lesser(&self.plain, &other.plain),
            sockets: lesser(&self.sockets, &other.sockets),
        }
    }
}

fn lesser(some: &[f64], others: &[f64]) -> Vec<f64> {
    let pairs = some.iter().zip(others);
    pairs.map(|(one, other)| one.min(*other)).collect()
}

/// The median of what each costs more than without.
fn added(with: &[f64], without: &[f64]) -> Result<f64> {
    median(
        with.iter()
            .zip(without)
            .map(|(with, without)| with - without)
            .collect(),
    )
}

/// The most that anything costs more than without.
fn most(with: &Counts, without: &Counts) -> Result<f64> {
    let each = [
        added(&with.files, &without.files)?,
        added(&with.devices, &without.devices)?,
        added(&with.plain, &without.plain)?,
        added(&with.sockets, &without.sockets)?,
    ];
    Ok(each.into_iter().fold(0.0, f64::max))
}

/// What an open(2) and a socket(2) cost more while everything is off, while somebody has open what is off, and while
/// nothing is off but the agent is there.
///
/// The same machine in the same state, but for what is in force, from more to less: the other way round, what else
/// a card's insertion starts would be counted too.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    let States {
        revoking,
        guarded,
        everything,
        nothing,
        alone,
    } = States::take()?;
    let unrestricted = most(&nothing, &alone)?;
    let added = [
        (
            "kernel.open_instructions_file",
            added(&everything.files, &nothing.files)?,
            0.0,
        ),
        (
            "kernel.open_instructions_device",
            added(&everything.devices, &nothing.devices)?,
            60.0,
        ),
        (
            "kernel.open_instructions_revoking",
            added(&revoking.plain, &nothing.plain)?,
            210.0,
        ),
        ("kernel.open_instructions_unrestricted", unrestricted, 0.0),
        (
            "kernel.guard_instructions",
            added(&guarded.plain, &everything.plain)?,
            210.0,
        ),
        (
            "kernel.guard_instructions_socket",
            added(&guarded.sockets, &everything.sockets)?,
            0.0,
        ),
        (
            "kernel.socket_instructions",
            added(&everything.sockets, &nothing.sockets)?,
            200.0,
        ),
    ];
    for (key, value, bound) in added {
        figures.push(Figure {
            key,
            value,
            bound: Some(bound),
            unit: "instructions added",
        });
    }
    free(nothing, figures)
}

/// What an open costs where nothing is off.
fn free(nothing: Counts, figures: &mut Vec<Figure>) -> Result<()> {
    for (key, counts) in [
        ("kernel.open_instructions_file_free", nothing.files),
        ("kernel.open_instructions_device_free", nothing.devices),
    ] {
        figures.push(Figure {
            key,
            value: median(counts)?,
            bound: None,
            unit: "instructions",
        });
    }
    Ok(())
}

/// One machine's counts, from more in force to less.
struct States {
    /// Everything is off, and somebody has open what is off.
    revoking: Counts,
    /// Everything is off, and guarded.
    guarded: Counts,
    /// Everything is off.
    everything: Counts,
    /// Nothing is off.
    nothing: Counts,
    /// There is no agent.
    alone: Counts,
}

impl States {
    fn take() -> Result<Self> {
        let image = Image::make(Kernel::V6_1, &lab::product_layer()?)?;
        let mut machine = lab::machine(&image, Accelerator::Counting)?;
        machine.ok("for name in a b c; do echo some text >/srv/$name; done")?;
        machine.ok("touch /run/a /run/b /run/c /run/d /run/e")?;
        machine.ok("lab plug camera && lab hold node --path /dev/video0 --name before")?;
        let unguarded = scenario::unguarded(EVERYTHING);
        scenario::insert(&mut machine, &unguarded, "")?;
        scenario::expect(&mut machine, "lab try bluetooth", "EPERM")?;
        let revoking = Counts::take(&mut machine)?;
        machine.ok("lab held before --end")?;
        machine.ok(NOBODY)?;
        scenario::insert(&mut machine, EVERYTHING, "")?;
        let guarded = Counts::take(&mut machine)?;
        scenario::insert(&mut machine, &unguarded, "")?;
        let everything = Counts::take(&mut machine)?;
        machine.ok("lab release && lab settle")?;
        scenario::expect(&mut machine, "lab try bluetooth", "open")?;
        let nothing = Counts::take(&mut machine)?;
        machine.ok("systemctl stop cardwardend && rm -rf /sys/fs/bpf/cardwarden")?;
        let alone = Counts::take(&mut machine)?;
        // What an agent costs, it costs again: all else that happens to differ does not.
        machine.ok("systemctl start cardwardend && lab settle")?;
        let again = Counts::take(&mut machine)?;
        Ok(Self {
            revoking,
            guarded,
            everything,
            nothing: nothing.least(&again),
            alone,
        })
    }
}
