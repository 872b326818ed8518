//! Laws of device nodes, on a tree of plain files.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::enforce::tree::{Tree, follow, held, memory, refusing};

const OFF: &[Function] = &[Function::Bluetooth];
const BOTH_OFF: &[Function] = &[Function::Bluetooth, Function::Microphone];
const RULE: &str = "run/udev/rules.d/72-cardwarden-node-bluetooth.rules";

fn add(tree: &Tree, device: &str, node: &str, mode: u32) {
    tree.put(&format!("sys/class/{device}/uevent"), "");
    tree.put(&format!("dev/{node}"), "");
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(tree.path(&format!("dev/{node}")), permissions).unwrap();
}

fn laptop() -> Tree {
    let tree = Tree::new();
    add(&tree, "misc/rfkill", "rfkill", 0o664);
    add(&tree, "misc/vhci", "vhci", 0o600);
    add(&tree, "misc/fuse", "fuse", 0o666);
    add(&tree, "sound/pcmC0D0c", "snd/pcmC0D0c", 0o660);
    add(&tree, "sound/pcmC0D0p", "snd/pcmC0D0p", 0o660);
    tree
}

fn modes(tree: &Tree) -> Vec<u32> {
    let nodes = ["rfkill", "vhci", "fuse", "snd/pcmC0D0c", "snd/pcmC0D0p"];
    let mode = |node: &&str| {
        let metadata = std::fs::metadata(tree.path(&format!("dev/{node}"))).unwrap();
        metadata.permissions().mode() & 0o7777
    };
    nodes.iter().map(mode).collect()
}

fn enforcer(tree: &Tree) -> Nodes {
    let places = Places {
        sysfs: &tree.path("sys"),
        devices: &tree.path("dev"),
        rules: &tree.path("run/udev/rules.d"),
    };
    Nodes::new(places, &memory(tree, ""))
}

const OPEN: [u32; 5] = [0o664, 0o600, 0o666, 0o660, 0o660];

#[test]
fn nothing_is_touched_while_nothing_is_restricted() {
    let tree = laptop();
    let before = tree.everything();
    assert!(follow(&mut enforcer(&tree), &[Function::Usb]).is_empty());
    assert_eq!(tree.everything(), before);
    assert_eq!(modes(&tree), OPEN);
}

#[test]
fn the_nodes_of_what_is_off_are_roots_alone_and_no_others() {
    let tree = laptop();
    let mut nodes = enforcer(&tree);
    assert!(follow(&mut nodes, BOTH_OFF).is_empty());
    assert_eq!(modes(&tree), [0o644, 0o600, 0o666, 0o600, 0o660]);
    let rule = tree.get(RULE);
    assert!(rule.contains(&format!("TEST!=\"{}\"", tree.path(RULE).display())));
    let held = held(&mut nodes, BOTH_OFF);
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|one| one.met == Met::Refused));
    assert!(held[0].proof.ends_with("snd/pcmC0D0c: mode = 0600"));
}

#[test]
fn everything_comes_back_as_it_was_even_after_a_restart_and_udev_is_told() {
    let tree = laptop();
    follow(&mut enforcer(&tree), BOTH_OFF);
    let mut nodes = enforcer(&tree);
    follow(&mut nodes, OFF);
    assert_eq!(modes(&tree), [0o644, 0o600, 0o666, 0o660, 0o660]);
    assert!(follow(&mut nodes, &[]).is_empty());
    assert_eq!(modes(&tree), OPEN);
    assert!(!tree.path(RULE).exists());
    assert!(!memory(&tree, "nodes.json").exists());
    assert_eq!(tree.get("sys/class/sound/pcmC0D0c/uevent"), "change");
    assert_eq!(tree.get("sys/class/misc/rfkill/uevent"), "change");
    assert_eq!(tree.get("sys/class/misc/fuse/uevent"), "");
    // And once only.
    tree.put("sys/class/misc/rfkill/uevent", "");
    follow(&mut nodes, &[]);
    assert_eq!(tree.get("sys/class/misc/rfkill/uevent"), "");
}

#[test]
fn what_is_closed_already_is_not_written_again() {
    let tree = laptop();
    let mut nodes = enforcer(&tree);
    follow(&mut nodes, BOTH_OFF);
    let inode =
        |path: &str| std::os::unix::fs::MetadataExt::ino(&tree.path(path).metadata().unwrap());
    let before = (tree.everything(), inode(RULE), inode("run/nodes.json"));
    assert!(follow(&mut nodes, BOTH_OFF).is_empty());
    let after = (tree.everything(), inode(RULE), inode("run/nodes.json"));
    assert_eq!(after, before);
}

#[test]
fn what_a_person_had_closed_or_set_meanwhile_stays_so() {
    let tree = laptop();
    let rfkill = tree.path("dev/rfkill");
    std::fs::set_permissions(&rfkill, std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut nodes = enforcer(&tree);
    follow(&mut nodes, OFF);
    follow(&mut nodes, &[]);
    assert_eq!(modes(&tree)[0], 0o400);

    let tree = laptop();
    let rfkill = tree.path("dev/rfkill");
    let mut nodes = enforcer(&tree);
    follow(&mut nodes, OFF);
    std::fs::set_permissions(&rfkill, std::fs::Permissions::from_mode(0o440)).unwrap();
    follow(&mut nodes, &[]);
    assert_eq!(modes(&tree)[0], 0o440);
}

#[test]
fn where_kernel_programs_refuse_the_nodes_keep_their_modes() {
    let tree = laptop();
    let mut found = Found::default();
    found.inventory.majors.insert(116, Function::Microphone);
    let decision = refusing(&[Function::Microphone]);
    let goal = Goal {
        decision: &decision,
        found: &found,
    };
    let before = tree.everything();
    let mut nodes = enforcer(&tree);
    assert!(nodes.tighten(goal).is_empty());
    assert!(nodes.loosen(goal).is_empty());
    assert!(nodes.held(goal).is_empty());
    assert_eq!(tree.everything(), before);
}

#[test]
fn a_rule_that_cannot_be_written_leaves_the_nodes_closed() {
    let tree = laptop();
    // A file stands where the folder would be.
    tree.put("run/udev/rules.d", "");
    let mut nodes = enforcer(&tree);
    let short = follow(&mut nodes, BOTH_OFF);
    let functions: Vec<Function> = short.iter().map(|one| one.function).collect();
    assert_eq!(functions, [Function::Microphone, Function::Bluetooth]);
    assert_eq!(modes(&tree), [0o644, 0o600, 0o666, 0o600, 0o660]);
}

#[test]
fn a_machine_without_such_nodes_is_no_failure() {
    let tree = Tree::new();
    let mut nodes = enforcer(&tree);
    assert!(follow(&mut nodes, BOTH_OFF).is_empty());
    assert!(held(&mut nodes, BOTH_OFF).is_empty());
    assert!(follow(&mut nodes, &[]).is_empty());
}
