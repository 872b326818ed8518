//! Laws of plans.

use std::collections::BTreeSet;

use cardwarden_policy::plan::{ClosedFamily, ClosedMajor};
use cardwarden_policy::{Hook, KernelState, Plan, Table, plan};
use proptest::prelude::*;

use crate::arbitrary::function;

prop_compose! {
    fn table()(
        majors in prop::collection::btree_map(
            prop::sample::select(vec![81_u32, 236, 237]),
            (function(), 0_u16..20, prop::collection::btree_set(0_u32..6, 0..4)),
            0..3,
        ),
        families in prop::collection::btree_map(
            prop::sample::select(vec![23_u8, 31, 39]), (function(), 0_u16..20), 0..3,
        ),
    ) -> Table {
        Table {
            majors: majors.into_iter().map(|(major, (function, counter, except))| {
                (major, ClosedMajor { function, counter, except })
            }).collect(),
            families: families.into_iter().map(|(family, (function, counter))| {
                (family, ClosedFamily { function, counter })
            }).collect(),
        }
    }
}

prop_compose! {
    fn state()(
        table in table(),
        hooks in prop::collection::btree_set(
            prop::sample::select(vec![Hook::DeviceOpen, Hook::SocketCreate, Hook::FileOpen]), 0..4,
        ),
    ) -> KernelState {
        KernelState { table, hooks }
    }
}

/// Everything that a state could refuse.
fn refusals(state: &KernelState) -> BTreeSet<(u32, u32)> {
    let devices = [81, 236, 237]
        .into_iter()
        .flat_map(|major| (0..8).map(move |minor| (major, minor)))
        .filter(|(major, minor)| state.refuses_device(*major, *minor));
    let sockets = [23_u8, 31, 39]
        .into_iter()
        .filter(|family| state.refuses_family(*family));
    devices
        .chain(sockets.map(|family| (u32::MAX, u32::from(family))))
        .collect()
}

proptest! {
    #[test]
    fn a_plan_from_a_state_to_itself_is_empty(state in state()) {
        prop_assert!(plan(&state, &state).is_empty());
    }

    #[test]
    fn a_plan_reaches_its_goal(observed in state(), goal in state()) {
        let Plan { tightening, loosening } = plan(&observed, &goal);
        let reached = tightening.iter().chain(&loosening).fold(observed, KernelState::after);
        prop_assert_eq!(reached, goal);
    }

    #[test]
    fn every_prefix_refuses_what_both_ends_refuse(observed in state(), goal in state()) {
        let both: BTreeSet<_> =
            refusals(&observed).intersection(&refusals(&goal)).copied().collect();
        let Plan { tightening, loosening } = plan(&observed, &goal);
        let mut state = observed.clone();
        for step in &tightening {
            state = state.after(step);
            prop_assert!(refusals(&state).is_superset(&refusals(&observed)));
        }
        prop_assert!(refusals(&state).is_superset(&refusals(&goal)));
        for step in &loosening {
            state = state.after(step);
            prop_assert!(refusals(&state).is_superset(&both));
        }
    }

    #[test]
    fn a_step_may_be_repeated(observed in state(), goal in state()) {
        let Plan { tightening, loosening } = plan(&observed, &goal);
        for step in tightening.iter().chain(&loosening) {
            let once = observed.clone().after(step);
            prop_assert_eq!(once.clone().after(step), once);
        }
    }
}
