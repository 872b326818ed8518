//! In which direction a rule moves when one of its fields changes.

use std::collections::BTreeSet;

use super::Effect;
use super::implied::covers;
use crate::condition::Condition;
use crate::document::Action;
use crate::usb::Match;

/// By its condition: a rule that holds more often does more of what it does.
pub(super) fn of_condition(
    action: Action,
    old: Option<&Condition>,
    new: Option<&Condition>,
) -> Effect {
    let more = Effect::of_more(action);
    match (old, new) {
        (Some(_), None) => more,
        (None, Some(_)) => more.turned(),
        (Some(old), Some(new)) if covers(new, old) && !covers(old, new) => more,
        (Some(old), Some(new)) if covers(old, new) && !covers(new, old) => more.turned(),
        (_, _) => Effect::Other,
    }
}

/// By one of its lists of USB devices. The list that says what a rule is about means everything
/// when it is empty; the other one, nothing.
pub(super) fn of_devices(
    action: Action,
    (old, new): (&Vec<Match>, &Vec<Match>),
    is_scope: bool,
) -> Effect {
    let olds: BTreeSet<&Match> = old.iter().collect();
    let news: BTreeSet<&Match> = new.iter().collect();
    let grows = match (is_scope, olds.is_empty(), news.is_empty()) {
        (true, true, false) => Some(false),
        (true, false, true) => Some(true),
        (_, _, _) => match (olds.is_subset(&news), news.is_subset(&olds)) {
            (true, false) => Some(is_scope),
            (false, true) => Some(!is_scope),
            (_, _) => None,
        },
    };
    let more = Effect::of_more(action);
    match grows {
        Some(true) => more,
        Some(false) => more.turned(),
        None => Effect::Other,
    }
}
