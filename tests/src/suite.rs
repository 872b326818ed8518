//! `cargo xtask test`: every test there is, or one suite of them.

use anyhow::{Result, ensure};

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

/// The scenario tests: each file of `tests/tests` that runs machines.
pub const SCENARIOS: &[&str] = &[
    "refusal",
    "standing",
    "time",
    "facts",
    "cards",
    "association",
    "server",
    FUNCTIONS,
    ATTACKS,
];

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
    let mut run = cargo_test().args(["--package", "cardwarden-tests"]);
    for name in scenarios {
        run = run.args(["--test", name]);
    }
    let ran = run
        .args(["--", "--test-threads=2"])
        .env(lab::PRODUCT, layer)
        .env(IN_TURNS, "yes")
        .visibly();
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
