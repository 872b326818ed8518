//! Sessions between a client and a server that have to prove who they are.

use omadm::auth::{Login, Nonce, Scheme, Seed};
use omadm::client::{self, Answer, Failed, Fault, Finished, Next, Nonces, Tree, Value};
use omadm::code::{StatusCode, alert_type};
use omadm::message::Format;
use omadm::server::{
    self, Event, Operation, OwnProof, Received, Refusal, Session, Signed, receive_signed,
};
use omadm::{DevInfo, Encoding, GenericAlert, Payload, SessionId};
use proptest::prelude::*;

const SERVER_URI: &str = "https://dm.example.test/dm";
const NODE: &str = "./DCMO/Camera/Operations/Disable";

fn scheme() -> impl Strategy<Value = Scheme> {
    prop::sample::select(Scheme::ALL.to_vec())
}

fn seed(number: u8) -> Seed {
    Seed::new([number; 32])
}

#[derive(Default)]
struct Device {
    runs: u32,
}

impl Tree for Device {
    fn get(&mut self, _: &str) -> Result<Value, StatusCode> {
        Err(StatusCode::COMMAND_NOT_ALLOWED)
    }

    fn exec(&mut self, _: &str, _: Option<&Payload>, _: Option<&str>) -> StatusCode {
        self.runs += 1;
        StatusCode::OK
    }
}

/// A server with one account, and one operation to ask for.
struct Server {
    login: Login,
    scheme: Scheme,
    nonce: Nonce,
    own: Option<OwnProof>,
    session: Option<Session>,
    requests: u8,
    reports: u32,
    is_done: bool,
    refusals: Vec<Refusal>,
}

impl Server {
    fn new(scheme: Scheme) -> Self {
        Self {
            login: Login::new("dev1", "devsecret"),
            scheme,
            nonce: Nonce::new(*b"from before"),
            own: None,
            session: None,
            requests: 0,
            reports: 0,
            is_done: false,
            refusals: Vec::new(),
        }
    }

    /// The reply, and its transport header.
    fn answer(&mut self, request: &[u8], mac: Option<&str>) -> (Vec<u8>, Option<String>) {
        self.requests += 1;
        let settings = server::Settings {
            authentication: Some(server::Authentication {
                login: self.login.clone(),
                scheme: self.scheme,
                nonce: self.nonce.clone(),
                seed: seed(self.requests),
                own: self.own.clone(),
            }),
            ..server::Settings::new(SERVER_URI)
        };
        let message = Encoding::Xml.parse(request).unwrap();
        let signed = Signed { mac, body: request };
        let kept = self.session.take();
        let session = match receive_signed(&settings, kept.clone(), &message, signed) {
            Ok(Received::Turn(turn)) => self.turn(turn),
            Ok(Received::Repeat(session)) => session,
            Err(rejected) => {
                self.refusals.push(rejected.cause);
                self.session = rejected.session.map(|session| *session).or(kept);
                return (rejected.reply, None);
            }
        };
        self.nonce = session.next_nonce().unwrap_or(&self.nonce).clone();
        if let (Some(own), Some(nonce)) = (&mut self.own, session.device_nonce()) {
            own.nonce = nonce.clone();
        }
        let mac = session.mac().map(ToString::to_string);
        let reply = session.reply().to_vec();
        self.session = Some(session);
        (reply, mac)
    }

    fn turn(&mut self, mut turn: server::Turn) -> Session {
        for event in turn.take_events() {
            match event {
                Event::GenericAlert { id, .. } => {
                    self.reports += 1;
                    turn.answer(&id, StatusCode::OK);
                }
                Event::Status { code, .. } => self.is_done = code.is_success(),
                Event::SessionStarted { .. } | Event::MessageRefused { .. } => {}
                Event::ClientEvent { .. }
                | Event::Results { .. }
                | Event::Unanswered { .. }
                | Event::StrayStatus(_)
                | Event::Aborted => panic!("this client does not do that: {event:?}"),
            }
        }
        let operation = Operation::Exec {
            uri: NODE.into(),
            argument: None,
            correlator: None,
        };
        if !self.is_done {
            turn.queue(1, &operation).unwrap();
        }
        turn.finish().unwrap()
    }
}

fn report() -> GenericAlert {
    GenericAlert::new(alert_type::DCMO_OPERATION_COMPLETE, Format::Int)
}

