//! Laws of plans.

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::plan::{
    Carried, Carrier, Kind, Lacking, Major, Mode, Opens, Reason, SCSI_DISK_MAJOR, unheld,
};
use cardwarden_policy::{
    Context, Decision, Function, Hook, Inventory, KernelState, Plan, Source, Standing, Table,
    Verdict, decide, goal, plan,
};
use proptest::prelude::*;

use crate::arbitrary::function;

const MAJORS: [u32; 3] = [81, 116, 237];
const OPENS: [Opens; 3] = [Opens::Reading, Opens::Writing, Opens::All];

prop_compose! {
    fn reason()(
        function in function(),
        counter in 0_u16..20,
        mode in prop::sample::select(vec![Mode::Refuse, Mode::Audit]),
        opens in prop::sample::select(OPENS.to_vec()),
        ends in any::<bool>(),
    ) -> Reason {
        Reason { function, counter, mode, opens, ends }
    }
}

prop_compose! {
    fn major()(
        default in prop::option::of(reason()),
        minors in prop::collection::btree_map(0_u32..6, prop::option::of(reason()), 0..4),
    ) -> Major {
        let mut major = Major::new(default);
        for (minor, reason) in minors {
            major.set(minor, reason);
        }
        major
    }
}

prop_compose! {
    fn table()(
        majors in prop::collection::btree_map(
            (
                prop::sample::select(vec![Kind::Character, Kind::Block]),
                prop::sample::select(MAJORS.to_vec()),
            ),
            major(), 0..4,
        ),
        families in prop::collection::btree_map(
            prop::sample::select(vec![23_u8, 31, 39]), reason(), 0..3,
        ),
        netlink in prop::collection::btree_map(30_u16..32, reason(), 0..2),
    ) -> Table {
        let mut table = Table { majors, families, netlink, ..Table::default() };
        table.majors.retain(|_, major| !major.is_open());
        table
    }
}

fn hooks() -> impl Strategy<Value = BTreeSet<Hook>> {
    prop::collection::btree_set(prop::sample::select(Hook::ALL.to_vec()), 0..9)
}

prop_compose! {
    fn state()(table in table(), hooks in hooks()) -> KernelState {
        KernelState { table, hooks }
    }
}

/// Everything that a state could refuse.
fn refusals(state: &KernelState) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for major in MAJORS {
        for minor in 0..8 {
            for kind in [Kind::Character, Kind::Block] {
                for opens in OPENS {
                    if state.refuses_open(kind, major, minor, opens) {
                        all.insert(format!("{kind:?} {major}:{minor} {opens:?}"));
                    }
                }
                for hook in Hook::ALL {
                    if state.refuses_use(hook, kind, major, minor) {
                        all.insert(format!("{kind:?} {major}:{minor} {hook:?}"));
                    }
                }
            }
        }
    }
    for (family, hook) in [23, 31, 39]
        .into_iter()
        .flat_map(|family| Hook::ALL.map(|hook| (family, hook)))
    {
        if state.refuses_socket(hook, family) {
            all.insert(format!("{family} {hook:?}"));
        }
    }
    all.extend(
        (30..32)
            .filter(|number| state.refuses_netlink(*number))
            .map(|number| format!("netlink {number}")),
    );
    all
}

/// A decision that disables some functions, and audits others.
fn decision(disabled: &BTreeSet<Function>, audited: &BTreeSet<Function>) -> Decision {
    let mut decision = decide(&Standing::Absent, &[], &Context::default(), None);
    for (function, ruling) in &mut decision.rulings {
        ruling.source = Source::Baseline;
        if disabled.contains(function) {
            ruling.verdict = Verdict::Disabled;
        }
        if audited.contains(function) {
            ruling.audited.push("watch".to_owned());
        }
    }
    decision
}

fn inventory(open_before: BTreeSet<Function>) -> Inventory {
    Inventory {
        majors: BTreeMap::from([
            (81, Function::Camera),
            (116, Function::Microphone),
            (237, Function::Infrared),
        ]),
        others: BTreeMap::from([(81, [5].into())]),
        disks: [0, 1].into(),
        nodes: BTreeMap::from([(
            (Kind::Character, 10, 137),
            Carrier {
                functions: BTreeMap::from([(Function::Bluetooth, Carried::ByAnyUse)]),
                port: None,
            },
        )]),
        netlink: BTreeMap::from([(30, Function::Nfc)]),
        has_serial_hci: false,
        open_before,
    }
}

