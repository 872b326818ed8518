//! What really holds, function by function: probed, told to the server once, and published.

use std::collections::BTreeMap;

use cardwarden_policy::outcome::{Achieved, Event, FunctionOutcome, Tier};
use cardwarden_policy::plan::families;
use cardwarden_policy::{Function, Hook, Ruling, Standing, Verdict};

use super::{Reconciler, Turn, World};
use crate::clock;
use crate::enforce::probe::Met;
use crate::enforce::{Kernel, Permission, enforcer};
use crate::store::{Told, Untold};

/// What was found for one function.
pub(super) struct Verified {
    pub(super) outcome: FunctionOutcome,
    pub(super) ruling: Ruling,
    /// Whether another attempt may help.
    pub(super) is_short_of_goal: bool,
}

impl Verified {
    /// What is to hold.
    pub(super) const fn verdict(&self) -> Verdict {
        self.outcome.verdict
    }

    /// Whether the function may be used, or an attempt to use it was refused.
    pub(super) fn is_decided(&self) -> bool {
        self.outcome.verdict == Verdict::Enabled || self.outcome.result != Achieved::Failed
    }
}

/// What attempts to use a disabled function met.
struct Attempts {
    passed: Vec<String>,
    refused: Vec<String>,
}

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Finds out what holds for every function.
    pub(super) fn verify(&mut self, turn: &Turn) -> BTreeMap<Function, Verified> {
        if let Err(error) = self.kernel.permit(Permission::Probe) {
            tracing::debug!("probes are counted as refusals: {error}");
        }
        let verified = turn
            .decision
            .rulings
            .iter()
            .map(|(function, ruling)| (*function, self.verify_one(*function, ruling, turn)))
            .collect();
        self.kernel.revoke_permit();
        verified
    }

    fn verify_one(&mut self, function: Function, ruling: &Ruling, turn: &Turn) -> Verified {
        let enforcers = enforcers(function, turn);
        let (achieved, proof) = match ruling.verdict {
            Verdict::Enabled if enforcers.is_empty() => {
                (Achieved::Enforced, "nothing of ours refuses it".to_owned())
            }
            Verdict::Enabled => (Achieved::Failed, "it is still refused".to_owned()),
            Verdict::Disabled => self.verify_disabled(function, turn),
        };
        let held = ruling.verdict == Verdict::Disabled && achieved != Achieved::Failed;
        let outcome = FunctionOutcome {
            function,
            verdict: ruling.verdict,
            result: achieved,
            tier: if held { Tier::KernelOpen } else { Tier::None },
            enforcers,
            proof,
            reason: ruling.source.reason(),
            version: self.version(),
        };
        let is_short_of_goal =
            is_enforceable(function) && (achieved == Achieved::Failed || turn.held != turn.goal);
        Verified {
            outcome,
            ruling: ruling.clone(),
            is_short_of_goal,
        }
    }

    fn verify_disabled(&mut self, function: Function, turn: &Turn) -> (Achieved, String) {
        if !is_enforceable(function) {
            let text = "this version of the agent has no enforcer for it";
            return (Achieved::Failed, text.to_owned());
        }
        let attempts = self.attempt(function, turn);
        if !attempts.passed.is_empty() {
            return (Achieved::Failed, attempts.passed.join(", "));
        }
        let proof = if attempts.refused.is_empty() {
            "attached; there is no device to try".to_owned()
        } else {
            attempts.refused.join(", ")
        };
        if turn.held != turn.goal {
            let found = if attempts.refused.is_empty() {
                Achieved::Failed
            } else {
                Achieved::Partly
            };
            let text = "the kernel does not hold all that it should";
            return (found, format!("{text}; {proof}"));
        }
        if function == Function::Nfc {
            return (
                Achieved::Partly,
                format!("{proof}; generic netlink `nfc` stays open"),
            );
        }
        (Achieved::Enforced, proof)
    }

    /// Tries the function as anybody would.
    fn attempt(&mut self, function: Function, turn: &Turn) -> Attempts {
        let nodes = turn
            .found
            .nodes
            .iter()
            .filter(|node| node.function == function);
        let mut met: Vec<(String, Met)> = nodes
            .map(|node| {
                (
                    format!("open({})", node.path.display()),
                    self.world.try_open(&node.path),
                )
            })
            .collect();
        if let Some((call, answer)) = self.world.try_socket(function) {
            met.push((call.to_owned(), answer));
        }
        let mut attempts = Attempts {
            passed: Vec::new(),
            refused: Vec::new(),
        };
        for (call, answer) in met {
            match answer {
                Met::Refused => attempts.refused.push(format!("{call} = EPERM")),
                Met::Passed => attempts.passed.push(format!("{call} succeeded")),
                // A node that has gone, or a family that this kernel does not have.
                Met::Other(error) => attempts.refused.push(format!("{call} = {error:?}")),
            }
        }
        attempts
    }

    /// Tells the server what is new; `false` when that could not be kept for it.
    pub(super) fn tell(&mut self, functions: &BTreeMap<Function, Verified>) -> bool {
        let at = clock::now();
        let before = self.state.clone();
        for (function, verified) in functions {
            let told = self.state.told.get(function);
            if told.is_none() && says_as_much(*function, functions) {
                continue;
            }
            if told.is_some_and(|told| same(&told.outcome, &verified.outcome)) {
                continue;
            }
            let since = match told {
                Some(told)
                    if told.outcome.verdict == verified.outcome.verdict
                        && told.outcome.reason == verified.outcome.reason =>
                {
                    told.since
                }
                Some(_) | None => at,
            };
            // That a function may be used, for another reason than before, is no news.
            let is_plain = |outcome: &FunctionOutcome| {
                outcome.verdict == Verdict::Enabled && outcome.result == Achieved::Enforced
            };
            let is_news =
                !is_plain(&verified.outcome) || told.is_some_and(|told| !is_plain(&told.outcome));
            let outcome = verified.outcome.clone();
            self.state.told.insert(
                *function,
                Told {
                    since,
                    outcome: outcome.clone(),
                },
            );
            if is_news && self.may_tell() {
                let event = Event::Function(outcome);
                let association = self.identity.association;
                self.state.untold.push(Untold {
                    association,
                    at,
                    event,
                });
            }
        }
        if self.state != before && !self.save() {
            return false;
        }
        self.deliver()
    }

    /// Whether a company has a say, or just had.
    fn may_tell(&self) -> bool {
        self.state.association.is_some() || !self.state.untold.is_empty()
    }

    /// Hands what is untold to the queue of outcomes. What was saved but not handed over is handed
    /// over by the next turn, or the next start.
    fn deliver(&mut self) -> bool {
        if self.state.untold.is_empty() {
            return true;
        }
        while let Some(untold) = self.state.untold.first().cloned() {
            if let Err(error) = self
                .fixed
                .queue
                .append(untold.association, untold.at, untold.event)
            {
                let text = cardwarden_policy::explain::chain(&error);
                self.problem(
                    "not-queued",
                    &format!("an outcome could not be kept: {text}"),
                );
                return false;
            }
            self.state.untold.remove(0);
        }
        self.solved("not-queued");
        self.outputs.nudge.notify_one();
        self.end_farewell();
        self.save()
    }

    fn version(&self) -> u64 {
        match &self.standing {
            Standing::Proven(mandate) => mandate.version,
            Standing::Absent | Standing::Unproven { .. } => 0,
        }
    }

    /// The reason for which a function is refused now.
    pub(super) fn reason_of(&self, function: Function) -> String {
        let ruling = self
            .last
            .as_ref()
            .and_then(|last| last.decision.rulings.get(&function));
        ruling.map_or_else(String::new, |ruling| ruling.source.reason())
    }
}

