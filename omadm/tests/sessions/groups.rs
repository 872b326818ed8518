//! Groups of operations, from the server to the device's tree and back.

use crate::world::{World, device};
use omadm::client::Value;
use omadm::server::Operation;

fn get(uri: &str) -> Operation {
    Operation::Get { uri: uri.into() }
}

#[test]
fn each_operation_of_a_sequence_has_its_own_answer() {
    let mut world = World::new(0, 1 << 20, Vec::new());
    let inner = Operation::Sequence {
        operations: vec![(11, get("./DevInfo/Mod")), (12, get("./Nowhere"))],
    };
    let operations = vec![
        (10, get("./DevInfo/Man")),
        (20, inner),
        (30, get("./DevInfo/Lang")),
    ];
    world.server.operations = vec![Operation::Sequence { operations }, get("./DevInfo/DmV")];
    world.run_session();
    let codes: Vec<(u64, u16)> = world
        .server
        .statuses
        .iter()
        .map(|(tag, code)| (*tag, code.number()))
        .collect();
    let expected = [
        (0, 200),
        (1, 200),
        (10, 200),
        (11, 200),
        (12, 404),
        (20, 200),
        (30, 215),
    ];
    assert_eq!(codes, expected);
    let values: Vec<u64> = world.server.values.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(values, [10, 11, 1]);
    assert_eq!(world.requests, 2);
}

#[test]
fn a_device_that_cannot_undo_does_nothing_of_an_atomic_group() {
    let mut world = World::new(0, 1 << 20, Vec::new());
    let replace = Operation::Replace {
        uri: "./DevInfo/Man".into(),
        value: Value::text(device().manufacturer),
    };
    let copy = Operation::Copy {
        source: "./DevInfo/Man".into(),
        target: "./DevInfo/Mod".into(),
    };
    let operations = vec![(10, replace), (11, copy)];
    world.server.operations = vec![Operation::Atomic { operations }];
    world.run_session();
    let codes: Vec<u16> = world
        .server
        .statuses
        .values()
        .map(|it| it.number())
        .collect();
    assert_eq!(codes, [406, 215, 215]);
}
