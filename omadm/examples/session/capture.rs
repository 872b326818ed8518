//! A device and a server in one process: Package 0, credentials, a capability switched off, and the
//! report of it in the next session; with all that goes over the line.

use omadm::auth::{Login, Nonce, Scheme, Seed};
use omadm::client::{self, Next, Nonces};
use omadm::code::StatusCode;
use omadm::code::dcmo::{SUCCESS, enabled_uri};
use omadm::message::Initiator;
use omadm::mo::dcmo::{self, Capability, operation_at};
use omadm::mo::dm_acc::{Account, Credential, Level};
use omadm::notification::{Notification, UiMode, Unverified};
use omadm::server::{self, Event, Operation, Received, Session};
use omadm::tnds::Node;
use omadm::tree::{ManagementTree, Planted, Run};
use omadm::{DevInfo, Encoding, GenericAlert, Payload, SessionId};
use std::fmt::Write as _;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Constants, so that the document stays as it is. A program asks the system for random numbers: a
/// device for each session, a server for each request.
const DEVICE_SEED: Seed = Seed::new([1; 32]);
const SERVER_SEED: [u8; 32] = [2; 32];

/// The account with the server, as a card or a bootstrap message brings it.
fn account() -> Account {
    let credential = |level, name: &str, secret: &str| Credential {
        level,
        kind: Some("DIGEST".into()),
        name: Some(name.into()),
        secret: Some(secret.into()),
        data: Some(b"nonce-0001".to_vec()),
    };
    Account {
        credentials: vec![
            credential(Level::Client, "dev-0001", "devsecret"),
            credential(Level::Server, "acme-dm", "srvsecret"),
        ],
        ..Account::new("acme-dm", "https://dm.acme.test/dm")
    }
}

/// What running a node does on this device: it switches, at once, and reports.
#[derive(Default)]
struct Switches {
    wanted: Vec<(String, bool)>,
    reports: Vec<GenericAlert>,
}

impl Run for Switches {
    fn run(
        &mut self,
        _: &str,
        uri: &str,
        _: Option<&Payload>,
        correlator: Option<&str>,
    ) -> StatusCode {
        let Some((instance, operation)) = operation_at(uri) else {
            return StatusCode::FEATURE_NOT_SUPPORTED;
        };
        let enables = operation == omadm::code::dcmo::Operation::Enable;
        self.wanted.push((enabled_uri(instance), enables));
        let report = dcmo::report(instance, operation, correlator, SUCCESS);
        self.reports.push(report);
        StatusCode::ACCEPTED_FOR_PROCESSING
    }
}

fn tree() -> Outcome<ManagementTree> {
    let mut tree = ManagementTree::new();
    tree.plant(".", &Node::interior("DCMO", []), &Planted::permanent([]))?;
    let camera = Capability::new("Camera", true).to_node("Camera");
    tree.plant_described("./DCMO", &camera, &dcmo::description())?;
    tree.set_acl("./DCMO", "Get=*&Exec=acme-dm".parse()?)?;
    Ok(tree)
}

/// The server: what it asks for, and what it keeps between two requests.
struct Server {
    settings: server::Settings,
    kept: Option<Session>,
    to_ask: Option<Operation>,
    learnt: Vec<String>,
}

impl Server {
    fn new() -> Self {
        let authentication = server::Authentication {
            login: Login::new("dev-0001", "devsecret"),
            scheme: Scheme::Md5,
            // It has lost the device's nonce: the device will be challenged.
            nonce: Nonce::new(*b"lost"),
            seed: Seed::new(SERVER_SEED),
            own: Some(server::OwnProof {
                login: Login::new("acme-dm", "srvsecret"),
                scheme: Scheme::Md5,
                nonce: Nonce::new(*b"nonce-0001"),
            }),
        };
        Self {
            settings: server::Settings {
                authentication: Some(authentication),
                ..server::Settings::new("https://dm.acme.test/dm")
            },
            kept: None,
            to_ask: None,
            learnt: Vec::new(),
        }
    }

    fn answer(&mut self, bytes: &[u8]) -> Outcome<Vec<u8>> {
        let request = Encoding::Xml.parse(bytes)?;
        let session = match server::receive(&self.settings, self.kept.take(), &request) {
            Ok(Received::Repeat(session)) => session,
            Ok(Received::Turn(mut turn)) => {
                for event in turn.take_events() {
                    // This is where a server writes to its disk what it is told, before it says so.
                    if let Event::GenericAlert { id, .. } = &event {
                        turn.answer(id, StatusCode::OK);
                    }
                    self.learnt.push(told(&event));
                }
                if let Some(operation) = self.to_ask.take() {
                    turn.queue(1, &operation)?;
                }
                turn.finish()?
            }
            Err(rejected) => {
                self.learnt.push(rejected.cause.to_string());
                self.kept = rejected.session.map(|session| *session);
                return Ok(rejected.reply);
            }
        };
        if let (Some(wanted), Some(nonce)) =
            (&mut self.settings.authentication, session.next_nonce())
        {
            wanted.nonce = nonce.clone();
        }
        let reply = session.reply().to_vec();
        self.kept = Some(session);
        Ok(reply)
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::SessionStarted { device, .. } => format!("{} has begun a session", device.device_id),
        Event::Status { code, .. } => format!("the operation: {code}"),
        Event::GenericAlert { alert, .. } => format!("report {}: {}", alert.alert_type, alert.data),
        Event::ClientEvent { .. }
        | Event::Results { .. }
        | Event::Unanswered { .. }
        | Event::MessageRefused { .. }
        | Event::StrayStatus(_)
        | Event::Aborted => format!("{event:?}"),
    }
}

