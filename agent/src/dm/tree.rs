//! What a company's server reaches on this device: what it says of itself, and leaves that take
//! what the company asks for. Everything is decided by the reconciler, which is asked and waited
//! for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardwarden_policy::Rejected;
use cardwarden_policy::explain::chain;
use cardwarden_policy::manifest::MAX_NAME;
use cardwarden_policy::mo::{GROUP_NODE, POLICY_NODE, RELEASE_NODE, VENDOR_NODE};
use omadm::DevInfo;
use omadm::client::{Tree, Value};
use omadm::code::StatusCode;
use omadm::message::Format;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::request::{Refused, Request};

/// Where an answer goes.
type Reply = oneshot::Sender<Result<(), Refused>>;

/// The device's tree, for the server of one association.
#[derive(Debug)]
pub(super) struct DeviceTree<'a> {
    device: DevInfo,
    association: Uuid,
    requests: &'a mpsc::Sender<Request>,
}

impl<'a> DeviceTree<'a> {
    /// What the server of `association` asks for goes to `requests`.
    pub(super) const fn new(
        device: DevInfo,
        association: Uuid,
        requests: &'a mpsc::Sender<Request>,
    ) -> Self {
        Self {
            device,
            association,
            requests,
        }
    }

    /// Passes a request on, and waits for what becomes of it. Blocks.
    fn ask(&self, node: &str, request: impl FnOnce(Reply) -> Request) -> StatusCode {
        let (reply, answer) = oneshot::channel();
        let is_sent = self.requests.blocking_send(request(reply)).is_ok();
        match answer.blocking_recv() {
            Ok(Ok(())) if is_sent => StatusCode::OK,
            Ok(Err(refused)) => {
                let problem = chain(&refused);
                tracing::warn!(node, "what the server asks for is refused: {problem}");
                status(&refused)
            }
            // The agent is stopping; the server asks again.
            Ok(Ok(())) | Err(_) => StatusCode::COMMAND_FAILED,
        }
    }

    /// Passes on what the company signed.
    fn statement(
        &self,
        node: &str,
        value: &Value,
        request: impl FnOnce(Vec<u8>, Reply) -> Request,
    ) -> StatusCode {
        // As XML has it: octets travel in base64, whichever of the two formats says so.
        if ![Format::B64, Format::Bin].contains(&value.format) {
            return StatusCode::UNSUPPORTED_FORMAT;
        }
        let bytes: Vec<u8> = value.data.as_bytes().trim_ascii().to_vec();
        let Ok(statement) = STANDARD.decode(bytes) else {
            return StatusCode::BAD_REQUEST;
        };
        self.ask(node, |reply| request(statement, reply))
    }

    fn want_group(&self, value: &Value) -> StatusCode {
        let Some(name) = value.data.as_text().filter(|_| value.format == Format::Chr) else {
            return StatusCode::UNSUPPORTED_FORMAT;
        };
        if name.len() > MAX_NAME {
            return StatusCode::ENTITY_TOO_LARGE;
        }
        let group = (!name.is_empty()).then(|| name.to_owned());
        self.ask(GROUP_NODE, |reply| Request::WantGroup {
            association: self.association,
            group,
            reply,
        })
    }
}

