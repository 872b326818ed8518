//! What changes in the tasks.

use std::collections::BTreeSet;

use super::named::{by_id, functions, is_reordered, told};
use super::{Changes, Effect};
use crate::condition::Zone;
use crate::describe::rule::{at, lasting, missed, task};
use crate::describe::words::{may, names, quoted};
use crate::document::{Policy, Task};
use crate::function::Function;

pub(super) fn compare(changes: &mut Changes, before: &Policy, after: &Policy) {
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
        if let Some(old) = olds.get(new.id.as_str()) {
            one_task(changes, old, new, zone);
        } else {
            let effect = Effect::of_switch(new.action);
            let said = task(new, zone.1);
            changes.add(&new.functions, effect, format!("New: {said}"));
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
