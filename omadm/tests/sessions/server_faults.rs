//! What the server says to a client that breaks the rules, and to commands it does not serve.

use crate::world::{SERVER_URI, alert, begin, codes, device, get};
use omadm::code::{AlertCode, StatusCode};
use omadm::limits::{MAX_COMMANDS, MAX_ITEMS};
use omadm::message::{Command, CommandId, CommandName, CommandRef, Message, MessageId, Status};
use omadm::server::{self, Event, Received, Refusal, Session};
use omadm::{DevInfo, Encoding};

/// Package 1 of a client, altered.
fn package_1(alter: impl FnOnce(&mut Message)) -> Message {
    let mut message = Encoding::Xml.parse(begin(1).request()).unwrap();
    alter(&mut message);
    message
}

fn receive(kept: Option<Session>, message: &Message) -> Result<Received, server::Rejected> {
    server::receive(&server::Settings::new(SERVER_URI), kept, message)
}

fn refusal(kept: Option<Session>, alter: impl FnOnce(&mut Message)) -> (Refusal, Vec<u16>) {
    let message = package_1(alter);
    let rejected = receive(kept, &message).unwrap_err();
    let reply = Encoding::Xml.parse(&rejected.reply).unwrap();
    assert!(
        reply
            .commands
            .iter()
            .all(|command| command.name() == CommandName::Status)
    );
    (rejected.cause, codes(&reply))
}

#[test]
fn the_server_refuses_each_breach_with_its_code_for_every_command() {
    let (cause, codes) = refusal(None, |message| message.header.dtd = "1.1".into());
    assert_eq!((cause, codes), (Refusal::Dtd("1.1".into()), vec![505; 4]));
    let (cause, codes) = refusal(None, |message| message.header.protocol = "DM/1.3".into());
    assert_eq!(
        (cause, codes),
        (Refusal::Protocol("DM/1.3".into()), vec![513; 4])
    );
    let (cause, codes) = refusal(None, |message| drop(message.commands.remove(0)));
    assert_eq!((cause, codes), (Refusal::UnknownSession, vec![400; 3]));
    let (cause, codes) = refusal(None, |message| drop(message.commands.remove(1)));
    assert_eq!((cause, codes), (Refusal::NoDevInfo, vec![412; 3]));
    let (cause, _) = refusal(None, |message| message.commands.rotate_right(1));
    assert_eq!(cause, Refusal::SessionAlert);
    let (cause, _) = refusal(None, |message| {
        message.header.source.uri = "urn:uuid:other".into();
    });
    assert_eq!(cause, Refusal::OtherDevice(device().device_id));
    let (cause, _) = refusal(None, |message| {
        if let Command::Replace(replace) = &mut message.commands[1] {
            replace.items.remove(1);
        }
    });
    assert!(matches!(cause, Refusal::DevInfo(missing) if missing.leaf == "Man"));
}

fn turn(kept: Option<Session>, message: &Message) -> server::Turn {
    match receive(kept, message).unwrap() {
        Received::Turn(turn) => turn,
        Received::Repeat(_) => panic!("nothing was said before"),
    }
}

#[test]
fn the_server_takes_the_messages_of_a_session_in_order() {
    let mut first = turn(None, &package_1(|_| ()));
    first
        .queue(
            1,
            &server::Operation::Get {
                uri: "./DevInfo/Man".into(),
            },
        )
        .unwrap();
    let kept = first.finish().unwrap();
    let third = |message: &mut Message| {
        message.header.message = MessageId(3);
        message.commands.clear();
    };
    let (cause, _) = refusal(Some(kept.clone()), third);
    assert_eq!(
        cause,
        Refusal::OutOfOrder {
            found: MessageId(3),
            expected: MessageId(2)
        }
    );
    let second = package_1(|message| {
        message.header.message = MessageId(2);
        message.commands.clear();
    });
    let mut over = turn(Some(kept), &second);
    assert_eq!(over.take_events(), [Event::Unanswered { tag: 1 }]);
    let over = over.finish().unwrap();
    assert!(over.is_over());
    assert!(matches!(
        receive(Some(over.clone()), &second).unwrap(),
        Received::Repeat(_)
    ));
    assert_eq!(refusal(Some(over), third).0, Refusal::Over);
}

#[test]
fn another_devices_session_is_no_session() {
    let kept = turn(None, &package_1(|_| ())).finish().unwrap();
    let (cause, _) = refusal(Some(kept), |message| {
        message.header.source.uri = "urn:uuid:other".into();
        message.header.message = MessageId(2);
        message.commands.clear();
    });
    assert_eq!(cause, Refusal::UnknownSession);
}

#[test]
fn what_a_client_may_not_ask_is_refused_and_the_rest_taken() {
    let message = package_1(|message| message.commands.push(get(9, "./DevInfo/Man")));
    let mut turn = turn(None, &message);
    let events = turn.take_events();
    let [
        Event::SessionStarted { device: found, .. },
        Event::GenericAlert { id, .. },
    ] = events.as_slice()
    else {
        panic!("a session and a report: {events:?}");
    };
    assert_eq!(*found, device());
    turn.answer(id, StatusCode::UNSUPPORTED_FORMAT);
    let reply = Encoding::Xml.parse(turn.finish().unwrap().reply()).unwrap();
    assert_eq!(codes(&reply), [200, 200, 200, 415, 405]);
}

