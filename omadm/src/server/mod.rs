//! The server's end of a session.
//!
//! ```text
//!  request ──► receive(settings, kept Session, message)
//!                 ├─► Turn ──► take_events ─► answer each alert ─► queue operations ─► finish ─► Session
//!                 ├─► Repeat(Session)    asked before: the same reply again
//!                 └─► Rejected           breaks the rules: a reply that says so
//! ```
//!
//! The caller sends [`Session::reply`] and keeps the [`Session`] until the next request of the same
//! device and session id. [`Turn::finish`] is the moment of acknowledgement: make durable what the
//! events say before it.
//!
//! A first message that comes again is taken as new and yields the same events again, since only the
//! caller knows what it has kept; the alerts' correlators tell.
//!
//! Who the client is, either the transport has proved with a certificate: compare the device id of the
//! header with that of the certificate. Or the client has to prove it with a name and a secret: see
//! [`Authentication`].

mod admit;
mod answer;
mod operation;
mod proof;
mod refusal;
mod session;
mod take;
mod turn;
mod values;

pub use operation::Operation;
pub use proof::{Authentication, OwnProof, Signed};
pub use refusal::{Refusal, Rejected};
pub use session::Session;
pub use turn::{AlertId, NotNow, Turn};

use crate::client::Value;
use crate::code::StatusCode;
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Header, Initiator, Item, Location, Message, MessageId, Meta, SessionId, Status,
};
use crate::{DevInfo, Encoding, GenericAlert};
use admit::{Admission, admit, first};
use proof::Proof;
use refusal::{refused, unproven};

/// What a server says of itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's address: the source of its messages.
    pub uri: String,
    /// Where the session's further messages are to go, if not to the same place.
    pub respond_to: Option<String>,
    /// How to write replies: as the request was written.
    pub encoding: Encoding,
    /// Largest message that this server takes, in octets; announced to clients.
    pub max_message: usize,
    /// Largest object that this server takes in chunks, in octets; announced to clients if set. None:
    /// [`MAX_MESSAGE_LEN`]. Never more than [`MAX_OBJECT_LEN`](crate::limits::MAX_OBJECT_LEN).
    pub max_object: Option<u64>,
    /// Where the numbers of a new session's commands begin, below 900,000. A number chosen at random
    /// keeps late answers to sessions that were forgotten from being taken for answers to this one;
    /// where nothing is ever sent twice, 0 will do.
    pub first_command: u32,
    /// What is asked of the request's device, and how the server proves itself to it; none leaves
    /// both to TLS.
    pub authentication: Option<Authentication>,
}

impl Settings {
    /// A server that answers in XML, with this crate's limits.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            respond_to: None,
            encoding: Encoding::Xml,
            max_message: MAX_MESSAGE_LEN,
            max_object: None,
            first_command: 0,
            authentication: None,
        }
    }

    fn header(&self, request: &Header, message: MessageId) -> Header {
        let target = Location::new(&request.source.uri);
        let source = Location::new(&self.uri);
        let mut header = Header::new(request.session.clone(), message, target, source);
        header.respond_to.clone_from(&self.respond_to);
        header.meta = Meta {
            max_message_size: u64::try_from(self.max_message).ok(),
            max_object_size: self.max_object,
            ..Meta::default()
        };
        header
    }
}

/// Something that a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session has begun. First of its turn's events.
    SessionStarted {
        /// The session's id.
        session: SessionId,
        /// Who wanted it.
        initiator: Initiator,
        /// The device.
        device: DevInfo,
        /// Largest message that the device takes, in octets, if it says so.
        max_message: Option<u64>,
    },
    /// The device reports something. Owes a [`Turn::answer`]; what gets none is refused with 500,
    /// so that the device sends it again.
    GenericAlert {
        /// What to answer by.
        id: AlertId,
        /// The report.
        alert: GenericAlert,
    },
    /// The device reports an event in the older form (alert 1224). Owes an answer likewise.
    ClientEvent {
        /// What to answer by.
        id: AlertId,
        /// The item.
        item: Item,
    },
    /// How a [queued](Turn::queue) operation fared.
    Status {
        /// The operation's tag.
        tag: u64,
        /// 202 means that a generic alert will report the end.
        code: StatusCode,
    },
    /// What a queued `Get` found.
    Results {
        /// The operation's tag.
        tag: u64,
        /// The node.
        uri: String,
        /// Its value.
        value: Value,
    },
    /// The device finished its package without a word about a queued operation.
    Unanswered {
        /// The operation's tag.
        tag: u64,
    },
    /// The device did not accept our last message as a whole; each operation in it has its own event.
    MessageRefused {
        /// How.
        code: StatusCode,
    },
    /// A `Status` for something that this session did not ask.
    StrayStatus(Status),
    /// The device gave the session up (alert 1223).
    Aborted,
}

/// What a request is.
#[derive(Debug)]
#[must_use = "the client waits for a reply"]
pub enum Received {
    /// New.
    Turn(Turn),
    /// The last one, again: its reply was lost. Send [`Session::reply`], keep the session.
    Repeat(Session),
}

/// Takes a request. `kept` is the session of the request's device and session id, if there is one.
pub fn receive(
    settings: &Settings,
    kept: Option<Session>,
    request: &Message,
) -> Result<Received, Rejected> {
    take(settings, kept, request, None)
}

/// The same for a request whose transport header [`MAC_HEADER`](crate::auth::MAC_HEADER) counts.
pub fn receive_signed(
    settings: &Settings,
    kept: Option<Session>,
    request: &Message,
    signed: Signed<'_>,
) -> Result<Received, Rejected> {
    take(settings, kept, request, Some(signed))
}

fn take(
    settings: &Settings,
    kept: Option<Session>,
    request: &Message,
    signed: Option<Signed<'_>>,
) -> Result<Received, Rejected> {
    let header = &request.header;
    let kept = kept.filter(|session| session.is_of(header));
    let admission = match admit(settings, kept.as_ref(), request) {
        Ok(admission) => admission,
        Err(cause) => return Err(refused(settings, request, cause)),
    };
    let (session, initiator) = match admission {
        Admission::Repeat(session) => {
            let again = session.proof.admit_again(settings, header, signed);
            return match again {
                Ok(()) => Ok(Received::Repeat(session.clone())),
                Err(denied) => Err(refused(settings, request, denied.into())),
            };
        }
        Admission::New(initiator) => (None, initiator),
        Admission::Next(session, initiator) => (Some(session), initiator),
    };
    let mut proof = session.map_or_else(Proof::default, |session| session.proof.clone());
    let verdict = match proof.admit(settings, header, signed) {
        Ok(verdict) => verdict,
        Err(denied) => return Err(unproven(settings, session, request, (proof, denied))),
    };
    match first(initiator, request) {
        Err(cause) => Err(refused(settings, request, cause)),
        Ok(first) => {
            let begin = || Session::begin(settings, header, kept.as_ref());
            let mut session = session.cloned().unwrap_or_else(begin);
            session.proof = proof;
            let is_new = matches!(admission, Admission::New(_));
            let turn = Turn::new(settings, (session, is_new), request, (first, verdict));
            Ok(Received::Turn(turn))
        }
    }
}
