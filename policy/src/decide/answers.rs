//! What the conditions of a policy answer, each asked at most once.

use std::cell::Cell;

use jiff::Timestamp;

use crate::compiled::{Compiled, Peers};
use crate::condition::{Surroundings, Truth};
use crate::document::{Action, OnUnknown};

/// The conditions of one policy in one situation.
pub(super) struct Answers<'a> {
    policy: &'a Compiled,
    around: Surroundings<'a>,
    known: Vec<Cell<Option<Truth>>>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(policy: &'a Compiled, around: Surroundings<'a>) -> Self {
        Self {
            policy,
            around,
            known: vec![Cell::new(None); policy.condition_count()],
        }
    }

    pub(super) const fn policy(&self) -> &'a Compiled {
        self.policy
    }

    pub(super) const fn around(&self) -> Surroundings<'a> {
        self.around
    }

    /// Whether peers hold: `Some(true)` when only because something is unknown.
    pub(super) fn hold(&self, peers: &Peers, action: Action) -> Option<bool> {
        self.holds(peers.condition, action, peers.on_unknown)
    }

    /// The same for one rule.
    pub(super) fn holds(
        &self,
        condition: Option<u32>,
        action: Action,
        on_unknown: OnUnknown,
    ) -> Option<bool> {
        match condition.map_or(Truth::Holds, |condition| self.truth(condition)) {
            Truth::Holds => Some(false),
            Truth::Fails => None,
            Truth::Unknown => {
                let restricts = action != Action::Enable;
                (restricts && on_unknown == OnUnknown::Restrict).then_some(true)
            }
        }
    }

    fn truth(&self, condition: u32) -> Truth {
        let ask = || {
            self.policy
                .condition(condition)
                .map_or(Truth::Unknown, |when| when.truth(self.around))
        };
        let Some(known) = usize::try_from(condition)
            .ok()
            .and_then(|at| self.known.get(at))
        else {
            return ask();
        };
        known.get().unwrap_or_else(|| {
            let truth = ask();
            known.set(Some(truth));
            truth
        })
    }

    /// The first later instant at which one of the answers given may change.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        (0_u32..)
            .zip(&self.known)
            .filter(|(_, known)| known.get().is_some())
            .filter_map(|(condition, _)| self.policy.condition(condition))
            .filter_map(|condition| condition.next_change(self.around, now))
            .min()
    }
}
