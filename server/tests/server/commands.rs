//! What an administrator asks of devices, as it reaches them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cardwarden_policy::mo::{GROUP_NODE, RELEASE_NODE};
use omadm::client::{Awaiting, Tree, Value as Node};

use super::*;

/// A device's tree that notes what it is asked, and answers all of it alike.
struct Noting {
    code: StatusCode,
    asked: Vec<(String, String)>,
}

impl Tree for Noting {
    fn get(&mut self, _uri: &str) -> Result<Node, StatusCode> {
        Err(StatusCode::NOT_FOUND)
    }

    fn replace(&mut self, uri: &str, value: &Node) -> StatusCode {
        let text = value.data.as_text().unwrap().to_owned();
        self.asked.push((uri.to_owned(), text));
        self.code
    }
}

struct Asking {
    server: Running,
    device: Device,
    client: Client,
    sessions: std::cell::Cell<u16>,
}

impl Asking {
    fn new() -> Self {
        let server = Running::new();
        let (device, client) = server.enrolled();
        Self {
            server,
            device,
            client,
            sessions: std::cell::Cell::new(0),
        }
    }

    fn ask(&self, what: &str, body: &[u8]) -> (u16, Value) {
        let path = format!("/api/v1/devices/{}/{what}", self.device.id);
        self.server.client().ask(&path, &self.server.token(), body)
    }

    fn ask_group(&self, group: &str) {
        let wish = serde_json::json!({"group": group}).to_string();
        assert_eq!(self.ask("group", wish.as_bytes()).0, 202);
    }

    fn ask_release(&self) -> Vec<u8> {
        let company = &self.server.company;
        let statement = company.release(&self.device.id, self.device.association);
        let (status, command) = self.ask("release", &statement);
        assert_eq!((status, &command["state"]), (202, &"waiting".into()));
        statement
    }

    /// State and status of every command.
    fn states(&self) -> Vec<(String, Option<u64>)> {
        let path = format!("/api/v1/devices/{}/commands", self.device.id);
        let (_, commands) = self.server.client().get(&path, &self.server.token());
        let state = |command: &Value| {
            (
                command["state"].as_str().unwrap().to_owned(),
                command["status"].as_u64(),
            )
        };
        commands.as_array().unwrap().iter().map(state).collect()
    }

    fn begin(&self, name: Option<String>) -> Awaiting {
        self.sessions.set(self.sessions.get() + 1);
        let info = DevInfo::new(&self.device.id, "Example", "Phone 1");
        let settings = client::Settings {
            name,
            ..client::Settings::new("https://localhost/dm", info)
        };
        client::start(&settings, SessionId::from_number(self.sessions.get()), &[]).unwrap()
    }

    /// A whole session, whose commands are all answered with `code`; what was asked.
    fn session_named(&self, name: Option<String>, code: StatusCode) -> Vec<(String, String)> {
        let mut tree = Noting {
            code,
            asked: Vec::new(),
        };
        let mut awaiting = self.begin(name);
        loop {
            let (status, reply) = self.client.post("/dm", XML, awaiting.request());
            assert_eq!(status, 200);
            match awaiting.receive(&reply, &mut tree).unwrap() {
                Next::Continue(next) => awaiting = next,
                Next::Done(_) => return tree.asked,
            }
        }
    }

    /// The device reports that it was released.
    fn end(&self) {
        let released = Event::Released {
            company: "B Company".into(),
        };
        let report = alert(&event(&self.device, 1, released));
        let answers = session(&self.client, &self.device.id, 99, &[report]);
        assert!(answers[0].is_acknowledged());
    }

    fn session(&self, code: StatusCode) -> Vec<(String, String)> {
        self.session_named(None, code)
    }
}

#[test]
fn a_release_whose_association_had_ended_already_is_done() {
    let asking = Asking::new();
    asking.ask_release();
    asking.session(StatusCode::NOT_FOUND);
    assert_eq!(asking.states(), [("refused".into(), Some(404))]);
    asking.end();
    assert_eq!(asking.states(), [("done".into(), Some(404))]);
}

#[test]
fn a_release_reaches_its_device_in_the_next_session_and_only_there() {
    let asking = Asking::new();
    let statement = BASE64_STANDARD.encode(asking.ask_release());
    let asked = asking.session(StatusCode::OK);
    assert_eq!(asked, [(RELEASE_NODE.to_owned(), statement)]);
    assert_eq!(asking.states(), [("done".into(), Some(200))]);
    assert_eq!(asking.session(StatusCode::OK), []);
}

#[test]
fn a_release_that_is_handed_in_twice_is_one_command() {
    let asking = Asking::new();
    asking.ask_release();
    asking.ask_release();
    assert_eq!(asking.states().len(), 1);
}

#[test]
fn a_command_whose_answer_was_lost_is_given_again() {
    let asking = Asking::new();
    asking.ask_group("site-berlin");
    let lost = asking.begin(None);
    let (status, reply) = asking.client.post("/dm", XML, lost.request());
    assert_eq!(status, 200);
    let mut tree = Noting {
        code: StatusCode::OK,
        asked: Vec::new(),
    };
    let Ok(Next::Continue(_answer)) = lost.receive(&reply, &mut tree) else {
        panic!("the server asks for something");
    };
    assert_eq!(asking.session(StatusCode::OK), tree.asked);
    assert_eq!(asking.states(), [("done".into(), Some(200))]);
}

#[test]
fn what_the_device_refuses_is_told_and_not_asked_again() {
    let asking = Asking::new();
    asking.ask_release();
    asking.session(StatusCode::FORBIDDEN);
    assert_eq!(asking.states(), [("refused".into(), Some(403))]);
    assert_eq!(asking.session(StatusCode::OK), []);
}

