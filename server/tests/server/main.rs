//! The server as devices and administrators meet it: over TLS, on a port.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests write files and start the server"
)]

mod cards;
mod commands;
mod enrolment;
mod process;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cardwarden_policy::outcome::{ALERT_TYPE, Achieved, Event, FunctionOutcome, Outcome, Tier};
use cardwarden_policy::{Function, Verdict};
use cardwarden_server::{Server, Settings};
use omadm::client::{self, Answer, Next};
use omadm::code::StatusCode;
use omadm::message::Format;
use omadm::{DevInfo, GenericAlert, SessionId};
use serde_json::Value;
use support::{Client, Company, Device};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const XML: &str = "application/vnd.syncml.dm+xml";

/// A server in this process.
struct Running {
    company: Company,
    base: String,
    folder: TempDir,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    fn in_folder(folder: TempDir) -> Self {
        Self::of(Company::new("B Company", 11), folder)
    }

    fn of(company: Company, folder: TempDir) -> Self {
        let settings = Settings {
            data: folder.path().join("data"),
            companies: vec![company.public_key(folder.path())],
            names: vec!["localhost".into()],
        };
        let runtime = Runtime::new().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (server, listener) = runtime.block_on(async {
            let server = Server::open(&settings).await.unwrap();
            (server, TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        let base = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let task = runtime.spawn(server.serve(listener, async {
            stopped.await.unwrap();
        }));
        Self {
            company,
            base,
            folder,
            runtime,
            stop: Some(stop),
            task: Some(task),
        }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("data/ca.pem")
    }

    fn token(&self) -> String {
        token(self.folder.path())
    }

    fn client(&self) -> Client {
        Client::new(&self.base, &self.ca())
    }

    /// A device that has enrolled, and its client.
    fn enrolled(&self) -> (Device, Client) {
        let device = Device::new();
        let (status, reply) = self.client().enrol(&device.request(&self.company));
        assert_eq!(status, 200, "{reply}");
        let client = Client::of_device(&self.base, &self.ca(), &device, &reply);
        (device, client)
    }

    fn outcomes(&self) -> Value {
        self.client().get("/api/v1/outcomes", &self.token()).1
    }

    /// Stops it as SIGTERM does, and gives its folder back.
    fn stop(mut self) -> TempDir {
        self.stop.take().unwrap().send(()).unwrap();
        self.runtime.block_on(self.task.take().unwrap()).unwrap();
        self.folder
    }
}

fn token(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("data/admin-token"))
        .unwrap()
        .trim()
        .to_owned()
}

fn outcome(device: &Device, sequence: u64, function: Function, verdict: Verdict) -> Outcome {
    Outcome {
        id: format!("{}/{sequence}", device.association),
        at: "2026-11-22T09:00:00Z".parse().unwrap(),
        event: Event::Function(FunctionOutcome {
            function,
            verdict,
            result: Achieved::Enforced,
            tier: Tier::KernelOpen,
            enforcers: vec!["cgroup-device".into()],
            proof: "open: EPERM".into(),
            reason: "baseline".into(),
            version: 3,
        }),
    }
}

fn event(device: &Device, sequence: u64, event: Event) -> Outcome {
    Outcome {
        id: format!("{}/{sequence}", device.association),
        at: "2026-11-22T10:00:00Z".parse().unwrap(),
        event,
    }
}

fn alert(outcome: &Outcome) -> GenericAlert {
    GenericAlert {
        correlator: Some(outcome.id.clone()),
        data: serde_json::to_string(outcome).unwrap(),
        ..GenericAlert::new(ALERT_TYPE, Format::Chr)
    }
}

/// One DM session with these alerts.
fn session(client: &Client, device: &str, id: u16, alerts: &[GenericAlert]) -> Vec<Answer> {
    let mut device = DevInfo::new(device, "Example", "Phone 1");
    let settings = client::Settings::new("https://localhost/dm", device.clone());
    let waiting = client::start(&settings, SessionId::from_number(id), alerts).unwrap();
    let (status, reply) = client.post("/dm", XML, waiting.request());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&reply));
    match waiting.receive(&reply, &mut device).unwrap() {
        Next::Done(finished) => finished.answers,
        Next::Continue(_) => panic!("the server asks for nothing yet"),
    }
}

