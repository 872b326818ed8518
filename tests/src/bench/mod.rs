//! `cargo xtask bench`: measures, prints each figure beside its bound, and fails if a bound is broken.
//!
//! Instructions are counted in a machine whose clock is the number of executed instructions, so those figures are
//! the same in every run. Times are a guest's wall-clock times under whatever executes it; the table says which.
//! What is pure is measured on the host, by a program of its own (`tests/measure`).

mod card;
mod faults;
mod kernel;
mod revoke;
mod usb;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use crate::image::Image;
use crate::lab;
use crate::machine::Machine;
use crate::machine::accelerator::Accelerator;
use crate::pins::Kernel;
use crate::place;
use crate::say::{progress, result};
use crate::scenario;
use crate::setup;

/// One measured figure.
#[derive(Debug)]
pub struct Figure {
    pub(crate) key: &'static str,
    pub(crate) value: f64,
    /// What it may be at most; figures without one are there to explain the others.
    pub(crate) bound: Option<f64>,
    pub(crate) unit: &'static str,
}

type Measurement = fn(&mut Vec<Figure>) -> Result<()>;

/// The groups, in the order in which they run.
const GROUPS: &[(&str, Measurement)] = &[
    ("policy", policy),
    ("kernel", kernel::measure),
    ("revoke", revoke::measure),
    ("usb", usb::measure),
    ("card", card::measure),
    ("dm", dm),
    ("cli", cli),
    ("agent", agent),
    ("lab", boot),
    ("faults", faults::measure),
];

/// Runs one group, or all; returns whether every bound holds.
pub fn run(group: Option<&str>, json: Option<&Path>) -> Result<bool> {
    let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(group) = group {
        ensure!(
            known.contains(&group),
            "there is no group '{group}'; there are {}",
            known.join(", ")
        );
    }
    let mut figures = Vec::new();
    for (name, measure) in GROUPS {
        if group.is_none_or(|wanted| wanted == *name) {
            progress(format!("bench: measuring {name}"));
            measure(&mut figures).with_context(|| format!("measure {name}"))?;
        }
    }
    print(&figures);
    if let Some(path) = json {
        let flat: Map<String, Value> = figures
            .iter()
            .map(|figure| (figure.key.to_owned(), json!(figure.value)))
            .collect();
        place::write_whole(
            path,
            serde_json::to_string_pretty(&flat).context("write the figures")? + "\n",
        )?;
    }
    Ok(figures.iter().all(Figure::holds))
}

impl Figure {
    fn holds(&self) -> bool {
        self.bound.is_none_or(|bound| self.value <= bound)
    }
}

/// Prints each figure beside its bound.
pub fn print(figures: &[Figure]) {
    result(format!(
        "{:<36} {:>12} {:>12}  {}",
        "figure", "measured", "bound", "unit"
    ));
    for figure in figures {
        let bound = figure
            .bound
            .map_or_else(|| "-".to_owned(), |bound| format!("{bound}"));
        let verdict = if figure.holds() { "" } else { "  BROKEN" };
        let digits = if figure.value < 10.0 { 2 } else { 1 };
        let value = format!("{:.digits$}", figure.value);
        let value = value.trim_end_matches('0').trim_end_matches('.');
        result(format!(
            "{:<36} {value:>12} {bound:>12}  {}{verdict}",
            figure.key, figure.unit
        ));
    }
}

fn number(text: &str) -> Result<f64> {
    text.trim()
        .parse()
        .with_context(|| format!("'{text}' is no number"))
}

/// What deciding, compiling and carrying a policy costs, on the host.
fn policy(figures: &mut Vec<Figure>) -> Result<()> {
    const KEYS: [(&str, Option<f64>, &str); 9] = [
        ("policy.decide_us_1", Some(5.0), "µs, one USB rule"),
        ("policy.decide_us_10", None, "µs, 10 rules, 200 devices"),
        (
            "policy.decide_us_10000",
            Some(1000.0),
            "µs, 10,000 rules, 200 devices",
        ),
        ("policy.growth_10_to_10000", Some(1.2), "times as long"),
        ("policy.compile_ms_10000", Some(50.0), "ms"),
        (
            "policy.compile_kib_10000",
            Some(8.0 * 1024.0),
            "KiB at most, with the policy",
        ),
        ("policy.read_ms_10000", None, "ms, from TOML"),
        ("policy.bytes_per_rule", None, "bytes on a card"),
        // A card's object of 1,905 bytes less our header of 12 (card/src/piv/object.rs).
        (
            "policy.bytes_20",
            Some(1893.0),
            "bytes, 20 rules with an account",
        ),
    ];
    let build = setup::cargo().args(["run", "--quiet", "--release"]);
    let printed = build
        .args(["--package", "cardwarden-measure"])
        .current_dir(place::repository())
        .text()?;
    let measured: Value = serde_json::from_str(&printed).context("read the measured figures")?;
    for (key, bound, unit) in KEYS {
        let name = key.trim_start_matches("policy.");
        let value = measured.get(name).and_then(Value::as_f64);
        figures.push(Figure {
            key,
            value: value.with_context(|| format!("{name} was not measured"))?,
            bound,
            unit,
        });
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len() / 2)
        .copied()
        .context("nothing measured")
}

