//! Schedules, and running what they hold.

use crate::samples::fits;
use omadm::client::carry_out;
use omadm::code::StatusCode;
use omadm::message::{Command, CommandId, CommandName, Exec, Group, Item, ItemCommand, Meta};
use omadm::mo::scheduling::{Condition, Schedule, Task, description};
use omadm::tnds::{Format, Node};
use omadm::tree::{ManagementTree, Planted, Run};
use omadm::{Payload, ddf::Access};
use proptest::prelude::*;

fn exec(id: usize, uri: &str) -> Command {
    Command::Exec(Exec {
        id: CommandId::at(id),
        no_response: false,
        meta: Meta::default(),
        correlator: Some("nightly".into()),
        item: Item::target(uri),
    })
}

fn get(id: usize, uri: &str) -> Command {
    Command::Get(ItemCommand {
        id: CommandId::at(id),
        no_response: false,
        meta: Meta::default(),
        items: vec![Item::target(uri)],
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let text = || prop::option::of("[A-Z0-9=;:-]{1,12}");
    prop_oneof![
        ("[0-9T:Z-]{1,20}", text(), text()).prop_map(|(base, recurrence, duration)| {
            Condition::Timer {
                base,
                recurrence,
                duration,
            }
        }),
        ("[./a-z]{1,20}", text(), text(), any::<u32>()).prop_map(|(node, low, high, interval)| {
            Condition::Threshold {
                node,
                low,
                high,
                interval,
            }
        }),
        "[a-z:]{1,20}".prop_map(|event| Condition::Trap { event }),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let text = || prop::option::of("[0-9a-zT:Z -]{1,12}");
    let task = prop::collection::vec("[./A-Za-z]{1,20}", 1..3).prop_map(|uris| Task {
        commands: uris
            .iter()
            .enumerate()
            .map(|(id, uri)| exec(id, uri))
            .collect(),
    });
    let tasks = prop::collection::vec(task, 1..3);
    let conditions = prop::collection::vec(condition(), 0..14);
    let flags = (any::<bool>(), any::<bool>());
    (
        text(),
        text(),
        text(),
        "[a-z.]{1,9}",
        tasks,
        conditions,
        flags,
    )
        .prop_map(
            |(name, not_before, not_after, server, tasks, mut conditions, flags)| {
                conditions.sort_by_key(|it| match it {
                    Condition::Timer { .. } => 0,
                    Condition::Threshold { .. } => 1,
                    Condition::Trap { .. } => 2,
                });
                Schedule {
                    name,
                    not_before,
                    not_after,
                    server,
                    is_active: flags.0,
                    tasks,
                    conditions,
                    report: flags.1,
                }
            },
        )
}

proptest! {
    #[test]
    fn a_schedule_is_read_as_it_was_written(schedule in schedule()) {
        let node = schedule.to_node("Nightly").unwrap();
        let planted = fits(&description(), &node);
        prop_assert_eq!(Schedule::from_node(&planted), Ok(schedule.clone()));
        prop_assert_eq!(Schedule::from_node(&node), Ok(schedule));
    }
}

#[test]
fn what_is_no_schedule_is_named() {
    let schedule = Schedule {
        server: "acme-dm".into(),
        ..Schedule::default()
    };
    let error = Schedule::from_node(&schedule.to_node("X").unwrap()).unwrap_err();
    assert_eq!(error.at, "Task");
    let commands = Node::leaf("Commands", Format::Xml, "<SyncML/>");
    let task = Node::interior("Task", [Node::interior("1", [commands])]);
    let error = Schedule::from_node(&Node::interior("X", [task])).unwrap_err();
    assert_eq!(error.at, "Task/Commands");
}

struct Runs(Vec<String>);

impl Run for Runs {
    fn run(
        &mut self,
        server: &str,
        uri: &str,
        _: Option<&Payload>,
        correlator: Option<&str>,
    ) -> StatusCode {
        self.0.push(format!("{server} {uri} {correlator:?}"));
        StatusCode::OK
    }
}

#[test]
fn a_task_runs_without_a_session_and_with_its_servers_rights() {
    let mut tree = ManagementTree::new();
    let planted = Planted::permanent([Access::Get, Access::Exec]);
    let node = Node::interior(
        "A",
        [
            Node::leaf("Run", Format::Null, ""),
            Node::leaf("B", Format::Chr, "b"),
        ],
    );
    tree.plant(".", &node, &planted).unwrap();
    tree.set_acl("./A", "Get=*&Exec=acme-dm".parse().unwrap())
        .unwrap();
    let mut chunk = get(3, "./A/B");
    if let Command::Get(get) = &mut chunk {
        get.items.first_mut().unwrap().more_data = true;
    }
    let group = Command::Sequence(Group {
        id: CommandId::at(0),
        no_response: false,
        meta: Meta::default(),
        commands: vec![
            exec(1, "./A/Run"),
            get(2, "./A/B"),
            chunk,
            exec(4, "./A/Run"),
        ],
    });
    let mut runs = Runs(Vec::new());
    let done = carry_out(
        &mut tree.acting_as("acme-dm", &mut runs),
        std::slice::from_ref(&group),
    );
    let codes: Vec<u16> = done
        .iter()
        .flat_map(|it| &it.codes)
        .map(|it| it.number())
        .collect();
    assert_eq!(codes, [200, 200, 200, 406, 215]);
    let found = done.iter().find(|it| it.name == CommandName::Get).unwrap();
    let (uri, value) = found.found.first().unwrap();
    assert_eq!((uri.as_str(), value.data.as_text()), ("./A/B", Some("b")));
    assert_eq!(runs.0, ["acme-dm ./A/Run Some(\"nightly\")"]);
    let mut runs = Runs(Vec::new());
    let done = carry_out(&mut tree.acting_as("other-dm", &mut runs), &[group]);
    let codes: Vec<u16> = done
        .iter()
        .flat_map(|it| &it.codes)
        .map(|it| it.number())
        .collect();
    assert_eq!(codes, [200, 425, 215, 215, 215]);
    assert!(runs.0.is_empty());
}