fn codes((status, problem): (u16, Value)) -> (u16, String) {
    let Value::Object(mut problem) = problem else {
        return (status, String::new());
    };
    let code = problem
        .remove("code")
        .and_then(|code| code.as_str().map(str::to_owned));
    (status, code.unwrap_or_default())
}

#[test]
fn the_same_outcome_sent_twice_is_kept_once() {
    let server = Running::new();
    let (device, client) = server.enrolled();
    let off = alert(&outcome(&device, 1, Function::Camera, Verdict::Disabled));
    let acknowledged = vec![Answer::Acknowledged(StatusCode::OK)];
    assert_eq!(
        session(&client, &device.id, 1, std::slice::from_ref(&off)),
        acknowledged
    );
    assert_eq!(
        session(&client, &device.id, 2, std::slice::from_ref(&off)),
        acknowledged
    );
    let outcomes = server.outcomes();
    assert_eq!(outcomes.as_array().unwrap().len(), 1);
    assert_eq!(outcomes[0]["id"], format!("{}/1", device.association));
    assert_eq!(outcomes[0]["event"], "function");
    assert_eq!(outcomes[0]["function"], "camera");
    assert_eq!(outcomes[0]["verdict"], "disabled");
    assert_eq!(outcomes[0]["device"], device.id.as_str());
    assert!(outcomes[0]["received_at"].is_string());
}

#[test]
fn the_latest_word_on_a_function_is_shown_and_a_release_is_noted() {
    let server = Running::new();
    let (device, client) = server.enrolled();
    let released = Event::Released {
        company: "B Company".into(),
    };
    let alerts = [
        outcome(&device, 3, Function::Camera, Verdict::Enabled),
        outcome(&device, 2, Function::Camera, Verdict::Disabled),
        outcome(&device, 1, Function::Bluetooth, Verdict::Disabled),
        event(&device, 4, released),
    ]
    .map(|outcome| alert(&outcome));
    let answers = session(&client, &device.id, 1, &alerts);
    assert!(answers.iter().all(|answer| answer.is_acknowledged()));
    let path = format!("/api/v1/devices/{}", device.id);
    let shown = server.client().get(&path, &server.token()).1;
    assert_eq!(shown["functions"]["camera"]["verdict"], "enabled");
    assert_eq!(shown["functions"]["bluetooth"]["verdict"], "disabled");
    assert_eq!(shown["released_at"], "2026-11-22T10:00:00Z");
}

#[test]
fn lists_are_read_page_by_page() {
    let server = Running::new();
    let (device, client) = server.enrolled();
    let alerts: Vec<GenericAlert> = (1..=5)
        .map(|sequence| {
            alert(&outcome(
                &device,
                sequence,
                Function::Camera,
                Verdict::Disabled,
            ))
        })
        .collect();
    session(&client, &device.id, 1, &alerts);
    let path = format!("/api/v1/devices/{}/outcomes", device.id);
    let page = format!("{path}?after={}/2&limit=2", device.association);
    let (status, outcomes) = server.client().get(&page, &server.token());
    assert_eq!(status, 200, "{outcomes}");
    let ids: Vec<&str> = outcomes
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [3, 4].map(|sequence| format!("{}/{sequence}", device.association))
    );
    let unknown = server
        .client()
        .get(&format!("{path}?after=x"), &server.token());
    assert_eq!(codes(unknown), (400, "unknown-after".into()));
    let after = format!("/api/v1/devices?after={}", device.id);
    assert_eq!(
        server.client().get(&after, &server.token()).1,
        serde_json::json!([])
    );
}

#[test]
fn a_message_of_another_device_than_the_certificate_is_refused() {
    let server = Running::new();
    let (_device, client) = server.enrolled();
    let (other, _client) = server.enrolled();
    let info = DevInfo::new(&other.id, "Example", "Phone 1");
    let settings = client::Settings::new("https://localhost/dm", info);
    let report = alert(&outcome(&other, 1, Function::Camera, Verdict::Enabled));
    let waiting = client::start(&settings, SessionId::from_number(1), &[report]).unwrap();
    let (status, _body) = client.post("/dm", XML, waiting.request());
    assert_eq!(status, 403);
    assert_eq!(server.outcomes(), serde_json::json!([]));
}

