//! What has a name: found again by it, and what rules and tasks have in common.

use std::collections::{BTreeMap, BTreeSet};

use super::{Changes, Effect};
use crate::describe::rule::notice;
use crate::describe::words::names;
use crate::document::Notice;
use crate::function::Function;

/// What has a name, by its name.
pub(super) fn by_id<T>(all: &[T], id: impl Fn(&T) -> &str) -> BTreeMap<&str, &T> {
    all.iter().map(|one| (id(one), one)).collect()
}

/// Whether the names that both have stand in another order.
pub(super) fn is_reordered<'a>(
    before: impl Iterator<Item = &'a str> + Clone,
    after: impl Iterator<Item = &'a str> + Clone,
) -> bool {
    let olds: BTreeSet<&str> = before.clone().collect();
    let news: BTreeSet<&str> = after.clone().collect();
    let order_before = before.filter(|id| news.contains(id));
    let order_after = after.filter(|id| olds.contains(id));
    !order_before.eq(order_after)
}

/// The functions that something is about.
pub(super) fn functions(
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

/// What people are told.
pub(super) fn told(
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
