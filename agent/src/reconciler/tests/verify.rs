//! Laws of what is reported: what an attempt finds, and what this machine lacks.

use super::*;
use crate::enforce::Goal;

#[test]
fn what_an_attempt_finds_is_what_is_reported() {
    let mut bench = Bench::new();
    bench.owner.world.leaks = true;
    bench.insert(CAMERA_OFF, 1);
    let camera = bench.status().functions[&Function::Camera].clone();
    assert_eq!(camera.achieved, Achieved::Failed);
    assert_eq!(camera.proof, "open(/dev/video0) succeeded");
    assert_eq!(bench.status().posture, Posture::Degraded);
}

#[test]
fn what_was_opened_while_it_was_being_closed_is_looked_for_when_it_is_closed() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    assert_eq!(bench.owner.kernel.looks, 1);
    bench.insert(
        "[baseline]\nmicrophone = \"disable\"\nbluetooth = \"disable\"\n",
        2,
    );
    assert_eq!(
        bench.owner.kernel.looks, 1,
        "and when something else is let go"
    );
    bench.owner.turn();
    assert_eq!(bench.owner.kernel.looks, 0, "an idle turn looks at nothing");
}

#[test]
fn a_node_is_given_to_people_only_when_the_function_is_decided_on() {
    let mut bench = Bench::new();
    bench.owner.world.announced.clear();
    bench.owner.world.leaks = true;
    bench.insert(CAMERA_OFF, 1);
    assert_eq!(bench.owner.world.announced, [(Function::Camera, false)]);
    bench.owner.world.leaks = false;
    bench.owner.turn();
    bench.owner.turn();
    assert_eq!(
        bench.owner.world.announced,
        [(Function::Camera, false), (Function::Camera, true)]
    );
}

#[test]
fn what_no_enforcer_holds_is_reported_as_not_held() {
    let mut bench = Bench::new();
    bench.insert(
        "[baseline]\nmicrophone = \"disable\"\nnfc = \"disable\"\n",
        1,
    );
    assert_eq!(bench.achieved(Function::Microphone), Achieved::Failed);
    assert_eq!(bench.achieved(Function::Nfc), Achieved::Enforced);
}

#[test]
fn a_socket_that_can_be_made_is_a_failure_unless_this_machine_can_refuse_none() {
    for (lacks, expected) in [(false, Achieved::Failed), (true, Achieved::Partly)] {
        let mut bench = Bench::new();
        bench.owner.world.socket = Some(Met::Passed);
        if lacks {
            let why = "this kernel has none".to_owned();
            let hooks = &mut bench.owner.kernel.lacking.hooks;
            hooks.insert(Hook::SocketCreate, why);
        }
        bench.owner = bench.owner.with_enforcers(vec![Box::new(Radio)]);
        bench.insert("[baseline]\nbluetooth = \"disable\"\n", 1);
        assert_eq!(bench.achieved(Function::Bluetooth), expected);
        assert_eq!(bench.owner.retry().is_none(), lacks);
    }
}

#[test]
fn a_family_that_this_kernel_does_not_have_lacks_nothing() {
    let mut bench = Bench::new();
    bench.owner.world.socket = Some(Met::Other(nix::errno::Errno::EAFNOSUPPORT));
    let why = "this kernel has none".to_owned();
    let hooks = &mut bench.owner.kernel.lacking.hooks;
    hooks.insert(Hook::SocketCreate, why);
    bench.insert("[baseline]\nbluetooth = \"disable\"\n", 1);
    assert_eq!(bench.achieved(Function::Bluetooth), Achieved::Enforced);
    assert_eq!(bench.owner.retry(), None);
}

/// A switch that holds Bluetooth.
struct Radio;

impl Enforcer for Radio {
    fn name(&self) -> &'static str {
        "radio"
    }

    fn covers(&self, function: Function) -> bool {
        function == Function::Bluetooth
    }

    fn tighten(&mut self, _goal: Goal<'_>) -> Vec<Shortfall> {
        Vec::new()
    }

    fn loosen(&mut self, _goal: Goal<'_>) -> Vec<Shortfall> {
        Vec::new()
    }

    fn held(&mut self, _goal: Goal<'_>) -> Vec<Held> {
        vec![Held {
            function: Function::Bluetooth,
            proof: "off".to_owned(),
            met: Met::Refused,
        }]
    }
}

#[test]
fn what_the_machine_lacks_a_hook_for_is_held_in_part() {
    let mut bench = Bench::new();
    bench.owner.world.netlink.insert(30, Function::Nfc);
    let why = "this kernel has none".to_owned();
    bench
        .owner
        .kernel
        .lacking
        .hooks
        .insert(Hook::NetlinkSend, why);
    bench.insert("[baseline]\nnfc = \"disable\"\n", 1);
    assert_eq!(bench.achieved(Function::Nfc), Achieved::Partly);
    assert_eq!(bench.owner.retry(), None, "another attempt would not help");
}