impl Tree for DeviceTree<'_> {
    fn get(&mut self, uri: &str) -> Result<Value, StatusCode> {
        let nodes = [RELEASE_NODE, POLICY_NODE, GROUP_NODE];
        let uri = full(uri);
        if nodes.contains(&&*uri) {
            // They take, and tell nothing.
            return Err(StatusCode::COMMAND_NOT_ALLOWED);
        }
        let leaves = nodes.iter().copied();
        let known = leaves.chain([VENDOR_NODE]);
        let mut below: Vec<&str> = known
            .filter_map(|node| node.strip_prefix(&*uri)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .collect();
        below.dedup();
        match self.device.get(&uri) {
            Ok(found) if uri == "." => {
                let names = found.data.as_text().unwrap_or_default().to_owned();
                below.insert(0, &names);
                Ok(Value::interior(&below))
            }
            Ok(found) => Ok(found),
            Err(code) if below.is_empty() => Err(code),
            Err(_) => Ok(Value::interior(&below)),
        }
    }

    fn replace(&mut self, uri: &str, value: &Value) -> StatusCode {
        match &*full(uri) {
            RELEASE_NODE => self.statement(RELEASE_NODE, value, |statement, reply| {
                Request::Release { statement, reply }
            }),
            POLICY_NODE => self.statement(POLICY_NODE, value, |statement, reply| {
                Request::Deliver { statement, reply }
            }),
            GROUP_NODE => self.want_group(value),
            _ => match self.get(uri) {
                Err(StatusCode::NOT_FOUND) => StatusCode::NOT_FOUND,
                Ok(_) | Err(_) => StatusCode::COMMAND_NOT_ALLOWED,
            },
        }
    }
}

/// `A` and `./A` are the same node.
fn full(uri: &str) -> String {
    match uri.strip_prefix("./") {
        Some(_) => uri.to_owned(),
        None if uri == "." => uri.to_owned(),
        None => format!("./{uri}"),
    }
}

