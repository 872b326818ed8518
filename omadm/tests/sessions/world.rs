//! A device, a server, and the line between them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong here fails the test"
)]

use omadm::client::{self, Answer, Next, Tree, Value};
use omadm::code::{AlertCode, StatusCode, alert_type, dcmo};
use omadm::message::{Alert, Command, CommandId, Format, Item, ItemCommand, Message, Meta};
use omadm::server::{self, Event, NotNow, Operation, Received, Session};
use omadm::{DevInfo, Encoding, GenericAlert, Payload, SessionId};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

pub(crate) const SERVER_URI: &str = "https://dm.example.test/dm";

pub(crate) fn device() -> DevInfo {
    DevInfo::new("urn:uuid:5e9f0001", "Example", "phone")
}

pub(crate) fn settings(device: DevInfo) -> client::Settings {
    client::Settings::new(SERVER_URI, device)
}

pub(crate) fn session_id(number: u16) -> SessionId {
    SessionId::from_number(number)
}

/// Reports with correlators in ascending order.
pub(crate) fn alerts(count: usize) -> Vec<GenericAlert> {
    let alert = |number| GenericAlert {
        correlator: Some(format!("association/{number:04}")),
        source: Some("./DCMO/Camera/Operations/Disable".into()),
        data: dcmo::SUCCESS.to_string(),
        ..GenericAlert::new(alert_type::DCMO_OPERATION_COMPLETE, Format::Int)
    };
    (0..count).map(alert).collect()
}

/// What befalls one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// The server never sees it; the client tries again.
    RequestLost,
    /// The client never sees the reply; it tries again.
    ReplyLost,
    /// The client never sees the reply, and gives up.
    ClientRestarts,
    /// The server forgets its sessions before it comes.
    ServerRestarts,
    /// The server cannot store what it is told.
    StoreFails,
}

pub(crate) fn trouble() -> impl Strategy<Value = Trouble> {
    prop::sample::select(vec![
        Trouble::None,
        Trouble::RequestLost,
        Trouble::ReplyLost,
        Trouble::ClientRestarts,
        Trouble::ServerRestarts,
        Trouble::StoreFails,
    ])
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let uris = [
        "./DevInfo/Man",
        "./DevInfo",
        "./Nowhere",
        "./DCMO/Camera/Operations/Disable",
    ];
    (prop::sample::select(uris.to_vec()), 0..4).prop_map(|(uri, kind)| {
        let uri = uri.to_owned();
        match kind {
            0 => Operation::Get { uri },
            1 => Operation::Delete { uri },
            2 => Operation::Replace {
                uri,
                value: Value::text("x"),
            },
            _ => Operation::Exec {
                uri,
                argument: Some(Payload::from("now")),
                correlator: Some("acme".into()),
            },
        }
    })
}

/// `./DevInfo`, a capability that can be disabled, and a leaf as large as the test wants.
#[derive(Debug, Default)]
pub(crate) struct DeviceTree {
    pub executed: Vec<String>,
    pub large: String,
}

impl Tree for DeviceTree {
    fn get(&mut self, uri: &str) -> Result<Value, StatusCode> {
        match uri {
            "./Large" => Ok(Value::text(&self.large)),
            "./DCMO/Camera/Operations/Disable" => Err(StatusCode::COMMAND_NOT_ALLOWED),
            _ => device().get(uri),
        }
    }

    fn exec(&mut self, uri: &str, _: Option<&Payload>, correlator: Option<&str>) -> StatusCode {
        if uri == "./DCMO/Camera/Operations/Disable" {
            self.executed.extend(correlator.map(str::to_owned));
            return StatusCode::ACCEPTED_FOR_PROCESSING;
        }
        self.get(uri)
            .err()
            .unwrap_or(StatusCode::COMMAND_NOT_ALLOWED)
    }
}

/// A server that stores reports by correlator.
pub(crate) struct Server {
    pub settings: server::Settings,
    sessions: BTreeMap<(String, SessionId), Session>,
    pub kept: Vec<String>,
    pub operations: Vec<Operation>,
    pub statuses: BTreeMap<u64, StatusCode>,
    pub values: Vec<(u64, Payload)>,
    store_works: bool,
}

impl Server {
    pub(crate) fn new(max_message: usize) -> Self {
        Self {
            settings: server::Settings {
                max_message,
                ..server::Settings::new(SERVER_URI)
            },
            sessions: BTreeMap::new(),
            kept: Vec::new(),
            operations: Vec::new(),
            statuses: BTreeMap::new(),
            values: Vec::new(),
            store_works: true,
        }
    }