#[test]
fn a_message_without_a_certificate_is_refused() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let info = DevInfo::new(&device.id, "Example", "Phone 1");
    let settings = client::Settings::new("https://localhost/dm", info);
    let waiting = client::start(&settings, SessionId::from_number(1), &[]).unwrap();
    let (status, _body) = server.client().post("/dm", XML, waiting.request());
    assert_eq!(status, 403);
}

#[test]
fn a_report_of_a_foreign_association_or_kind_is_refused_and_the_rest_is_kept() {
    let server = Running::new();
    let (device, client) = server.enrolled();
    let (other, _client) = server.enrolled();
    let foreign = alert(&outcome(&other, 1, Function::Camera, Verdict::Enabled));
    let unknown = GenericAlert::new("org.example.weather", Format::Chr);
    let broken = GenericAlert {
        data: "{".into(),
        ..unknown.clone()
    };
    let broken = GenericAlert {
        alert_type: ALERT_TYPE.into(),
        ..broken
    };
    let good = outcome(&device, 1, Function::Camera, Verdict::Disabled);
    let misnamed = GenericAlert {
        correlator: Some("x".into()),
        ..alert(&good)
    };
    let alerts = [foreign, unknown, broken, misnamed, alert(&good)];
    let answers = session(&client, &device.id, 1, &alerts);
    let expected = [
        Answer::Refused(StatusCode::INCOMPLETE_COMMAND),
        Answer::Refused(StatusCode::UNSUPPORTED_FORMAT),
        Answer::Refused(StatusCode::INCOMPLETE_COMMAND),
        Answer::Refused(StatusCode::INCOMPLETE_COMMAND),
        Answer::Acknowledged(StatusCode::OK),
    ];
    assert_eq!(answers, expected);
    assert_eq!(server.outcomes().as_array().unwrap().len(), 1);
}

#[test]
fn other_media_types_and_broken_or_large_messages_are_refused() {
    let server = Running::new();
    let (_device, client) = server.enrolled();
    assert_eq!(client.post("/dm", "text/xml", b"<SyncML/>").0, 415);
    assert_eq!(client.post("/dm", XML, b"<SyncML").0, 400);
    assert_eq!(client.post("/dm", XML, &vec![b' '; 100_000]).0, 413);
    assert_eq!(
        client
            .post("/enrol", "application/json", &vec![b' '; 900_000])
            .0,
        413
    );
    assert_eq!(
        client.post("/dm", XML, b"<SyncML").0,
        400,
        "others are unharmed"
    );
}

#[test]
fn the_administrators_lists_need_the_token() {
    let server = Running::new();
    for path in [
        "/api/v1/devices",
        "/api/v1/outcomes",
        "/api/v1/devices/x/outcomes",
    ] {
        let longer = format!("{}x", server.token());
        for token in ["", "x", &longer] {
            assert_eq!(
                codes(server.client().get(path, token)),
                (401, "no-token".into())
            );
        }
    }
}

#[test]
fn an_unknown_address_is_told_in_words() {
    let server = Running::new();
    let refused = server.client().get("/api/v2/devices", &server.token());
    assert_eq!(codes(refused), (404, "unknown-address".into()));
}

#[test]
fn a_second_start_keeps_keys_token_and_what_was_kept() {
    let server = Running::new();
    let (device, client) = server.enrolled();
    let report = alert(&outcome(&device, 1, Function::Camera, Verdict::Disabled));
    session(&client, &device.id, 1, &[report]);
    let (ca, token) = (std::fs::read(server.ca()).unwrap(), server.token());
    let server = Running::in_folder(server.stop());
    assert_eq!(
        (std::fs::read(server.ca()).unwrap(), server.token()),
        (ca, token)
    );
    assert_eq!(server.outcomes().as_array().unwrap().len(), 1);
}

#[test]
fn secrets_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Running::new();
    let _enrolled = server.enrolled();
    let mode = |name: &str| {
        let path = server.folder.path().join("data").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    for name in [
        "ca-key.pem",
        "server-key.pem",
        "admin-token",
        "cardwarden.db",
        "cardwarden.db-wal",
    ] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(mode("ca.pem"), 0o644);
}
