//! Client against server over a line that loses, repeats and reorders what is sent, with packages that
//! do not fit one message.
//!
//! The client does what one over datagrams would do: an answer that belongs to another message is
//! passed over, everything else that is wrong ends the session, and another is begun.

use crate::world::{SERVER_URI, alerts, device, settings};
use omadm::auth::{Login, Nonce, Scheme, Seed};
use omadm::client::{self, Answer, Awaiting, Failed, Fault, Finished, Next, Nonces, Value};
use omadm::code::StatusCode;
use omadm::ddf::Access;
use omadm::server::{self, Event, NotNow, Operation, Received, Session};
use omadm::tnds::{Format, Node};
use omadm::tree::{ManagementTree, Planted, Run};
use omadm::{Encoding, GenericAlert, Payload, SessionId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SERVER: &str = "acme-dm";
const LIMIT: usize = 1_900;

/// What the line does next.
#[derive(Debug, Clone)]
enum Step {
    /// The server gets what the client sent last.
    Request,
    /// The server gets something again that was sent before, in this session or another.
    OldRequest(prop::sample::Index),
    /// The client gets the server's last answer.
    Reply,
    /// The client gets some answer, new or old.
    OldReply(prop::sample::Index),
    /// The client gives the session up.
    Restart,
    /// The server forgets all sessions.
    ServerRestarts,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Request),
        6 => Just(Step::Reply),
        2 => any::<prop::sample::Index>().prop_map(Step::OldRequest),
        2 => any::<prop::sample::Index>().prop_map(Step::OldReply),
        1 => Just(Step::Restart),
        1 => Just(Step::ServerRestarts),
    ]
}

#[derive(Default)]
struct Runs(BTreeMap<String, u32>);

impl Run for Runs {
    fn run(&mut self, _: &str, uri: &str, _: Option<&Payload>, _: Option<&str>) -> StatusCode {
        *self.0.entry(uri.to_owned()).or_default() += 1;
        StatusCode::OK
    }
}

/// One thing to do, and how often it was asked for.
struct Wish {
    operation: Operation,
    asked: u32,
    code: Option<u16>,
}

struct Server {
    settings: server::Settings,
    sessions: BTreeMap<String, Session>,
    kept: BTreeSet<String>,
    wishes: Vec<Wish>,
    values: BTreeMap<u64, String>,
    requests: u32,
}

impl Server {
    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.requests += 1;
        if let Some(wanted) = &mut self.settings.authentication {
            let number = u8::try_from(self.requests % 251).unwrap();
            wanted.seed = Seed::new([number; 32]);
        }
        self.settings.first_command = self.requests * 10_000;
        let request = self.settings.encoding.parse(bytes).unwrap();
        let id = request.header.session.to_string();
        let kept = self.sessions.get(&id).cloned();
        let session = match server::receive(&self.settings, kept, &request) {
            Ok(Received::Turn(turn)) => self.turn(turn),
            Ok(Received::Repeat(session)) => session,
            Err(rejected) => {
                if let Some(session) = rejected.session {
                    self.sessions.insert(id, *session);
                }
                return rejected.reply;
            }
        };
        if let (Some(wanted), Some(nonce)) =
            (&mut self.settings.authentication, session.next_nonce())
        {
            wanted.nonce = nonce.clone();
        }
        let reply = session.reply().to_vec();
        self.sessions.insert(id, session);
        reply
    }

    fn turn(&mut self, mut turn: server::Turn) -> Session {
        for event in turn.take_events() {
            match event {
                Event::GenericAlert { id, alert } => {
                    self.kept.extend(alert.correlator);
                    turn.answer(&id, StatusCode::OK);
                }
                Event::Status { tag, code } => {
                    let wish = self.wishes.get_mut(usize::try_from(tag).unwrap());
                    wish.unwrap().code = Some(code.number());
                }
                Event::Results { tag, value, .. } => {
                    self.values.insert(tag, value.data.into_text().unwrap());
                }
                Event::SessionStarted { .. }
                | Event::Unanswered { .. }
                | Event::MessageRefused { .. }
                | Event::StrayStatus(_) => {}
                Event::ClientEvent { .. } | Event::Aborted => panic!("{event:?}"),
            }
        }
        let is_open = |(tag, wish): &(u64, &mut Wish)| {
            let is_read = matches!(wish.operation, Operation::Get { .. });
            wish.code.is_none() || (is_read && !self.values.contains_key(tag))
        };
        for (tag, wish) in (0..).zip(&mut self.wishes).filter(is_open) {
            match turn.queue(tag, &wish.operation) {
                Ok(()) => wish.asked += 1,
                Err(NotNow::Full | NotNow::ClientBusy) => break,
                Err(NotNow::Encode(error)) => panic!("{error}"),
            }
        }
        turn.finish().unwrap()
    }
}

