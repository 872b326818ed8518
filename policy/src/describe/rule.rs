//! Rules and tasks in plain words: one sentence each, with what follows it.

use super::condition::{condition, moment};
use super::words::{days, may, names, quoted, sentence, span};
use crate::condition::{Condition, Zone};
use crate::document::{Action, At, Missed, Notice, OnUnknown, Rule, Switch, Task};
use crate::function::Function;
use crate::usb::Match;

/// Most USB devices of one list that are named; of more, the first of them and the count.
const SHOWN: usize = 3;

/// USB devices: the first few, and how many there are.
pub(super) fn devices(matches: &[Match]) -> String {
    let mut words: Vec<String> = matches
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = matches.len().saturating_sub(SHOWN);
    if more > 0 {
        words.push(format!("and {more} more ({} in all)", matches.len()));
    }
    words.join("; ")
}

/// What a rule does, without when: “the camera and NFC must not be used”.
pub(super) fn deed(rule: &Rule) -> String {
    let functions = names(&rule.functions);
    let (named, spared) = match rule.action {
        Action::Enable => (&rule.allow, &rule.deny),
        Action::Disable | Action::Audit => (&rule.deny, &rule.allow),
    };
    let verb = match rule.action {
        Action::Enable => "may be used",
        Action::Disable => disabling(rule),
        Action::Audit => "would be refused, which is only noted",
    };
    let but = if spared.is_empty() {
        String::new()
    } else {
        format!(", except: {}", devices(spared))
    };
    if named.is_empty() {
        format!("{functions} {verb}{but}")
    } else {
        format!("of {functions}, these {verb}: {}{but}", devices(named))
    }
}

fn disabling(rule: &Rule) -> &'static str {
    let only_storage = rule
        .functions
        .iter()
        .all(|function| *function == Function::UsbStorage);
    match rule.storage {
        None => "must not be used",
        Some(_) if only_storage => "can be read, but not written",
        Some(_) => "must not be used, but storage can still be read",
    }
}

/// What becomes of a rule while it cannot be told whether its condition holds.
pub(super) const fn doubt(action: Action, on_unknown: OnUnknown) -> &'static str {
    match (action, on_unknown) {
        (Action::Disable | Action::Audit, OnUnknown::Restrict) => {
            "While that cannot be told, the rule holds."
        }
        (Action::Enable, _) | (_, OnUnknown::Ignore) => {
            "While that cannot be told, the rule does not hold."
        }
    }
}

/// When a rule holds, as the end of a sentence.
pub(super) fn when(of: Option<&Condition>, zone: Option<&Zone>) -> String {
    of.map_or_else(|| "always".to_owned(), |when| condition(when, zone))
}

/// What people are told.
pub(super) fn notice(notice: &Notice) -> String {
    format!("People are told: {}", quoted(&notice.to_string()))
}

/// A rule, in sentences. `zone` is the policy's.
pub fn rule(rule: &Rule, zone: Option<&Zone>) -> String {
    let deed = deed(rule);
    let text = match &rule.when {
        None => format!("{deed}."),
        Some(when) => {
            let doubt = doubt(rule.action, rule.on_unknown);
            let when = condition(when, zone);
            // What is subject to it may be long; then the condition comes first.
            let is_short = rule.allow.is_empty() && rule.deny.is_empty();
            if is_short && rule.action != Action::Audit {
                format!("{deed} {when}. {doubt}")
            } else {
                format!("{when}, {deed}. {doubt}")
            }
        }
    };
    let notify = rule
        .notify
        .as_ref()
        .map_or_else(String::new, |told| format!(" {}", notice(told)));
    format!("Rule {}: {text}{notify}", quoted(&rule.id))
}

/// When a task runs.
pub(super) fn at(at: &At, zone: Option<&Zone>) -> String {
    let text = match at {
        At::Once(once) => format!("once, at {}", moment(once.date)),
        At::Weekly(weekly) => {
            let days = days(weekly.days);
            let on = if days == "every day" { "" } else { "on " };
            format!("{on}{days} at {}", weekly.time)
        }
        At::Monthly(monthly) => format!(
            "on day {} of every month{} at {}",
            monthly.day,
            if monthly.day > 28 {
                " (on the last, where the month is shorter)"
            } else {
                ""
            },
            monthly.time
        ),
    };
    let zone = at
        .zone()
        .or(zone)
        .map_or_else(String::new, |zone| format!(" ({})", zone.name()));
    format!("{text}{zone}")
}

/// For how long a task's run holds.
pub(super) fn lasting(task: &Task) -> String {
    task.lasting.map_or_else(
        || "until another task switches the same".to_owned(),
        |lasting| format!("for {}", span(lasting)),
    )
}

/// What becomes of missed runs.
pub(super) const fn missed(missed: Missed) -> &'static str {
    match missed {
        Missed::RunLate => "runs that were missed are made up for, each in its order",
        Missed::Skip => "runs that were missed are left out",
        Missed::LatestOnly => "of the runs that were missed, only the latest is made up for",
    }
}

/// A task, in sentences. `zone` is the policy's.
pub fn task(task: &Task, zone: Option<&Zone>) -> String {
    let notify = task
        .notify
        .as_ref()
        .map_or_else(String::new, |told| format!(" {}", notice(told)));
    let weak = match task.action {
        Switch::Enable => " A disabling rule still counts for more.",
        Switch::Disable => "",
    };
    format!(
        "Task {}: {}, {} {} {}. {}.{weak}{notify}",
        quoted(&task.id),
        at(&task.at, zone),
        names(&task.functions),
        may(task.action),
        lasting(task),
        sentence(missed(task.missed)),
    )
}
