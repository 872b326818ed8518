//! From what stands and what is known to what is to hold: [`decide`] is pure and total. "No
//! card", "cannot be read" and "time unknown" are inputs to it, not errors around it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Truth};
use crate::document::{Action, OnUnknown, Rule, Switch};
use crate::function::{Function, Verdict};
use crate::manifest::Mandate;
use crate::trust::Verified;

/// Most instants at which it is looked whether time changes a ruling. A week of one window has
/// 14; a document that needs more is looked at again at the last of them.
const MAX_INSTANTS: usize = 64;

/// What the device may rely on.
#[derive(Clone, Debug)]
pub enum Standing {
    /// No company has a say here.
    Absent,
    /// A company has a say, and what it says cannot be read. Everything it could disable is.
    Unproven {
        /// What is wrong, in words.
        problem: String,
    },
    /// What a company says.
    Proven(Box<Verified<Mandate>>),
}

/// The facts that a decision may use.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// What the clock shows; `None` when it is known to be wrong.
    pub now: Option<Timestamp>,
}

/// What gave a ruling.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum Source {
    /// No company has a say.
    Unmanaged,
    /// What the company said cannot be read.
    Unproven {
        /// What is wrong.
        problem: String,
    },
    /// The policy's baseline.
    Baseline,
    /// A rule of the policy.
    Rule {
        /// The rule's name.
        id: String,
        /// Position in the policy, from 0.
        index: u16,
        /// Whether it holds only because something is not known.
        unknown: bool,
        /// What the rule tells people.
        notify: Option<String>,
    },
}

/// What holds for one function, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it may be used.
    pub verdict: Verdict,
    /// What gave the verdict.
    #[serde(flatten)]
    pub source: Source,
    /// The instant at which time alone changes verdict or source.
    pub until: Option<Timestamp>,
    /// The audit rules that would have disabled the function.
    pub audited: Vec<String>,
}

/// What is to hold: a ruling for every function.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// A ruling for each member of [`Function::ALL`].
    pub rulings: BTreeMap<Function, Ruling>,
    /// Until when it can be relied on: the earliest of the rulings' ends.
    pub until: Option<Timestamp>,
}

impl Decision {
    /// The functions that must not be used.
    pub fn disabled(&self) -> impl Iterator<Item = (Function, &Ruling)> {
        self.rulings
            .iter()
            .filter(|(_, ruling)| ruling.verdict == Verdict::Disabled)
            .map(|(function, ruling)| (*function, ruling))
    }
}

/// Decides what is to hold.
pub fn decide(standing: &Standing, context: &Context) -> Decision {
    let rulings: BTreeMap<_, _> = Function::ALL
        .into_iter()
        .map(|function| (function, rule_on(function, standing, context)))
        .collect();
    let until = rulings.values().filter_map(|ruling| ruling.until).min();
    Decision { rulings, until }
}

fn rule_on(function: Function, standing: &Standing, context: &Context) -> Ruling {
    let settled = |verdict, source| Ruling {
        verdict,
        source,
        until: None,
        audited: Vec::new(),
    };
    match standing {
        Standing::Absent => settled(Verdict::Enabled, Source::Unmanaged),
        Standing::Unproven { problem } => settled(
            Verdict::Disabled,
            Source::Unproven {
                problem: problem.clone(),
            },
        ),
        Standing::Proven(mandate) => {
            // A clock that shows a time before the company signed cannot be right.
            let now = context.now.filter(|now| *now >= mandate.issued);
            let mut ruling = rule_at(function, mandate, now);
            ruling.until = now.and_then(|now| end_of(&ruling, function, mandate, now));
            ruling
        }
    }
}

/// The first later instant at which `ruling` no longer is what the policy says.
fn end_of(
    ruling: &Ruling,
    function: Function,
    mandate: &Mandate,
    now: Timestamp,
) -> Option<Timestamp> {
    let conditions: Vec<&Condition> = mandate
        .group
        .policy
        .rules
        .iter()
        .filter(|rule| rule.functions.contains(&function))
        .filter_map(|rule| rule.when.as_ref())
        .collect();
    let mut instant = now;
    for _ in 0..MAX_INSTANTS {
        instant = conditions
            .iter()
            .filter_map(|when| when.next_change(instant))
            .min()?;
        let later = rule_at(function, mandate, Some(instant));
        if (later.verdict, &later.source, &later.audited)
            != (ruling.verdict, &ruling.source, &ruling.audited)
        {
            return Some(instant);
        }
    }
    Some(instant)
}

/// The ruling at one instant, without its end.
fn rule_at(function: Function, mandate: &Mandate, now: Option<Timestamp>) -> Ruling {
    let policy = &mandate.group.policy;
    let mut disabling = None;
    let mut enabling = None;
    let mut audited = Vec::new();
    let rules = (0_u16..).zip(&policy.rules);
    for (index, rule) in rules.filter(|(_, rule)| rule.functions.contains(&function)) {
        let Some(unknown) = holds(rule, now) else {
            continue;
        };
        let source = || Source::Rule {
            id: rule.id.clone(),
            index,
            unknown,
            notify: rule.notify.clone(),
        };
        match rule.action {
            Action::Disable => disabling = disabling.or_else(|| Some(source())),
            Action::Enable => enabling = enabling.or_else(|| Some(source())),
            Action::Audit => audited.push(rule.id.clone()),
        }
    }
    let (verdict, source) = match (disabling, enabling) {
        (Some(source), _) => (Verdict::Disabled, source),
        (None, Some(source)) => (Verdict::Enabled, source),
        (None, None) => match policy.baseline.get(&function) {
            Some(Switch::Disable) => (Verdict::Disabled, Source::Baseline),
            Some(Switch::Enable) | None => (Verdict::Enabled, Source::Baseline),
        },
    };
    Ruling {
        verdict,
        source,
        until: None,
        audited,
    }
}

/// Whether a rule holds: `Some(true)` when only because something is unknown.
fn holds(rule: &Rule, now: Option<Timestamp>) -> Option<bool> {
    match rule
        .when
        .as_ref()
        .map_or(Truth::Holds, |when| when.truth(now))
    {
        Truth::Holds => Some(false),
        Truth::Fails => None,
        Truth::Unknown => {
            let restricts = rule.action != Action::Enable;
            (restricts && rule.on_unknown == OnUnknown::Restrict).then_some(true)
        }
    }
}
