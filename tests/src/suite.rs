//! `cargo xtask test`: every test there is, or one suite of them.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use anyhow::{Result, anyhow, ensure};

use crate::attacks;
use crate::bench;
use crate::fuzz;
use crate::image::product;
use crate::lab;
use crate::machine::accelerator::IN_TURNS;
use crate::matrix;
use crate::place;
use crate::run::Run;
use crate::say::progress;
use crate::setup;

/// The scenario tests: each file of `tests/tests` that runs machines; those that take longest first.
pub const SCENARIOS: &[&str] = &[
    ATTACKS,
    FUNCTIONS,
    "faults",
    "cards",
    "association",
    "time",
    "faults",
    "standing",
    "refusal",
    "facts",
    "server",
];

/// How many suites run beside each other: while the last law of one has a machine, the next takes the other
/// ([`crate::machine`] lets two run at once).
const LANES: usize = 2;

/// The one whose results fill the table of `docs/ENFORCEMENT.md`.
const FUNCTIONS: &str = "functions";

/// The one whose results fill the table of `docs/ATTACKS.md`.
const ATTACKS: &str = "attacks";

/// Runs the tests. Without a suite: those of every crate, a bounded run of the fuzz targets, then the scenarios; the
/// first failure does not keep the others from running.
pub fn run(suite: Option<&str>) -> Result<()> {
    setup::setup()?;
    if let Some(suite) = suite {
        let known = SCENARIOS.join(", ");
        ensure!(
            ["unit", "fuzz"].contains(&suite) || SCENARIOS.contains(&suite),
            "there is no suite '{suite}'; there are unit, fuzz, {known}"
        );
    }
    let is_wanted = |name: &str| suite.is_none_or(|suite| suite == name);
    let mut results = Vec::new();
    if is_wanted("unit") {
        progress("test: unit, property and contract tests of every crate");
        results.extend(unit().map(Run::visibly));
    }
    if is_wanted("fuzz") {
        results.push(fuzz::bounded());
    }
    let scenarios: Vec<&str> = SCENARIOS
        .iter()
        .copied()
        .filter(|name| is_wanted(name))
        .collect();
    if !scenarios.is_empty() {
        results.push(in_machines(&scenarios));
    }
    results.into_iter().collect()
}

fn in_machines(scenarios: &[&str]) -> Result<()> {
    let layer = product::layer()?;
    progress("test: scenarios in virtual machines, two at once, on both kernels");
    if scenarios.contains(&FUNCTIONS) {
        matrix::forget()?;
    }
    if scenarios.contains(&ATTACKS) {
        attacks::forget()?;
    }
    let ran = in_lanes(scenarios, &layer);
    if scenarios.contains(&ATTACKS) {
        bench::print(&attacks::figures()?);
    }
    ran?;
    if scenarios.contains(&FUNCTIONS) {
        matrix::check()?;
    }
    if scenarios.contains(&ATTACKS) {
        attacks::check()?;
    }
    Ok(())
}

/// Builds the suites, and runs them side by side; the first failure does not keep the others from running.
fn in_lanes(scenarios: &[&str], layer: &Path) -> Result<()> {
    let suites = || scenarios.iter().flat_map(|name| ["--test", name]);
    of_the_lab()
        .args(suites())
        .args(["--no-run", "--quiet"])
        .visibly()?;
    let waiting = Mutex::new(scenarios.iter());
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.next()
    };
    let lane = || {
        let each = std::iter::from_fn(next).map(|name| {
            of_the_lab()
                .args(["--test", name, "--", "--test-threads=2"])
                .env(lab::PRODUCT, layer)
                .env(IN_TURNS, "yes")
                .beside_others(name)
        });
        each.fold(Ok(()), Result::and)
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        let ended = |lane: ScopedJoinHandle<'_, Result<()>>| {
            lane.join().map_err(|_panic| anyhow!("a lane broke"))?
        };
        lanes.into_iter().map(ended).fold(Ok(()), Result::and)
    })
}

fn of_the_lab() -> Run {
    cargo_test().args(["--package", "cardwarden-tests"])
}

/// Every test but the scenarios.
fn unit() -> [Run; 3] {
    [
        fuzz::with_same_seed(crates()),
        // With the device's key in a TPM, which static builds cannot have.
        cargo_test().args([
            "--package",
            "cardwarden-agent",
            "--features",
            "tpm",
            "identity",
        ]),
        cargo_test().args([
            "--package",
            "cardwarden-tests",
            "--lib",
            "--test",
            "workspace",
        ]),
    ]
}

/// The tests of every crate but this one.
pub fn crates() -> Run {
    cargo_test().args(["--workspace", "--exclude", "cardwarden-tests"])
}

fn cargo_test() -> Run {
    setup::cargo()
        .args(["test", "--no-fail-fast"])
        .current_dir(place::repository())
}
