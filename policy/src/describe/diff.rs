//! What changes from one policy to another, and in which direction. Two policies that are the same
//! give no change, and no others do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::baseline_of;
use super::condition::zone_name;
use super::rule::{at, deed, devices, doubt, lasting, missed, notice, rule, task, when};
use super::steps::{of_condition, of_devices};
use super::words::{may, name, names, quoted, sentence};
use crate::condition::{Condition, Zone};
use crate::document::{Action, Direction, Notice, Policy, Remote, Rule, Storage, Switch, Task};
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

    const fn of_switch(action: Switch) -> Self {
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
    rules(&mut changes, before, after);
    tasks(&mut changes, before, after);
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
        .filter(|rule| rule.when.iter().flat_map(Condition::atoms).any(goes_by))
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

/// What has a name, by its name.
fn by_id<T>(all: &[T], id: impl Fn(&T) -> &str) -> BTreeMap<&str, &T> {
    all.iter().map(|one| (id(one), one)).collect()
}

/// The names that both have, in the order of each.
fn is_reordered<'a>(
    before: impl Iterator<Item = &'a str> + Clone,
    after: impl Iterator<Item = &'a str> + Clone,
) -> bool {
    let olds: BTreeSet<&str> = before.clone().collect();
    let news: BTreeSet<&str> = after.clone().collect();
    let order_before = before.filter(|id| news.contains(id));
    let order_after = after.filter(|id| olds.contains(id));
    !order_before.eq(order_after)
}

fn rules(changes: &mut Changes, before: &Policy, after: &Policy) {
    let olds = by_id(&before.rules, |rule| &rule.id);
    let news = by_id(&after.rules, |rule| &rule.id);
    let zone = (before.zone.as_ref(), after.zone.as_ref());
    for old in &before.rules {
        if !news.contains_key(old.id.as_str()) {
            let effect = Effect::of_more(old.action).turned();
            let said = rule(old, zone.0);
            changes.add(&old.functions, effect, format!("No longer: {said}"));
        }
    }
    for new in &after.rules {
        match olds.get(new.id.as_str()) {
            Some(old) => one_rule(changes, old, new, zone),
            None => {
                let effect = Effect::of_more(new.action);
                changes.add(
                    &new.functions,
                    effect,
                    format!("New: {}", rule(new, zone.1)),
                );
            }
        }
    }
    let ids = |policy: &'_ Policy| policy.rules.iter().map(|rule| rule.id.clone()).collect();
    let (old, new): (Vec<String>, Vec<String>) = (ids(before), ids(after));
    if is_reordered(
        old.iter().map(String::as_str),
        new.iter().map(String::as_str),
    ) {
        changes.add(
            &BTreeSet::new(),
            Effect::Other,
            "The rules stand in another order: what holds stays, the reason given may change."
                .to_owned(),
        );
    }
}

/// A rule that both have. One field after the other takes its new value.
fn one_rule(changes: &mut Changes, old: &Rule, new: &Rule, zone: (Option<&Zone>, Option<&Zone>)) {
    if old == new {
        return;
    }
    let id = format!("Rule {}", quoted(&new.id));
    let all: BTreeSet<Function> = old.functions.union(&new.functions).copied().collect();
    if old.action != new.action {
        let effect = of_actions(old.action, new.action);
        let sentence = format!("{id} now says: {}. It said: {}.", deed(new), deed(old));
        changes.add(&all, effect, sentence);
    }
    functions(
        changes,
        &id,
        (&old.functions, &new.functions),
        Effect::of_more(new.action),
    );
    changes.add_if(
        &new.functions,
        (&old.when, &new.when),
        || of_condition(new.action, old.when.as_ref(), new.when.as_ref()),
        || {
            let (now, then) = (
                when(new.when.as_ref(), zone.1),
                when(old.when.as_ref(), zone.0),
            );
            format!("{id} holds {now}. It held {then}.")
        },
    );
    changes.add_if(
        &new.functions,
        (&old.on_unknown, &new.on_unknown),
        || match new.action {
            Action::Disable if new.on_unknown == crate::document::OnUnknown::Restrict => {
                Effect::Tighter
            }
            Action::Disable => Effect::Looser,
            Action::Enable | Action::Audit => Effect::Other,
        },
        || format!("{id}: {}", doubt(new.action, new.on_unknown)),
    );
    usb(changes, &id, old, new);
    told(
        changes,
        &id,
        &new.functions,
        (old.notify.as_ref(), new.notify.as_ref()),
    );
}

const fn of_actions(old: Action, new: Action) -> Effect {
    match (old, new) {
        (Action::Enable | Action::Audit, Action::Disable) | (Action::Enable, Action::Audit) => {
            Effect::Tighter
        }
        (Action::Disable, Action::Enable | Action::Audit) | (Action::Audit, Action::Enable) => {
            Effect::Looser
        }
        (Action::Enable, Action::Enable)
        | (Action::Disable, Action::Disable)
        | (Action::Audit, Action::Audit) => Effect::Other,
    }
}

