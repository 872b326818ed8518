//! The device's end of a session.
//!
//! ```text
//!  start ──► Awaiting ──receive──► Next::Continue(Awaiting)   the server sent commands: answer them
//!                │                 Next::Done(Finished)       it sent none: the session is over
//!                └───────────────► Failed                     the session cannot go on
//! ```
//!
//! The caller sends [`Awaiting::request`] to [`Awaiting::uri`], as often as its transport needs, and
//! gives the answer to [`Awaiting::receive`]. Every way out carries what the server has said so far
//! about each alert: an alert is done with only when it [is acknowledged](Answer::is_acknowledged);
//! all others are to be sent again in a later session. Their correlators let the server keep each
//! once.
//!
//! Not here: which host may be talked to (a `RespURI` may name any), retries, and time.

mod atomic;
mod awaiting;
mod fault;
mod incoming;
mod noting;
mod offline;
mod outgoing;
mod perform;
mod proof;
mod reply;
mod sent;
mod tree;

pub use awaiting::{Awaiting, Finished, Next};
pub use fault::{Failed, Fault};
pub use offline::{CarriedOut, carry_out};
pub use proof::{Authentication, Nonces, ServerProof};
pub use sent::Answer;
pub use tree::{Tree, Value};

use crate::auth::Scheme;
use crate::code::AlertCode;
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Alert, Command, CommandId, Header, Initiator, Location, Message, MessageId, Meta, SessionId,
};
use crate::{DevInfo, EncodeError, Encoding, GenericAlert};
use proof::Proof;
use sent::Sent;

/// Most messages that a client sends in one session; a server that wants more is cut off.
pub const MAX_ROUNDS: u32 = 64;

/// Most messages that a client sends beyond [`MAX_ROUNDS`] because a value does not fit one.
pub const MAX_CHUNKS: u32 = 4_096;

/// Most alerts that one session reports; a long queue goes out in several.
pub const MAX_ALERTS: usize = 256;

/// What a client says of itself in every session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where package 1 goes.
    pub server_uri: String,
    /// The device; its id is the source of every message.
    pub device: DevInfo,
    /// Name for authentication and display (`LocName`).
    pub name: Option<String>,
    /// Who wanted the session.
    pub initiator: Initiator,
    /// How messages are written.
    pub encoding: Encoding,
    /// Largest message that this client takes, in octets; announced to the server.
    pub max_message: usize,
    /// Largest object that this client takes in chunks, in octets; announced to the server if set. None:
    /// [`MAX_MESSAGE_LEN`], and nothing is announced. Never more than
    /// [`MAX_OBJECT_LEN`](crate::limits::MAX_OBJECT_LEN).
    pub max_object: Option<u64>,
    /// Largest message that the server takes, in octets: what it said last time
    /// ([`Awaiting::server_max_message`]), or [`MAX_MESSAGE_LEN`].
    pub server_max_message: usize,
    /// How the client proves itself, and the server; none leaves both to TLS.
    pub authentication: Option<Authentication>,
}

impl Settings {
    /// A client-initiated session in XML, with this crate's limits.
    pub fn new(server_uri: impl Into<String>, device: DevInfo) -> Self {
        Self {
            server_uri: server_uri.into(),
            device,
            name: None,
            initiator: Initiator::Client,
            encoding: Encoding::Xml,
            max_message: MAX_MESSAGE_LEN,
            max_object: None,
            server_max_message: MAX_MESSAGE_LEN,
            authentication: None,
        }
    }

    fn login_name(&self) -> Option<String> {
        self.authentication
            .as_ref()
            .map(|ours| ours.login.name.clone())
    }

    fn header(&self, session: &SessionId, message: MessageId) -> Header {
        let source = Location {
            uri: self.device.device_id.clone(),
            name: self.login_name().or_else(|| self.name.clone()),
        };
        let target = Location::new(&self.server_uri);
        let mut header = Header::new(session.clone(), message, target, source);
        header.meta = Meta {
            max_message_size: u64::try_from(self.max_message).ok(),
            max_object_size: self.max_object,
            ..Meta::default()
        };
        header
    }
}

