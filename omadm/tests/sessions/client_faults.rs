//! What the client says to a server that breaks the rules, and to commands it does not serve.

use crate::world::{Server, alert, begin, device, get, session_id};
use omadm::Encoding;
use omadm::client::{Answer, Failed, Fault, Next};
use omadm::code::{AlertCode, StatusCode};
use omadm::message::{
    Challenge, Command, CommandId, CommandName, CommandRef, Group, Item, ItemCommand, Message,
    MessageId, Meta,
};
use omadm::server::Operation;

/// What the client makes of a proper reply that was altered.
fn after(reports: usize, alter: impl FnOnce(&mut Message)) -> Failed {
    let session = begin(reports);
    let mut reply = Encoding::Xml
        .parse(&Server::new(1 << 20).answer(session.request()))
        .unwrap();
    alter(&mut reply);
    session
        .receive(&Encoding::Xml.encode(&reply).unwrap(), &mut device())
        .unwrap_err()
}

fn alter_status(message: &mut Message, place: usize, code: StatusCode) {
    if let Some(Command::Status(status)) = message.commands.get_mut(place) {
        status.code = code;
    }
}

#[test]
fn the_client_refuses_what_is_no_message() {
    let failed = begin(1).receive(b"<html>", &mut device()).unwrap_err();
    assert!(matches!(failed.cause, Fault::Parse(_)));
    assert_eq!(failed.answers, [Answer::None]);
}

#[test]
fn the_client_refuses_another_session_or_version() {
    let failed = after(1, |reply| reply.header.session = session_id(8));
    assert!(matches!(failed.cause, Fault::WrongSession { found } if found == session_id(8)));
    let failed = after(1, |reply| reply.header.protocol = "DM/1.3".into());
    assert!(matches!(failed.cause, Fault::Version { .. }));
}

#[test]
fn a_status_for_another_message_acknowledges_nothing() {
    let failed = after(1, |reply| {
        if let Some(Command::Status(status)) = reply.commands.last_mut() {
            status.message_ref = MessageId(2);
        }
    });
    assert_eq!(failed.answers, [Answer::None]);
    assert!(matches!(
        failed.cause,
        Fault::WrongMessage {
            found: MessageId(2),
            ..
        }
    ));
}

#[test]
fn a_missing_status_is_named_and_the_others_count() {
    let failed = after(2, |reply| drop(reply.commands.pop()));
    assert_eq!(
        failed.answers,
        [Answer::Acknowledged(StatusCode::OK), Answer::None]
    );
    assert!(matches!(
        failed.cause,
        Fault::MissingStatus {
            command: CommandName::Alert,
            id: CommandRef::Command(_)
        }
    ));
    let failed = after(2, |reply| drop(reply.commands.remove(0)));
    assert!(failed.answers.iter().all(|answer| answer.is_acknowledged()));
    assert!(matches!(
        failed.cause,
        Fault::MissingStatus {
            command: CommandName::SyncHdr,
            ..
        }
    ));
}

#[test]
fn a_status_for_what_was_never_sent_is_a_fault() {
    let failed = after(1, |reply| {
        if let Some(Command::Status(status)) = reply.commands.last_mut() {
            status.command = CommandName::Get;
        }
    });
    assert_eq!(failed.answers, [Answer::None]);
    assert!(matches!(
        failed.cause,
        Fault::StrayStatus {
            command: CommandName::Get,
            ..
        }
    ));
}

#[test]
fn an_abort_ends_the_session_and_keeps_what_was_acknowledged() {
    let failed = after(1, |reply| {
        reply.commands.push(alert(AlertCode::SESSION_ABORT));
    });
    assert!(matches!(failed.cause, Fault::Aborted));
    assert_eq!(failed.answers, [Answer::Acknowledged(StatusCode::OK)]);
}

#[test]
fn a_challenge_comes_with_its_nonce() {
    let nonce = Meta {
        next_nonce: Some("bm9uY2U=".into()),
        ..Meta::default()
    };
    let failed = after(1, |reply| {
        for place in 0..reply.commands.len() {
            alter_status(reply, place, StatusCode::MISSING_CREDENTIALS);
        }
        if let Some(Command::Status(status)) = reply.commands.first_mut() {
            status.challenge = Some(Challenge {
                meta: nonce.clone(),
            });
        }
    });
    assert_eq!(
        failed.answers,
        [Answer::Refused(StatusCode::MISSING_CREDENTIALS)]
    );
    let Fault::CredentialsWanted {
        challenge: Some(challenge),
        ..
    } = failed.cause
    else {
        panic!("credentials are wanted");
    };
    assert_eq!(challenge.meta, nonce);
}