struct Storm {
    settings: client::Settings,
    server: Server,
    tree: ManagementTree,
    runs: Runs,
    pending: Vec<GenericAlert>,
    acknowledged: BTreeSet<String>,
    sessions: u16,
    requests: Vec<Vec<u8>>,
    replies: Vec<Vec<u8>>,
    session: Option<Awaiting>,
    is_done: bool,
}

fn wish(operation: Operation) -> Wish {
    Wish {
        operation,
        asked: 0,
        code: None,
    }
}

fn wishes(large: &str) -> Vec<Wish> {
    let exec = |name: &str| Operation::Exec {
        uri: format!("./A/{name}"),
        argument: None,
        correlator: None,
    };
    let get = Operation::Get {
        uri: "./A/Old".into(),
    };
    let replace = Operation::Replace {
        uri: "./A/New".into(),
        value: Value::text(large),
    };
    [exec("Run"), get, replace, exec("Go")].map(wish).into()
}

impl Storm {
    fn new(encoding: Encoding, is_md5: bool, old: &str, new: &str) -> Self {
        let login = || Login::new("dev1", "devsecret");
        let wanted = || server::Authentication {
            login: login(),
            scheme: Scheme::Md5,
            nonce: Nonce::new(*b"first"),
            seed: Seed::new([0; 32]),
            own: None,
        };
        let ours = || client::Authentication {
            login: login(),
            schemes: vec![Scheme::Md5],
            unasked: Some(Scheme::Md5),
            nonce: Nonce::new(*b"first"),
            server: None,
        };
        let leaf = |name, text: &str| Node::leaf(name, Format::Chr, text);
        let nodes = [
            leaf("Old", old),
            leaf("New", ""),
            leaf("Run", ""),
            leaf("Go", ""),
        ];
        let mut tree = ManagementTree::new();
        let open = Planted::permanent([Access::Get, Access::Replace, Access::Exec]);
        tree.plant(".", &Node::interior("A", nodes), &open).unwrap();
        let all = "Exec=*&Get=*&Replace=*";
        tree.set_acl("./A", all.parse().unwrap()).unwrap();
        Self {
            settings: client::Settings {
                encoding,
                max_message: LIMIT,
                max_object: Some(100_000),
                server_max_message: LIMIT,
                authentication: is_md5.then(ours),
                ..settings(device())
            },
            server: Server {
                settings: server::Settings {
                    encoding,
                    max_message: LIMIT,
                    authentication: is_md5.then(wanted),
                    ..server::Settings::new(SERVER_URI)
                },
                sessions: BTreeMap::new(),
                kept: BTreeSet::new(),
                wishes: wishes(new),
                values: BTreeMap::new(),
                requests: 0,
            },
            tree,
            runs: Runs::default(),
            pending: alerts(6),
            acknowledged: BTreeSet::new(),
            sessions: 0,
            requests: Vec::new(),
            replies: Vec::new(),
            session: None,
            is_done: false,
        }
    }

    fn begin(&mut self) -> Awaiting {
        self.sessions += 1;
        let id = SessionId::from_number(self.sessions);
        client::start(&self.settings, id, &self.pending).unwrap()
    }