#[test]
fn what_the_device_cannot_do_now_is_asked_again_in_the_next_session() {
    let asking = Asking::new();
    asking.ask_release();
    assert_eq!(asking.session(StatusCode::DATA_STORE_FAILURE).len(), 1);
    assert_eq!(asking.states(), [("waiting".into(), Some(510))]);
    assert_eq!(asking.session(StatusCode::OK).len(), 1);
    assert_eq!(asking.states(), [("done".into(), Some(200))]);
}

#[test]
fn of_two_wishes_for_a_group_the_later_counts() {
    let asking = Asking::new();
    asking.ask_group("site-berlin");
    asking.ask_group("site-<ham&burg>");
    let wish = ("./Vendor/Cardwarden/Group", "site-<ham&burg>");
    assert_eq!(GROUP_NODE, wish.0);
    let asked = asking.session(StatusCode::OK);
    assert_eq!(asked, [(wish.0.to_owned(), wish.1.to_owned())]);
    let expected = [("obsolete".into(), None), ("done".into(), Some(200))];
    assert_eq!(asking.states(), expected);
}

#[test]
fn the_end_of_a_wish_is_an_empty_name() {
    let asking = Asking::new();
    assert_eq!(asking.ask("group", b"{\"group\": null}").0, 202);
    let asked = asking.session(StatusCode::OK);
    assert_eq!(asked, [(GROUP_NODE.to_owned(), String::new())]);
}

#[test]
fn only_a_release_of_this_device_by_its_company_is_taken() {
    let asking = Asking::new();
    let (company, device) = (&asking.server.company, &asking.device);
    let mut touched = company.release(&device.id, device.association);
    *touched.last_mut().unwrap() ^= 1;
    let other_name = Company {
        key: Company::new("", 11).key,
        ..Company::new("C Company", 11)
    };
    let refused = [
        (
            Company::new("Stranger", 31).release(&device.id, device.association),
            (403, "unknown-signer"),
        ),
        (touched, (403, "bad-signature")),
        (
            company.release(&Device::new().id, device.association),
            (403, "other-device"),
        ),
        (
            company.release(&device.id, uuid::Uuid::new_v4()),
            (404, "unknown-association"),
        ),
        (
            other_name.release(&device.id, device.association),
            (403, "other-company"),
        ),
        (b"{}".to_vec(), (403, "malformed")),
    ];
    for (statement, (status, code)) in refused {
        let answer = codes(asking.ask("release", &statement));
        assert_eq!(answer, (status, code.to_owned()));
    }
    assert_eq!(asking.session(StatusCode::OK), []);
}

#[test]
fn a_command_reaches_the_association_that_it_is_about() {
    let asking = Asking::new();
    let older = asking.device.association.to_string();
    let again = Device {
        id: asking.device.id.clone(),
        key: rcgen::KeyPair::from_pem(&asking.device.key.serialize_pem()).unwrap(),
        association: uuid::Uuid::new_v4(),
    };
    let request = again.request(&asking.server.company);
    assert_eq!(asking.server.client().enrol(&request).0, 200);
    let wish = serde_json::json!({"group": "g", "association": older}).to_string();
    assert_eq!(asking.ask("group", wish.as_bytes()).0, 202);
    let newer = Some(again.association.to_string());
    assert_eq!(asking.session_named(newer, StatusCode::OK), []);
    assert_eq!(asking.session(StatusCode::OK), [], "the newest is meant");
    assert_eq!(
        asking.session_named(Some(older), StatusCode::OK),
        [(GROUP_NODE.to_owned(), "g".to_owned())]
    );
}

#[test]
fn nothing_is_asked_under_an_association_that_has_ended() {
    let asking = Asking::new();
    asking.ask_release();
    asking.ask_group("g");
    asking.end();
    let expected = [("done".into(), None), ("obsolete".into(), None)];
    assert_eq!(asking.states(), expected);
    assert_eq!(
        codes(asking.ask("group", b"{\"group\": \"g\"}")),
        (409, "association-ended".into())
    );
}

#[test]
fn what_is_no_wish_is_refused_in_words() {
    let asking = Asking::new();
    let long = format!("{{\"group\": \"{}\"}}", "g".repeat(101));
    for (wish, expected) in [
        (r#"{"group": " "}"#, (400, "bad-name")),
        (r#"{"group": "a\u0000b"}"#, (400, "bad-name")),
        (&long, (400, "bad-name")),
        (r#"{"groups": "g"}"#, (422, "bad-json")),
        ("{", (400, "bad-json")),
    ] {
        let (status, code) = codes(asking.ask("group", wish.as_bytes()));
        assert_eq!((status, &*code), expected, "{wish}");
    }
    assert_eq!(asking.ask("release", &[0; 5000]).0, 413);
    let unknown = asking.server.client().ask(
        "/api/v1/devices/urn:uuid:x/group",
        &asking.server.token(),
        b"{\"group\": \"g\"}",
    );
    assert_eq!(codes(unknown), (404, "unknown-device".into()));
}

#[test]
fn asking_needs_the_administrators_token() {
    let asking = Asking::new();
    for what in ["release", "group"] {
        let path = format!("/api/v1/devices/{}/{what}", asking.device.id);
        let refused = asking.server.client().ask(&path, "x", b"{}");
        assert_eq!(codes(refused), (401, "no-token".into()));
    }
    let path = format!("/api/v1/devices/{}/commands", asking.device.id);
    let refused = asking.server.client().get(&path, "x");
    assert_eq!(codes(refused), (401, "no-token".into()));
}