fn settings(schemes: &[Scheme], unasked: Option<Scheme>) -> client::Settings {
    let device = DevInfo::new("urn:uuid:5e9f0001", "Example", "phone");
    client::Settings {
        authentication: Some(client::Authentication {
            login: Login::new("dev1", "devsecret"),
            schemes: schemes.to_vec(),
            unasked,
            nonce: Nonce::new(*b"from before"),
            server: None,
        }),
        ..client::Settings::new(SERVER_URI, device)
    }
}

/// One session, in which each request and each reply may be lost once.
fn converse(
    settings: &client::Settings,
    server: &mut Server,
    device: &mut Device,
    is_line_bad: bool,
) -> Result<Finished, Failed> {
    let id = SessionId::from_number(7);
    let mut session = client::start(settings, id, &[report()]).unwrap();
    loop {
        let mac = session.mac().map(|mac| mac.to_string());
        let (mut reply, mut their_mac) = server.answer(session.request(), mac.as_deref());
        if is_line_bad {
            (reply, their_mac) = server.answer(session.request(), mac.as_deref());
        }
        match session.receive_signed(&reply, their_mac.as_deref(), device)? {
            Next::Continue(next) => session = next,
            Next::Done(finished) => return Ok(finished),
        }
    }
}

fn own(scheme: Scheme) -> OwnProof {
    OwnProof {
        login: Login::new("acme-dm", "srvsecret"),
        scheme,
        nonce: Nonce::new(*b"server's"),
    }
}

fn wants_proof(settings: &mut client::Settings, scheme: Scheme, secret: &str, nonce: &[u8]) {
    settings.authentication.as_mut().unwrap().server = Some(client::ServerProof {
        login: Login::new("acme-dm", secret),
        scheme,
        nonce: Nonce::new(nonce),
        seed: seed(0xAA),
    });
}

proptest! {
    /// With the nonce of before or with another, unasked or asked, over a bad line or a good one.
    #[test]
    fn a_device_with_the_secret_gets_through(
        scheme in scheme(), is_unasked: bool, has_nonce: bool, is_line_bad: bool,
    ) {
        let mut settings = settings(&Scheme::ALL, is_unasked.then_some(scheme));
        let mut server = Server::new(scheme);
        if !has_nonce {
            server.nonce = Nonce::new(*b"another");
        }
        for sessions in 1..4 {
            server.is_done = false;
            let mut device = Device::default();
            let finished = converse(&settings, &mut server, &mut device, is_line_bad).unwrap();
            prop_assert_eq!(finished.answers, [Answer::Acknowledged(StatusCode::OK)]);
            prop_assert_eq!(device.runs, 1);
            prop_assert!(server.is_done);
            // A first message that comes again is told again.
            prop_assert!(server.reports >= sessions);
            if let Some(nonce) = finished.nonces.ours {
                prop_assert_eq!(&nonce, &server.nonce);
                settings.authentication.as_mut().unwrap().nonce = nonce;
            }
            if sessions > 1 && is_unasked && !is_line_bad {
                prop_assert_eq!(server.requests, 2);
            }
            server.requests = 0;
            server.session = None;
        }
    }

    #[test]
    fn a_device_without_the_secret_is_told_nothing(
        scheme in scheme(), is_unasked: bool, is_line_bad: bool,
    ) {
        let mut settings = settings(&Scheme::ALL, is_unasked.then_some(scheme));
        settings.authentication.as_mut().unwrap().login = Login::new("dev1", "guess");
        let mut server = Server::new(scheme);
        let mut device = Device::default();
        let failed = converse(&settings, &mut server, &mut device, is_line_bad).unwrap_err();
        let is_wanted = matches!(failed.cause, Fault::CredentialsWanted {
            code: StatusCode::INVALID_CREDENTIALS, ..
        });
        prop_assert!(is_wanted, "{:?}", failed.cause);
        prop_assert!(failed.answers.iter().all(|answer| !answer.is_acknowledged()));
        prop_assert_eq!((device.runs, server.reports), (0, 0));
        prop_assert_eq!(server.nonce, Nonce::new(*b"from before"));
        let are_denied = server.refusals.iter().all(|it| matches!(it, Refusal::Credentials(_)));
        prop_assert!(are_denied && server.refusals.len() >= 2);
    }

    /// Both ends prove themselves, each by a scheme of its own.
    #[test]
    fn a_server_with_the_secret_is_obeyed(
        scheme in scheme(), own_scheme in scheme(), is_unasked: bool, has_nonce: bool,
        is_line_bad: bool,
    ) {
        let mut settings = settings(&[scheme], is_unasked.then_some(scheme));
        let nonce: &[u8] = if has_nonce { b"server's" } else { b"another" };
        wants_proof(&mut settings, own_scheme, "srvsecret", nonce);
        let mut server = Server::new(scheme);
        server.own = Some(own(own_scheme));
        for _ in 0..3 {
            server.is_done = false;
            server.session = None;
            let mut device = Device::default();
            let finished = converse(&settings, &mut server, &mut device, is_line_bad).unwrap();
            prop_assert_eq!(finished.answers, [Answer::Acknowledged(StatusCode::OK)]);
            prop_assert_eq!(device.runs, 1);
            let Nonces { ours, server: theirs } = finished.nonces;
            let authentication = settings.authentication.as_mut().unwrap();
            authentication.nonce = ours.unwrap_or_default();
            let proof = authentication.server.as_mut().unwrap();
            proof.nonce = theirs.unwrap();
            if own_scheme != Scheme::Basic {
                prop_assert_eq!(&proof.nonce, &server.own.as_ref().unwrap().nonce);
            }
        }
    }

    /// Whatever it says, it runs nothing, and its acknowledgements and nonces do not count.
    #[test]
    fn a_server_without_the_secret_moves_nothing(
        scheme in scheme(), own_scheme in scheme(), has_own: bool, is_unasked: bool,
    ) {
        let mut settings = settings(&[scheme], is_unasked.then_some(scheme));
        wants_proof(&mut settings, own_scheme, "another secret", b"server's");
        let mut server = Server::new(scheme);
        server.own = has_own.then(|| own(own_scheme));
        let mut device = Device::default();
        let failed = converse(&settings, &mut server, &mut device, false).unwrap_err();
        prop_assert!(matches!(failed.cause, Fault::ServerUnproven), "{:?}", failed.cause);
        prop_assert_eq!(failed.answers, [Answer::None]);
        prop_assert_eq!(failed.nonces.ours, None);
        prop_assert_eq!(device.runs, 0);
    }

    #[test]
    fn a_client_is_not_talked_into_another_scheme(
        asked in scheme(), allowed in scheme(), is_unasked: bool,
    ) {
        prop_assume!(asked != allowed);
        let settings = settings(&[allowed], is_unasked.then_some(allowed));
        let mut server = Server::new(asked);
        let failed =
            converse(&settings, &mut server, &mut Device::default(), false).unwrap_err();
        let is_wanted = matches!(failed.cause, Fault::CredentialsWanted { .. });
        prop_assert!(is_wanted, "{:?}", failed.cause);
        prop_assert_eq!(server.requests, 1);
    }
}

