//! The agent is ended a thousand times, and policies come a thousand times.

use anyhow::Result;

use super::Figure;
use crate::faults::{self, Found, Met};
use crate::pins::Kernel;
use crate::scenario;

/// Rounds on each kernel.
const STARTS: u64 = 480;
const POLICIES: u64 = 20;
const CHANGES: u64 = 500;

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
        "faults.lost",
        found.lost,
        Some(0.0),
        "policies that were said to be in force",
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
