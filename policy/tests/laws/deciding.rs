//! Laws of decisions.

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::document::{Action, OnUnknown, Remote, Rule};
use cardwarden_policy::facts::Facts;
use cardwarden_policy::operation::Origin;
use cardwarden_policy::{
    Access, Context, Decision, Function, Policy, Say, Source, Standing, Verdict, decide, decide_all,
};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::arbitrary::{context, instant, operations, policy, rule};
use crate::signed::proven;

/// What holds for everything, tightest first in order.
fn tightness(decision: &Decision) -> BTreeMap<String, (Verdict, bool)> {
    let functions = decision
        .rulings
        .iter()
        .map(|(function, ruling)| (function.to_string(), (ruling.verdict, ruling.read_only)));
    let devices = decision.devices.iter().map(|(port, ruling)| {
        let verdict = match ruling.access {
            Access::Refused => Verdict::Disabled,
            Access::ReadOnly | Access::Full => Verdict::Enabled,
        };
        (port.clone(), (verdict, ruling.access == Access::ReadOnly))
    });
    functions.chain(devices).collect()
}

/// The first thing that `after` holds less tightly than `before`.
fn loosened(before: &Decision, after: &Decision) -> Option<String> {
    let after = tightness(after);
    tightness(before)
        .into_iter()
        .find(|(what, tightness)| after[what] < *tightness)
        .map(|(what, _)| what)
}

