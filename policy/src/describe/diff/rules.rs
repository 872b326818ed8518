//! What changes in the rules.

use std::collections::BTreeSet;

use super::named::{by_id, functions, is_reordered, told};
use super::steps::{of_condition, of_devices};
use super::{Changes, Effect};
use crate::condition::Zone;
use crate::describe::rule::{deed, devices, doubt, rule, when};
use crate::describe::words::quoted;
use crate::document::{Action, OnUnknown, Policy, Rule, Storage};
use crate::function::Function;

pub(super) fn compare(changes: &mut Changes, before: &Policy, after: &Policy) {
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
        if let Some(old) = olds.get(new.id.as_str()) {
            one_rule(changes, old, new, zone);
        } else {
            let effect = Effect::of_more(new.action);
            let said = rule(new, zone.1);
            changes.add(&new.functions, effect, format!("New: {said}"));
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
        || of_condition(new.action, old.when.as_deref(), new.when.as_deref()),
        || {
            let (now, then) = (
                when(new.when.as_deref(), zone.1),
                when(old.when.as_deref(), zone.0),
            );
            format!("{id} holds {now}. It held {then}.")
        },
    );
    changes.add_if(
        &new.functions,
        (&old.on_unknown, &new.on_unknown),
        || match new.action {
            Action::Disable if new.on_unknown == OnUnknown::Restrict => Effect::Tighter,
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
        (old.notify.as_deref(), new.notify.as_deref()),
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