/// One session, written down; what to keep for the next.
fn converse(
    settings: &client::Settings,
    id: SessionId,
    reports: &[GenericAlert],
    (server, tree, switches): (&mut Server, &mut ManagementTree, &mut Switches),
    text: &mut String,
) -> Outcome<Nonces> {
    let mut session = client::start(settings, id, reports)?;
    loop {
        write!(text, "Device:\n\n{}", fenced(session.request())?)?;
        let reply = server.answer(session.request())?;
        for learnt in server.learnt.drain(..) {
            write!(text, "*The server learns: {learnt}.*\n\n")?;
        }
        write!(text, "Server:\n\n{}", fenced(&reply)?)?;
        let mut acting = tree.acting_as("acme-dm", switches);
        match session.receive(&reply, &mut acting)? {
            Next::Continue(next) => session = next,
            Next::Done(finished) => return Ok(finished.nonces),
        }
    }
}

/// A message with a line for each element that holds others, and for each that holds a text.
fn fenced(message: &[u8]) -> Outcome<String> {
    let text = String::from_utf8(message.to_vec())?;
    let (_, mut rest) = text
        .split_once("?>")
        .ok_or("a message begins with a declaration")?;
    let (mut lines, mut depth) = (String::from("```xml\n"), 0_usize);
    while let Some((element, after)) = rest.split_once("><") {
        let is_end = element.trim_start_matches('<').starts_with('/');
        let is_leaf = element.contains("</") && !is_end;
        depth = depth.saturating_sub(usize::from(is_end));
        let element = element.trim_start_matches('<');
        writeln!(lines, "{:indent$}<{element}>", "", indent = depth * 2)?;
        let opens = !is_end && !is_leaf && !element.ends_with('/');
        depth = depth.saturating_add(usize::from(opens));
        rest = after;
    }
    write!(lines, "<{rest}\n```\n\n")?;
    Ok(lines)
}

/// The document.
pub(crate) fn capture() -> Outcome<String> {
    let account = account();
    let (mut tree, mut switches) = (tree()?, Switches::default());
    let mut server = Server::new();
    let mut text = "# A session, word for word\n\n".to_owned();
    write!(
        text,
        "What `cargo run -p omadm --example session` prints; a test keeps it true.\n\n"
    )?;

    // The server calls. Anybody could; the account's secret tells.
    let (key, nonce) = account.notification_key().ok_or("no key")?;
    let call = Notification {
        ui_mode: UiMode::Background,
        ..Notification::new("acme-dm", 0x7C)
    };
    let package = call.to_bytes(&key, &nonce)?;
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    let package_0 = package.iter().fold(String::new(), hex);
    write!(text, "## Package 0\n\n```text\n{package_0}\n```\n\n")?;
    let call = Unverified::parse(&package)?.verify(&key, &nonce)?;

    // The device answers the call, and is asked to switch its camera off.
    let device = DevInfo {
        client_version: "1".into(),
        ..DevInfo::new("urn:uuid:5e9f0001", "Example", "phone")
    };
    let mut settings = client::Settings {
        initiator: Initiator::Server,
        authentication: account.authentication(DEVICE_SEED),
        ..client::Settings::new("https://dm.acme.test/dm", device)
    };
    server.to_ask = Some(Operation::Exec {
        uri: "./DCMO/Camera/Operations/Disable".into(),
        argument: None,
        correlator: Some("acme-4711".into()),
    });
    let ends = (&mut server, &mut tree, &mut switches);
    write!(text, "## The server's session\n\n")?;
    let nonces = converse(&settings, call.session_id(), &[], ends, &mut text)?;

    // It was run; now it is so.
    for (uri, enabled) in &switches.wanted {
        tree.set(uri, enabled.to_string())?;
    }

    // The report goes out in the next session, with the nonce that the server gave in this one.
    settings.initiator = Initiator::Client;
    if let (Some(ours), Some(nonce)) = (&mut settings.authentication, nonces.ours) {
        ours.nonce = nonce;
        ours.unasked = Some(Scheme::Md5);
        // TLS has proved the server this time.
        ours.server = None;
    }
    let reports = std::mem::take(&mut switches.reports);
    let ends = (&mut server, &mut tree, &mut switches);
    write!(text, "## The report\n\n")?;
    converse(
        &settings,
        SessionId::from_number(0x7D),
        &reports,
        ends,
        &mut text,
    )?;
    let enabled = tree.text("./DCMO/Camera/Enabled").ok_or("no camera")?;
    writeln!(
        text,
        "In the device's tree, `./DCMO/Camera/Enabled` is {enabled}."
    )?;
    Ok(text)
}