proptest! {
    #[test]
    fn the_same_inputs_give_the_same_decision(
        policy in policy(), operations in operations(), context in context(),
        now in prop::option::of(instant()),
    ) {
        let standing = proven(policy);
        let decide = || decide(&standing, &operations, &context, now);
        prop_assert_eq!(decide(), decide());
    }

    #[test]
    fn a_device_is_refused_only_where_its_functions_are_or_a_rule_names_devices(
        policy in policy(), operations in operations(), context in context(),
        now in prop::option::of(instant()),
    ) {
        let decision = decide(&proven(policy), &operations, &context, now);
        let off = |function: &Function| decision.rulings[function].verdict == Verdict::Disabled;
        // Of several devices that claim one port, the last is ruled on.
        let by_port: BTreeMap<&str, _> =
            context.usb.iter().map(|device| (device.port.as_str(), device)).collect();
        for (port, device) in by_port {
            let ruling = &decision.devices[port];
            let parts = device.classes();
            let is_more = |(part, more): (&Function, &Access)| {
                parts.contains(part) && *more > ruling.access
            };
            prop_assert!(ruling.parts.iter().all(is_more));
            if ruling.access == Access::Refused {
                prop_assert!(decision.names_devices || parts.iter().any(off));
                let refused = |part: &&Function| ruling.access_to(**part) == Access::Refused;
                prop_assert!(parts.iter().any(|part| refused(&part)));
                prop_assert!(
                    decision.names_devices || parts.iter().filter(refused).all(off)
                );
            }
        }
    }

    #[test]
    fn of_several_companies_the_stricter_wins_and_each_keeps_its_own(
        policies in prop::collection::vec(policy(), 0..4), operations in operations(),
        context in context(), now in prop::option::of(instant()),
    ) {
        let standings: Vec<Standing> = policies.into_iter().map(proven).collect();
        let companies: Vec<Say<'_>> = standings
            .iter()
            .map(|standing| Say { standing, operations: &operations, context: &context })
            .collect();
        let joint = decide_all(&companies, &context, now);
        prop_assert_eq!(joint.each.len(), companies.len());
        for (standing, own) in standings.iter().zip(&joint.each) {
            prop_assert_eq!(&decide(standing, &operations, &context, now), own);
            prop_assert_eq!(loosened(own, &joint.decision), None);
            let is_looked_at_in_time = match (joint.decision.until, own.until) {
                (_, None) => true,
                (until, Some(own)) => until.is_some_and(|until| until <= own),
            };
            prop_assert!(is_looked_at_in_time);
        }
        let all = tightness(&joint.decision);
        for (what, held) in &all {
            let tightest = joint.each.iter().map(|own| tightness(own)[what]).max();
            prop_assert!(tightest.is_none_or(|tightest| tightest == *held), "{what}");
        }
        for (function, place) in &joint.by {
            let first = joint.each.iter().position(|own| {
                own.rulings[function].verdict == joint.decision.rulings[function].verdict
                    && own.rulings[function].read_only == joint.decision.rulings[function].read_only
            });
            let ruling = &joint.decision.rulings[function];
            prop_assert_eq!(first, Some(*place));
            prop_assert_eq!(ruling.source.reason(), joint.each[*place].rulings[function].source.reason());
        }
    }

    #[test]
    fn every_function_and_every_device_has_a_ruling(
        policy in policy(), operations in operations(), context in context(),
        now in prop::option::of(instant()),
    ) {
        let ports: BTreeSet<_> = context.usb.iter().map(|device| &device.port).collect();
        for standing in [
            Standing::Absent,
            Standing::Unproven { problem: String::new() },
            proven(policy),
        ] {
            let decision = decide(&standing, &operations, &context, now);
            prop_assert_eq!(decision.rulings.len(), Function::ALL.len());
            prop_assert_eq!(decision.devices.keys().collect::<BTreeSet<_>>(), ports.clone());
        }
    }

    #[test]
    fn the_order_of_devices_does_not_matter(
        policy in policy(), context in context(), now in instant(),
    ) {
        let standing = proven(policy);
        let mut ports = BTreeSet::new();
        let mut context = context;
        context.usb.retain(|device| ports.insert(device.port.clone()));
        let before = decide(&standing, &[], &context, Some(now));
        context.usb.reverse();
        prop_assert_eq!(before, decide(&standing, &[], &context, Some(now)));
    }

    #[test]
    fn adding_a_disabling_rule_never_loosens(
        policy in policy(), rule in rule(99), context in context(),
        now in prop::option::of(instant()),
    ) {
        let before = decide(&proven(policy.clone()), &[], &context, now);
        let mut more = policy;
        more.rules.push(Rule { action: Action::Disable, storage: None, ..rule });
        prop_assume!(more.check().is_ok());
        let after = decide(&proven(more), &[], &context, now);
        prop_assert_eq!(loosened(&before, &after), None);
    }

    #[test]
    fn removing_an_enabling_rule_never_loosens(
        policy in policy(), context in context(), now in prop::option::of(instant()),
    ) {
        let before = decide(&proven(policy.clone()), &[], &context, now);
        let mut less = policy;
        less.rules.retain(|rule| rule.action != Action::Enable);
        let after = decide(&proven(less), &[], &context, now);
        prop_assert_eq!(loosened(&before, &after), None);
    }

    #[test]
    fn a_server_that_may_only_tighten_never_loosens(
        policy in policy(), operations in operations(), context in context(),
        now in prop::option::of(instant()),
    ) {
        let mut policy = policy;
        policy.remote = Remote::default();
        let standing = proven(policy);
        let before = decide(&standing, &[], &context, now);
        let of_server: Vec<_> = operations
            .into_iter()
            .filter(|one| matches!(one.origin, Origin::Server(_)))
            .collect();
        let after = decide(&standing, &of_server, &context, now);
        prop_assert_eq!(loosened(&before, &after), None);
    }

    #[test]
    fn what_is_unknown_restricts_unless_a_rule_says_otherwise(
        policy in policy(), context in context(), now in instant(),
    ) {
        let mut policy = policy;
        for rule in &mut policy.rules {
            rule.on_unknown = OnUnknown::Restrict;
        }
        let standing = proven(policy);
        let known = decide(&standing, &[], &context, Some(now));
        let ignorant = Context { facts: Facts::default(), usb: context.usb };
        let unknown = decide(&standing, &[], &ignorant, None);
        prop_assert_eq!(loosened(&known, &unknown), None);
    }

    #[test]
    fn a_decision_holds_until_its_end(
        policy in policy(), operations in operations(), context in context(), now in instant(),
        part in 0.0..1.0,
    ) {
        let operations: Vec<_> = operations.into_iter().filter(|one| one.begun <= now).collect();
        let standing = proven(policy);
        let decision = decide(&standing, &operations, &context, Some(now));
        let between = |until: Timestamp| {
            let span = until.as_second() - now.as_second();
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::as_conversions, reason = "a point in between, roughly")]
            let offset = (span as f64 * part) as i64;
            Timestamp::from_second(now.as_second() + offset).unwrap().max(now)
        };
        let later = decision.until.unwrap_or(now + jiff::SignedDuration::from_hours(24 * 400));
        prop_assert!(later > now);
        let then = decide(&standing, &operations, &context, Some(between(later)));
        prop_assert_eq!(&then.devices, &decision.devices);
        for (function, ruling) in &decision.rulings {
            let until = ruling.until.unwrap_or(later);
            prop_assert!(until > now);
            let then = decide(&standing, &operations, &context, Some(between(until)));
            prop_assert_eq!(then.rulings[function].verdict, ruling.verdict);
            prop_assert_eq!(&then.rulings[function].source, &ruling.source);
        }
    }
}

#[test]
fn a_clock_before_the_signature_is_an_unknown_time() {
    let policy = Policy::from_toml(
        r#"
        [[rules]]
        id = "office"
        functions = ["camera"]
        action = "disable"
        when.weekly = { days = ["mon"], from = "08:00", to = "18:00", zone = "Europe/Berlin" }
        "#,
    )
    .unwrap();
    let now = Some(Timestamp::UNIX_EPOCH);
    let decision = decide(&proven(policy), &[], &Context::default(), now);
    let camera = &decision.rulings[&Function::Camera];
    assert_eq!(camera.verdict, Verdict::Disabled);
    assert!(matches!(camera.source, Source::Rule { unknown: true, .. }));
}