/// How a refusal is told. 4xx: asking the same again is in vain. 5xx: it may go well another time.
const fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::Rejected(Rejected::Malformed { .. }) => StatusCode::BAD_REQUEST,
        Refused::Rejected(Rejected::TooLong { .. }) => StatusCode::ENTITY_TOO_LARGE,
        Refused::Rejected(_) => StatusCode::FORBIDDEN,
        Refused::NotAssociated => StatusCode::NOT_FOUND,
        Refused::NotSaved { .. } => StatusCode::DATA_STORE_FAILURE,
        // No answers to what is asked here.
        Refused::NotPending | Refused::WrongFingerprint | Refused::NoPinWanted => {
            StatusCode::COMMAND_FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree, and what a reconciler is asked that answers everything alike.
    fn asked(answer: Result<(), Refused>, uri: &str, value: &Value) -> (StatusCode, Vec<String>) {
        let (requests, mut received) = mpsc::channel(4);
        let owner = std::thread::spawn(move || {
            let mut asked = Vec::new();
            while let Some(request) = received.blocking_recv() {
                let reply = match request {
                    Request::Release { statement, reply } => {
                        asked.push(format!("release {statement:?}"));
                        reply
                    }
                    Request::Deliver { statement, reply } => {
                        asked.push(format!("policy {statement:?}"));
                        reply
                    }
                    Request::WantGroup {
                        association,
                        group,
                        reply,
                    } => {
                        asked.push(format!("{association} {group:?}"));
                        reply
                    }
                    other @ (Request::Associate { .. }
                    | Request::Pin { .. }
                    | Request::Sync { .. }) => panic!("{other:?}"),
                };
                reply.send(answer.clone()).unwrap();
            }
            asked
        });
        let code = tree(&requests).replace(uri, value);
        drop(requests);
        (code, owner.join().unwrap())
    }

    fn tree(requests: &mpsc::Sender<Request>) -> DeviceTree<'_> {
        let device = DevInfo::new("urn:uuid:1", "Example", "phone");
        DeviceTree::new(device, Uuid::nil(), requests)
    }

    fn octets(text: &str) -> Value {
        Value {
            format: Format::B64,
            ..Value::text(text)
        }
    }

    #[test]
    fn what_the_company_signed_is_passed_on_as_it_is() {
        for (uri, what) in [
            (RELEASE_NODE, "release"),
            ("Vendor/Cardwarden/Release", "release"),
            (POLICY_NODE, "policy"),
        ] {
            let (code, asked) = asked(Ok(()), uri, &octets("AQID\n"));
            assert_eq!(
                (code, asked),
                (StatusCode::OK, vec![format!("{what} [1, 2, 3]")])
            );
        }
    }

    #[test]
    fn a_wish_for_a_group_is_passed_on_for_its_association() {
        for (text, wish) in [("site-berlin", "Some(\"site-berlin\")"), ("", "None")] {
            let (code, asked) = asked(Ok(()), GROUP_NODE, &Value::text(text));
            assert_eq!(code, StatusCode::OK);
            assert_eq!(asked, [format!("{} {wish}", Uuid::nil())]);
        }
    }

    #[test]
    fn the_status_says_whether_asking_again_may_help() {
        let unsaved = Refused::NotSaved {
            problem: String::new(),
        };
        let long = Rejected::TooLong {
            what: "release",
            most: 1,
        };
        for (refused, code) in [
            (Refused::NotAssociated, StatusCode::NOT_FOUND),
            (
                Refused::Rejected(Rejected::OtherDevice),
                StatusCode::FORBIDDEN,
            ),
            (Refused::Rejected(long), StatusCode::ENTITY_TOO_LARGE),
            (unsaved, StatusCode::DATA_STORE_FAILURE),
        ] {
            assert_eq!(asked(Err(refused), RELEASE_NODE, &octets("AQID")).0, code);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_not_passed_on() {
        for (uri, value, code) in [
            (
                RELEASE_NODE,
                Value::text("AQID"),
                StatusCode::UNSUPPORTED_FORMAT,
            ),
            (RELEASE_NODE, octets("?"), StatusCode::BAD_REQUEST),
            (GROUP_NODE, octets("AQID"), StatusCode::UNSUPPORTED_FORMAT),
            (
                GROUP_NODE,
                Value::text("g".repeat(101)),
                StatusCode::ENTITY_TOO_LARGE,
            ),
            (
                VENDOR_NODE,
                Value::text(""),
                StatusCode::COMMAND_NOT_ALLOWED,
            ),
            (
                "./DevInfo/Man",
                Value::text(""),
                StatusCode::COMMAND_NOT_ALLOWED,
            ),
            (
                "./Vendor/Cardwarden/X",
                Value::text(""),
                StatusCode::NOT_FOUND,
            ),
        ] {
            assert_eq!(asked(Ok(()), uri, &value), (code, Vec::new()), "{uri}");
        }
    }

    #[test]
    fn the_tree_is_found_from_its_root_and_its_leaves_tell_nothing() {
        let (requests, _received) = mpsc::channel(1);
        let mut tree = tree(&requests);
        let mut names = |uri: &str| tree.get(uri).map(|value| value.data);
        assert_eq!(names(".").unwrap(), "DevInfo/Vendor");
        assert_eq!(names("./Vendor").unwrap(), "Cardwarden");
        assert_eq!(names("Vendor/Cardwarden").unwrap(), "Release/Policy/Group");
        assert_eq!(names("./DevInfo/Man").unwrap(), "Example");
        assert_eq!(names(GROUP_NODE), Err(StatusCode::COMMAND_NOT_ALLOWED));
        assert_eq!(names("./Vend"), Err(StatusCode::NOT_FOUND));
        let value = Value::text("x");
        assert_eq!(tree.add(GROUP_NODE, &value), StatusCode::ALREADY_EXISTS);
        assert_eq!(tree.delete(GROUP_NODE), StatusCode::COMMAND_NOT_ALLOWED);
        assert_eq!(
            tree.exec(RELEASE_NODE, None, None),
            StatusCode::COMMAND_NOT_ALLOWED
        );
    }

    #[test]
    fn without_a_reconciler_the_server_is_to_ask_again() {
        let (requests, received) = mpsc::channel(1);
        drop(received);
        let code = tree(&requests).replace(GROUP_NODE, &Value::text("g"));
        assert_eq!(code, StatusCode::COMMAND_FAILED);
    }
}
