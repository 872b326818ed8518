//! Values larger than a message, in both directions.

use crate::world::{SERVER_URI, device, settings};
use omadm::client::{self, Failed, Fault, Next, Value};
use omadm::code::{AlertCode, StatusCode};
use omadm::ddf::Access;
use omadm::message::{Command, CommandId, Item, Message};
use omadm::server::{self, Event, NotNow, Operation, Received, Session};
use omadm::tnds::{Format, Node};
use omadm::tree::{ManagementTree, NothingRuns, Planted};
use omadm::{Encoding, SessionId};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const SERVER: &str = "acme-dm";

/// A tree of leaves, all of which may be read and replaced.
fn tree(leaves: &[String]) -> ManagementTree {
    let leaf =
        |(place, text): (usize, &String)| Node::leaf(place.to_string(), Format::Chr, text.as_str());
    let node = Node::interior("Large", leaves.iter().enumerate().map(leaf));
    let mut tree = ManagementTree::new();
    let open = Planted::permanent([Access::Get, Access::Replace, Access::Add]);
    tree.plant(".", &node, &open).unwrap();
    let all = "Add=*&Get=*&Replace=*";
    tree.set_acl("./Large", all.parse().unwrap()).unwrap();
    tree
}

struct Line {
    encoding: Encoding,
    server: server::Settings,
    client: client::Settings,
    operations: VecDeque<(u64, Operation)>,
    session: Option<Session>,
    codes: BTreeMap<u64, u16>,
    values: BTreeMap<u64, String>,
    /// Each request arrives twice: the first answer was lost.
    is_bad: bool,
    requests: u32,
}