#[test]
fn reports_in_one_alert_are_answered_one_by_one() {
    let message = package_1(|message| {
        if let Command::Alert(alert) = &mut message.commands[2] {
            let mut other = alert.items[0].clone();
            other.source = None;
            alert.items.push(other.clone());
            other.meta.content_type = None;
            alert.items.push(other);
        }
    });
    let mut turn = turn(None, &message);
    for event in turn.take_events() {
        if let Event::GenericAlert { id, alert } = event
            && alert.source.is_some()
        {
            turn.answer(&id, StatusCode::OK);
        }
    }
    let reply = Encoding::Xml.parse(turn.finish().unwrap().reply()).unwrap();
    let codes = reply.commands.iter().skip(3).filter_map(|command| {
        if let Command::Status(status) = command {
            Some((status.code.number(), status.source_refs.len()))
        } else {
            None
        }
    });
    assert_eq!(codes.collect::<Vec<_>>(), [(200, 1), (500, 0), (412, 0)]);
}

#[test]
fn an_unfinished_package_is_answered_by_asking_for_the_rest() {
    let mut turn = turn(None, &package_1(|message| message.is_final = false));
    let operation = server::Operation::Get {
        uri: "./DevInfo/Man".into(),
    };
    assert_eq!(turn.queue(1, &operation), Err(server::NotNow::ClientBusy));
    let kept = turn.finish().unwrap();
    assert!(!kept.is_over());
    let reply = Encoding::Xml.parse(kept.reply()).unwrap();
    assert!(!reply.is_final);
    assert!(matches!(
        reply.commands.last(),
        Some(Command::Alert(alert)) if alert.code == AlertCode::NEXT_MESSAGE
    ));
}

#[test]
fn an_answer_may_come_in_several_messages() {
    let mut first = turn(None, &package_1(|_| ()));
    let operation = server::Operation::Get {
        uri: "./DevInfo/Man".into(),
    };
    first.queue(1, &operation).unwrap();
    let kept = first.finish().unwrap();
    let reply = Encoding::Xml.parse(kept.reply()).unwrap();
    let get = reply.commands.last().unwrap().clone();

    let mut unfinished = turn(Some(kept), &answer(2, &reply, &get, false));
    let code = StatusCode::OK;
    assert_eq!(unfinished.take_events(), [Event::Status { tag: 1, code }]);
    let kept = unfinished.finish().unwrap();
    let reply = Encoding::Xml.parse(kept.reply()).unwrap();
    let next = reply.commands.last().unwrap().clone();

    let mut finished = turn(Some(kept), &answer(3, &reply, &next, true));
    assert_eq!(finished.take_events(), []);
    finished.queue(2, &operation).unwrap();
    assert!(!finished.finish().unwrap().is_over());
}

/// The client's message that gives one command the status 200.
fn answer(message: u32, to: &Message, command: &Command, is_final: bool) -> Message {
    package_1(|request| {
        request.header.message = MessageId(message);
        request.is_final = is_final;
        request.commands = vec![Command::Status(Status {
            id: CommandId::at(0),
            message_ref: to.header.message,
            command_ref: CommandRef::Command(command.id().clone()),
            command: command.name(),
            target_refs: Vec::new(),
            source_refs: Vec::new(),
            credentials: None,
            challenge: None,
            code: StatusCode::OK,
            items: Vec::new(),
        })];
    })
}

#[test]
fn a_client_that_gives_up_gets_a_status_and_nothing_new() {
    let message = package_1(|message| message.commands.push(alert(AlertCode::SESSION_ABORT)));
    let mut turn = turn(None, &message);
    assert!(turn.take_events().contains(&Event::Aborted));
    let operation = server::Operation::Get {
        uri: "./DevInfo/Man".into(),
    };
    assert_eq!(turn.queue(1, &operation), Err(server::NotNow::ClientBusy));
    assert!(turn.finish().unwrap().is_over());
}

#[test]
fn a_reply_is_never_larger_than_the_client_takes() {
    let message = package_1(|message| message.header.meta.max_message_size = Some(2_000));
    let mut turn = turn(None, &message);
    let operation = server::Operation::Get {
        uri: "./DevInfo/Man".into(),
    };
    let queued = (0..100)
        .take_while(|tag| turn.queue(*tag, &operation).is_ok())
        .count();
    assert!((1..100).contains(&queued));
    assert_eq!(turn.queue(0, &operation), Err(server::NotNow::Full));
    let kept = turn.finish().unwrap();
    assert!(kept.reply().len() <= 2_000);
    let reply = Encoding::Xml.parse(kept.reply()).unwrap();
    let gets = reply
        .commands
        .iter()
        .filter(|command| command.name() == CommandName::Get);
    assert_eq!(gets.count(), queued);
    assert_eq!(DevInfo::from_items(&[]).unwrap().unwrap_err().leaf, "DevId");
}

#[test]
fn the_largest_message_can_be_answered_item_by_item() {
    let message = package_1(|message| {
        let Some(Command::Alert(mut report)) = message.commands.pop() else {
            panic!("a report");
        };
        let left = MAX_ITEMS - device().leaves().count();
        report.items = vec![report.items[0].clone(); left];
        message.commands.push(Command::Alert(report));
        let gets = MAX_COMMANDS - message.commands.len();
        message
            .commands
            .extend(std::iter::repeat_n(alert(AlertCode::DISPLAY), gets));
    });
    let message = Encoding::Xml
        .parse(&Encoding::Xml.encode(&message).unwrap())
        .unwrap();
    let mut turn = turn(None, &message);
    let reports = turn.take_events().into_iter().filter_map(|event| {
        if let Event::GenericAlert { id, .. } = event {
            Some(id)
        } else {
            None
        }
    });
    for id in reports.step_by(2) {
        turn.answer(&id, StatusCode::OK);
    }
    let reply = Encoding::Xml.parse(turn.finish().unwrap().reply()).unwrap();
    assert!(reply.commands.len() > MAX_ITEMS);
}