#[test]
fn a_refused_introduction_ends_the_session() {
    let failed = after(1, |reply| {
        alter_status(reply, 2, StatusCode::COMMAND_FAILED);
    });
    assert!(matches!(
        failed.cause,
        Fault::CommandRefused {
            command: CommandName::Replace,
            ..
        }
    ));
    let failed = after(1, |reply| alter_status(reply, 0, StatusCode::BAD_REQUEST));
    assert!(matches!(
        failed.cause,
        Fault::HeaderRefused {
            code: StatusCode::BAD_REQUEST
        }
    ));
}

#[test]
fn a_server_that_never_ends_is_cut_off() {
    let mut session = begin(0);
    let mut server = Server::new(1 << 20);
    let mut rounds = 0;
    let cause = loop {
        server.operations.push(Operation::Get {
            uri: "./DevInfo/Man".into(),
        });
        let reply = server.answer(session.request());
        rounds += 1;
        match session.receive(&reply, &mut device()) {
            Ok(Next::Continue(next)) => session = next,
            Ok(Next::Done(_)) => panic!("the server always asks again"),
            Err(failed) => break failed.cause,
        }
    };
    assert!(matches!(cause, Fault::Endless));
    assert_eq!(rounds, omadm::limits::MAX_ROUNDS);
}

#[test]
fn a_repeated_number_is_a_fault() {
    let mut server = Server::new(1 << 20);
    server.operations = vec![Operation::Get {
        uri: "./DevInfo/Man".into(),
    }];
    let session = begin(0);
    let reply = server.answer(session.request());
    let Next::Continue(session) = session.receive(&reply, &mut device()).unwrap() else {
        panic!("the server asked for something");
    };
    let failed = session.receive(&reply, &mut device()).unwrap_err();
    assert!(matches!(
        failed.cause,
        Fault::RepeatedMessage {
            found: MessageId::FIRST
        }
    ));
}

#[test]
fn a_package_of_several_messages_is_asked_for() {
    let session = begin(0);
    let mut reply = Encoding::Xml
        .parse(&Server::new(1 << 20).answer(session.request()))
        .unwrap();
    reply.is_final = false;
    let reply = Encoding::Xml.encode(&reply).unwrap();
    let Next::Continue(session) = session.receive(&reply, &mut device()).unwrap() else {
        panic!("the package is not complete");
    };
    let request = Encoding::Xml.parse(session.request()).unwrap();
    assert!(!request.is_final);
    assert!(matches!(
        request.commands.last(),
        Some(Command::Alert(alert)) if alert.code == AlertCode::NEXT_MESSAGE
    ));
}

/// The codes that the client gives to the commands after its status for the message.
fn codes(commands: Vec<Command>) -> Vec<u16> {
    let session = begin(0);
    let mut reply = Encoding::Xml
        .parse(&Server::new(1 << 20).answer(session.request()))
        .unwrap();
    reply.commands.extend(commands);
    let reply = Encoding::Xml.encode(&reply).unwrap();
    let Next::Continue(session) = session.receive(&reply, &mut device()).unwrap() else {
        panic!("there are commands to answer");
    };
    let request = Encoding::Xml.parse(session.request()).unwrap();
    let code = |command: &Command| {
        if let Command::Status(status) = command {
            Some(status.code.number())
        } else {
            None
        }
    };
    request.commands.iter().skip(1).filter_map(code).collect()
}

#[test]
fn a_sequence_stops_at_its_first_failure_and_an_atomic_is_refused() {
    let group = |commands| Group {
        id: CommandId::at(49),
        no_response: false,
        meta: Meta::default(),
        commands,
    };
    let gets = vec![
        get(50, "./DevInfo/Man"),
        get(51, "./Nowhere"),
        get(52, "./DevInfo/Mod"),
    ];
    assert_eq!(
        codes(vec![Command::Sequence(group(gets.clone()))]),
        [200, 200, 404, 215]
    );
    assert_eq!(
        codes(vec![Command::Atomic(group(gets))]),
        [406, 215, 215, 215]
    );
}

#[test]
fn items_that_fare_differently_have_a_status_each() {
    let mixed = Command::Get(ItemCommand {
        id: CommandId::at(50),
        no_response: false,
        meta: Meta::default(),
        items: vec![
            Item::target("./DevInfo/Man"),
            Item::target("./Nowhere"),
            Item::default(),
        ],
    });
    assert_eq!(codes(vec![mixed]), [200, 404, 412]);
}

#[test]
fn no_status_is_sent_for_what_wants_none() {
    let mut silent = alert(AlertCode::DISPLAY);
    if let Command::Alert(alert) = &mut silent {
        alert.no_response = true;
    }
    assert!(codes(vec![silent]).is_empty());
    assert_eq!(codes(vec![alert(AlertCode::DISPLAY)]), [406]);
}
