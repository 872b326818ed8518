//! Laws of infrared protocols, on a tree of attributes.

use super::*;
use crate::enforce::tree::{Tree, follow, held, memory};

const OFF: &[Function] = &[Function::Infrared];
const SHOWN: &str = "rc-5 [nec] [rc-6] sony [lirc]\n";

/// Two receivers; the first can wake the machine up.
fn laptop() -> Tree {
    let tree = Tree::new();
    tree.put("sys/class/rc/rc0/protocols", SHOWN);
    tree.put("sys/class/rc/rc0/wakeup_protocols", "rc-5 [rc-6] nec\n");
    tree.put("sys/class/rc/rc1/protocols", "[nec] [lirc]\n");
    tree
}

fn protocols(tree: &Tree, receiver: &str) -> String {
    tree.get(&format!("sys/class/rc/{receiver}/protocols"))
}

fn enforcer(tree: &Tree) -> Infrared {
    Infrared::new(&tree.path("sys"), &memory(tree, ""))
}

/// Shows what the kernel does once nothing is on.
fn show_none(tree: &Tree) {
    tree.put("sys/class/rc/rc0/protocols", "rc-5 nec rc-6 sony [lirc]\n");
    tree.put("sys/class/rc/rc0/wakeup_protocols", "rc-5 rc-6 nec\n");
    tree.put("sys/class/rc/rc1/protocols", "nec [lirc]\n");
}

#[test]
fn nothing_is_touched_while_nothing_is_restricted() {
    let tree = laptop();
    let before = tree.everything();
    assert!(follow(&mut enforcer(&tree), &[Function::Nfc]).is_empty());
    assert_eq!(tree.everything(), before);
}

#[test]
fn every_receiver_decodes_nothing_and_wakes_nothing_up_and_all_of_it_comes_back() {
    let tree = laptop();
    let mut infrared = enforcer(&tree);
    assert!(follow(&mut infrared, OFF).is_empty());
    assert_eq!(protocols(&tree, "rc0"), "none");
    assert_eq!(protocols(&tree, "rc1"), "none");
    assert_eq!(tree.get("sys/class/rc/rc0/wakeup_protocols"), "none");
    show_none(&tree);
    let shown = held(&mut infrared, OFF);
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|one| one.met == Met::Refused));
    assert_eq!(shown[0].proof, "rc0: protocols = none");
    // Another run of the agent.
    let mut infrared = enforcer(&tree);
    assert!(follow(&mut infrared, &[]).is_empty());
    assert_eq!(protocols(&tree, "rc0"), "nec +rc-6");
    assert_eq!(protocols(&tree, "rc1"), "nec");
    assert_eq!(tree.get("sys/class/rc/rc0/wakeup_protocols"), "rc-6");
    assert!(!memory(&tree, "infrared.json").exists());
}

#[test]
fn what_is_off_already_is_not_written_again_and_stays_off_at_the_end() {
    let tree = laptop();
    tree.put("sys/class/rc/rc1/protocols", "nec [lirc]\n");
    let mut infrared = enforcer(&tree);
    follow(&mut infrared, OFF);
    show_none(&tree);
    let before = tree.everything();
    follow(&mut infrared, OFF);
    assert_eq!(tree.everything(), before);
    follow(&mut infrared, &[]);
    assert_eq!(protocols(&tree, "rc1"), "nec [lirc]\n");
}

#[test]
fn what_somebody_sets_meanwhile_is_taken_again_and_does_not_come_back() {
    let tree = laptop();
    let mut infrared = enforcer(&tree);
    follow(&mut infrared, OFF);
    tree.put("sys/class/rc/rc1/protocols", "[sony] nec [lirc]\n");
    assert_eq!(held(&mut infrared, OFF)[2].met, Met::Passed);
    follow(&mut infrared, OFF);
    assert_eq!(protocols(&tree, "rc1"), "none");
    follow(&mut infrared, &[]);
    assert_eq!(protocols(&tree, "rc1"), "nec");
}

#[test]
fn what_was_set_between_the_last_look_and_the_end_is_left() {
    let tree = laptop();
    let mut infrared = enforcer(&tree);
    follow(&mut infrared, OFF);
    tree.put("sys/class/rc/rc1/protocols", "[sony] nec [lirc]\n");
    follow(&mut infrared, &[]);
    assert_eq!(protocols(&tree, "rc1"), "[sony] nec [lirc]\n");
}

#[test]
fn a_receiver_that_refuses_leaves_the_others_off() {
    let mut tree = laptop();
    tree.remove("sys/class/rc/rc0");
    tree.seal("sys/class/rc/rc0/protocols", SHOWN);
    let mut infrared = enforcer(&tree);
    let short = follow(&mut infrared, OFF);
    assert_eq!(short.len(), 1);
    assert!(
        short[0]
            .problem
            .starts_with("rc0: protocols cannot be set to none")
    );
    assert_eq!(protocols(&tree, "rc1"), "none");
}

#[test]
fn a_machine_without_receivers_is_no_failure() {
    let tree = Tree::new();
    let mut infrared = enforcer(&tree);
    assert!(follow(&mut infrared, OFF).is_empty());
    assert!(held(&mut infrared, OFF).is_empty());
    assert!(follow(&mut infrared, &[]).is_empty());
}
