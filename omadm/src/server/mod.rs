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
//! caller knows what it has kept; the alerts' correlators tell. Not here: who the client is. Compare
//! the device id of the header with the one that the transport has authenticated.

mod answer;
mod operation;
mod session;
mod turn;

pub use operation::Operation;
pub use session::Session;
pub use turn::{AlertId, NotNow, Turn};

use crate::client::Value;
use crate::code::{AlertCode, StatusCode, VER_DTD, VER_PROTO};
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Command, CommandName, CommandRef, Header, Initiator, Item, Location, Message, MessageId, Meta,
    SessionId, Status,
};
use crate::{DevInfo, Encoding, GenericAlert, MissingLeaf};
use turn::First;

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
}

impl Settings {
    /// A server that answers in XML, with this crate's limits.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            respond_to: None,
            encoding: Encoding::Xml,
            max_message: MAX_MESSAGE_LEN,
        }
    }

    fn header(&self, request: &Header, message: MessageId) -> Header {
        let target = Location::new(&request.source.uri);
        let source = Location::new(&self.uri);
        let mut header = Header::new(request.session.clone(), message, target, source);
        header.respond_to.clone_from(&self.respond_to);
        header.meta = Meta {
            max_message_size: u64::try_from(self.max_message).ok(),
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

/// A request that breaks the rules of a session.
#[derive(Debug, Clone, thiserror::Error)]
#[error("request refused")]
pub struct Rejected {
    /// Which rule.
    #[source]
    pub cause: Refusal,
    /// The bytes to answer with: the status that goes with the cause, for the message and for
    /// each command. Nothing of the request has been taken. The kept session stays as it is.
    pub reply: Vec<u8>,
}

/// Which rule a request breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another version of SyncML.
    #[error("SyncML version {0} is not supported")]
    Dtd(String),
    /// Another version of the protocol.
    #[error("protocol version {0} is not supported")]
    Protocol(String),
    /// Neither the first message of a session nor one of the session that was handed in.
    #[error("no such session, and no session alert to begin one")]
    UnknownSession,
    /// The session has ended.
    #[error("the session is over")]
    Over,
    /// Not the message that comes next.
    #[error("message {found} instead of {expected}")]
    OutOfOrder {
        /// Its number.
        found: MessageId,
        /// The number that is due.
        expected: MessageId,
    },
    /// More than one alert says that a session begins, or a report comes before it.
    #[error("the session alert does not come first, or comes twice")]
    SessionAlert,
    /// The first message holds no `DevInfo`.
    #[error("the first message holds no DevInfo")]
    NoDevInfo,
    /// `DevInfo` lacks a leaf.
    #[error("DevInfo is not complete")]
    DevInfo(#[from] MissingLeaf),
    /// `DevInfo` names another device than the header.
    #[error("DevInfo speaks of device {0}")]
    OtherDevice(String),
}

impl Refusal {
    /// The status that the client is given.
    pub const fn code(&self) -> StatusCode {
        match self {
            Self::Dtd(_) => StatusCode::DTD_VERSION_NOT_SUPPORTED,
            Self::Protocol(_) => StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED,
            Self::NoDevInfo | Self::DevInfo(_) => StatusCode::INCOMPLETE_COMMAND,
            Self::UnknownSession
            | Self::Over
            | Self::OutOfOrder { .. }
            | Self::SessionAlert
            | Self::OtherDevice(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes a request. `kept` is the session of the request's device and session id, if there is one.
pub fn receive(
    settings: &Settings,
    kept: Option<Session>,
    request: &Message,
) -> Result<Received, Rejected> {
    admit(settings, kept, request).map_err(|cause| Rejected {
        reply: rejection(settings, request, &cause),
        cause,
    })
}

fn admit(
    settings: &Settings,
    kept: Option<Session>,
    request: &Message,
) -> Result<Received, Refusal> {
    let header = &request.header;
    if header.dtd != VER_DTD {
        return Err(Refusal::Dtd(header.dtd.clone()));
    }
    if header.protocol != VER_PROTO {
        return Err(Refusal::Protocol(header.protocol.clone()));
    }
    let kept = kept.filter(|session| session.is_of(header));
    let initiator = session_alert(&request.commands)?;
    if header.message == MessageId::FIRST && initiator.is_some() {
        return first(settings, None, request, initiator);
    }
    let Some(session) = kept else {
        return Err(Refusal::UnknownSession);
    };
    if header.message == session.request {
        return Ok(Received::Repeat(session));
    }
    if session.is_over {
        return Err(Refusal::Over);
    }
    let expected = session.request.next();
    if header.message != expected {
        return Err(Refusal::OutOfOrder {
            found: header.message,
            expected,
        });
    }
    first(settings, Some(session), request, initiator)
}

/// Begins the session if the message says so (a second time, too: with credentials).
fn first(
    settings: &Settings,
    session: Option<Session>,
    request: &Message,
    initiator: Option<Initiator>,
) -> Result<Received, Refusal> {
    let first = match initiator {
        None => None,
        Some(initiator) => Some(First {
            initiator,
            device: dev_info(request)?,
        }),
    };
    Ok(Received::Turn(Turn::new(settings, session, request, first)))
}

/// The one alert that begins a session: before all reports.
fn session_alert(commands: &[Command]) -> Result<Option<Initiator>, Refusal> {
    let mut alerts = commands.iter().filter_map(|command| match command {
        Command::Alert(alert) => Some(alert.code),
        Command::Add(_)
        | Command::Atomic(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Replace(_)
        | Command::Results(_)
        | Command::Sequence(_)
        | Command::Status(_) => None,
    });
    let first = match alerts.next() {
        Some(AlertCode::CLIENT_INITIATED) => Some(Initiator::Client),
        Some(AlertCode::SERVER_INITIATED) => Some(Initiator::Server),
        Some(_) | None => None,
    };
    let begins = |code| {
        matches!(
            code,
            AlertCode::CLIENT_INITIATED | AlertCode::SERVER_INITIATED
        )
    };
    if alerts.any(begins) {
        return Err(Refusal::SessionAlert);
    }
    Ok(first)
}

fn dev_info(request: &Message) -> Result<DevInfo, Refusal> {
    let device = request
        .commands
        .iter()
        .find_map(dev_info_of)
        .ok_or(Refusal::NoDevInfo)??;
    if device.device_id == request.header.source.uri {
        Ok(device)
    } else {
        Err(Refusal::OtherDevice(device.device_id))
    }
}

fn dev_info_of(command: &Command) -> Option<Result<DevInfo, MissingLeaf>> {
    if let Command::Replace(replace) = command {
        DevInfo::from_items(&replace.items)
    } else {
        None
    }
}

/// Says no to the message and to each command. It is too small not to be encodable, unless the
/// request's own texts are at the limit; then there is nothing to say.
fn rejection(settings: &Settings, request: &Message, cause: &Refusal) -> Vec<u8> {
    let code = cause.code();
    let answers = request.header.message;
    let asked = request
        .commands
        .iter()
        .filter(|command| !command.no_response())
        .map(|command| {
            answer::status(
                answers,
                CommandRef::Command(command.id().clone()),
                command.name(),
                code,
            )
        });
    let header = answer::status(answers, CommandRef::Header, CommandName::SyncHdr, code);
    let commands = answer::numbered(std::iter::once(header).chain(asked));
    // Our own count may be unknown. The client's never falls behind it, so it serves.
    let header = settings.header(&request.header, answers);
    let message = Message {
        header,
        commands,
        is_final: true,
    };
    settings.encoding.encode(&message).unwrap_or_default()
}