impl Line {
    fn new(encoding: Encoding, limit: usize) -> Self {
        let server = server::Settings {
            encoding,
            max_message: limit,
            max_object: Some(100_000),
            ..server::Settings::new(SERVER_URI)
        };
        let client = client::Settings {
            encoding,
            max_message: limit,
            max_object: Some(100_000),
            server_max_message: limit,
            ..settings(device())
        };
        Self {
            encoding,
            server,
            client,
            operations: VecDeque::new(),
            session: None,
            codes: BTreeMap::new(),
            values: BTreeMap::new(),
            is_bad: false,
            requests: 0,
        }
    }

    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        assert!(request.len() <= self.server.max_message);
        let message = self.encoding.parse(request).unwrap();
        let kept = self.session.take();
        let session = match server::receive(&self.server, kept, &message).unwrap() {
            Received::Turn(turn) => self.turn(turn),
            Received::Repeat(session) => session,
        };
        assert!(session.reply().len() <= self.client.max_message);
        let reply = session.reply().to_vec();
        self.session = Some(session);
        reply
    }

    fn turn(&mut self, mut turn: server::Turn) -> Session {
        for event in turn.take_events() {
            match event {
                Event::Status { tag, code } => drop(self.codes.insert(tag, code.number())),
                Event::Results { tag, value, .. } => {
                    self.values.insert(tag, value.data.into_text().unwrap());
                }
                Event::SessionStarted { .. } | Event::Unanswered { .. } => {}
                Event::GenericAlert { .. }
                | Event::ClientEvent { .. }
                | Event::MessageRefused { .. }
                | Event::StrayStatus(_)
                | Event::Aborted => panic!("this client does not do that: {event:?}"),
            }
        }
        while let Some((tag, operation)) = self.operations.front() {
            match turn.queue(*tag, operation) {
                Ok(()) => drop(self.operations.pop_front()),
                Err(NotNow::Full | NotNow::ClientBusy) => break,
                Err(NotNow::Encode(error)) => panic!("{error}"),
            }
        }
        turn.finish().unwrap()
    }

    fn run(&mut self, tree: &mut ManagementTree) -> Result<(), Failed> {
        let id = SessionId::from_number(7);
        let mut session = client::start(&self.client, id, &[]).unwrap();
        loop {
            self.requests += 1;
            let mut reply = self.answer(session.request());
            // A first message that comes again begins again.
            if self.is_bad && self.requests > 1 {
                reply = self.answer(session.request());
            }
            match session.receive(&reply, &mut tree.acting_as(SERVER, &mut NothingRuns))? {
                Next::Continue(next) => session = next,
                Next::Done(_) => return Ok(()),
            }
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    ("[a-z &<é\u{1F600}\n]{0,40}", 1_usize..80).prop_map(|(text, count)| text.repeat(count))
}

fn replace(place: usize, value: &str) -> Operation {
    Operation::Replace {
        uri: format!("./Large/{place}"),
        value: Value::text(value),
    }
}

proptest! {
    /// Whatever there is to read and to write, in whatever portions: all of it arrives as it was, and
    /// no message is larger than its receiver takes.
    #[test]
    fn large_values_arrive_whole_in_both_directions(
        old in prop::collection::vec(text(), 1..5),
        new in prop::collection::vec(text(), 1..5),
        limit in 1_100_usize..2_500,
        encoding in prop::sample::select(vec![Encoding::Xml, Encoding::Wbxml]),
        is_bad: bool,
    ) {
        let mut tree = tree(&old);
        let mut line = Line::new(encoding, limit);
        line.is_bad = is_bad;
        for (tag, place) in (0..).zip(0..old.len()) {
            let uri = format!("./Large/{place}");
            line.operations.push_back((tag, Operation::Get { uri }));
        }
        for (tag, (place, value)) in (100..).zip(new.iter().enumerate()) {
            let operation = replace(place, value);
            line.operations.push_back((tag, operation));
        }
        line.run(&mut tree).unwrap();
        prop_assert!(line.operations.is_empty());
        for (tag, text) in (0..).zip(&old) {
            prop_assert_eq!(line.codes.get(&tag), Some(&200));
            prop_assert_eq!(line.values.get(&tag), Some(text));
        }
        for (tag, (place, text)) in (100..).zip(new.iter().enumerate()) {
            let is_there = place < old.len();
            let code = if is_there { 200 } else { 404 };
            prop_assert_eq!(line.codes.get(&tag), Some(&code));
            let uri = format!("./Large/{place}");
            let found = tree.text(&uri);
            prop_assert_eq!(found, is_there.then_some(text.as_str()));
        }
    }
}

#[test]
fn a_value_too_large_for_the_device_is_not_begun() {
    let mut tree = tree(&["old".into()]);
    let mut line = Line::new(Encoding::Xml, 2_000);
    line.client.max_object = Some(3_000);
    let large = "x".repeat(3_001);
    line.operations.push_back((1, replace(0, &large)));
    line.run(&mut tree).unwrap();
    assert_eq!(line.operations.len(), 1);
    assert_eq!(line.requests, 1);
    let fits = "x".repeat(3_000);
    line.operations = [(1, replace(0, &fits))].into();
    line.run(&mut tree).unwrap();
    assert_eq!(tree.text("./Large/0").map(str::len), Some(3_000));
}

/// The client's answers to a proper reply that was altered, and the codes in them.
fn after(reply: &[u8], alter: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Encoding::Xml.parse(reply).unwrap();
    alter(&mut message);
    Encoding::Xml.encode(&message).unwrap()
}

fn item_of(message: &mut Message) -> &mut Item {
    let mut items = message.commands.iter_mut().filter_map(|command| {
        if let Command::Replace(replace) = command {
            replace.items.first_mut()
        } else {
            None
        }
    });
    items.next().unwrap()
}

fn codes_of(request: &[u8]) -> Vec<u16> {
    crate::world::codes(&Encoding::Xml.parse(request).unwrap())
}

/// A session in which the first chunk of a value is on its way.
fn begun(large: &str) -> (Line, ManagementTree, client::Awaiting, Vec<u8>) {
    let mut line = Line::new(Encoding::Xml, 2_000);
    line.operations.push_back((1, replace(0, large)));
    let session = client::start(&line.client, SessionId::from_number(7), &[]).unwrap();
    let reply = line.answer(session.request());
    (line, tree(&["old".into()]), session, reply)
}

fn received(
    session: client::Awaiting,
    reply: &[u8],
    tree: &mut ManagementTree,
) -> client::Awaiting {
    match session.receive(reply, &mut tree.acting_as(SERVER, &mut NothingRuns)) {
        Ok(Next::Continue(next)) => next,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chunks_are_counted_and_asked_for() {
    let large = "x".repeat(5_000);
    let (mut line, mut tree, session, reply) = begun(&large);
    let session = received(session, &reply, &mut tree);
    let request = Encoding::Xml.parse(session.request()).unwrap();
    assert_eq!(crate::world::codes(&request), [200, 213]);
    assert!(!request.is_final);
    let last = request.commands.last();
    let asks = matches!(last, Some(Command::Alert(it)) if it.code == AlertCode::NEXT_MESSAGE);
    assert!(asks);
    assert_eq!(tree.text("./Large/0"), Some("old"));
    let reply = Encoding::Xml
        .parse(&line.answer(session.request()))
        .unwrap();
    let ids: Vec<&CommandId> = reply.commands.iter().map(Command::id).collect();
    assert_eq!(ids.len(), 3, "two statuses and a chunk");
}

#[test]
fn a_value_that_is_longer_or_shorter_than_announced_is_not_kept() {
    let large = "x".repeat(2_500);
    for (size, code) in [
        (Some(2_501), 424),
        (Some(100), 424),
        (None, 411),
        (Some(200_000), 416),
    ] {
        let (mut line, mut tree, session, reply) = begun(&large);
        let reply = after(&reply, |message| item_of(message).meta.size = size);
        let mut session = received(session, &reply, &mut tree);
        let mut codes = codes_of(session.request());
        while codes.last() == Some(&213) {
            let reply = line.answer(session.request());
            session = received(session, &reply, &mut tree);
            codes = codes_of(session.request());
        }
        assert_eq!(codes.last(), Some(&code), "{size:?}");
        assert_eq!(tree.text("./Large/0"), Some("old"));
    }
}

#[test]
fn a_value_that_stops_in_the_middle_is_complained_of() {
    let large = "x".repeat(5_000);
    let (mut line, mut tree, session, reply) = begun(&large);
    let session = received(session, &reply, &mut tree);
    let reply = line.answer(session.request());
    let reply = after(&reply, |message| {
        item_of(message).target.as_mut().unwrap().uri = "./Large/1".into();
    });
    let session = received(session, &reply, &mut tree);
    let request = Encoding::Xml.parse(session.request()).unwrap();
    let complains = request.commands.iter().any(
        |command| matches!(command, Command::Alert(it) if it.code == AlertCode::NO_END_OF_DATA),
    );
    assert!(complains);
    assert_eq!(tree.text("./Large/0"), Some("old"));
}

#[test]
fn a_device_that_does_not_take_the_rest_is_not_sent_it() {
    let large = "x".repeat(5_000);
    let (mut line, mut tree, session, reply) = begun(&large);
    let session = received(session, &reply, &mut tree);
    let request = after(session.request(), |message| {
        for command in &mut message.commands {
            if let Command::Status(status) = command
                && status.code == StatusCode::CHUNK_ACCEPTED
            {
                status.code = StatusCode::DEVICE_FULL;
            }
        }
    });
    let reply = Encoding::Xml.parse(&line.answer(&request)).unwrap();
    assert!(reply.is_final);
    assert!(line.session.is_some_and(|session| session.is_over()));
    assert_eq!(line.codes.get(&1), Some(&420));
}

#[test]
fn a_server_that_takes_next_to_nothing_is_given_up() {
    let mut line = Line::new(Encoding::Xml, 1_000_000);
    let mut tree = tree(&["x".repeat(2_000)]);
    let uri = "./Large/0".to_owned();
    line.operations.push_back((1, Operation::Get { uri }));
    let session = client::start(&line.client, SessionId::from_number(7), &[]).unwrap();
    let reply = line.answer(session.request());
    let reply = after(&reply, |message| {
        message.header.meta.max_message_size = Some(800);
    });
    let session = received(session, &reply, &mut tree);
    let reply = after(&line.answer(session.request()), |message| {
        message.header.meta.max_message_size = Some(700);
    });
    let mut runs = NothingRuns;
    let mut acting = tree.acting_as(SERVER, &mut runs);
    let failed = session.receive(&reply, &mut acting).unwrap_err();
    assert!(matches!(failed.cause, Fault::TooLarge { .. }));
}
