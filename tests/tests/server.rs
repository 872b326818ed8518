//! The company's server hears everything, once.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use cardwarden_tests::laws;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, OFFICE, insert, is_off, outcomes};
use serde_json::Value;

laws! { from with_the_card:
    the_server_knows_what_the_card_turned_off,
}
laws! { from before_the_card:
    a_server_that_was_away_hears_everything_once,
}

fn each_once(told: &[Value]) -> Result<()> {
    let ids: BTreeSet<String> = told
        .iter()
        .map(|outcome| scenario::text(outcome, "/id").to_owned())
        .collect();
    ensure!(
        ids.len() == told.len(),
        "something was kept twice: {told:?}"
    );
    for word in [
        "\"associated\"",
        "\"camera\"",
        "\"bluetooth\"",
        "\"enforced\"",
    ] {
        ensure!(
            told.iter()
                .any(|outcome| outcome.to_string().contains(word)),
            "no outcome says {word}: {told:?}"
        );
    }
    Ok(())
}

fn the_server_knows_what_the_card_turned_off(machine: &mut Machine) -> Result<()> {
    machine.ok("lab settle 60 --reported")?;
    each_once(&outcomes(machine)?)?;
    let devices = machine.ok("lab server devices --json")?;
    let status = scenario::status(machine)?;
    ensure!(
        devices.contains(scenario::text(&status, "/device")),
        "the server knows {devices}"
    );
    Ok(())
}

fn a_server_that_was_away_hears_everything_once(machine: &mut Machine) -> Result<()> {
    machine.ok("lab server stop")?;
    insert(machine, OFFICE, "")?;
    is_off(machine)?;
    // The agent starts anew meanwhile: what it has to tell is on the disk.
    machine.ok("systemctl restart cardwardend && cardwarden wait --settled --timeout 30")?;
    machine.ok("lab server start && lab settle 90 --reported")?;
    each_once(&outcomes(machine)?)?;
    machine.ok("systemctl restart cardwardend && lab settle 90 --reported")?;
    each_once(&outcomes(machine)?)
}
