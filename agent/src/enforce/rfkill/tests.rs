//! Laws of the radio switches, on a tree of attributes. The node is a plain file here, so that it
//! keeps what was written to it and switches nothing.

use super::*;
use crate::enforce::tree::{Tree, follow, held, memory};

const OFF: &[Function] = &[Function::Bluetooth];
const ALL_OFF: &[Function] = &[Function::Bluetooth, Function::Nfc];
const BLOCK_BLUETOOTH: [u8; 8] = [0, 0, 0, 0, 2, 3, 1, 0];
const UNBLOCK_BLUETOOTH: [u8; 8] = [0, 0, 0, 0, 2, 3, 0, 0];

fn add(tree: &Tree, number: u32, kind: &str, label: &str, soft: &str) {
    let folder = format!("sys/class/rfkill/rfkill{number}");
    tree.put(&format!("{folder}/type"), &format!("{kind}\n"));
    tree.put(&format!("{folder}/name"), &format!("{label}\n"));
    tree.put(&format!("{folder}/soft"), soft);
}

/// A laptop with Bluetooth, NFC and wireless network, all on.
fn laptop() -> Tree {
    let tree = Tree::new();
    tree.put("dev/rfkill", "");
    add(&tree, 0, "bluetooth", "hci0", "0\n");
    add(&tree, 1, "wlan", "phy0", "0\n");
    add(&tree, 2, "nfc", "nfc0", "0\n");
    tree
}

fn soft(tree: &Tree, number: u32) -> String {
    tree.get(&format!("sys/class/rfkill/rfkill{number}/soft"))
}

fn told(tree: &Tree) -> Vec<u8> {
    std::fs::read(tree.path("dev/rfkill")).unwrap()
}

fn enforcer(tree: &Tree) -> Rfkill {
    Rfkill::new(
        &tree.path("sys"),
        &tree.path("dev/rfkill"),
        &memory(tree, ""),
        Rc::default(),
    )
}

/// Runs a law where tasks can be started.
fn law(law: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async { law() });
}

#[test]
fn nothing_is_touched_while_nothing_is_restricted() {
    law(|| {
        let tree = laptop();
        let before = tree.everything();
        assert!(follow(&mut enforcer(&tree), &[]).is_empty());
        assert_eq!(tree.everything(), before);
    });
}

#[test]
fn every_radio_of_the_kind_is_blocked_and_no_other_and_later_ones_are_born_blocked() {
    law(|| {
        let tree = laptop();
        let mut rfkill = enforcer(&tree);
        assert!(follow(&mut rfkill, OFF).is_empty());
        assert_eq!(
            [0, 1, 2].map(|radio| soft(&tree, radio)),
            ["1", "0\n", "0\n"]
        );
        assert_eq!(told(&tree), BLOCK_BLUETOOTH);
        let held = held(&mut rfkill, OFF);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].met, Met::Refused);
        assert_eq!(held[0].proof, "rfkill0 (hci0): soft = 1");
    });
}

#[test]
fn what_is_blocked_already_is_not_written_again() {
    law(|| {
        let tree = laptop();
        let mut rfkill = enforcer(&tree);
        assert!(follow(&mut rfkill, ALL_OFF).is_empty());
        for radio in [0, 2] {
            tree.put(&format!("sys/class/rfkill/rfkill{radio}/soft"), "1\n");
        }
        let before = tree.everything();
        assert!(follow(&mut rfkill, ALL_OFF).is_empty());
        assert_eq!(tree.everything(), before);
    });
}

#[test]
fn what_somebody_unblocks_is_blocked_again_with_those_to_come() {
    law(|| {
        let tree = laptop();
        let mut rfkill = enforcer(&tree);
        follow(&mut rfkill, OFF);
        tree.put("sys/class/rfkill/rfkill0/soft", "0\n");
        assert!(follow(&mut rfkill, OFF).is_empty());
        assert_eq!(soft(&tree, 0), "1");
        assert_eq!(told(&tree), [BLOCK_BLUETOOTH, BLOCK_BLUETOOTH].concat());
    });
}

#[test]
fn what_a_person_blocked_stays_blocked_when_the_policy_ends_and_the_rest_comes_back() {
    law(|| {
        let tree = laptop();
        add(&tree, 3, "bluetooth", "hci1", "1\n");
        follow(&mut enforcer(&tree), OFF);
        // Plugged in meanwhile, and born blocked.
        add(&tree, 4, "bluetooth", "hci2", "1\n");
        // Another run of the agent.
        let mut rfkill = enforcer(&tree);
        follow(&mut rfkill, OFF);
        assert!(follow(&mut rfkill, &[]).is_empty());
        assert_eq!([0, 3, 4].map(|radio| soft(&tree, radio)), ["0", "1\n", "0"]);
        assert!(told(&tree).ends_with(&UNBLOCK_BLUETOOTH));
        assert!(!memory(&tree, "rfkill.json").exists());
        // The end is not repeated: what is blocked from now on is a person's.
        tree.put("sys/class/rfkill/rfkill0/soft", "1\n");
        follow(&mut rfkill, &[]);
        assert_eq!(soft(&tree, 0), "1\n");
    });
}

