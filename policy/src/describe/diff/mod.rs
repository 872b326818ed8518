//! What changes from one policy to another, and in which direction. Two policies that are the same
//! give no change, and no others do.

mod implied;
mod named;
mod rules;
mod steps;
mod tasks;

use std::collections::BTreeSet;
use std::fmt;

use super::baseline_of;
use super::condition::zone_name;
use super::words::{may, name, names, quoted, sentence};
use crate::condition::Condition;
use crate::document::{Action, Direction, Policy, Remote, Switch};
use crate::function::{Function, Verdict};

/// One thing that changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// For which functions; none when it is about none in particular.
    pub functions: BTreeSet<Function>,
    /// In which direction.
    pub effect: Effect,
    /// In words.
    pub sentence: String,
}

/// In which direction a change goes, everything else being equal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Never more, and sometimes less may be used.
    Tighter,
    /// Never less, and sometimes more may be used.
    Looser,
    /// Neither can be said.
    Other,
}

impl Effect {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tighter => "tighter",
            Self::Looser => "looser",
            Self::Other => "other",
        }
    }

    /// The other direction.
    #[must_use]
    pub const fn turned(self) -> Self {
        match self {
            Self::Tighter => Self::Looser,
            Self::Looser => Self::Tighter,
            Self::Other => Self::Other,
        }
    }

    /// The effect on what may be used, of a rule that speaks more often or of more.
    pub(super) const fn of_more(action: Action) -> Self {
        match action {
            Action::Disable => Self::Tighter,
            Action::Enable => Self::Looser,
            Action::Audit => Self::Other,
        }
    }

    pub(super) const fn of_switch(action: Switch) -> Self {
        match action {
            Switch::Disable => Self::Tighter,
            Switch::Enable => Self::Looser,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.effect.name(), self.sentence)
    }
}

/// The changes so far.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, functions: &BTreeSet<Function>, effect: Effect, sentence: String) {
        self.0.push(Change {
            functions: functions.clone(),
            effect,
            sentence,
        });
    }

    fn add_if<T: PartialEq>(
        &mut self,
        functions: &BTreeSet<Function>,
        (before, after): (&T, &T),
        effect: impl FnOnce() -> Effect,
        sentence: impl FnOnce() -> String,
    ) {
        if before != after {
            self.add(functions, effect(), sentence());
        }
    }
}

/// What changes when `after` takes the place of `before`: first what is about all, then the
/// baseline, the rules in the order of `after`, the tasks, and the server.
pub fn diff(before: &Policy, after: &Policy) -> Vec<Change> {
    let mut changes = Changes::default();
    about_all(&mut changes, before, after);
    baseline(&mut changes, before, after);
    rules::compare(&mut changes, before, after);
    tasks::compare(&mut changes, before, after);
    remote(&mut changes, before.remote, after.remote);
    changes.0
}

fn about_all(changes: &mut Changes, before: &Policy, after: &Policy) {
    let none = BTreeSet::new();
    let mut text = |what: &str, old: &Option<String>, new: &Option<String>| {
        let word = |text: &Option<String>| text.as_deref().map_or("nothing".to_owned(), quoted);
        changes.add_if(
            &none,
            (old, new),
            || Effect::Other,
            || format!("{what} is {}; it was {}.", word(new), word(old)),
        );
    };
    text(
        "The organisation",
        &before.organisation,
        &after.organisation,
    );
    text("Whom to ask", &before.contact, &after.contact);
    text("The page that helps", &before.help, &after.help);
    changes.add_if(
        &zoned(before).union(&zoned(after)).copied().collect(),
        (&before.zone, &after.zone),
        || Effect::Other,
        || {
            format!(
                "Times that name no zone are those of {}; they were those of {}.",
                zone_name(after.zone.as_ref()),
                zone_name(before.zone.as_ref())
            )
        },
    );
    changes.add_if(
        &none,
        (&before.validity, &after.validity),
        || Effect::Other,
        || {
            let (new, old) = (
                super::validity(after.validity),
                super::validity(before.validity),
            );
            format!("A device may take it {new} Before: {old}")
        },
    );
    changes.add_if(
        &none,
        (&before.audience, &after.audience),
        || Effect::Other,
        || {
            let (new, old) = (
                super::audience(&after.audience),
                super::audience(&before.audience),
            );
            format!("It is for {new} Before: {old}")
        },
    );
}

/// The functions of rules and tasks that go by the policy's zone.
fn zoned(policy: &Policy) -> BTreeSet<Function> {
    let goes_by = |atom: &Condition| match atom {
        Condition::Weekly(window) => window.zone.is_none(),
        Condition::Period(period) => period.zone.is_none(),
        Condition::All(_)
        | Condition::Any(_)
        | Condition::Not(_)
        | Condition::Network(_)
        | Condition::Place(_)
        | Condition::Card(_)
        | Condition::Session(_)
        | Condition::Power(_)
        | Condition::Server(_) => false,
    };
    let of_rules = policy
        .rules
        .iter()
        .filter(|rule| {
            rule.when
                .as_deref()
                .into_iter()
                .flat_map(Condition::atoms)
                .any(goes_by)
        })
        .flat_map(|rule| &rule.functions);
    let of_tasks = policy
        .tasks
        .iter()
        .filter(|task| task.at.zone().is_none())
        .flat_map(|task| &task.functions);
    of_rules.chain(of_tasks).copied().collect()
}

fn baseline(changes: &mut Changes, before: &Policy, after: &Policy) {
    for (verdict, effect, now, then) in [
        (Verdict::Disabled, Effect::Tighter, Switch::Disable, "might"),
        (
            Verdict::Enabled,
            Effect::Looser,
            Switch::Enable,
            "might not",
        ),
    ] {
        let switched: BTreeSet<Function> = Function::ALL
            .into_iter()
            .filter(|function| baseline_of(after, *function) == verdict)
            .filter(|function| baseline_of(before, *function) != verdict)
            .collect();
        if !switched.is_empty() {
            let subject = sentence(&names(&switched));
            let now = may(now);
            changes.add(
                &switched,
                effect,
                format!("Without a rule: {subject} {now}; before, {then}."),
            );
        }
    }
    for function in Function::ALL {
        let named = (
            before.baseline.get(&function),
            after.baseline.get(&function),
        );
        if named.0 != named.1 && baseline_of(before, function) == baseline_of(after, function) {
            let verb = if named.1.is_some() {
                "is"
            } else {
                "is no longer"
            };
            let name = sentence(name(function));
            changes.add(
                &BTreeSet::from([function]),
                Effect::Other,
                format!("{name}: {verb} named in the baseline; what holds without a rule stays."),
            );
        }
    }
}

fn remote(changes: &mut Changes, before: Remote, after: Remote) {
    let all = Function::ALL.into_iter().collect();
    changes.add_if(
        &all,
        (&before, &after),
        || match (before.may, after.may) {
            (Direction::Tighten, Direction::Loosen) if before.lasting == after.lasting => {
                Effect::Looser
            }
            (Direction::Loosen, Direction::Tighten) if before.lasting == after.lasting => {
                Effect::Tighter
            }
            (_, _) => Effect::Other,
        },
        || {
            let (new, old) = (super::remote(after), super::remote(before));
            format!("The company's server: {new} Before: {old}")
        },
    );
}
