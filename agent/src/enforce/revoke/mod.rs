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
use std::time::{Duration, Instant};

use cardwarden_policy::{Function, Hook, KernelState};
use nix::errno::Errno;

use self::closed::Closed;
use self::holders::Holder;
use self::stop::Stopped;
use self::when::Look;
use super::{Kernel, Permission, Shortfall};

/// Stops what was open before.
#[derive(Debug)]
pub(crate) struct Revoke {
    proc: PathBuf,
    last: Option<Look>,
    /// Who had something open at the last look and still has it, and what became of its use.
    left: Vec<(Holder, Result<Stopped, Errno>)>,
}

impl Revoke {
    /// With the procfs that lies there.
    pub(crate) fn new(proc: &Path) -> Self {
        Self {
            proc: proc.to_owned(),
            last: None,
            left: Vec::new(),
        }
    }

    /// The functions of which somebody had something open at the last look.
    pub(crate) fn open_before(&self) -> BTreeSet<Function> {
        self.left
            .iter()
            .map(|(holder, _)| holder.function)
            .collect()
    }

    /// Looks, if it is time to, and stops whom it finds. To be called once nothing new can be opened.
    pub(crate) fn follow(&mut self, goal: &KernelState, kernel: &mut dyn Kernel) {
        self.follow_at(&Closed::of(&goal.table), kernel, Instant::now());
    }

    /// Looks once more, and stops whom it finds, when the kernel has come to refuse the use of what is
    /// open since the last look: until then a program could start again. And when it has come to refuse
    /// what is new (`is_news`): until then a program could open more.
    pub(crate) fn settle(&mut self, held: &KernelState, is_news: bool, kernel: &mut dyn Kernel) {
        let Some(last) = &self.last else {
            return;
        };
        let is_new = !last.is_use_refused && last.was_held && self.is_all_refused(held);
        if is_new || is_news {
            self.look(&Closed::of(&held.table), kernel, Instant::now());
        }
        let is_refused = self.is_all_refused(held);
        if let Some(last) = &mut self.last {
            last.is_use_refused = is_refused;
        }
    }

    /// Whether the kernel refuses the use of all that is open.
    fn is_all_refused(&self, held: &KernelState) -> bool {
        let mut holders = self.left.iter().map(|(holder, _)| holder);
        holders.all(|holder| is_use_refused(held, holder.function))
    }

