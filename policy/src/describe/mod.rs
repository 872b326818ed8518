//! Policies in plain words, for the people who write them and those whose devices they bind: what
//! one says ([`policy`]), and what changes from one to another ([`diff`]).

mod condition;
mod diff;
mod rule;
mod words;

use std::fmt;

use self::words::{list, may, name, quoted, sentence, span};
use crate::document::{Audience, Companies, Direction, Guard, Policy, Remote, Switch, Validity};
use crate::function::{Function, Verdict};

pub use self::condition::condition;
pub use self::diff::{Change, Effect, diff};
pub use self::rule::{rule, task};
pub use self::words::{name as function, names as functions};

/// Some sentences about one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Paragraph {
    /// What they are about, in a word or two.
    pub heading: &'static str,
    /// The sentences; at least one.
    pub sentences: Vec<String>,
}

impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.heading)?;
        self.sentences
            .iter()
            .try_for_each(|sentence| write!(f, "\n  {sentence}"))
    }
}

/// A policy in plain words. The same policy gives the same words.
pub fn policy(policy: &Policy) -> Vec<Paragraph> {
    let zone = policy.zone.as_ref();
    let rules = policy.rules.iter().map(|one| rule(one, zone)).collect();
    let tasks = policy.tasks.iter().map(|one| task(one, zone)).collect();
    let paragraphs = [
        ("Whose it is", whose(policy)),
        (
            "When a device may take it",
            vec![sentence(&validity(policy.validity))],
        ),
        ("For whom", vec![sentence(&audience(&policy.audience))]),
        ("Beside it", beside(policy.companies)),
        ("Against root", unguarded(policy.guard)),
        ("Without a rule", vec![baseline(policy)]),
        ("Rules", rules),
        ("Tasks", tasks),
        (
            "The company's server",
            vec![sentence(&remote(policy.remote))],
        ),
    ];
    paragraphs
        .into_iter()
        .filter(|(_, sentences)| !sentences.is_empty())
        .map(|(heading, sentences)| Paragraph { heading, sentences })
        .collect()
}

fn whose(policy: &Policy) -> Vec<String> {
    let mut sentences = vec![policy.organisation.as_ref().map_or_else(
        || "The policy does not say whose it is.".to_owned(),
        |name| format!("This is the policy of {}.", quoted(name)),
    )];
    sentences.extend(
        policy
            .contact
            .as_ref()
            .map(|contact| format!("Whoever has a question asks {}.", quoted(contact))),
    );
    sentences.extend(
        policy
            .help
            .as_ref()
            .map(|page| format!("More is to be read at {}.", quoted(page))),
    );
    sentences.extend(
        policy
            .zone
            .as_ref()
            .map(|zone| format!("Times that name no zone are those of {}.", zone.name())),
    );
    sentences
}

fn validity(validity: Validity) -> String {
    let shown = |instant: jiff::Timestamp| instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    match (validity.not_before, validity.not_after) {
        (None, None) => "at any time.".to_owned(),
        (Some(begin), None) => format!("from {} on.", shown(begin)),
        (None, Some(end)) => format!(
            "until {}; where it is in force by then it stays in force.",
            shown(end)
        ),
        (Some(begin), Some(end)) => format!(
            "from {} until {}; where it is in force by then it stays in force.",
            shown(begin),
            shown(end)
        ),
    }
}

fn audience(audience: &Audience) -> String {
    let lists = [
        ("with the identifier", &audience.devices),
        ("of the kind", &audience.kinds),
        ("of the model", &audience.models),
    ];
    let parts: Vec<String> = lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(what, list)| format!("{what} {}", words::any_of(list)))
        .collect();
    if parts.is_empty() {
        "every device.".to_owned()
    } else {
        format!("devices {}.", list(parts, "and"))
    }
}

fn beside(companies: Companies) -> Vec<String> {
    let several = "Other companies may have a say on the device, too; for each function the stricter \
                   of them wins.";
    match companies {
        Companies::One => Vec::new(),
        Companies::Several => vec![several.to_owned()],
    }
}

fn unguarded(guard: Guard) -> Vec<String> {
    let off = "Nothing keeps root from undoing what is enforced.";
    match guard {
        Guard::On => Vec::new(),
        Guard::Off => vec![off.to_owned()],
    }
}

/// What the baseline gives a function; a part of `usb` that is not named is as `usb` is.
pub(crate) fn baseline_of(policy: &Policy, function: Function) -> Verdict {
    let of_whole = || {
        function
            .whole()
            .and_then(|whole| policy.baseline.get(&whole))
    };
    match policy.baseline.get(&function).or_else(of_whole) {
        Some(Switch::Disable) => Verdict::Disabled,
        Some(Switch::Enable) | None => Verdict::Enabled,
    }
}

fn baseline(policy: &Policy) -> String {
    let with = |verdict| {
        let is_so = move |function: &Function| baseline_of(policy, *function) == verdict;
        // A part is named only where it is not as the whole is.
        let is_as_whole = move |function: &Function| {
            function
                .whole()
                .is_some_and(|whole| baseline_of(policy, whole) == baseline_of(policy, *function))
        };
        Function::ALL
            .into_iter()
            .filter(is_so)
            .filter(move |function| !is_as_whole(function))
            .map(name)
            .collect::<Vec<_>>()
    };
    let disabled = with(Verdict::Disabled);
    let enabled = with(Verdict::Enabled);
    let subject = |names: &[&str]| sentence(&list(names, "and"));
    if disabled.is_empty() {
        "Everything may be used.".to_owned()
    } else if enabled.is_empty() {
        "Nothing may be used.".to_owned()
    } else {
        format!(
            "{} {}; {} {}.",
            subject(&disabled),
            may(Switch::Disable),
            list(enabled, "and"),
            may(Switch::Enable)
        )
    }
}

fn remote(remote: Remote) -> String {
    let what = match remote.may {
        Direction::Tighten => "it may disable what this policy enables, and not the other way",
        Direction::Loosen => {
            "it may disable what this policy enables, and enable what this policy disables"
        }
    };
    let lasting = remote.lasting.map_or_else(
        || "until it takes that back".to_owned(),
        |lasting| format!("for at most {} at a time", span(lasting)),
    );
    format!("{what}, {lasting}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_says_nothing_says_so() {
        let words: Vec<String> = policy(&Policy::default())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            words,
            [
                "Whose it is\n  The policy does not say whose it is.",
                "When a device may take it\n  At any time.",
                "For whom\n  Every device.",
                "Without a rule\n  Everything may be used.",
                "The company's server\n  It may disable what this policy enables, and not the \
                 other way, until it takes that back.",
            ]
        );
    }
}
