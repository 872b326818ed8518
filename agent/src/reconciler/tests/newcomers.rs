//! Laws of letting in what has just been plugged in: by the decision in force, or not at all.

use std::cell::RefCell;
use std::rc::Rc;

use cardwarden_policy::Access;
use cardwarden_policy::plan::{Carried, Carrier, Kind, USB_MAJOR};
use cardwarden_policy::usb::Interface;

use super::*;
use crate::devices::usb::tests::{Fake as Sysfs, made};
use crate::enforce::Goal;

/// What was asked to be let in: the ports, and how much of each may be used.
type Asked = Rc<RefCell<Vec<(String, Access)>>>;

/// A switch that notes what it is asked.
struct Gate(Asked);

impl Enforcer for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn covers(&self, _function: Function) -> bool {
        false
    }

    fn tighten(&mut self, _goal: Goal<'_>) -> Vec<Shortfall> {
        Vec::new()
    }

    fn loosen(&mut self, _goal: Goal<'_>) -> Vec<Shortfall> {
        Vec::new()
    }

    fn admit(&mut self, goal: Goal<'_>) -> bool {
        let ports = goal.found.usb.iter().map(|one| one.device.port.clone());
        let devices = &goal.decision.devices;
        let asked = ports.map(|port| (port.clone(), devices[&port].access));
        self.0.borrow_mut().extend(asked);
        true
    }

    fn held(&mut self, _goal: Goal<'_>) -> Vec<Held> {
        Vec::new()
    }
}

/// A machine with a stick that waits in port 1-2.
fn plugged() -> (Bench, Asked) {
    let mut bench = Bench::new();
    let sysfs = Sysfs::new();
    sysfs.put("sys/bus/usb/devices/usb1/authorized_default", "0\n");
    sysfs.plug(&made("1-2", 0x0781, &["08:06:50"]));
    let stick = sysfs.scan().pop().unwrap();
    let found = Found {
        usb: vec![stick],
        ..Found::default()
    };
    bench.owner.world.newcomers.insert("1-2".to_owned(), found);
    let asked = Asked::default();
    bench.owner.enforcers = vec![Box::new(Gate(Rc::clone(&asked)))];
    (bench, asked)
}

fn plug(bench: &mut Bench, asked: &Asked) -> Vec<(String, Access)> {
    bench.owner.on_newcomers(&["1-2".to_owned()]);
    asked.take()
}

const ANOTHER_OFF: &str = r#"[[rules]]
id = "stick"
functions = ["usb"]
action = "disable"
deny = [{ id = "0781:0001" }]
"#;
const STICK_OFF: &str = r#"[[rules]]
id = "stick"
functions = ["usb"]
action = "disable"
deny = [{ id = "0781:0825" }]
"#;

#[test]
fn a_newcomer_is_decided_on_alone_by_the_policy_in_force() {
    let (mut bench, asked) = plugged();
    bench.insert(ANOTHER_OFF, 1);
    assert_eq!(plug(&mut bench, &asked), [("1-2".to_owned(), Access::Full)]);
    bench.insert(STICK_OFF, 2);
    assert_eq!(
        plug(&mut bench, &asked),
        [("1-2".to_owned(), Access::Refused)]
    );
    bench.owner.on_newcomers(&["1-3".to_owned()]);
    assert!(asked.borrow().is_empty(), "nobody waits there");
}

#[test]
fn the_texts_of_a_newcomer_are_read_where_a_rule_asks_for_them() {
    let (mut bench, asked) = plugged();
    bench.insert(ANOTHER_OFF, 1);
    plug(&mut bench, &asked);
    assert_eq!(bench.owner.world.texts, Some(Texts::Unasked));
    let by_serial = ANOTHER_OFF.replace("id = \"0781:0001\"", "serial = \"A1\"");
    bench.insert(&by_serial, 2);
    plug(&mut bench, &asked);
    assert_eq!(bench.owner.world.texts, Some(Texts::Read));
}

#[test]
fn a_policy_that_comes_at_the_same_moment_counts_before_its_turn() {
    let (mut bench, asked) = plugged();
    bench.insert(ANOTHER_OFF, 1);
    // Another rule about devices: what it says is what is asked.
    let next = Card::new(company, STICK_OFF, 2).read(&bench.expectation.borrow());
    bench.owner.on_card(CardEvent::Reading(Box::new(next)));
    assert_eq!(
        plug(&mut bench, &asked),
        [("1-2".to_owned(), Access::Refused)]
    );
    bench.owner.turn();
    // Another verdict on a function has to be brought into force first.
    let policy = format!("{CAMERA_OFF}\n{ANOTHER_OFF}");
    let next = Card::new(company, &policy, 3).read(&bench.expectation.borrow());
    bench.owner.on_card(CardEvent::Reading(Box::new(next)));
    assert_eq!(plug(&mut bench, &asked), []);
    bench.owner.turn();
    assert_eq!(plug(&mut bench, &asked), [("1-2".to_owned(), Access::Full)]);
}

#[test]
fn after_its_end_a_decision_lets_nobody_in() {
    let (mut bench, asked) = plugged();
    let hours = r#"[[rules]]
id = "until-two"
functions = ["usb.printer"]
action = "disable"
when = { weekly = { days = "mon", from = "12:00", to = "14:00" } }
"#;
    bench.insert(&format!("zone = \"UTC\"\n{ANOTHER_OFF}\n{hours}"), 1);
    assert_eq!(plug(&mut bench, &asked).len(), 1);
    let clocks = &mut bench.owner.world.clocks;
    clocks.wall += SignedDuration::from_hours(2);
    clocks.since_boot += SignedDuration::from_hours(2);
    assert_eq!(plug(&mut bench, &asked), []);
    bench.owner.turn();
    assert_eq!(plug(&mut bench, &asked).len(), 1);
}

#[test]
fn while_something_is_to_be_tried_again_nobody_is_let_in() {
    let (mut bench, asked) = plugged();
    bench.owner.kernel.good_for = Some(0);
    bench.insert(&format!("{CAMERA_OFF}\n{ANOTHER_OFF}"), 1);
    assert!(bench.owner.retry().is_some());
    assert_eq!(plug(&mut bench, &asked), []);
    bench.owner.kernel.good_for = None;
    bench.owner.turn();
    assert_eq!(plug(&mut bench, &asked).len(), 1);
}

#[test]
fn a_device_whose_own_node_is_to_be_closed_waits_for_that() {
    let (mut bench, asked) = plugged();
    bench.insert(&format!("{CAMERA_OFF}\n{ANOTHER_OFF}"), 1);
    assert_eq!(plug(&mut bench, &asked).len(), 1);
    let found = bench.owner.world.newcomers.get_mut("1-2").unwrap();
    let carrier = Carrier {
        functions: [(Function::Camera, Carried::ByAnyUse)].into(),
        port: None,
    };
    found.usb[0].device.interfaces = vec![Interface::new(0x0e, 1, 0)];
    let node = (Kind::Character, USB_MAJOR, found.usb[0].minor);
    found.inventory.nodes.insert(node, carrier);
    assert_eq!(plug(&mut bench, &asked), []);
}
