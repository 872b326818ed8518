//! Letting a USB device in as soon as it is plugged in, where nothing of it is refused.
//!
//! A turn looks at every device, has every enforcer follow and asks the kernel what it holds, which takes
//! longer than people notice and than a keyboard should wait. Somebody who plugs a device in that the
//! decision in force gives waits for one question only: what does that decision say of this device? It is
//! asked as a turn asks it, of the same policies, and what is given is given by the same enforcer. The turn
//! follows, whatever came of it.
//!
//! It never refuses, since what comes while something is restricted is born closed, and never gives more
//! than the turn would: whatever is in doubt, or would have to be closed first, is left to the turn.

use std::collections::BTreeMap;

use cardwarden_policy::clock::HighWater;
use cardwarden_policy::plan::concerns;
use cardwarden_policy::{Decision, Function, Verdict};

use super::{Reconciler, World};
use crate::devices::monitor::Nudge;
use crate::devices::usb::Texts;
use crate::enforce::{Goal, Kernel};

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Does what it was nudged for.
    pub(crate) fn on_nudge(&mut self, nudge: &Nudge) {
        match nudge {
            Nudge::Came(names) => self.on_newcomers(names),
            Nudge::Look => self.turn(),
        }
    }

    /// Lets those of the devices in that nothing is refused of. They have just been plugged in.
    pub(super) fn on_newcomers(&mut self, names: &[String]) {
        for name in names {
            if self.let_in(name).is_none() {
                tracing::trace!("{name} is left to the turn");
            }
        }
    }

    fn let_in(&mut self, name: &str) -> Option<()> {
        // What failed is to be tried first.
        if self.retry.is_some() {
            return None;
        }
        let reading = self.world.clocks();
        let known = self.mark.unwrap_or_else(|| HighWater::at(reading));
        let (now, _) = known.read(reading);
        let until = self.last.as_ref()?.until;
        if until.is_some_and(|until| now.is_none_or(|now| now >= until)) {
            return None;
        }
        let texts = self.texts();
        let found = self.world.newcomer(name, texts)?;
        let joint = self.decide(now, &found.usb);
        // Its own node is closed before it is let in.
        let mut nodes = found.inventory.nodes.values();
        if !self.is_as_before(&joint.decision)
            || nodes.any(|carrier| concerns(&joint.decision, carrier))
        {
            return None;
        }
        let goal = Goal {
            decision: &joint.decision,
            found: &found,
        };
        for enforcer in &mut self.enforcers {
            enforcer.admit(goal);
        }
        Some(())
    }

    /// Whether any policy asks what a device says of itself in words.
    fn texts(&self) -> Texts {
        let mut mandates = self.mandates();
        if mandates.any(|(_, mandate)| mandate.policy.asks_texts()) {
            Texts::Read
        } else {
            Texts::Unasked
        }
    }

    /// Whether what a decision says of whole functions is what the last turn brought into force.
    fn is_as_before(&self, decision: &Decision) -> bool {
        let in_force = self.last.as_ref().map(|last| &last.joint.decision);
        in_force.is_some_and(|last| {
            said(last) == said(decision) && last.names_devices == decision.names_devices
        })
    }
}

fn said(decision: &Decision) -> BTreeMap<Function, (Verdict, bool)> {
    let rulings = decision.rulings.iter();
    rulings
        .map(|(function, ruling)| (*function, (ruling.verdict, ruling.read_only)))
        .collect()
}
