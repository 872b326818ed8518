//! The server as devices and administrators meet it: over TLS, on a port.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests write files and start the server"
)]

mod cards;
mod commands;
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
fn an_enrolled_device_is_listed_with_its_company() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let (status, devices) = server.client().get("/api/v1/devices", &server.token());
    assert_eq!(status, 200);
    assert_eq!(devices.as_array().unwrap().len(), 1);
    assert_eq!(devices[0]["id"], device.id.as_str());
    assert_eq!(devices[0]["association"], device.association.to_string());
    assert_eq!(devices[0]["company"], "B Company");
    assert_eq!(devices[0]["version"], 3);
    assert_eq!(devices[0]["model"], "Phone 1");
    assert_eq!(devices[0]["released_at"], Value::Null);
    let one = server
        .client()
        .get(&format!("/api/v1/devices/{}", device.id), &server.token());
    assert_eq!(one.1, devices[0]);
}

#[test]
fn a_foreign_company_enrols_nobody() {
    let server = Running::new();
    let stranger = Company::new("Stranger", 31);
    let refused = server.client().enrol(&Device::new().request(&stranger));
    assert_eq!(codes(refused), (403, "unknown-signer".into()));
}

#[test]
fn a_manifest_that_was_touched_enrols_nobody() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    let mut manifest = request["manifest"].as_str().unwrap().to_owned();
    manifest.truncate(manifest.len() - 4);
    request["manifest"] = format!("{manifest}AAAA").into();
    let (status, code) = codes(server.client().enrol(&request));
    assert!(
        status == 403 && ["bad-signature", "malformed"].contains(&code.as_str()),
        "{code}"
    );
}

#[test]
fn another_cards_endorsement_enrols_nobody() {
    let server = Running::new();
    let device = Device::new();
    let mut request = device.request(&server.company);
    let other = Company {
        card: Company::new("", 77).card,
        ..Company::new("B Company", 11)
    };
    request["endorsement"]["signature"] =
        device.request(&other)["endorsement"]["signature"].clone();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn a_request_for_a_key_that_the_card_did_not_endorse_is_refused() {
    let server = Running::new();
    let device = Device::new();
    let mut request = device.request(&server.company);
    request["csr"] = Device::new().request(&server.company)["csr"].clone();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn an_endorsement_serves_for_its_own_association_only() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    request["association_id"] = uuid::Uuid::new_v4().to_string().into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn a_certificate_request_must_be_signed_by_its_key() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    request["csr"] = "MAMCAQA=".into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (400, "bad-csr".into())
    );
}

#[test]
fn what_is_no_request_is_refused_in_words() {
    let server = Running::new();
    let refused = server.client().enrol(&serde_json::json!({"device_id": 1}));
    assert_eq!(codes(refused), (422, "bad-json".into()));
    let mut request = Device::new().request(&server.company);
    request["device_id"] = "phone".into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (400, "bad-device-id".into())
    );
}

#[test]
fn enrolling_again_gives_a_new_certificate_for_the_same_device() {
    let server = Running::new();
    let device = Device::new();
    let request = device.request(&server.company);
    let (first, second) = (
        server.client().enrol(&request),
        server.client().enrol(&request),
    );
    assert_eq!((first.0, second.0), (200, 200));
    assert_ne!(first.1["certificate"], second.1["certificate"]);
    let devices = server.client().get("/api/v1/devices", &server.token()).1;
    assert_eq!(devices.as_array().unwrap().len(), 1);
}

#[test]
fn a_key_belongs_to_one_device_and_a_device_to_one_key() {
    let server = Running::new();
    let device = Device::new();
    assert_eq!(
        server.client().enrol(&device.request(&server.company)).0,
        200
    );
    let claimed = Device {
        id: Device::new().id,
        association: uuid::Uuid::new_v4(),
        ..device
    };
    let refused = server.client().enrol(&claimed.request(&server.company));
    assert_eq!(codes(refused), (409, "key-in-use".into()));

    let known = Device::new();
    assert_eq!(
        server.client().enrol(&known.request(&server.company)).0,
        200
    );
    let impostor = Device {
        id: known.id,
        ..Device::new()
    };
    let refused = server.client().enrol(&impostor.request(&server.company));
    assert_eq!(codes(refused), (409, "other-key".into()));
}

#[test]
fn an_association_belongs_to_one_device() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let other = Device {
        association: device.association,
        ..Device::new()
    };
    let refused = server.client().enrol(&other.request(&server.company));
    assert_eq!(codes(refused), (409, "association-in-use".into()));
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

/// The program itself.
struct Program {
    child: Child,
    base: String,
}

impl Program {
    fn start(folder: &Path, company: &Company) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cardwarden-server"))
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--company")
            .arg(company.public_key(folder))
            .args(["--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log
            .find_map(|line| {
                line.unwrap()
                    .split_once("address=")
                    .map(|(_, rest)| rest.to_owned())
            })
            .unwrap();
        // The pipe stays open and is emptied, or the program would die of its own log.
        std::thread::spawn(move || log.for_each(drop));
        let port = address.trim().rsplit(':').next().unwrap().to_owned();
        Self {
            child,
            base: format!("https://localhost:{port}"),
        }
    }
}

#[test]
fn sigkill_right_after_the_acknowledgement_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let company = Company::new("B Company", 11);
    let ca = folder.path().join("data/ca.pem");
    let mut program = Program::start(folder.path(), &company);
    let device = Device::new();
    let (_, reply) = Client::new(&program.base, &ca).enrol(&device.request(&company));
    for sequence in 1..=3 {
        let client = Client::of_device(&program.base, &ca, &device, &reply);
        let report = alert(&outcome(
            &device,
            sequence,
            Function::Camera,
            Verdict::Disabled,
        ));
        let answers = session(&client, &device.id, 1, &[report]);
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        assert!(answers[0].is_acknowledged());
        program = Program::start(folder.path(), &company);
        let client = Client::new(&program.base, &ca);
        let outcomes = client.get("/api/v1/outcomes", &token(folder.path())).1;
        assert_eq!(
            outcomes.as_array().unwrap().len(),
            usize::try_from(sequence).unwrap()
        );
    }
    program.child.kill().unwrap();
    program.child.wait().unwrap();
}

#[test]
fn sigterm_ends_it_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), &Company::new("B Company", 11));
    let pid = nix::unistd::Pid::from_raw(program.child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(program.child.wait().unwrap().success());
}
