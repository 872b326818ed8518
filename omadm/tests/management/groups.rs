//! `Sequence` and `Atomic` on a tree that can undo.

use crate::world::{ACME, answer, group, items, tree, write};
use omadm::client::{Tree, Value};
use omadm::code::StatusCode;
use omadm::message::{Command, Item};
use omadm::tree::NothingRuns;

fn replace(id: usize, uri: &str, text: &str) -> Command {
    Command::Replace(items(id, vec![write(uri, text)]))
}

fn codes(tree: &mut dyn Tree, commands: Vec<Command>) -> Vec<u16> {
    answer(tree, commands).0
}

#[test]
fn a_group_is_carried_out_as_a_whole() {
    let mut tree = tree();
    let commands = vec![
        replace(51, "./Vendor/Mode", "2"),
        Command::Add(items(52, vec![write("./Shared/A", "new")])),
    ];
    let atomic = vec![Command::Atomic(group(50, commands))];
    let found = codes(&mut tree.acting_as(ACME, &mut NothingRuns), atomic);
    assert_eq!(found, [200, 200, 200]);
    assert_eq!(tree.text("./Vendor/Mode"), Some("2"));
    assert_eq!(tree.text("./Shared/A"), Some("new"));
    assert_eq!(tree.take_changes().len(), 2);
}

#[test]
fn a_group_that_fails_leaves_nothing_behind() {
    let mut tree = tree();
    let before = tree.clone();
    let commands = vec![
        replace(51, "./Vendor/Mode", "2"),
        Command::Replace(items(
            52,
            vec![write("./Vendor/Text", "x"), write("./Nowhere", "x")],
        )),
        replace(53, "./Vendor/Mode", "3"),
    ];
    let atomic = vec![
        Command::Atomic(group(50, commands)),
        replace(54, "./Vendor/Mode", "4"),
    ];
    let found = codes(&mut tree.acting_as(ACME, &mut NothingRuns), atomic);
    assert_eq!(found, [507, 216, 216, 404, 215, 200]);
    assert_eq!(tree.text("./Vendor/Mode"), Some("4"));
    assert_eq!(tree.text("./Vendor/Text"), before.text("./Vendor/Text"));
    assert_eq!(tree.take_changes().len(), 1);
}

#[test]
fn what_has_no_place_in_a_group_fails_it() {
    let mut tree = tree();
    let get = || Command::Get(items(52, vec![Item::target("./Vendor/Mode")]));
    let nested = Command::Atomic(group(52, vec![get()]));
    for (odd, expected) in [
        (get(), vec![507, 216, 500, 215]),
        (nested, vec![507, 216, 500, 215, 215]),
    ] {
        let commands = vec![
            replace(51, "./Vendor/Mode", "2"),
            odd,
            replace(53, "./Vendor/Mode", "3"),
        ];
        let atomic = vec![Command::Atomic(group(50, commands))];
        let found = codes(&mut tree.acting_as(ACME, &mut NothingRuns), atomic);
        assert_eq!(found, expected);
        assert_eq!(tree.text("./Vendor/Mode"), Some("1"));
    }
}

#[test]
fn a_sequence_keeps_what_it_did_before_it_failed() {
    let mut tree = tree();
    let commands = vec![
        replace(51, "./Vendor/Mode", "2"),
        Command::Atomic(group(
            52,
            vec![
                replace(53, "./Vendor/Mode", "3"),
                replace(54, "./Nowhere", ""),
            ],
        )),
        replace(55, "./Vendor/Mode", "4"),
    ];
    let sequence = vec![Command::Sequence(group(50, commands))];
    let found = codes(&mut tree.acting_as(ACME, &mut NothingRuns), sequence);
    assert_eq!(found, [200, 200, 507, 216, 404, 215]);
    assert_eq!(tree.text("./Vendor/Mode"), Some("2"));
}

/// A tree that takes everything, and can neither keep a group nor undo it.
struct Stubborn {
    can_undo: bool,
    fails_at_the_end: bool,
}

impl Tree for Stubborn {
    fn get(&mut self, _: &str) -> Result<Value, StatusCode> {
        Err(StatusCode::NOT_FOUND)
    }

    fn replace(&mut self, uri: &str, _: &Value) -> StatusCode {
        match uri {
            "./Nowhere" => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }

    fn begin_atomic(&mut self) -> Result<(), StatusCode> {
        Ok(())
    }

    fn end_atomic(&mut self) -> Result<(), StatusCode> {
        if self.fails_at_the_end {
            Err(StatusCode::ATOMIC_FAILED)
        } else {
            Ok(())
        }
    }

    fn roll_back_atomic(&mut self) -> Result<(), StatusCode> {
        if self.can_undo {
            Ok(())
        } else {
            Err(StatusCode::ATOMIC_ROLL_BACK_FAILED)
        }
    }
}

#[test]
fn what_could_not_be_undone_or_kept_is_said() {
    let failing = || {
        let commands = vec![replace(51, "./A", ""), replace(52, "./Nowhere", "")];
        vec![Command::Atomic(group(50, commands))]
    };
    let mut stubborn = Stubborn {
        can_undo: false,
        fails_at_the_end: false,
    };
    assert_eq!(codes(&mut stubborn, failing()), [507, 516, 404]);
    stubborn.fails_at_the_end = true;
    let commands = vec![replace(51, "./A", ""), replace(52, "./B", "")];
    let whole = vec![Command::Atomic(group(50, commands))];
    assert_eq!(codes(&mut stubborn, whole), [507, 216, 216]);
}