#[test]
fn who_had_blocked_all_of_a_kind_keeps_later_ones_blocked_too() {
    law(|| {
        let tree = laptop();
        tree.put("sys/class/rfkill/rfkill0/soft", "1\n");
        let mut rfkill = enforcer(&tree);
        follow(&mut rfkill, OFF);
        follow(&mut rfkill, &[]);
        assert_eq!(soft(&tree, 0), "1\n");
        assert_eq!(told(&tree), BLOCK_BLUETOOTH);
    });
}

#[test]
fn a_machine_without_radios_is_no_failure() {
    law(|| {
        let tree = Tree::new();
        let mut rfkill = enforcer(&tree);
        assert!(follow(&mut rfkill, ALL_OFF).is_empty());
        assert!(held(&mut rfkill, ALL_OFF).is_empty());
        assert!(follow(&mut rfkill, &[]).is_empty());
    });
}

#[test]
fn a_radio_that_cannot_be_blocked_leaves_the_others_blocked() {
    law(|| {
        let mut tree = laptop();
        add(&tree, 5, "bluetooth", "hci5", "0\n");
        tree.remove("sys/class/rfkill/rfkill0");
        tree.put("sys/class/rfkill/rfkill0/type", "bluetooth\n");
        tree.put("sys/class/rfkill/rfkill0/name", "hci0\n");
        tree.seal("sys/class/rfkill/rfkill0/soft", "0\n");
        let mut rfkill = enforcer(&tree);
        let short = follow(&mut rfkill, OFF);
        assert_eq!(short.len(), 1);
        assert_eq!(short[0].function, Function::Bluetooth);
        assert!(
            short[0]
                .problem
                .starts_with("rfkill0 (hci0) cannot be blocked")
        );
        assert_eq!(soft(&tree, 5), "1");
        let passed = held(&mut rfkill, OFF);
        let passed: Vec<_> = passed.iter().filter(|one| one.met == Met::Passed).collect();
        assert_eq!(passed.len(), 1);
        assert_eq!(passed[0].proof, "rfkill0 (hci0): soft = 0");
    });
}

#[test]
fn without_the_node_radios_are_blocked_one_by_one_and_the_rest_is_said() {
    law(|| {
        let tree = laptop();
        std::fs::remove_file(tree.path("dev/rfkill")).unwrap();
        let mut rfkill = enforcer(&tree);
        let short = follow(&mut rfkill, OFF);
        assert_eq!(short.len(), 1);
        assert!(short[0].problem.contains("not born blocked"));
        assert_eq!(soft(&tree, 0), "1");
        assert!(follow(&mut rfkill, &[]).is_empty());
        assert_eq!(soft(&tree, 0), "0");
    });
}

#[test]
fn a_link_that_stays_up_is_told() {
    law(|| {
        let tree = laptop();
        tree.put("sys/class/bluetooth/hci0/address", "");
        let mut rfkill = enforcer(&tree);
        follow(&mut rfkill, OFF);
        assert!(
            held(&mut rfkill, OFF)
                .iter()
                .all(|one| one.met == Met::Refused)
        );
        tree.put("sys/class/bluetooth/hci0:42/type", "");
        let held = held(&mut rfkill, OFF);
        assert!(
            held.iter()
                .any(|one| one.met == Met::Passed && one.proof.contains("hci0:42"))
        );
    });
}

/// The listener's law needs a node that gives events: a pipe.
#[tokio::test]
async fn a_radio_that_is_on_nudges_and_one_that_is_blocked_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("rfkill");
    nix::unistd::mkfifo(&node, nix::sys::stat::Mode::S_IRWXU).unwrap();
    tokio::task::LocalSet::new()
        .run_until(async {
            let nudge: Rc<Notify> = Rc::default();
            let mut listener = Listener::new(Rc::clone(&nudge));
            listener.listen(&node);
            let mut events = OpenOptions::new().write(true).open(&node).unwrap();
            // A radio is blocked, another kind is on, ours has gone: nobody minds.
            for quiet in [[2, 2, 1], [1, 2, 0], [2, 1, 0]] {
                events
                    .write_all(&[&[7, 0, 0, 0], &quiet[..], &[0; 25]].concat())
                    .unwrap();
            }
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
            let is_nudged = tokio::time::timeout(std::time::Duration::ZERO, nudge.notified()).await;
            assert!(is_nudged.is_err());
            events
                .write_all(&[&[7, 0, 0, 0, 2, 2, 0, 0][..], &[0; 24]].concat())
                .unwrap();
            tokio::time::timeout(std::time::Duration::from_secs(10), nudge.notified())
                .await
                .unwrap();
            listener.rest();
        })
        .await;
}
