//! What really holds is told to each company's server once, and published.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cardwarden_ebpf_abi::guard::Act;
use cardwarden_policy::outcome::{Achieved, Event, FunctionOutcome, Tier};
use cardwarden_policy::{Context, Function, Ruling, Standing, Verdict, decide};
use jiff::Timestamp;

use super::verify::Verified;
use super::{Reconciler, World};
use crate::clock;
use crate::enforce::bpf::refusals::Refused;
use crate::enforce::{GuardState, Kernel};
use crate::store::{Told, Untold};

/// The time in which companies are told once of what the guard refuses.
const GUARD_PAUSE: Duration = Duration::from_mins(1);

impl<K: Kernel, W: World> Reconciler<K, W> {
    /// Tells each company's server what is new of its own rulings; `false` when that could not be
    /// kept for it. While the guard is on its way it waits: a moment later all is better held, and told once.
    pub(super) fn tell(&mut self, functions: &BTreeMap<Function, Verified>) -> bool {
        if self.kernel.guarded() == GuardState::Rising {
            return self.deliver();
        }
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

    /// Tells every company that somebody tried to undo what is in force: the first time at once, then what
    /// comes within a minute as one, so that nobody fills the queue.
    pub(super) fn tell_of(&mut self, act: Act, refused: &Refused, folded: u64) {
        let now = Instant::now();
        let (told, times) = self.undone.entry(act).or_insert((None, 0));
        *times = times.saturating_add(folded).saturating_add(1);
        if told.is_some_and(|told| now.saturating_duration_since(told) < GUARD_PAUSE) {
            return;
        }
        *told = Some(now);
        let event = Event::Guarded {
            act: act.name().to_owned(),
            program: refused.program.clone(),
            uid: refused.uid,
            times: std::mem::take(times),
        };
        let at = clock::now();
        let news = self.state.associations.iter().map(|association| Untold {
            association: association.id,
            at,
            event: event.clone(),
        });
        self.state.untold.extend(news);
        if self.save() && !self.deliver() {
            tracing::debug!("the companies are told at the next turn");
        }
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
    pub(super) fn version(&self, place: Option<usize>) -> u64 {
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