/// A stick's disk appears some time after the stick; the machine's own, 0 and 1, are known.
#[test]
fn while_storage_may_only_be_read_nothing_is_written_to_a_disk_that_is_not_known() {
    let mut decision = decision(&BTreeSet::new(), &BTreeSet::new());
    let inventory = inventory(BTreeSet::new());
    let state = |decision: &Decision| goal(decision, &inventory, false, &Lacking::default());
    assert_eq!(state(&decision), KernelState::default());
    let storage = decision.rulings.get_mut(&Function::UsbStorage);
    storage.unwrap().read_only = true;
    let held = state(&decision);
    let refuses = |minor, opens| held.refuses_open(Kind::Block, SCSI_DISK_MAJOR, minor, opens);
    let written: Vec<u32> = (0..4).filter(|one| refuses(*one, Opens::Writing)).collect();
    assert_eq!(written, [2, 3]);
    assert!(!(0..4).any(|minor| refuses(minor, Opens::Reading)));
    // By a command, who reads could write.
    assert!(held.hooks.contains(&Hook::FileIoctl));
}

fn functions() -> impl Strategy<Value = BTreeSet<Function>> {
    prop::collection::btree_set(function(), 0..6)
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
            refusals(&observed).intersection(&refusals(&goal)).cloned().collect();
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
    fn a_tightening_of_which_steps_fail_loosens_nothing(
        observed in state(), goal in state(), taken in prop::collection::vec(any::<bool>(), 20),
    ) {
        let steps = plan(&observed, &goal).tightening;
        let mut state = observed.clone();
        for (step, _) in steps.iter().zip(taken).filter(|(_, taken)| *taken) {
            state = state.after(step);
        }
        prop_assert!(refusals(&state).is_superset(&refusals(&observed)));
    }

    #[test]
    fn a_step_may_be_repeated(observed in state(), goal in state()) {
        let Plan { tightening, loosening } = plan(&observed, &goal);
        for step in tightening.iter().chain(&loosening) {
            let once = observed.clone().after(step);
            prop_assert_eq!(once.clone().after(step), once);
        }
    }

    #[test]
    fn hooks_for_what_was_open_before_are_there_only_while_it_is(
        disabled in functions(), audited in functions(), open in functions(),
    ) {
        let decision = decision(&disabled, &audited);
        let held = goal(&decision, &inventory(open.clone()), false, &Lacking::default());
        if disabled.is_empty() && audited.is_empty() {
            prop_assert_eq!(&held, &KernelState::default());
        }
        let revoking = Hook::OF_DESCRIPTORS.into_iter().chain(Hook::OF_SOCKETS);
        if revoking.into_iter().any(|hook| held.hooks.contains(&hook)) {
            prop_assert!(disabled.intersection(&open).next().is_some());
        }
        prop_assert_eq!(
            held.hooks.contains(&Hook::NetlinkSend),
            disabled.contains(&Function::Nfc) || audited.contains(&Function::Nfc)
        );
    }

    #[test]
    fn what_is_audited_and_not_disabled_is_not_refused(audited in functions()) {
        let decision = decision(&BTreeSet::new(), &audited);
        let held = goal(&decision, &inventory(audited.clone()), true, &Lacking::default());
        prop_assert_eq!(refusals(&held), BTreeSet::new());
    }

    #[test]
    fn what_a_machine_lacks_is_left_out_and_named(disabled in functions(), lacking in hooks()) {
        let decision = decision(&disabled, &BTreeSet::new());
        let inventory = inventory(disabled.clone());
        let lacking = Lacking {
            hooks: lacking.into_iter().map(|hook| (hook, String::new())).collect(),
            needless: BTreeSet::new(),
        };
        let all = goal(&decision, &inventory, false, &Lacking::default());
        let held = goal(&decision, &inventory, false, &lacking);
        prop_assert_eq!(&held.table, &all.table);
        prop_assert!(held.hooks.iter().all(|hook| !lacking.hooks.contains_key(hook)));
        let unheld = unheld(&decision, &inventory, &lacking);
        for hook in all.hooks.difference(&held.hooks) {
            let stands_in = *hook == Hook::DeviceOpen && held.hooks.contains(&Hook::FileOpen);
            prop_assert!(stands_in || unheld.values().any(|hooks| hooks.contains(hook)));
        }
    }
}