    /// The session under way; a new one if there is none.
    fn awaiting(&mut self) -> Awaiting {
        match self.session.take() {
            Some(session) => session,
            None => self.begin(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Request => {
                let session = self.awaiting();
                self.requests.push(session.request().to_vec());
                self.replies.push(self.server.answer(session.request()));
                self.session = Some(session);
            }
            Step::OldRequest(place) if !self.requests.is_empty() => {
                let request = place.get(&self.requests);
                self.replies.push(self.server.answer(request));
            }
            Step::Reply => {
                let reply = self.replies.last().cloned();
                if let Some(reply) = reply {
                    self.give(&reply);
                }
            }
            Step::OldReply(place) if !self.replies.is_empty() => {
                let reply = place.get(&self.replies).clone();
                self.give(&reply);
            }
            Step::OldRequest(_) | Step::OldReply(_) => {}
            Step::Restart => {
                if let Some(session) = self.session.take() {
                    self.settle(session.answers(), None);
                }
            }
            Step::ServerRestarts => self.server.sessions.clear(),
        }
    }

    fn give(&mut self, reply: &[u8]) {
        let session = self.awaiting();
        let mut acting = self.tree.acting_as(SERVER, &mut self.runs);
        match session.clone().receive(reply, &mut acting) {
            Ok(Next::Continue(next)) => self.session = Some(next),
            Ok(Next::Done(Finished {
                answers, nonces, ..
            })) => {
                self.settle(&answers, Some(nonces));
                self.is_done = true;
            }
            // Another message's answer, late.
            Err(Failed {
                cause:
                    Fault::WrongMessage { .. }
                    | Fault::WrongSession { .. }
                    | Fault::RepeatedMessage { .. },
                ..
            }) => self.session = Some(session),
            Err(failed) => self.settle(&failed.answers, Some(*failed.nonces)),
        }
    }

    fn settle(&mut self, answers: &[Answer], nonces: Option<Nonces>) {
        let mut answers = answers.iter();
        self.pending.retain(|alert| {
            let answer = answers.next();
            let is_through = answer.is_some_and(|answer| answer.is_acknowledged());
            if is_through {
                self.acknowledged.extend(alert.correlator.clone());
            }
            !is_through
        });
        let ours = nonces.and_then(|nonces| nonces.ours);
        if let (Some(nonce), Some(authentication)) = (ours, &mut self.settings.authentication) {
            authentication.nonce = nonce;
        }
    }

    /// Everything that was to be done is done, and both know.
    fn is_settled(&self) -> bool {
        let wishes = &self.server.wishes;
        self.pending.is_empty()
            && wishes.iter().all(|wish| wish.code.is_some())
            && self.server.values.len() == 1
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_done_twice_in_a_storm(
        steps in prop::collection::vec(step(), 0..80),
        encoding in prop::sample::select(vec![Encoding::Xml, Encoding::Wbxml]),
        is_md5: bool,
        (old, new) in ("[a-z &]{0,40}", "[a-z é<]{0,40}"),
        times in 1_usize..90,
    ) {
        let (old, new) = (old.repeat(times), new.repeat(times));
        let mut storm = Storm::new(encoding, is_md5, &old, &new);
        for step in &steps {
            storm.take(step);
            // At no time is the client told of a report that the server does not have.
            prop_assert!(storm.acknowledged.is_subset(&storm.server.kept));
        }
        // The storm is over.
        storm.is_done = false;
        for _ in 0..400 {
            if storm.is_done && storm.is_settled() {
                break;
            }
            storm.take(&Step::Request);
            storm.take(&Step::Reply);
        }
        prop_assert!(storm.is_settled());
        let codes: Vec<u16> = storm.server.wishes.iter().filter_map(|wish| wish.code).collect();
        prop_assert_eq!(codes, [200, 200, 200, 200]);
        prop_assert_eq!(storm.server.values.get(&1), Some(&old));
        prop_assert_eq!(storm.tree.text("./A/New"), Some(new.as_str()));
        // A node is run no more often than it was asked for, however often messages come; and what the
        // server takes for done was done.
        for (wish, uri) in [(0, "./A/Run"), (3, "./A/Go")] {
            let asked = storm.server.wishes.get(wish).map_or(0, |wish| wish.asked);
            let runs = storm.runs.0.get(uri).copied().unwrap_or_default();
            prop_assert!(runs >= 1 && runs <= asked);
        }
    }
}