    pub(crate) fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() <= self.settings.max_message);
        // As the content type would say.
        let encoding = match bytes.first() {
            Some(b'<') => Encoding::Xml,
            _ => Encoding::Wbxml,
        };
        let request = encoding.parse(bytes).unwrap();
        self.settings.encoding = encoding;
        let key = (
            request.header.source.uri.clone(),
            request.header.session.clone(),
        );
        let kept = self.sessions.get(&key).cloned();
        let session = match server::receive(&self.settings, kept, &request) {
            Err(rejected) => return rejected.reply,
            Ok(Received::Repeat(session)) => session,
            Ok(Received::Turn(turn)) => self.turn(turn),
        };
        let reply = session.reply().to_vec();
        self.sessions.insert(key, session);
        reply
    }

    fn turn(&mut self, mut turn: server::Turn) -> Session {
        for event in turn.take_events() {
            match event {
                Event::GenericAlert { id, alert } => {
                    if self.store_works {
                        let correlator = alert.correlator.unwrap();
                        if !self.kept.contains(&correlator) {
                            self.kept.push(correlator);
                        }
                        turn.answer(&id, StatusCode::OK);
                    }
                }
                Event::Status { tag, code } => drop(self.statuses.insert(tag, code)),
                Event::Results { tag, value, .. } => self.values.push((tag, value.data)),
                Event::SessionStarted { device, .. } => assert_eq!(device, self::device()),
                Event::ClientEvent { .. }
                | Event::Unanswered { .. }
                | Event::MessageRefused { .. }
                | Event::StrayStatus(_)
                | Event::Aborted => panic!("this client does not do that: {event:?}"),
            }
        }
        for (tag, operation) in (0..).zip(&self.operations) {
            if !self.statuses.contains_key(&tag) {
                match turn.queue(tag, operation) {
                    Ok(()) | Err(NotNow::Full) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        turn.finish().unwrap()
    }
}

/// A session with this many reports, begun.
pub(crate) fn begin(reports: usize) -> client::Awaiting {
    client::start(&settings(device()), session_id(7), &alerts(reports)).unwrap()
}

/// An alert without items.
pub(crate) fn alert(code: AlertCode) -> Command {
    Command::Alert(Alert {
        id: CommandId::at(99),
        no_response: false,
        code,
        correlator: None,
        items: Vec::new(),
    })
}

/// A `Get` of one node.
pub(crate) fn get(id: usize, uri: &str) -> Command {
    Command::Get(ItemCommand {
        id: CommandId::at(id),
        no_response: false,
        meta: Meta::default(),
        items: vec![Item::target(uri)],
    })
}

/// The codes of all statuses of a message.
pub(crate) fn codes(message: &Message) -> Vec<u16> {
    let code = |command: &Command| {
        if let Command::Status(status) = command {
            Some(status.code.number())
        } else {
            None
        }
    };
    message.commands.iter().filter_map(code).collect()
}

pub(crate) struct World {
    pub server: Server,
    pub device: DeviceTree,
    pub pending: Vec<GenericAlert>,
    pub acknowledged: Vec<String>,
    pub last_answers: Vec<Answer>,
    pub troubles: VecDeque<Trouble>,
    pub requests: u32,
    pub encoding: Encoding,
    sessions: u16,
    max_message: usize,
}

impl World {
    pub(crate) fn new(count: usize, max_message: usize, troubles: Vec<Trouble>) -> Self {
        Self {
            server: Server::new(max_message),
            device: DeviceTree::default(),
            pending: alerts(count),
            acknowledged: Vec::new(),
            last_answers: Vec::new(),
            troubles: troubles.into(),
            requests: 0,
            encoding: Encoding::Xml,
            sessions: 0,
            max_message,
        }
    }

    /// One session, ended well or ill.
    pub(crate) fn run_session(&mut self) {
        // Few ids, so that a server meets one again that it remembers.
        self.sessions = self.sessions % 3 + 1;
        let settings = client::Settings {
            server_max_message: self.max_message,
            encoding: self.encoding,
            ..settings(device())
        };
        let id = session_id(self.sessions);
        let mut session = client::start(&settings, id, &self.pending).unwrap();
        let answers = loop {
            let Some(reply) = self.exchange(session.request()) else {
                break session.answers().to_vec();
            };
            match session.receive(&reply, &mut self.device) {
                Ok(Next::Continue(next)) => session = next,
                Ok(Next::Done(finished)) => break finished.answers,
                Err(failed) => break failed.answers,
            }
        };
        let mut verdicts = answers.iter();
        self.pending.retain(|alert| {
            let done = verdicts
                .next()
                .is_some_and(|answer| answer.is_acknowledged());
            if done {
                self.acknowledged.extend(alert.correlator.clone());
            }
            !done
        });
        self.last_answers = answers;
    }

    /// The reply that the client sees in the end; none when it gives up.
    fn exchange(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        loop {
            let trouble = self.troubles.pop_front().unwrap_or(Trouble::None);
            self.requests += 1;
            if trouble == Trouble::RequestLost {
                continue;
            }
            if trouble == Trouble::ServerRestarts {
                self.server.sessions.clear();
            }
            self.server.store_works = trouble != Trouble::StoreFails;
            let reply = self.server.answer(request);
            match trouble {
                Trouble::ReplyLost => {}
                Trouble::ClientRestarts => return None,
                Trouble::None
                | Trouble::RequestLost
                | Trouble::ServerRestarts
                | Trouble::StoreFails => return Some(reply),
            }
        }
    }
}