/// How long until the server knows, from the moment when everything is in force.
fn dm(figures: &mut Vec<Figure>) -> Result<()> {
    let mut machine = scenario::before_the_card(Kernel::V6_1)?;
    scenario::insert(&mut machine, scenario::OFFICE, "")?;
    let value = number(&machine.ok(&timed("lab settle 60 --reported"))?)?;
    figures.push(Figure {
        key: "dm.reported_ms",
        value,
        bound: None,
        unit: "ms",
    });
    Ok(())
}

/// How long a person waits for an answer.
fn cli(figures: &mut Vec<Figure>) -> Result<()> {
    let mut machine = scenario::with_the_card(Kernel::V6_1)?;
    for (key, command) in [
        ("cli.status_ms", "cardwarden status"),
        ("cli.why_ms", "cardwarden why camera"),
    ] {
        machine.ok(command)?;
        let value = number(&machine.ok(&timed(command))?)?;
        figures.push(Figure {
            key,
            value,
            bound: None,
            unit: "ms",
        });
    }
    Ok(())
}

/// A line of shell that prints how many milliseconds a command takes.
fn timed(command: &str) -> String {
    format!("start=$(date +%s%3N); {command} >/dev/null && echo $(($(date +%s%3N) - start))")
}

/// What the agent costs while nothing happens.
fn agent(figures: &mut Vec<Figure>) -> Result<()> {
    let mut machine = scenario::with_the_card(Kernel::V6_1)?;
    machine.ok("lab settle 60 --reported")?;
    let pid = machine.ok("systemctl show -P MainPID cardwardend")?;
    let switches = format!(
        "cat /proc/{pid}/task/*/status | awk '/^voluntary_ctxt/ {{n += $2}} END {{print n}}'"
    );
    let value = number(&machine.ok(&format!(
        "sleep 5; before=$({switches}); sleep 30; after=$({switches}); echo $((after - before))"
    ))?)?;
    figures.push(Figure {
        key: "agent.idle_wakeups_30s",
        value,
        bound: Some(0.0),
        unit: "wake-ups",
    });
    figures.extend(resident(
        &mut machine,
        &pid,
        ["agent.rss_kib", "agent.anonymous_kib"],
    )?);
    let rules = scenario::usb_rules(scenario::MOST_RULES);
    scenario::send(&mut machine, &format!("{}{rules}", scenario::LOOSE), "")?;
    machine.ok("sleep 5")?;
    let keys = ["agent.rss_kib_10000", "agent.anonymous_kib_10000"];
    figures.extend(resident(&mut machine, &pid, keys)?);
    Ok(())
}

/// What the agent has in memory at rest, its program's own pages included; and how much of it is its own.
fn resident(machine: &mut Machine, pid: &str, keys: [&'static str; 2]) -> Result<[Figure; 2]> {
    let [all, own] = keys;
    let mut read = |field: &str| {
        let said = machine.ok(&format!("awk '/^{field}/ {{print $2}}' /proc/{pid}/status"))?;
        number(&said)
    };
    let figure = |key, value, bound| Figure {
        key,
        value,
        bound,
        unit: "KiB",
    };
    Ok([
        figure(all, read("VmRSS")?, Some(12.0 * 1024.0)),
        figure(own, read("RssAnon")?, None),
    ])
}

/// A cold start, from the start of QEMU until systemd has finished.
fn boot(figures: &mut Vec<Figure>) -> Result<()> {
    let image = Image::make(Kernel::V6_1, &lab::product_layer()?)?;
    let accelerator = Accelerator::choose(&image)?;
    let booted = Machine::boot(&image, accelerator)?;
    figures.push(Figure {
        key: "lab.boot_s",
        value: booted.started_in.as_secs_f64(),
        bound: Some(30.0),
        unit: "s",
    });
    drop(booted);
    let restored = lab::machine(&image, accelerator)?;
    figures.push(Figure {
        key: "lab.restore_s",
        value: restored.started_in.as_secs_f64(),
        bound: None,
        unit: "s",
    });
    progress(format!(
        "bench: the machine ran with {}",
        accelerator.name()
    ));
    Ok(())
}
