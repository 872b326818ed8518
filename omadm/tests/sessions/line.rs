//! Client against server, over a line that loses things.

use crate::world::{DeviceTree, Server, Trouble, World, alerts, device, session_id, settings};
use omadm::Encoding;
use omadm::client::{self, Answer};
use omadm::code::StatusCode;
use omadm::limits::MAX_ALERTS;
use omadm::server::Operation;
use proptest::prelude::*;

proptest! {
    /// Requests and replies get lost, the client retries or gives up, the server restarts or
    /// cannot store: once the trouble is over, the server has each report exactly once, and the
    /// client has been told so.
    #[test]
    fn every_report_arrives_once_and_is_acknowledged(
        count in 0_usize..12,
        encoding in prop::sample::select(vec![Encoding::Xml, Encoding::Wbxml]),
        max_message in prop::sample::select(vec![1_500_usize, 2_000, 1 << 20]),
        troubles in prop::collection::vec(crate::world::trouble(), 0..24),
        operations in prop::collection::vec(crate::world::operation(), 0..6),
    ) {
        let mut world = World::new(count, max_message, troubles);
        world.encoding = encoding;
        world.server.operations = operations;
        for _ in 0..200 {
            if world.pending.is_empty() && world.troubles.is_empty() {
                break;
            }
            world.run_session();
            // At no time is the client told of a report that the server does not have.
            let kept = &world.server.kept;
            prop_assert!(world.acknowledged.iter().all(|correlator| kept.contains(correlator)));
        }
        let sent: Vec<String> =
            alerts(count).into_iter().filter_map(|alert| alert.correlator).collect();
        let mut kept = world.server.kept.clone();
        kept.sort();
        prop_assert!(world.pending.is_empty());
        prop_assert_eq!(kept, sent);
    }
}

#[test]
fn a_quiet_line_needs_one_message_and_one_reply() {
    let mut world = World::new(3, 1 << 20, Vec::new());
    world.run_session();
    assert_eq!(world.requests, 1);
    assert_eq!(world.acknowledged.len(), 3);
}

#[test]
fn operations_are_carried_out_and_their_ends_come_back() {
    let mut world = World::new(0, 1 << 20, Vec::new());
    world.server.operations = vec![
        Operation::Get {
            uri: "./DevInfo/Man".into(),
        },
        Operation::Get {
            uri: "./Nowhere".into(),
        },
        Operation::Exec {
            uri: "./DCMO/Camera/Operations/Disable".into(),
            argument: None,
            correlator: Some("acme-4711".into()),
        },
        Operation::Delete {
            uri: "./DevInfo/Man".into(),
        },
        Operation::Get {
            uri: "./DevInfo/Man?prop=ACL".into(),
        },
    ];
    world.run_session();
    assert_eq!(world.requests, 2);
    assert_eq!(world.device.executed, ["acme-4711"]);
    let codes: Vec<u16> = world
        .server
        .statuses
        .values()
        .map(|code| code.number())
        .collect();
    assert_eq!(codes, [200, 404, 202, 405, 406]);
    assert_eq!(world.server.values, [(0, "Example".into())]);
}

#[test]
fn a_value_too_large_for_the_server_is_refused_not_sent() {
    let mut world = World::new(0, 1_500, Vec::new());
    world.device.large = "x".repeat(2_000);
    world.server.settings.max_object = Some(1_999);
    world.server.operations = vec![
        Operation::Get {
            uri: "./Large".into(),
        },
        Operation::Get {
            uri: "./DevInfo/Man".into(),
        },
    ];
    world.run_session();
    let codes: Vec<u16> = world
        .server
        .statuses
        .values()
        .map(|code| code.number())
        .collect();
    assert_eq!(codes, [413, 200]);
}

#[test]
fn a_report_that_was_not_stored_is_not_acknowledged() {
    let mut world = World::new(2, 1 << 20, vec![Trouble::StoreFails]);
    world.run_session();
    assert!(world.acknowledged.is_empty());
    assert_eq!(
        world.last_answers,
        [Answer::Refused(StatusCode::COMMAND_FAILED); 2]
    );
}

#[test]
fn reports_that_do_not_fit_wait_for_the_next_session() {
    let settings = client::Settings {
        server_max_message: 1_500,
        ..settings(device())
    };
    let session = client::start(&settings, session_id(1), &alerts(20)).unwrap();
    assert!(session.request().len() <= 1_500);
    assert!((1..20).contains(&session.taken()));
}

#[test]
fn a_report_that_can_never_be_sent_is_named() {
    let mut reports = alerts(3);
    reports[1].data = "\u{0}".into();
    let roomy = settings(device());
    let session = client::start(&roomy, session_id(1), &reports).unwrap();
    assert_eq!(session.taken(), 1);
    let error = client::start(&roomy, session_id(2), &reports[1..]).unwrap_err();
    assert!(matches!(
        error,
        client::StartError::FirstAlert(client::Unsendable::Encode(_))
    ));
    let small = client::Settings {
        server_max_message: 1_500,
        ..settings(device())
    };
    reports[0].data = "x".repeat(2_000);
    let error = client::start(&small, session_id(3), &reports).unwrap_err();
    assert!(matches!(
        error,
        client::StartError::FirstAlert(client::Unsendable::TooLarge { .. })
    ));
    let tiny = client::Settings {
        server_max_message: 100,
        ..settings(device())
    };
    let error = client::start(&tiny, session_id(3), &[]).unwrap_err();
    assert!(matches!(
        error,
        client::StartError::Package(client::Unsendable::TooLarge { .. })
    ));
}

#[test]
fn a_reply_is_repeated_word_for_word_within_a_session() {
    let mut server = Server::new(1 << 20);
    server.operations = vec![Operation::Get {
        uri: "./DevInfo/Man".into(),
    }];
    let session = client::start(&settings(device()), session_id(1), &[]).unwrap();
    let reply = server.answer(session.request());
    let mut tree = DeviceTree::default();
    let client::Next::Continue(session) = session.receive(&reply, &mut tree).unwrap() else {
        panic!("the server asked for something");
    };
    let first = server.answer(session.request());
    assert_eq!(server.answer(session.request()), first);
    assert_eq!(server.values.len(), 1);
}

#[test]
fn a_long_queue_goes_out_in_several_sessions() {
    let count = 2 * MAX_ALERTS + 1;
    let mut world = World::new(count, 1 << 20, Vec::new());
    for sessions in 1..=3 {
        world.run_session();
        assert_eq!(world.acknowledged.len(), count.min(sessions * MAX_ALERTS));
    }
    assert_eq!(world.requests, 3);
}
