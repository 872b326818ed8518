//! What was open before a function was switched off: a program that streams, records or talks is
//! stopped, by the stop that the subsystem has for itself, on a duplicate of the program's own
//! descriptor.
//!
//! A stopped program still has its descriptor. That it does not simply start again is for the
//! kernel programs to see to; where they cannot, [`Revoke::follow`] says who could.

mod closed;
mod holders;
mod stop;
mod syscall;
#[cfg(test)]
mod tests;
mod when;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cardwarden_policy::Function;
use nix::errno::Errno;

use self::closed::Closed;
use self::holders::{Holder, Holders};
use self::stop::Stopped;
use self::when::Look;
use super::{Goal, Shortfall};

/// Stops what was open before.
#[derive(Debug)]
pub(crate) struct Revoke {
    proc: PathBuf,
    last: Option<Look>,
    /// Who had something open at the last look, and still has it.
    left: Holders,
    shortfalls: Vec<Shortfall>,
}

impl Revoke {
    /// With the procfs that lies there.
    pub(crate) fn new(proc: &Path) -> Self {
        Self {
            proc: proc.to_owned(),
            last: None,
            left: Holders::default(),
            shortfalls: Vec::new(),
        }
    }

    /// The functions of which somebody had something open at the last look.
    pub(crate) fn open_before(&self) -> BTreeSet<Function> {
        self.left.functions()
    }

    /// Looks, if it is time to, and stops whom it finds; what could not be stopped. To be called
    /// once nothing new can be opened. `is_use_refused`: whether the kernel refuses to let what is
    /// open be used; where it does not, a program that was stopped could start again, and that is a
    /// shortfall.
    pub(crate) fn follow(
        &mut self,
        goal: Goal<'_>,
        is_use_refused: impl Fn(Function) -> bool,
    ) -> Vec<Shortfall> {
        self.follow_at(&Closed::of(goal), is_use_refused, Instant::now());
        self.shortfalls.clone()
    }

    fn follow_at(
        &mut self,
        closed: &Closed,
        is_use_refused: impl Fn(Function) -> bool,
        now: Instant,
    ) {
        if closed.is_empty() {
            *self = Self::new(&self.proc);
            return;
        }
        if !when::is_due(self.last.as_ref(), closed, now) {
            self.keep(closed);
            return;
        }
        let found = Holders::find(&self.proc, closed);
        self.left.0.clear();
        self.shortfalls.clear();
        for holder in found.0 {
            let stopped = stop::stop(&holder, closed);
            if stopped == Ok(Stopped::Gone) {
                continue;
            }
            let is_use_refused = is_use_refused(holder.function);
            self.shortfalls
                .extend(report(&holder, stopped, is_use_refused));
            self.left.0.push(holder);
        }
        self.last = Some(Look {
            wait: when::wait(self.last.as_ref(), closed),
            closed: closed.clone(),
            was_held: !self.left.0.is_empty(),
            at: now,
        });
    }

    /// Forgets functions that are no longer closed.
    fn keep(&mut self, closed: &Closed) {
        let nodes = closed.table.majors.values().map(|closed| closed.function);
        let families = closed.table.families.values().map(|closed| closed.function);
        let functions: BTreeSet<Function> = nodes.chain(families).collect();
        self.left.0.retain(|one| functions.contains(&one.function));
        self.shortfalls
            .retain(|one| functions.contains(&one.function));
        if let Some(last) = &mut self.last {
            last.closed = closed.clone();
            last.was_held = !self.left.0.is_empty();
        }
    }
}

/// Tells what became of what one program had open; what is to be said against it.
fn report(
    holder: &Holder,
    stopped: Result<Stopped, Errno>,
    is_use_refused: bool,
) -> Option<Shortfall> {
    let Holder {
        function,
        program,
        pid,
        uid,
        number,
    } = holder;
    let problem = match stopped {
        Ok(Stopped::Done) => {
            tracing::info!(%function, program, pid, uid, "was stopped using it");
            "has it open since before, and could start again"
        }
        Ok(Stopped::Idle | Stopped::Gone) => "has it open since before, and could use it",
        Err(error) => {
            let problem = format!(
                "{program} ({pid}) could not be stopped at descriptor {number}: {error}; end the program"
            );
            return Some(shortfall(*function, problem));
        }
    };
    let problem = format!("{program} ({pid}) {problem}: end the program");
    (!is_use_refused).then(|| shortfall(*function, problem))
}

fn shortfall(function: Function, problem: String) -> Shortfall {
    Shortfall {
        function,
        problem,
        is_spared: false,
    }
}