/// Why a session cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Package 1 cannot be sent, even without alerts: the device or the settings are to blame. If it
    /// is too large, forget what the server said it takes.
    #[error("package 1 cannot be sent")]
    Package(#[source] Unsendable),
    /// The first alert cannot be sent, whatever else is; set it aside and begin with the next.
    #[error("the first alert cannot be sent")]
    FirstAlert(#[source] Unsendable),
}

/// Why something cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// It cannot be written.
    #[error("it cannot be written")]
    Encode(#[from] EncodeError),
    /// It makes a message larger than the server takes.
    #[error("{len} octets do not fit the server's {limit}")]
    TooLarge {
        /// How long the message would be.
        len: usize,
        /// What the server takes.
        limit: usize,
    },
}

/// Begins a session that reports as many of the alerts, from the first on, as fit one message, but
/// at most [`MAX_ALERTS`]: [`Awaiting::taken`] says how many. The rest is for the next session.
///
/// Give each session an id that this device has not used lately.
pub fn start(
    settings: &Settings,
    session: SessionId,
    alerts: &[GenericAlert],
) -> Result<Awaiting, StartError> {
    let proof = Proof::begin(settings);
    let mut header = settings.header(&session, MessageId::FIRST);
    header.credentials = proof.credentials(settings);
    let mut message = Message {
        header,
        commands: vec![
            session_alert(settings.initiator.alert()),
            settings.device.to_command(CommandId::at(1)),
        ],
        is_final: true,
    };
    let limit = settings.server_max_message.min(MAX_MESSAGE_LEN);
    let fitting = |len: usize| match len {
        _ if len > limit => Err(Unsendable::TooLarge { len, limit }),
        _ => Ok(len),
    };
    let bare = longest(settings, &message).map_err(Unsendable::from);
    let mut len = bare.and_then(fitting).map_err(StartError::Package)?;
    for alert in alerts.iter().take(MAX_ALERTS) {
        let command = alert.to_command(CommandId::at(message.commands.len()));
        let more = settings
            .encoding
            .command_len(&command)
            .map_err(Unsendable::from);
        match more.and_then(|more| fitting(len.saturating_add(more))) {
            Ok(longer) => len = longer,
            Err(cause) if message.commands.len() == FIRST_ALERT => {
                return Err(StartError::FirstAlert(cause));
            }
            // Left for the next session, where it comes first.
            Err(_) => break,
        }
        message.commands.push(command);
    }
    let request = settings.encoding.encode(&message);
    let request = request.map_err(|error| StartError::Package(error.into()))?;
    let taken = message.commands.len().saturating_sub(FIRST_ALERT);
    Ok(Awaiting {
        settings: Box::new(settings.clone()),
        session,
        message: MessageId::FIRST,
        uri: settings.server_uri.clone(),
        request,
        sent: Sent::all(&message.commands),
        opening: message.commands.into(),
        claimed: vec![Answer::None; taken],
        answers: vec![Answer::None; taken],
        server_message: None,
        server_max_message: settings.server_max_message,
        values: Box::default(),
        proof: Box::new(proof),
    })
}

/// A bound of package 1 without alerts, should the server want to see it again with credentials.
fn longest(settings: &Settings, message: &Message) -> Result<usize, EncodeError> {
    let Some(ours) = &settings.authentication else {
        return settings.encoding.bound(message);
    };
    let mut message = message.clone();
    let mut schemes = ours.schemes.iter().chain(&ours.unasked);
    let has_basic = schemes.any(|scheme| *scheme == Scheme::Basic);
    let scheme = if has_basic {
        Scheme::Basic
    } else {
        Scheme::Md5
    };
    message.header.credentials = ours.login.credentials(scheme, &ours.nonce);
    message.header.message = MessageId(MAX_ROUNDS);
    let placeholder = CommandId::at(MAX_ALERTS);
    let status = reply::header_status(placeholder, MessageId(u32::MAX));
    message.commands.push(status);
    settings.encoding.bound(&message)
}

/// Position of the first generic alert in package 1.
const FIRST_ALERT: usize = 2;

fn session_alert(code: AlertCode) -> Command {
    Command::Alert(Alert {
        id: CommandId::at(0),
        no_response: false,
        code,
        correlator: None,
        items: Vec::new(),
    })
}
