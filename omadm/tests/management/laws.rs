//! What holds for every tree and for whatever servers do with it.

use crate::world::{ACME, OTHER, answer, group, items, tree, write};
use omadm::message::{Command, Item, Location};
use omadm::tnds::Document;
use omadm::tree::{ManagementTree, NothingRuns};
use proptest::prelude::*;

fn uri() -> impl Strategy<Value = String> {
    let tops = vec!["./Vendor", "./Shared", "./Inbox", "./DCMO", "."];
    (
        prop::sample::select(tops),
        prop::option::of("[ABMode/]{1,4}|Mode|Text"),
    )
        .prop_map(|(top, rest)| match rest {
            Some(rest) => format!("{top}/{rest}"),
            None => top.to_owned(),
        })
}

fn command() -> impl Strategy<Value = Command> {
    let texts = vec!["", "1", "x", "Get=*", "Replace=other-dm", "B"];
    let queries = vec!["", "", "", "?prop=ACL", "?prop=Name", "?prop=Title"];
    let text = prop::sample::select(texts);
    let query = prop::sample::select(queries);
    (uri(), uri(), query, text, 0..4, any::<bool>()).prop_map(
        |(uri, other, query, text, kind, is_node)| {
            let mut item = write(&format!("{uri}{query}"), text);
            if is_node {
                item.meta.format = Some(omadm::message::Format::Node);
                item.data = None;
            }
            match kind {
                0 => Command::Add(items(1, vec![item])),
                1 => Command::Replace(items(1, vec![item])),
                2 => Command::Delete(items(1, vec![item])),
                _ => Command::Copy(items(
                    1,
                    vec![Item {
                        source: Some(Location::new(other)),
                        ..Item::target(uri)
                    }],
                )),
            }
        },
    )
}

/// Numbers the commands, so that each has its own.
fn numbered(commands: Vec<Command>) -> Vec<Command> {
    let number = |(place, command): (usize, Command)| match command {
        Command::Add(command) => Command::Add(items(place + 10, command.items)),
        Command::Replace(command) => Command::Replace(items(place + 10, command.items)),
        Command::Delete(command) => Command::Delete(items(place + 10, command.items)),
        Command::Copy(command) => Command::Copy(items(place + 10, command.items)),
        other @ (Command::Alert(_)
        | Command::Atomic(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Results(_)
        | Command::Sequence(_)
        | Command::Status(_)) => other,
    };
    commands.into_iter().enumerate().map(number).collect()
}

fn run(tree: &mut ManagementTree, server: &str, commands: Vec<Command>) -> Vec<u16> {
    answer(&mut tree.acting_as(server, &mut NothingRuns), commands).0
}

proptest! {
    #[test]
    fn an_atomic_group_does_all_or_nothing(
        before in prop::collection::vec(command(), 0..6),
        commands in prop::collection::vec(command(), 1..6),
    ) {
        let mut whole = tree();
        if !before.is_empty() {
            run(&mut whole, ACME, numbered(before));
        }
        let (mut single, start) = (whole.clone(), whole.clone());
        let commands = numbered(commands);
        let codes = run(&mut whole, ACME, vec![Command::Atomic(group(1, commands.clone()))]);
        if codes.first() == Some(&200) {
            run(&mut single, ACME, commands);
            prop_assert_eq!(whole, single);
        } else {
            prop_assert_eq!(codes.first(), Some(&507));
            prop_assert_eq!(whole, start);
        }
    }

    /// Nothing that one server may not replace, add to or delete changes by what it does.
    #[test]
    fn a_server_without_rights_changes_nothing(
        commands in prop::collection::vec(command(), 1..12),
    ) {
        let mut tree = tree();
        tree.set_acl(".", "Get=*".parse().unwrap()).unwrap();
        let before = tree.clone();
        let codes = run(&mut tree, OTHER, numbered(commands));
        prop_assert!(codes.iter().all(|code| *code >= 400));
        prop_assert_eq!(tree, before);
    }

    /// What stays, stays; every tree can be serialised, planted elsewhere, and is the same there.
    #[test]
    fn a_tree_survives_its_serialisation(
        commands in prop::collection::vec(command(), 1..24),
    ) {
        let mut tree = tree();
        run(&mut tree, ACME, numbered(commands));
        let top = tree.children(".").unwrap();
        for name in ["DCMO", "Inbox", "Shared", "Vendor"] {
            prop_assert!(top.contains(&name));
        }
        prop_assert_eq!(tree.children("./Vendor").unwrap(), ["Mode", "Run", "Text"]);
        let shared = tree.node("./Shared").unwrap();
        let document = Document::of([shared.clone()]);
        let read = Document::from_xml(&document.to_xml().unwrap()).unwrap();
        prop_assert_eq!(&read, &document);
        let mut again = ManagementTree::new();
        let planted = omadm::tree::Planted::permanent([]);
        again.plant(".", read.child("Shared").unwrap(), &planted).unwrap();
        prop_assert_eq!(again.node("./Shared").unwrap(), shared);
    }
}
