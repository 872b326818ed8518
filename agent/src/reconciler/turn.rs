//! One turn of the loop.

use std::collections::BTreeMap;
use std::time::Instant;

use cardwarden_policy::explain::chain;
use cardwarden_policy::outcome::Tier;
use cardwarden_policy::plan::unheld;
use cardwarden_policy::{
    Access, Decision, DeviceRuling, Function, Hook, Joint, KernelState, Plan, Step, goal, guarding,
    plan,
};
use nix::errno::Errno;

use super::verify::Verified;
use super::{FIRST_RETRY, LONGEST_RETRY, Reconciler, Turn, World};
use crate::devices::Found;
use crate::enforce::probe::Met;
use crate::enforce::{
    Enforcer, Error, Goal, GuardState, Held, Kernel, Permission, Shortfall, enforcer,
};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Looks at everything, and brings into force what follows.
    pub(crate) fn turn(&mut self) {
        let now = self.time();
        self.run_releases(now);
        self.run_tasks(now);
        self.ask();
        let entered = Instant::now();
        let early = self.last.as_ref();
        let early = early.map(|last| self.decide(now, &last.found.usb));
        let started = Instant::now();
        if let Some(joint) = &early {
            self.close(joint);
        }
        let mut found = self.world.scan(&mut self.kernel);
        let scanned = Instant::now();
        let is_same = |last: &Turn| last.found.usb == found.usb;
        let joint = early.filter(|_| self.last.as_ref().is_some_and(is_same));
        let joint = joint.unwrap_or_else(|| self.decide(now, &found.usb));
        let decided = Instant::now();
        found.inventory.open_before = self.revoke.open_before();
        let (goal, begun) = self.hold(&joint.decision, &mut found);
        let mut shortfalls = self.switch(Goal {
            decision: &joint.decision,
            found: &found,
        });
        let (goal, held) = self.settle((goal, begun), &joint.decision, &mut found);
        let aim = Goal {
            decision: &joint.decision,
            found: &found,
        };
        shortfalls.extend(self.lacks(aim));
        shortfalls.extend(self.revoke.shortfalls(&held));
        let switched = self.switched(aim);
        let until = self.due(&joint.decision, now);
        let turn = Turn {
            soon: self.soon(until, &found, &held),
            until,
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
        let holds = self.check(&turn, &functions);
        self.last = Some(turn);
        self.guard(now.is_some());
        let told = self.tell(&functions);
        self.schedule(holds && told);
        self.stamp([entered, started, scanned, decided, applied, probed]);
        self.publish(functions);
    }

    /// Whether everything holds; what does not is tried again, after a new look at the kernel.
    fn check(&mut self, turn: &Turn, functions: &BTreeMap<Function, Verified>) -> bool {
        let short: Vec<Function> = functions
            .iter()
            .filter(|(_, verified)| verified.is_short_of_goal)
            .map(|(function, _)| *function)
            .collect();
        if short.is_empty() {
            return true;
        }
        self.kernel.doubt();
        if self.retry.is_none() {
            let missing = plan(&turn.held, &turn.goal);
            tracing::info!(?short, ?missing, "will be tried again");
        }
        false
    }

    /// Has what holds now guarded: after everything else, since it takes longer.
    fn guard(&mut self, is_time_known: bool) {
        let last = self.last.as_ref();
        let wanted =
            last.and_then(|last| guarding(&self.standings, &last.joint.decision, is_time_known));
        self.kernel.guard(wanted);
        match self.kernel.guarded() {
            GuardState::Failed(why) => {
                let text = format!("root can undo what is in force: there is no guard: {why}");
                self.problem("guard", &text);
            }
            GuardState::Down | GuardState::Rising | GuardState::Up | GuardState::Lacking => {
                self.solved("guard");
            }
        }
    }

    /// Says how long it took to bring a card into force that was put in.
    fn stamp(&mut self, [entered, started, scanned, decided, applied, probed]: [Instant; 6]) {
        let Some((event, mut timings)) = self.inserted.take() else {
            return;
        };
        timings.apply = micros(started, scanned).saturating_add(micros(decided, applied));
        timings.decide = micros(entered, started).saturating_add(micros(scanned, decided));
        timings.probe = micros(applied, probed);
        timings.total = micros(event, probed);
        self.timings = Some(timings);
    }

    /// Closes what is newly to be closed of the devices that were there at the last turn, and stops who
    /// uses it: a look at all devices takes longer than a picture. What fails is tried again, and told
    /// of, when the devices are known.
    fn close(&mut self, joint: &Joint) {
        let Some(last) = &self.last else {
            return;
        };
        if joint.decision == last.joint.decision {
            return;
        }
        let goal = self.goal(&joint.decision, &last.found);
        let tightening = match self.kernel.observe() {
            Ok(observed) => plan(&observed, &goal).tightening,
            Err(_unreadable) => Vec::new(),
        };
        if !tightening.is_empty() {
            let done = self.tighten(&tightening);
            tracing::debug!(?done, "closed what the last turn found");
            self.revoke.follow(&goal, &mut self.kernel);
        }
    }

    /// Begins to have the kernel programs refuse what they are to, and stops what was open before; what
    /// they are to hold, and what failed already.
    ///
    /// What streams is stopped first of all, and once more when the hooks stand that keep it from
    /// starting again: attaching them takes longer than a picture.
    fn hold(&mut self, decision: &Decision, found: &mut Found) -> (KernelState, Result<(), Error>) {
        let goal = self.goal(decision, found);
        let begun = self.enforce(&goal);
        self.revoke.follow(&goal, &mut self.kernel);
        let known = std::mem::replace(&mut found.inventory.open_before, self.revoke.open_before());
        if found.inventory.open_before == known {
            return (goal, begun);
        }
        let goal = self.goal(decision, found);
        let more = self.enforce(&goal);
        (goal, begun.and(more))
    }

    /// Waits until what was begun holds; what the kernel programs are to hold and hold then. Who opened
    /// something before that is stopped too.
    fn settle(
        &mut self,
        (goal, begun): (KernelState, Result<(), Error>),
        decision: &Decision,
        found: &mut Found,
    ) -> (KernelState, KernelState) {
        let held = self.settled(begun, &goal);
        let known = std::mem::replace(&mut found.inventory.open_before, self.revoke.open_before());
        if found.inventory.open_before == known {
            return (goal, held);
        }
        let goal = self.goal(decision, found);
        let begun = self.enforce(&goal);
        let held = self.settled(begun, &goal);
        (goal, held)
    }

    fn settled(&mut self, begun: Result<(), Error>, goal: &KernelState) -> KernelState {
        let done = self.kernel.settle();
        let is_news = std::mem::take(&mut self.unsettled);
        let held = begun.and(done).and_then(|()| {
            let held = self.kernel.observe()?;
            if held == *goal {
                self.kernel.retire()?;
            }
            Ok(held)
        });
        let held = match held {
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
        };
        self.revoke.settle(&held, is_news, &mut self.kernel);
        held
    }

    pub(super) fn goal(&self, decision: &Decision, found: &Found) -> KernelState {
        goal(
            decision,
            &found.inventory,
            self.fixed.settings.second_lock,
            &self.kernel.lacking(),
        )
    }

    /// Takes the steps from what the kernel holds to what it is to hold; the last of a tightening may still
    /// be under way.
    fn enforce(&mut self, goal: &KernelState) -> Result<(), Error> {
        let observed = self.kernel.observe()?;
        let Plan {
            tightening,
            loosening,
        } = plan(&observed, goal);
        self.tighten(&tightening)?;
        if loosening.is_empty() {
            return Ok(());
        }
        self.kernel.settle()?;
        for step in &loosening {
            tracing::debug!(?step, "applying");
            self.kernel.apply(step)?;
        }
        Ok(())
    }

    /// Takes the steps of a tightening. Each stands for itself; the first that failed is told of. Hooks whose
    /// programs take long to attach are begun.
    fn tighten(&mut self, steps: &[Step]) -> Result<(), Error> {
        self.unsettled |= !steps.is_empty();
        let mut failed = None;
        let mut begun = Vec::new();
        for step in steps {
            tracing::debug!(?step, "applying");
            let done = match step {
                Step::Attach(hook) if hook.is_lsm() => {
                    begun.push(*hook);
                    Ok(())
                }
                Step::Attach(_) | Step::Detach(_) | Step::Swap(_) => self.kernel.apply(step),
            };
            if let Err(error) = done {
                tracing::warn!("{}", chain(&error));
                failed.get_or_insert(error);
            }
        }
        let begun = self.kernel.begin(&begun);
        failed.map_or(begun, Err)
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
        let only_read =
            |one: &DeviceRuling| one.access_to(Function::UsbStorage) == Access::ReadOnly;
        let closes_disks = goal.decision.devices.values().any(only_read);
        for enforcer in &mut self.enforcers {
            // The command that closes a disk for writing is the one that opens it.
            if closes_disks && let Err(error) = self.kernel.permit(Permission::Use) {
                tracing::warn!("cannot permit the agent to close disks: {}", chain(&error));
            }
            shortfalls.extend(enforcer.tighten(goal));
        }
        if closes_disks {
            self.kernel.revoke_permit();
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
