//! What really holds, function by function: probed, told to the server once, and published.

use std::collections::BTreeMap;

use cardwarden_policy::outcome::{Achieved, Event, FunctionOutcome, Tier};
use cardwarden_policy::plan::families;
use cardwarden_policy::{Context, Function, Hook, Ruling, Standing, Verdict, decide};
use jiff::Timestamp;

use super::{Reconciler, Turn, World};
use crate::clock;
use crate::enforce::probe::Met;
use crate::enforce::{Held, Kernel, Permission, Shortfall, enforcer};
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
        if let Some(process) = self.world.prober()
            && let Err(error) = self.kernel.permit(Permission::Probe { process })
        {
            tracing::debug!("probes are counted as refusals: {error}");
        }
        let verified = turn
            .joint
            .decision
            .rulings
            .iter()
            .map(|(function, ruling)| (*function, self.verify_one(*function, ruling, turn)))
            .collect();
        self.kernel.revoke_permit();
        verified
    }

    fn verify_one(&mut self, function: Function, ruling: &Ruling, turn: &Turn) -> Verified {
        let mut enforcers = enforcers(function, turn);
        let is_refused = !enforcers.is_empty();
        let switches = || holding(function, turn);
        enforcers.extend(switches().map(|(name, _)| name.to_owned()));
        let (achieved, proof) = match ruling.verdict {
            Verdict::Enabled if !is_refused => {
                (Achieved::Enforced, "nothing of ours refuses it".to_owned())
            }
            Verdict::Enabled => (Achieved::Failed, "it is still refused".to_owned()),
            Verdict::Disabled => self.verify_disabled(function, turn),
        };
        let held = ruling.verdict == Verdict::Disabled && achieved != Achieved::Failed;
        let best = switches().map(|(_, tier)| tier);
        let best = best.chain(is_refused.then_some(Tier::KernelOpen)).min();
        let (achieved, proof) = match achieved {
            Achieved::Enforced if best == Some(Tier::Node) => {
                (Achieved::Partly, format!("{proof}; root passes it"))
            }
            Achieved::Enforced | Achieved::Partly | Achieved::Failed => (achieved, proof),
        };
        let outcome = FunctionOutcome {
            function,
            verdict: ruling.verdict,
            result: achieved,
            tier: best.filter(|_| held).unwrap_or(Tier::None),
            enforcers,
            proof,
            reason: ruling.source.reason(),
            version: self.version(turn.joint.by.get(&function).copied()),
        };
        let is_switch_short = |one: &Shortfall| one.function == function && !one.is_spared;
        let is_short_of_goal = self.is_enforceable(function)
            && (achieved == Achieved::Failed
                || turn.held != turn.goal
                || turn.shortfalls.iter().any(is_switch_short));
        Verified {
            outcome,
            ruling: ruling.clone(),
            is_short_of_goal,
        }
    }

    fn verify_disabled(&mut self, function: Function, turn: &Turn) -> (Achieved, String) {
        if !self.is_enforceable(function) {
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
        let short = turn
            .shortfalls
            .iter()
            .filter(|one| one.function == function);
        let mut missing: Vec<&str> = short.map(|one| one.problem.as_str()).collect();
        if turn.held != turn.goal {
            missing.push("the kernel does not hold all that it should");
        }
        if !missing.is_empty() {
            let found = if attempts.refused.is_empty() {
                Achieved::Failed
            } else {
                Achieved::Partly
            };
            return (found, format!("{}; {proof}", missing.join("; ")));
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
        let of_switches = turn.switched.iter().flat_map(|(_, _, held)| held);
        for held in of_switches.filter(|held| held.function == function) {
            match held.met {
                Met::Passed => attempts.passed.push(held.proof.clone()),
                Met::Refused | Met::Other(_) => attempts.refused.push(held.proof.clone()),
            }
        }
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

    /// Whether this version of the agent can hold a function at all.
    fn is_enforceable(&self, function: Function) -> bool {
        let by_programs = matches!(
            function,
            Function::Camera | Function::Bluetooth | Function::Infrared | Function::Nfc
        );
        by_programs || self.enforcers.iter().any(|one| one.covers(function))
    }

    /// Tells each company's server what is new of its own rulings; `false` when that could not be
    /// kept for it.
    pub(super) fn tell(&mut self, functions: &BTreeMap<Function, Verified>) -> bool {
        let at = clock::now();
        let before = self.state.clone();
        let outcome = |verified: &Verified| verified.outcome.clone();
        note(&mut self.state.told, functions, outcome, at);
        let each = self.last.as_ref().map(|last| last.joint.each.as_slice());
        let each = each.unwrap_or_default();
        for ((association, standing), own) in self
            .state
            .associations
            .iter_mut()
            .zip(&self.standings)
            .zip(each)
        {
            let version = version(standing);
            let outcome = |verified: &Verified| {
                let ruling = own.rulings.get(&verified.outcome.function);
                as_told_to(ruling, verified, version)
            };
            for news in note(&mut association.told, functions, outcome, at) {
                self.state.untold.push(Untold {
                    association: association.id,
                    at,
                    event: Event::Function(news),
                });
            }
        }
        let nobodys = decide(&Standing::Absent, &[], &Context::default(), None);
        for released in &mut self.state.released {
            let mut told = std::mem::take(&mut released.told);
            if told.is_empty() {
                continue;
            }
            let outcome = |verified: &Verified| {
                as_told_to(nobodys.rulings.get(&verified.outcome.function), verified, 0)
            };
            for news in note(&mut told, functions, outcome, at) {
                self.state.untold.push(Untold {
                    association: released.association,
                    at,
                    event: Event::Function(news),
                });
            }
        }
        if self.state != before && !self.save() {
            return false;
        }
        self.deliver()
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
        self.outputs.nudge.report();
        self.end_farewell();
        self.save()
    }

    /// The version of the policy at this place; 0 where there is none.
    fn version(&self, place: Option<usize>) -> u64 {
        let standing = place.and_then(|place| self.standings.get(place));
        standing.map_or(0, version)
    }

    /// The reason for which a function is refused now.
    pub(super) fn reason_of(&self, function: Function) -> String {
        let ruling = self
            .last
            .as_ref()
            .and_then(|last| last.joint.decision.rulings.get(&function));
        ruling.map_or_else(String::new, |ruling| ruling.source.reason())
    }
}

/// The version of a policy; 0 where there is none.
fn version(standing: &Standing) -> u64 {
    match standing {
        Standing::Proven(mandate) => mandate.version,
        Standing::Absent | Standing::Unproven { .. } => 0,
    }
}

/// Notes what holds now, and gives what is new of it.
fn note(
    known: &mut BTreeMap<Function, Told>,
    functions: &BTreeMap<Function, Verified>,
    outcome: impl Fn(&Verified) -> FunctionOutcome,
    at: Timestamp,
) -> Vec<FunctionOutcome> {
    let outcomes: BTreeMap<Function, FunctionOutcome> = functions
        .iter()
        .map(|(function, verified)| (*function, outcome(verified)))
        .collect();
    let mut news = Vec::new();
    for (function, outcome) in &outcomes {
        let told = known.get(function);
        if told.is_none() && says_as_much(*function, &outcomes) {
            continue;
        }
        if told.is_some_and(|told| same(&told.outcome, outcome)) {
            continue;
        }
        let since = match told {
            Some(told)
                if told.outcome.verdict == outcome.verdict
                    && told.outcome.reason == outcome.reason =>
            {
                told.since
            }
            Some(_) | None => at,
        };
        // That a function may be used, for another reason than before, is no news.
        let is_plain = |outcome: &FunctionOutcome| {
            outcome.verdict == Verdict::Enabled && outcome.result == Achieved::Enforced
        };
        if !is_plain(outcome) || told.is_some_and(|told| !is_plain(&told.outcome)) {
            news.push(outcome.clone());
        }
        let outcome = outcome.clone();
        known.insert(*function, Told { since, outcome });
    }
    news
}

/// What a company is told of a function: its own ruling, and whether that holds. What another
/// company refuses beyond it is none of its business.
fn as_told_to(own: Option<&Ruling>, verified: &Verified, version: u64) -> FunctionOutcome {
    let Some(own) = own else {
        return verified.outcome.clone();
    };
    let outcome = FunctionOutcome {
        reason: own.source.reason(),
        version,
        ..verified.outcome.clone()
    };
    if own.verdict == outcome.verdict {
        return outcome;
    }
    FunctionOutcome {
        verdict: own.verdict,
        result: Achieved::Enforced,
        tier: Tier::None,
        enforcers: Vec::new(),
        proof: "nothing of this company's refuses it".to_owned(),
        ..outcome
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

/// The switches that hold a function, and how well.
fn holding(function: Function, turn: &Turn) -> impl Iterator<Item = (&'static str, Tier)> {
    let holds = move |held: &Held| held.function == function && held.met == Met::Refused;
    let holding = turn
        .switched
        .iter()
        .filter(move |(_, _, all)| all.iter().any(holds));
    holding.map(|(name, tier, _)| (*name, *tier))
}

/// Whether what is to hold for a part holds for its whole, for the same reason.
fn says_as_much(part: Function, outcomes: &BTreeMap<Function, FunctionOutcome>) -> bool {
    let of = |function| {
        let outcome: Option<&FunctionOutcome> = outcomes.get(&function);
        outcome.map(|outcome| (outcome.verdict, outcome.result, &outcome.reason))
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
