//! The agent is ended a thousand times, policies come a thousand times, and the power is cut at every write of some.

use anyhow::Result;

use super::Figure;
use crate::faults::{self, Found, Met};
use crate::pins::Kernel;
use crate::power;
use crate::scenario;

/// Rounds on each kernel.
const STARTS: u64 = 480;
const POLICIES: u64 = 20;
const CHANGES: u64 = 500;
/// Policies that come while the power is cut, and states of the cuts with which an agent is started.
const UNDER_CUTS: usize = 24;
const STARTS_AFTER_CUTS: usize = 8;

/// How often, and what was wrong.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    let (mut found, mut met) = (Found::default(), Met::default());
    for kernel in Kernel::ALL {
        let mut machine = scenario::fresh(kernel)?;
        faults::prepare(&mut machine)?;
        let here = faults::kill(&mut machine, STARTS, POLICIES)?;
        found.kills += here.kills;
        found.gaps += here.gaps;
        found.lost += here.lost;
        found.span = found.span.max(here.span);
        drop(machine);
        let mut machine = scenario::fresh(kernel)?;
        faults::prepare(&mut machine)?;
        let here = faults::change(&mut machine, CHANGES)?;
        met.changes += here.changes;
        met.attempts += here.attempts;
        met.opened += here.opened;
        met.refused += here.refused;
    }
    let cuts = power::cut(Kernel::V6_12, UNDER_CUTS, STARTS_AFTER_CUTS)?;
    found.lost += u64::try_from(cuts.lost)?;
    found.gaps += u64::try_from(cuts.gaps)?;
    state(figures, found, met, u64::try_from(cuts.cuts)?)
}

fn state(figures: &mut Vec<Figure>, found: Found, met: Met, cuts: u64) -> Result<()> {
    let mut figure = |key, count: u64, bound, unit| -> Result<()> {
        let value = f64::from(u32::try_from(count)?);
        figures.push(Figure {
            key,
            value,
            bound,
            unit,
        });
        Ok(())
    };
    figure(
        "faults.kills",
        found.kills,
        None,
        "at ever later system calls",
    )?;
    figure(
        "faults.steps",
        found.span,
        None,
        "system calls until it has settled",
    )?;
    figure(
        "faults.power_cuts",
        cuts,
        None,
        "disks built as a cut leaves them, from a record of the writes",
    )?;
    figure(
        "faults.lost",
        found.lost,
        Some(0.0),
        "times that something said to be in force was not, or was torn",
    )?;
    figure(
        "faults.changes",
        met.changes,
        None,
        "policies, under a program that opens the camera",
    )?;
    figure("faults.attempts", met.attempts, None, "of that program")?;
    figure(
        "faults.denials",
        met.refused,
        Some(0.0),
        "while the camera was given back",
    )?;
    figure(
        "faults.gaps",
        found.gaps + met.opened,
        Some(0.0),
        "times it was open, and had to be refused",
    )
}