/// What holds a function, as the kernel shows it.
fn enforcers(function: Function, turn: &Turn) -> Vec<String> {
    let table = &turn.held.table;
    let closed_major = table
        .majors
        .values()
        .any(|closed| closed.function == function);
    let closed_family = families(function)
        .iter()
        .any(|family| table.families.contains_key(family));
    turn.held
        .hooks
        .iter()
        .filter(|hook| match hook {
            Hook::DeviceOpen | Hook::FileOpen => closed_major,
            Hook::SocketCreate => closed_family,
        })
        .map(|hook| enforcer(*hook).to_owned())
        .collect()
}

/// Whether this version of the agent can hold a function at all.
const fn is_enforceable(function: Function) -> bool {
    matches!(
        function,
        Function::Camera | Function::Bluetooth | Function::Infrared | Function::Nfc
    )
}

/// Whether what is to hold for a part holds for its whole, for the same reason.
fn says_as_much(part: Function, functions: &BTreeMap<Function, Verified>) -> bool {
    let of = |function| {
        functions.get(&function).map(|known: &Verified| {
            let outcome = &known.outcome;
            (outcome.verdict, outcome.result, &outcome.reason)
        })
    };
    part.whole().is_some_and(|whole| of(whole) == of(part))
}

/// Whether two outcomes say the same. What a probe met word for word is no news.
fn same(told: &FunctionOutcome, now: &FunctionOutcome) -> bool {
    let without_proof = |outcome: &FunctionOutcome| FunctionOutcome {
        proof: String::new(),
        ..outcome.clone()
    };
    without_proof(told) == without_proof(now)
}
