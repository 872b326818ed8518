//! Laws of the guard: what it keeps, and who hears of what it refused.

use cardwarden_ebpf_abi::guard::Act;
use cardwarden_policy::Guarding;
use cardwarden_policy::outcome::Tier;

use super::*;
use crate::enforce::GuardState;
use crate::enforce::bpf::refusals::{Refused, Tried};

const UNGUARDED: &str = "guard = \"off\"\n[baseline]\ncamera = \"disable\"\n";

#[test]
fn what_a_company_asks_is_guarded_until_it_lets_the_device_go() {
    let mut bench = Bench::new();
    assert_eq!(bench.owner.kernel.guarding, None);
    bench.insert(CAMERA_OFF, 1);
    let kept = bench.owner.kernel.guarding.unwrap();
    assert!(kept.devices && !kept.gadget && !kept.infrared);
    let association = bench.owner.identity.association;
    assert_eq!(bench.release(&company(), association), Ok(()));
    assert_eq!(bench.owner.kernel.guarding, None);
}

#[test]
fn a_policy_may_want_no_guard() {
    let mut bench = Bench::new();
    bench.insert(UNGUARDED, 1);
    assert!(bench.is_refused());
    assert_eq!(bench.owner.kernel.guarding, None::<Guarding>);
    assert_eq!(bench.status().guard, "down");
}

#[test]
fn the_tier_is_the_kernel_s_only_while_the_guard_stands() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let tier = |bench: &Bench| bench.status().functions[&Function::Camera].tier;
    assert_eq!(tier(&bench), Tier::KernelOpen);
    bench.owner.kernel.guarded = GuardState::Rising;
    bench.owner.turn();
    assert!(!bench.status().settled, "it is still on its way");
    bench.owner.kernel.guarded = GuardState::Up;
    bench.owner.turn();
    assert!(bench.status().settled);
    assert_eq!(tier(&bench), Tier::Kernel);
    bench.owner.kernel.guarded = GuardState::Failed("no memory".to_owned());
    bench.owner.turn();
    assert_eq!(tier(&bench), Tier::KernelOpen);
    assert!(bench.has_problem("guard"));
    bench.owner.kernel.guarded = GuardState::Up;
    bench.owner.turn();
    assert!(!bench.has_problem("guard"));
}

#[test]
fn a_guard_that_refuses_nothing_is_none() {
    let mut bench = Bench::new();
    bench.owner.kernel.guarded = GuardState::Up;
    bench.owner.world.undo = Met::Passed;
    bench.insert(CAMERA_OFF, 1);
    let status = bench.status();
    assert_eq!(status.functions[&Function::Camera].tier, Tier::KernelOpen);
    assert_eq!(status.guard, "down");
}

#[test]
fn a_machine_that_cannot_have_a_guard_says_so_by_its_tier_alone() {
    let mut bench = Bench::new();
    bench.owner.kernel.guarded = GuardState::Lacking;
    bench.insert(CAMERA_OFF, 1);
    assert_eq!(bench.status().guard, "failed");
    assert!(!bench.has_problem("guard"));
}

#[test]
fn an_attempt_to_undo_is_told_at_once_and_a_flood_of_them_as_one() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let attempt = |pid| Refused {
        tried: Tried::Undo(Act::Signal),
        counter: 0,
        program: "kill".to_owned(),
        pid,
        uid: 0,
        is_audited: false,
    };
    let told = |bench: &Bench| {
        let is_one = |event: &Event| matches!(event, Event::Guarded { act, program, uid: 0, times: 1 } if act == "signal" && program == "kill");
        bench
            .outcomes()
            .iter()
            .filter(|event| is_one(event))
            .count()
    };
    bench.owner.on_refusals(vec![attempt(7)]);
    assert_eq!(told(&bench), 1);
    let before = bench.outcomes().len();
    bench.owner.on_refusals((0..1000).map(attempt).collect());
    assert_eq!(bench.outcomes().len(), before);
}
