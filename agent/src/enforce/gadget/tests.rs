//! Laws of gadget mode, on a tree of attributes.

use super::*;
use crate::enforce::tree::{Tree, follow, held, memory};

const OFF: &[Function] = &[Function::UsbGadget];

/// A phone whose gadget is bound to its controller.
fn phone() -> Tree {
    let tree = Tree::new();
    tree.put("sys/class/udc/4e00000.usb/function", "");
    tree.put("sys/class/udc/4e00000.usb/state", "configured\n");
    tree.put("sys/class/udc/4e00000.usb/soft_connect", "");
    tree.put(
        "sys/class/usb_role/4e00000.usb-role-switch/role",
        "device\n",
    );
    tree.put(&udc("g1"), "4e00000.usb\n");
    tree.put(&udc("spare"), "\n");
    tree
}

/// The same, with a gadget module instead, as a kernel shows it.
fn with_module() -> Tree {
    let tree = phone();
    tree.put(&udc("g1"), "\n");
    tree.put("sys/class/udc/4e00000.usb/function", "g_ether\n");
    tree
}

fn udc(gadget: &str) -> String {
    format!("sys/kernel/config/usb_gadget/{gadget}/UDC")
}

fn connection(tree: &Tree) -> String {
    tree.get("sys/class/udc/4e00000.usb/soft_connect")
}

fn role(tree: &Tree) -> String {
    tree.get("sys/class/usb_role/4e00000.usb-role-switch/role")
}

fn enforcer(tree: &Tree) -> Gadget {
    Gadget::new(&tree.path("sys"), &memory(tree, ""))
}

#[test]
fn nothing_is_touched_while_nothing_is_restricted() {
    let tree = phone();
    let before = tree.everything();
    assert!(follow(&mut enforcer(&tree), &[Function::Usb]).is_empty());
    assert_eq!(tree.everything(), before);
}

#[test]
fn a_bound_gadget_is_unbound_and_comes_back_at_the_end_even_after_a_restart() {
    let tree = phone();
    let mut gadget = enforcer(&tree);
    assert!(follow(&mut gadget, OFF).is_empty());
    assert_eq!(tree.get(&udc("g1")), "\n");
    assert_eq!(role(&tree), "device\n");
    let held = held(&mut gadget, OFF);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].met, Met::Refused);
    assert!(held[0].proof.contains("nothing is bound"));
    let mut gadget = enforcer(&tree);
    assert!(follow(&mut gadget, &[]).is_empty());
    assert_eq!(tree.get(&udc("g1")), "4e00000.usb");
    assert_eq!(tree.get(&udc("spare")), "\n");
    assert!(!memory(&tree, "gadget.json").exists());
}

#[test]
fn what_is_off_already_is_not_written_again() {
    for tree in [phone(), with_module()] {
        let mut gadget = enforcer(&tree);
        follow(&mut gadget, OFF);
        tree.put(&udc("g1"), "");
        tree.put("sys/class/udc/4e00000.usb/state", "not attached\n");
        let before = tree.everything();
        assert!(follow(&mut gadget, OFF).is_empty());
        assert_eq!(tree.everything(), before);
    }
}

#[test]
fn what_binds_meanwhile_is_unbound_and_that_wish_is_granted_at_the_end() {
    let tree = phone();
    let mut gadget = enforcer(&tree);
    follow(&mut gadget, OFF);
    tree.put(&udc("spare"), "4e00000.usb\n");
    follow(&mut gadget, OFF);
    assert_eq!(tree.get(&udc("spare")), "\n");
    assert!(follow(&mut gadget, &[]).is_empty());
    // One of the two has the controller; a controller has one gadget.
    let bound = ["g1", "spare"].map(|name| tree.get(&udc(name)).trim().len());
    assert_eq!(bound.iter().filter(|length| **length > 0).count(), 1);
}

#[test]
fn what_its_owner_changed_meanwhile_is_left_as_it_is() {
    let tree = phone();
    let mut gadget = enforcer(&tree);
    follow(&mut gadget, OFF);
    tree.remove("sys/kernel/config/usb_gadget/g1");
    tree.put(&udc("new"), "\n");
    assert!(follow(&mut gadget, &[]).is_empty());
    assert_eq!(tree.get(&udc("new")), "\n");

    let tree = phone();
    let mut gadget = enforcer(&tree);
    follow(&mut gadget, OFF);
    tree.remove("sys/class/udc/4e00000.usb");
    assert!(follow(&mut gadget, &[]).is_empty());
    assert_eq!(tree.get(&udc("g1")), "\n");
}

#[test]
fn what_a_person_had_unbound_stays_unbound() {
    let tree = phone();
    tree.put(&udc("g1"), "\n");
    let before = tree.everything();
    let mut gadget = enforcer(&tree);
    follow(&mut gadget, OFF);
    follow(&mut gadget, &[]);
    assert_eq!(tree.everything(), before);
}

#[test]
fn a_gadget_module_is_disconnected_and_connected_again() {
    let tree = with_module();
    let mut gadget = enforcer(&tree);
    assert!(follow(&mut gadget, OFF).is_empty());
    assert_eq!(connection(&tree), "disconnect");
    tree.put("sys/class/udc/4e00000.usb/state", "not attached\n");
    assert_eq!(held(&mut gadget, OFF)[0].met, Met::Refused);
    // Root connects it by hand.
    tree.put("sys/class/udc/4e00000.usb/state", "configured\n");
    assert_eq!(held(&mut gadget, OFF)[0].met, Met::Passed);
    tree.put("sys/class/udc/4e00000.usb/soft_connect", "connect");
    follow(&mut gadget, OFF);
    assert_eq!(connection(&tree), "disconnect");
    assert!(follow(&mut gadget, &[]).is_empty());
    assert_eq!(connection(&tree), "connect");
}

#[test]
fn a_controller_that_keeps_its_gadget_is_told_and_loses_its_role() {
    let mut tree = phone();
    tree.remove("sys/kernel/config/usb_gadget/g1");
    tree.seal(&udc("g1"), "4e00000.usb\n");
    tree.put("sys/class/udc/5000000.usb/function", "");
    tree.put(&udc("spare"), "5000000.usb\n");
    let mut gadget = enforcer(&tree);
    let short = follow(&mut gadget, OFF);
    assert_eq!(short.len(), 1);
    assert!(
        short[0]
            .problem
            .contains("g1 cannot be unbound from 4e00000.usb")
    );
    assert_eq!(role(&tree), "none");
    assert_eq!(tree.get(&udc("spare")), "\n");
    let met: Vec<Met> = held(&mut gadget, OFF).iter().map(|one| one.met).collect();
    assert_eq!(met, [Met::Passed, Met::Refused]);
    follow(&mut gadget, &[]);
    assert_eq!(role(&tree), "device");
    assert_eq!(tree.get(&udc("spare")), "5000000.usb");
}

#[test]
fn a_machine_without_controllers_is_no_failure() {
    let tree = Tree::new();
    let mut gadget = enforcer(&tree);
    assert!(follow(&mut gadget, OFF).is_empty());
    assert!(held(&mut gadget, OFF).is_empty());
    assert!(follow(&mut gadget, &[]).is_empty());
}
