//! Laws of what is guarded.

use cardwarden_policy::document::Guard;
use cardwarden_policy::{
    Context, Function, Guarding, Say, Standing, Verdict, decide_all, guarding,
};
use proptest::prelude::*;

use crate::arbitrary::{context, instant, operations, policy};
use crate::signed::proven;

proptest! {
    #[test]
    fn what_is_off_is_guarded_unless_every_company_wants_no_guard(
        policies in prop::collection::vec(policy(), 0..4), operations in operations(),
        context in context(), now in prop::option::of(instant()),
    ) {
        let is_wanted = policies.iter().any(|policy| policy.guard == Guard::On);
        let standings: Vec<Standing> = policies.into_iter().map(proven).collect();
        let says: Vec<Say<'_>> = standings
            .iter()
            .map(|standing| Say { standing, operations: &operations, context: &context })
            .collect();
        let decision = decide_all(&says, &context, now).decision;
        let guarded = guarding(&standings, &decision, now.is_some());
        prop_assert_eq!(guarded.is_some(), is_wanted);
        let Some(guarded) = guarded else {
            return Ok(());
        };
        let is_off = |function| decision.rulings[&function].verdict == Verdict::Disabled;
        for function in Function::ALL.into_iter().filter(|function| is_off(*function)) {
            prop_assert!(guarded.devices, "{function}");
        }
        prop_assert_eq!(guarded.gadget, is_off(Function::UsbGadget));
        prop_assert_eq!(guarded.infrared, is_off(Function::Infrared));
        prop_assert_eq!(guarded.radio, is_off(Function::Bluetooth) || is_off(Function::Nfc));
        prop_assert!(!guarded.clock || now.is_some(), "a clock that is wrong can be set");
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_guarded(now in prop::option::of(instant())) {
        let standings = [Standing::Unproven { problem: "damaged".to_owned() }];
        let context = Context::default();
        let says = [Say { standing: &standings[0], operations: &[], context: &context }];
        let decision = decide_all(&says, &context, now).decision;
        let guarded = guarding(&standings, &decision, now.is_some());
        prop_assert!(guarded.is_some_and(|guarded| guarded.devices && guarded.radio));
    }

    #[test]
    fn without_a_company_nothing_is_guarded(context in context(), now in prop::option::of(instant())) {
        let decision = decide_all(&[], &context, now).decision;
        let nothing: Option<Guarding> = None;
        prop_assert_eq!(guarding(&[], &decision, now.is_some()), nothing);
    }
}
