//! Laws of policies in plain words.

use cardwarden_policy::describe::{self, Change, Effect, diff};
use cardwarden_policy::document::{Action, Rule};
use cardwarden_policy::{Context, Decision, Policy, Verdict, decide};
use proptest::prelude::*;

use crate::arbitrary::{context, instant, policy, rule};
use crate::signed::proven;

/// The first thing that `after` holds less tightly than `before`.
fn loosened(before: &Decision, after: &Decision) -> bool {
    let functions = before.rulings.iter().any(|(function, before)| {
        let after = &after.rulings[function];
        (after.verdict, after.read_only) < (before.verdict, before.read_only)
    });
    let devices = before
        .devices
        .iter()
        .any(|(port, before)| after.devices[port].access > before.access);
    functions || devices
}

/// A policy near another: some of its rules go, come, change and move.
fn neighbour(of: &Policy, other: &Policy, choices: &[u8]) -> Policy {
    let mut near = of.clone();
    for choice in choices {
        let rule = near.rules.first().cloned();
        match (choice % 16, rule) {
            (0, _) => near.rules.reverse(),
            (1, Some(_)) => drop(near.rules.remove(0)),
            (2, Some(_)) => near.rules[0].when = None,
            (3, Some(_)) => near.rules[0].action = Action::Audit,
            (4, Some(_)) => near.rules[0].allow.clear(),
            (5, Some(_)) => near.rules[0].deny.clear(),
            (6, Some(_)) => near.rules[0].notify = None,
            (7, Some(_)) => near.rules[0].storage = None,
            (8, _) => near.baseline.clone_from(&other.baseline),
            (9, _) => near.remote = other.remote,
            (10, _) => near.tasks.clone_from(&other.tasks),
            (11, _) => near.rules.clone_from(&other.rules),
            (12, _) => near.zone.clone_from(&other.zone),
            (13, _) => near.audience.clone_from(&other.audience),
            (14, Some(_)) => near.rules[0].deny.reverse(),
            (15, Some(first)) => near.rules.push(Rule {
                id: "copy".to_owned(),
                ..first
            }),
            (_, _) => near.contact.clone_from(&other.contact),
        }
        near.rules.dedup_by(|one, other| one.id == other.id);
    }
    near
}

proptest! {
    #[test]
    fn policies_without_a_difference_and_no_others_are_the_same(
        one in policy(), other in policy(), choices in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let near = neighbour(&one, &other, &choices);
        prop_assert_eq!(diff(&one, &one), []);
        prop_assert_eq!(diff(&one, &near).is_empty(), one == near);
        prop_assert_eq!(diff(&near, &one).is_empty(), one == near);
        prop_assert_eq!(diff(&one, &other).is_empty(), one == other);
    }

    #[test]
    fn every_rule_and_task_has_its_sentence(policy in policy(), spare in rule(99)) {
        let mut policy = policy;
        policy.rules.push(spare);
        let words: Vec<String> =
            describe::policy(&policy).iter().map(ToString::to_string).collect();
        let words = words.join("\n");
        for rule in &policy.rules {
            let named = words.contains(&format!("Rule “{}”: ", rule.id));
            prop_assert!(named);
        }
        for task in &policy.tasks {
            let named = words.contains(&format!("Task “{}”: ", task.id));
            prop_assert!(named);
        }
    }
}

proptest! {
    // Each case signs policies and believes them, which takes its time.
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_only_tightens_never_loosens_and_the_other_way_round(
        one in policy(), other in policy(), choices in prop::collection::vec(any::<u8>(), 1..3),
        context in context(), now in prop::option::of(instant()),
    ) {
        let mut near = neighbour(&one, &other, &choices);
        near.tasks.clone_from(&one.tasks);
        near.zone.clone_from(&one.zone);
        prop_assume!(near.check().is_ok());
        let changes = diff(&one, &near);
        let all = |effect| changes.iter().all(|change: &Change| change.effect == effect);
        let decide = |policy: &Policy, context: &Context| {
            decide(&proven(policy.clone()), &[], context, now)
        };
        if all(Effect::Tighter) {
            prop_assert!(!loosened(&decide(&one, &context), &decide(&near, &context)));
        }
        if all(Effect::Looser) {
            prop_assert!(!loosened(&decide(&near, &context), &decide(&one, &context)));
        }
    }

    #[test]
    fn a_function_whose_verdict_changes_is_named_in_a_difference(
        one in policy(), other in policy(), context in context(),
        now in prop::option::of(instant()),
    ) {
        let decide = |policy: &Policy| decide(&proven(policy.clone()), &[], &context, now);
        let (before, after) = (decide(&one), decide(&other));
        let changes = diff(&one, &other);
        for (function, before) in &before.rulings {
            let verdict: (Verdict, bool) = (before.verdict, before.read_only);
            let after = &after.rulings[function];
            let is_named = changes
                .iter()
                .flat_map(|change| &change.functions)
                .any(|named| named.covers(*function));
            prop_assert!(verdict == (after.verdict, after.read_only) || is_named);
        }
    }
}