#[test]
fn a_changed_octet_breaks_the_digest_over_the_message() {
    let settings = settings(&[Scheme::Mac], Some(Scheme::Mac));
    let mut server = Server::new(Scheme::Mac);
    let session = client::start(&settings, SessionId::from_number(7), &[report()]).unwrap();
    let text = String::from_utf8(session.request().to_vec()).unwrap();
    let forged = text.replace("phone", "phony");
    let mac = session.mac().map(|mac| mac.to_string());
    server.answer(forged.as_bytes(), mac.as_deref());
    assert!(matches!(server.refusals[..], [Refusal::Credentials(_)]));
    assert_eq!(server.reports, 0);
}

#[test]
fn a_message_with_credentials_keeps_to_the_servers_limit() {
    let device = Device::default;
    for limit in 700..1_400 {
        let mut settings = settings(&Scheme::ALL, None);
        settings.server_max_message = limit;
        let id = SessionId::from_number(7);
        let Ok(session) = client::start(&settings, id, &[report(), report()]) else {
            continue;
        };
        let mut server = Server::new(Scheme::Basic);
        let (reply, _) = server.answer(session.request(), None);
        let Ok(Next::Continue(session)) = session.receive(&reply, &mut device()) else {
            panic!("the server challenges");
        };
        assert!(session.request().len() <= limit);
    }
}

#[test]
fn what_was_sent_is_no_second_time_good() {
    let settings = settings(&[Scheme::Md5], Some(Scheme::Md5));
    let mut server = Server::new(Scheme::Md5);
    let mut device = Device::default();
    let session = client::start(&settings, SessionId::from_number(7), &[]).unwrap();
    let overheard = session.request().to_vec();
    converse(&settings, &mut server, &mut device, false).unwrap();
    server.session = None;
    server.answer(&overheard, None);
    assert_eq!(server.refusals.len(), 1);
}
