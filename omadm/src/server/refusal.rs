//! Requests that are not taken, and what is said to them.

use super::proof::Proof;
use super::{Session, Settings, answer};
use crate::MissingLeaf;
use crate::auth::Denied;
use crate::code::StatusCode;
use crate::message::{Challenge, CommandName, CommandRef, Message, MessageId, Status};

/// A request that breaks the rules of a session.
#[derive(Debug, Clone, thiserror::Error)]
#[error("request refused")]
pub struct Rejected {
    /// Which rule.
    #[source]
    pub cause: Refusal,
    /// The bytes to answer with: the status that goes with the cause, for the message and for
    /// each command. Nothing of the request has been taken.
    pub reply: Vec<u8>,
    /// What to keep instead of the session that was handed in: one whose device has been challenged,
    /// or has failed to prove itself. None: what is kept stays as it is.
    pub session: Option<Box<Session>>,
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
    /// The device has not proved who it is.
    #[error("the device has not proved who it is")]
    Credentials(#[source] Denied),
}

impl Refusal {
    /// The status that the client is given.
    pub const fn code(&self) -> StatusCode {
        match self {
            Self::Dtd(_) => StatusCode::DTD_VERSION_NOT_SUPPORTED,
            Self::Protocol(_) => StatusCode::PROTOCOL_VERSION_NOT_SUPPORTED,
            Self::Credentials(denied) => denied.code(),
            Self::NoDevInfo | Self::DevInfo(_) => StatusCode::INCOMPLETE_COMMAND,
            Self::UnknownSession
            | Self::Over
            | Self::OutOfOrder { .. }
            | Self::SessionAlert
            | Self::OtherDevice(_) => StatusCode::BAD_REQUEST,
        }
    }
}

pub(super) fn refused(settings: &Settings, request: &Message, cause: Refusal) -> Rejected {
    // Our own count may be unknown. The client's never falls behind it, so it serves.
    let number = request.header.message;
    Rejected {
        reply: rejection(settings, request, (number, cause.code(), None)),
        cause,
        session: None,
    }
}

/// Asks for credentials, once; or ends the session.
pub(super) fn unproven(
    settings: &Settings,
    kept: Option<&Session>,
    request: &Message,
    (mut proof, denied): (Proof, Denied),
) -> Rejected {
    let challenge = proof.challenge(settings, &request.header);
    let mut session = Session::challenged(&request.header, proof, kept);
    session.is_over = challenge.is_none();
    let answer = (session.message, denied.code(), challenge);
    session.reply = rejection(settings, request, answer);
    Rejected {
        reply: session.reply.clone(),
        cause: denied.into(),
        session: Some(Box::new(session)),
    }
}

/// Says no to the message and to each command. It is too small not to be encodable, unless the
/// request's own texts are at the limit; then there is nothing to say.
fn rejection(
    settings: &Settings,
    request: &Message,
    (number, code, challenge): (MessageId, StatusCode, Option<Challenge>),
) -> Vec<u8> {
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
    let header = Status {
        challenge,
        ..answer::status(answers, CommandRef::Header, CommandName::SyncHdr, code)
    };
    let commands = answer::numbered(std::iter::once(header).chain(asked));
    let header = settings.header(&request.header, number);
    let message = Message {
        header,
        commands,
        is_final: true,
    };
    settings.encoding.encode(&message).unwrap_or_default()
}
