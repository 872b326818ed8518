//! One turn of the loop.

use std::collections::BTreeMap;
use std::time::Instant;

use cardwarden_policy::explain::chain;
use cardwarden_policy::outcome::Tier;
use cardwarden_policy::plan::unheld;
use cardwarden_policy::{Decision, Function, Hook, KernelState, Plan, goal, plan};
use nix::errno::Errno;

use super::verify::Verified;
use super::{FIRST_RETRY, LONGEST_RETRY, Reconciler, Turn, World};
use crate::devices::Found;
use crate::enforce::probe::Met;
use crate::enforce::{Enforcer, Error, Goal, Held, Kernel, Shortfall, enforcer};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Looks at everything, and brings into force what follows.
    pub(crate) fn turn(&mut self) {
        let started = Instant::now();
        let mut found = self.world.scan(&mut self.kernel);
        let scanned = Instant::now();
        let now = self.time();
        self.run_releases(now);
        self.run_tasks(now);
        self.ask();
        let joint = self.decide(now, &found.usb);
        let decided = Instant::now();
        found.inventory.open_before = self.revoke.open_before();
        let (goal, held) = self.hold(&joint.decision, &mut found);
        let aim = Goal {
            decision: &joint.decision,
            found: &found,
        };
        let mut shortfalls = self.switch(aim);
        shortfalls.extend(self.lacks(aim));
        shortfalls.extend(self.revoke.shortfalls(&held));
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
        let short: Vec<Function> = functions
            .iter()
            .filter(|(_, verified)| verified.is_short_of_goal)
            .map(|(function, _)| *function)
            .collect();
        let holds = short.is_empty();
        if !holds && self.retry.is_none() {
            let missing = plan(&turn.held, &turn.goal);
            tracing::info!(?short, ?missing, "will be tried again");
        }
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

    /// Has the kernel programs refuse what they are to, and stops what was open before; what they are
    /// to hold, and what they hold then.
    ///
    /// What streams is stopped first of all, and once more when the hooks stand that keep it from
    /// starting again: attaching them takes longer than a picture.
    fn hold(&mut self, decision: &Decision, found: &mut Found) -> (KernelState, KernelState) {
        let goal = self.goal(decision, found);
        let held = self.program(&goal);
        self.revoke.follow(&goal, &mut self.kernel);
        let known = std::mem::replace(&mut found.inventory.open_before, self.revoke.open_before());
        let open = &found.inventory.open_before;
        if *open == known {
            return (goal, held);
        }
        let has_more = !open.is_subset(&known);
        let goal = self.goal(decision, found);
        let held = self.program(&goal);
        if has_more {
            self.revoke.again(&goal, &mut self.kernel);
        }
        (goal, held)
    }

    fn goal(&self, decision: &Decision, found: &Found) -> KernelState {
        goal(
            decision,
            &found.inventory,
            self.fixed.settings.second_lock,
            &self.kernel.lacking(),
        )
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
        // Each step of a tightening stands for itself; nothing is loosened after one that failed.
        let mut failed = None;
        for step in &tightening {
            tracing::debug!(?step, "applying");
            if let Err(error) = self.kernel.apply(step) {
                tracing::warn!("{}", chain(&error));
                failed.get_or_insert(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for step in &loosening {
            tracing::debug!(?step, "applying");
            self.kernel.apply(step)?;
        }
        let held = self.kernel.observe()?;
        if held == *goal {
            self.kernel.retire()?;
        }
        Ok(held)
    }

    /// What is not held because this machine lacks what it takes. A kernel without a family needs nothing
    /// against its sockets.
    fn lacks(&mut self, aim: Goal<'_>) -> Vec<Shortfall> {
        let lacking = self.kernel.lacking();
        let unheld = unheld(aim.decision, &aim.found.inventory, &lacking);
        let mut shortfalls = Vec::new();
        for (function, hooks) in unheld {
            let of_sockets = hooks.iter().all(|hook| *hook == Hook::SocketCreate);
            let no_family = Met::Other(Errno::EAFNOSUPPORT);
            let tried = of_sockets.then(|| self.world.try_socket(function));
            if tried.flatten().is_some_and(|(_, met)| met == no_family) {
                continue;
            }
            let names: Vec<&str> = hooks.iter().map(|hook| enforcer(*hook)).collect();
            let why = hooks.iter().find_map(|hook| lacking.hooks.get(hook));
            shortfalls.push(Shortfall {
                function,
                problem: format!(
                    "this machine cannot have {}: {}",
                    names.join(", "),
                    why.map_or("", String::as_str)
                ),
                is_spared: true,
            });
        }
        shortfalls
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