fn functions(
    changes: &mut Changes,
    id: &str,
    (old, new): (&BTreeSet<Function>, &BTreeSet<Function>),
    more: Effect,
) {
    let added: BTreeSet<Function> = new.difference(old).copied().collect();
    let removed: BTreeSet<Function> = old.difference(new).copied().collect();
    if !added.is_empty() {
        changes.add(
            &added,
            more,
            format!("{id} is now about {} too.", names(&added)),
        );
    }
    if !removed.is_empty() {
        let sentence = format!("{id} is no longer about {}.", names(&removed));
        changes.add(&removed, more.turned(), sentence);
    }
}

fn usb(changes: &mut Changes, id: &str, old: &Rule, new: &Rule) {
    for (key, lists, is_scope) in [
        (
            "allowed",
            (&old.allow, &new.allow),
            new.action == Action::Enable,
        ),
        (
            "denied",
            (&old.deny, &new.deny),
            new.action != Action::Enable,
        ),
    ] {
        changes.add_if(
            &new.functions,
            lists,
            || of_devices(new.action, lists, is_scope),
            || {
                let (gone, come) = (absent(lists.0, lists.1), absent(lists.1, lists.0));
                let mut parts = Vec::new();
                if !come.is_empty() {
                    parts.push(format!("now {key}: {}", devices(&come)));
                }
                if !gone.is_empty() {
                    parts.push(format!("no longer {key}: {}", devices(&gone)));
                }
                if parts.is_empty() {
                    parts.push(format!(
                        "the same devices are {key}, written in another order"
                    ));
                }
                format!("{id}: {}.", parts.join("; "))
            },
        );
    }
    changes.add_if(
        &new.functions,
        (&old.storage, &new.storage),
        || match new.storage {
            Some(Storage::ReadOnly) => Effect::Looser,
            None => Effect::Tighter,
        },
        || match new.storage {
            Some(Storage::ReadOnly) => format!("{id}: storage can still be read."),
            None => format!("{id}: storage can no longer be read."),
        },
    );
}

/// The members of one list that another has not.
fn absent<T: Ord + Clone>(of: &[T], other: &[T]) -> Vec<T> {
    let known: BTreeSet<&T> = other.iter().collect();
    of.iter()
        .filter(|one| !known.contains(one))
        .cloned()
        .collect()
}

fn told(
    changes: &mut Changes,
    id: &str,
    functions: &BTreeSet<Function>,
    (old, new): (Option<&Notice>, Option<&Notice>),
) {
    changes.add_if(
        functions,
        (&old, &new),
        || Effect::Other,
        || match new {
            Some(new) => format!("{id}: {}", notice(new)),
            None => format!("{id}: people are told nothing any more."),
        },
    );
}

fn tasks(changes: &mut Changes, before: &Policy, after: &Policy) {
    let olds = by_id(&before.tasks, |task| &task.id);
    let news = by_id(&after.tasks, |task| &task.id);
    let zone = (before.zone.as_ref(), after.zone.as_ref());
    for old in &before.tasks {
        if !news.contains_key(old.id.as_str()) {
            let effect = Effect::of_switch(old.action).turned();
            let said = task(old, zone.0);
            changes.add(&old.functions, effect, format!("No longer: {said}"));
        }
    }
    for new in &after.tasks {
        match olds.get(new.id.as_str()) {
            Some(old) => one_task(changes, old, new, zone),
            None => {
                let effect = Effect::of_switch(new.action);
                changes.add(
                    &new.functions,
                    effect,
                    format!("New: {}", task(new, zone.1)),
                );
            }
        }
    }
    let old = before.tasks.iter().map(|task| task.id.as_str());
    let new = after.tasks.iter().map(|task| task.id.as_str());
    if is_reordered(old, new) {
        changes.add(
            &BTreeSet::new(),
            Effect::Other,
            "The tasks stand in another order: of two that run at the same time, the last counts."
                .to_owned(),
        );
    }
}

fn one_task(changes: &mut Changes, old: &Task, new: &Task, zone: (Option<&Zone>, Option<&Zone>)) {
    if old == new {
        return;
    }
    let id = format!("Task {}", quoted(&new.id));
    let all: BTreeSet<Function> = old.functions.union(&new.functions).copied().collect();
    changes.add_if(
        &all,
        (&old.action, &new.action),
        || Effect::of_switch(new.action),
        || format!("{id}: {} {}.", names(&new.functions), may(new.action)),
    );
    let more = Effect::of_switch(new.action);
    functions(changes, &id, (&old.functions, &new.functions), more);
    changes.add_if(
        &all,
        (&old.at, &new.at),
        || Effect::Other,
        || {
            format!(
                "{id} runs {}. It ran {}.",
                at(&new.at, zone.1),
                at(&old.at, zone.0)
            )
        },
    );
    changes.add_if(
        &all,
        (&old.lasting, &new.lasting),
        || Effect::Other,
        || format!("{id} holds {}. It held {}.", lasting(new), lasting(old)),
    );
    changes.add_if(
        &all,
        (&old.missed, &new.missed),
        || Effect::Other,
        || {
            format!(
                "{id}: {}. Before: {}.",
                missed(new.missed),
                missed(old.missed)
            )
        },
    );
    told(
        changes,
        &id,
        &all,
        (old.notify.as_ref(), new.notify.as_ref()),
    );
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
