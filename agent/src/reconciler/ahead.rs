//! What is done ahead of a change, so that it is quick when it comes.

use cardwarden_policy::explain::chain;
use cardwarden_policy::{Hook, KernelState, Step, plan};
use jiff::{SignedDuration, Timestamp};

use super::{Reconciler, World};
use crate::devices::Found;
use crate::enforce::Kernel;

/// How long before a change that is known what it needs is made ready: longer than any hook takes to attach.
const AHEAD: SignedDuration = SignedDuration::from_millis(500);

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// When to wake by time: a moment before the current decision ends, where something has to be made
    /// ready for what follows it.
    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        let until = self.until()?;
        let is_ready = self.last.as_ref().is_none_or(|last| last.soon.is_empty());
        if is_ready {
            Some(until)
        } else {
            until.checked_sub(AHEAD).ok()
        }
    }

    /// Does what it was woken for: what takes longest of a change ahead of it, or the change.
    pub(crate) fn on_alarm(&mut self) {
        let last = self.last.as_mut();
        let soon = last.map_or_else(Vec::new, |last| std::mem::take(&mut last.soon));
        if soon.is_empty() {
            self.turn();
        }
        for step in soon {
            match &step {
                Step::Swap(table) => self.kernel.swap_ahead(table),
                Step::Attach(_) | Step::Detach(_) => {
                    if let Err(error) = self.kernel.apply(&step) {
                        tracing::debug!("not attached ahead: {}", chain(&error));
                    }
                }
            }
        }
    }

    /// The steps that it will take to be tight from then on, as far as that is known.
    pub(super) fn soon(
        &self,
        until: Option<Timestamp>,
        found: &Found,
        held: &KernelState,
    ) -> Vec<Step> {
        if until.is_none() {
            return Vec::new();
        }
        let joint = self.decide(until, &found.usb);
        plan(held, &self.goal(&joint.decision, found)).tightening
    }

    /// Does beside the reading of a card what its policy may need and what takes longest: the first program
    /// of all on an LSM hook waits for every task of the machine (`synchronize_rcu_tasks`,
    /// `kernel/trace/ftrace.c`). The next turn detaches it if no policy wants it.
    pub(super) fn make_ready(&mut self) {
        let first = Hook::SocketCreate;
        let can_have = !self.kernel.lacking().hooks.contains_key(&first);
        if self.state.associations.is_empty()
            && can_have
            && let Err(error) = self.kernel.begin(&[first])
        {
            tracing::debug!("not attached ahead: {error}");
        }
    }
}
