//! One turn of the loop.

use std::collections::BTreeMap;
use std::time::Instant;

use cardwarden_policy::outcome::Tier;
use cardwarden_policy::{Function, KernelState, Plan, goal, plan};

use super::report::Verified;
use super::{FIRST_RETRY, LONGEST_RETRY, Reconciler, Turn, World};
use crate::enforce::{Enforcer, Error, Goal, Held, Kernel, Shortfall};
use cardwarden_policy::explain::chain;

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Looks at everything, and brings into force what follows.
    pub(crate) fn turn(&mut self) {
        let started = Instant::now();
        let found = self.world.scan(&mut self.kernel);
        let scanned = Instant::now();
        let now = self.time();
        self.run_releases(now);
        self.run_tasks(now);
        self.ask();
        let joint = self.decide(now, &found.usb);
        let decided = Instant::now();
        let goal = goal(
            &joint.decision,
            &found.inventory,
            self.fixed.settings.second_lock,
        );
        let held = self.program(&goal);
        let aim = Goal {
            decision: &joint.decision,
            found: &found,
        };
        let shortfalls = self.switch(aim);
        let switched = self.switched(aim);
        let turn = Turn {
            until: self.due(&joint.decision, now),
            joint,
            goal,
            held,
            found,
            switched,
            shortfalls,
        };
        let applied = Instant::now();
        let functions = self.verify(&turn);
        let probed = Instant::now();
        self.announce(&turn, &functions);
        let holds = functions
            .values()
            .all(|function| !function.is_short_of_goal);
        self.last = Some(turn);
        let told = self.tell(&functions);
        self.schedule(holds && told);
        if let Some((event, mut timings)) = self.inserted.take() {
            timings.apply = micros(started, scanned).saturating_add(micros(decided, applied));
            timings.decide = micros(scanned, decided);
            timings.probe = micros(applied, probed);
            timings.total = micros(event, probed);
            self.timings = Some(timings);
        }
        self.publish(functions);
    }

    /// Has the kernel programs refuse what they are to; what they hold then.
    fn program(&mut self, goal: &KernelState) -> KernelState {
        match self.enforce(goal) {
            Ok(held) => {
                self.solved("not-enforced");
                held
            }
            Err(error) => {
                let text = format!(
                    "not everything could be brought into force: {}",
                    chain(&error)
                );
                self.problem("not-enforced", &text);
                self.kernel.observe().unwrap_or_default()
            }
        }
    }

    /// Takes the steps from what the kernel holds to what it is to hold.
    fn enforce(&mut self, goal: &KernelState) -> Result<KernelState, Error> {
        let observed = self.kernel.observe()?;
        let Plan {
            tightening,
            loosening,
        } = plan(&observed, goal);
        if tightening.is_empty() && loosening.is_empty() {
            self.kernel.retire()?;
            return Ok(observed);
        }
        // The first step that fails ends the turn: nothing is loosened after a tightening that
        // failed.
        for step in tightening.iter().chain(&loosening) {
            tracing::debug!(?step, "applying");
            self.kernel.apply(step)?;
        }
        let held = self.kernel.observe()?;
        if held == *goal {
            self.kernel.retire()?;
        }
        Ok(held)
    }

    /// Has every switch follow; what could not be done. What one falls short of is not loosened by
    /// it, and keeps no other from its own.
    fn switch(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for enforcer in &mut self.enforcers {
            shortfalls.extend(enforcer.tighten(goal));
        }
        for enforcer in &mut self.enforcers {
            shortfalls.extend(enforcer.loosen(goal));
        }
        for shortfall in shortfalls.iter().filter(|one| !one.is_spared) {
            tracing::warn!(function = %shortfall.function, "{}", shortfall.problem);
        }
        shortfalls
    }

    fn switched(&mut self, goal: Goal<'_>) -> Vec<(&'static str, Tier, Vec<Held>)> {
        let held = |enforcer: &mut Box<dyn Enforcer>| {
            (enforcer.name(), enforcer.tier(), enforcer.held(goal))
        };
        self.enforcers.iter_mut().map(held).collect()
    }

    /// Tells udev's rules of functions that were switched, decided on, or no longer held.
    fn announce(&mut self, turn: &Turn, functions: &BTreeMap<Function, Verified>) {
        for (function, verified) in functions {
            let now = (verified.verdict(), verified.is_decided());
            if self.announced.insert(*function, now) != Some(now) {
                self.world
                    .announce(&turn.found, *function, verified.is_decided());
            }
        }
    }

    /// Failures are tried again, ever more rarely; nothing else makes the loop wake by itself.
    fn schedule(&mut self, holds: bool) {
        self.retry = if holds {
            None
        } else {
            let next = self
                .retry
                .map_or(FIRST_RETRY, |last| last.saturating_mul(2));
            Some(next.min(LONGEST_RETRY))
        };
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