    /// How long until somebody has to look again: while a program could start again. Where the kernel
    /// refuses it, the next turn looks, whatever it is for: a daemon that has a socket open all day must
    /// not wake a phone, and that a hook goes a little later costs less.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let last = self.last.as_ref()?;
        if !last.was_held || last.is_use_refused {
            return None;
        }
        Some(last.wait.saturating_sub(last.at.elapsed()))
    }

    /// What could not be stopped; and, where the kernel does not refuse the use of what is open, who
    /// could start again.
    pub(crate) fn shortfalls(&self, held: &KernelState) -> Vec<Shortfall> {
        let is_refused = |function| is_use_refused(held, function);
        let mut shortfalls: Vec<Shortfall> = Vec::new();
        for (holder, stopped) in &self.left {
            // Once for all descriptors of a program that say the same.
            let one = report(holder, *stopped, is_refused(holder.function));
            shortfalls.extend(one.filter(|one| !shortfalls.contains(one)));
        }
        shortfalls
    }

    fn follow_at(&mut self, closed: &Closed, kernel: &mut dyn Kernel, now: Instant) {
        if closed.is_empty() {
            *self = Self::new(&self.proc);
        } else if when::is_due(self.last.as_ref(), closed, now) {
            self.look(closed, kernel, now);
        } else {
            self.keep(closed);
        }
    }

    fn look(&mut self, closed: &Closed, kernel: &mut dyn Kernel, now: Instant) {
        let before = std::mem::take(&mut self.left);
        for holder in holders::find(&self.proc, closed, kernel) {
            // For each anew, since it lasts a fraction of a second and a machine may have thousands of
            // programs. Without it, only what is refused already cannot be stopped, and that is told.
            if let Err(error) = kernel.permit(Permission::Use) {
                tracing::warn!(
                    "cannot permit the agent to stop {}: {error}",
                    holder.program
                );
            }
            let stopped = stop::stop(&holder, closed);
            kernel.revoke_permit();
            if stopped == Ok(Stopped::Gone) {
                continue;
            }
            let is_known = before.iter().any(|(known, _)| *known == holder);
            if stopped == Ok(Stopped::Done) && !is_known {
                log(&holder, "was stopped using it");
            }
            self.left.push((holder, stopped));
        }
        self.look_at_mappings(closed, &before, kernel);
        let wait = when::wait(self.last.as_ref(), closed);
        self.last = Some(Look {
            wait,
            closed: closed.clone(),
            was_held: !self.left.is_empty(),
            is_use_refused: false,
            at: now,
        });
    }

    /// Says of whom it cannot stop, who has closed the descriptor and kept the memory.
    fn look_at_mappings(
        &mut self,
        closed: &Closed,
        before: &[(Holder, Result<Stopped, Errno>)],
        kernel: &mut dyn Kernel,
    ) {
        let known: Vec<&Holder> = self.left.iter().map(|(holder, _)| holder).collect();
        for holder in holders::mapped(&self.proc, closed, &known, kernel) {
            if !before.iter().any(|(known, _)| *known == holder) {
                log(&holder, "has memory mapped of it, and no descriptor");
            }
            self.left.push((holder, Ok(Stopped::Mapped)));
        }
    }

    /// Forgets functions that are no longer closed.
    fn keep(&mut self, closed: &Closed) {
        self.left.retain(|(one, _)| closed.closes(one.function));
        if let Some(last) = &mut self.last {
            last.closed = closed.clone();
            last.was_held = !self.left.is_empty();
        }
    }
}

/// Whether the kernel refuses the use of what is open of a function. The twin for 32-bit programs is
/// not asked for: older kernels do not have it, and ask its sister.
fn is_use_refused(held: &KernelState, function: Function) -> bool {
    let concerns = held.table.concerns(function);
    let each = [
        (concerns.held_nodes, Hook::OF_DESCRIPTORS.as_slice()),
        (concerns.families, Hook::OF_SOCKETS.as_slice()),
    ];
    each.into_iter()
        .filter(|(needs, _)| *needs)
        .flat_map(|(_, hooks)| hooks)
        .filter(|hook| **hook != Hook::FileIoctlCompat)
        .all(|hook| held.hooks.contains(hook))
}

/// Notes what a program has to do with something closed.
fn log(holder: &Holder, what: &str) {
    let Holder {
        function,
        program,
        pid,
        uid,
        ..
    } = holder;
    tracing::info!(%function, program, pid, uid, "{what}");
}

/// What is to be said against what became of one program's use. Where it could go on, another attempt
/// does not help: it is looked for again and again.
fn report(
    holder: &Holder,
    stopped: Result<Stopped, Errno>,
    is_use_refused: bool,
) -> Option<Shortfall> {
    let Holder {
        function,
        program,
        pid,
        number,
        ..
    } = holder;
    let why = match stopped {
        Err(error) => {
            let place =
                number.map_or_else(String::new, |number| format!(" at descriptor {number}"));
            format!("could not be stopped{place}: {error}")
        }
        Ok(Stopped::Mapped) => {
            "has memory mapped of it since before, and could still get what is recorded".to_owned()
        }
        Ok(_) if is_use_refused => return None,
        Ok(Stopped::Done) => "has it open since before, and could start again".to_owned(),
        Ok(Stopped::Idle | Stopped::Gone) => {
            "has it open since before, and could use it".to_owned()
        }
    };
    Some(Shortfall {
        function: *function,
        problem: format!("{program} ({pid}) {why}: end the program"),
        is_spared: stopped.is_ok(),
    })
}
