//! How a session fails.

use super::{Answer, MAX_ROUNDS, Nonces};
use crate::code::StatusCode;
use crate::message::{Challenge, CommandId, CommandName, CommandRef, MessageId, SessionId};
use crate::{EncodeError, ParseError};

/// A session that ended before its time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("management session failed")]
pub struct Failed {
    /// What the server said about each alert that was [taken](super::Awaiting::taken), in their order, up to
    /// and including the message at fault.
    pub answers: Vec<Answer>,
    /// What to keep for the next session all the same.
    pub nonces: Box<Nonces>,
    /// Why.
    #[source]
    pub cause: Fault,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The answer is no message.
    #[error("the server's answer cannot be read")]
    Parse(#[from] ParseError),
    /// The next message cannot be written.
    #[error("the next message cannot be written")]
    Encode(#[from] EncodeError),
    /// The answer speaks another version of the protocol.
    #[error("the server speaks {protocol} in SyncML {dtd}")]
    Version {
        /// `VerDTD`.
        dtd: String,
        /// `VerProto`.
        protocol: String,
    },
    /// The answer belongs to another session.
    #[error("the server answered in session {found}")]
    WrongSession {
        /// The session named.
        found: SessionId,
    },
    /// The answer's own number is not above that of the answer before.
    #[error("the server repeated its message {found}")]
    RepeatedMessage {
        /// The number.
        found: MessageId,
    },
    /// A `Status` refers to another message than the one that was sent.
    #[error("status for message {found} instead of {expected}")]
    WrongMessage {
        /// `MsgRef`.
        found: MessageId,
        /// The message sent.
        expected: MessageId,
    },
    /// A `Status` refers to a command that was not sent, or was another.
    #[error("status for {command} {id}, which was not sent")]
    StrayStatus {
        /// `Cmd`.
        command: CommandName,
        /// `CmdRef`.
        id: CommandId,
    },
    /// There is no `Status` for something that was sent.
    #[error("no status for {command} {id}")]
    MissingStatus {
        /// What was sent.
        command: CommandName,
        /// Its place.
        id: CommandRef,
    },
    /// The server refused a command without which there is no session: its first alert, DevInfo,
    /// or the request for the next message.
    #[error("the server refused {command}: {code}")]
    CommandRefused {
        /// What was sent.
        command: CommandName,
        /// How it was refused.
        code: StatusCode,
    },
    /// The server wants SyncML credentials (401 or 407), and there are none, or none by this scheme, or
    /// they were wrong.
    #[error("the server wants credentials: {code}")]
    CredentialsWanted {
        /// 401 or 407.
        code: StatusCode,
        /// What kind, and the nonce.
        challenge: Option<Box<Challenge>>,
    },
    /// The server was to prove itself and did not, although it was asked.
    #[error("the server has not proved itself")]
    ServerUnproven,
    /// The server refused the message as a whole.
    #[error("the server refused the message: {code}")]
    HeaderRefused {
        /// How.
        code: StatusCode,
    },
    /// The server gave the session up (alert 1223).
    #[error("the server gave the session up")]
    Aborted,
    /// The server's commands do not end.
    #[error("no end after {MAX_ROUNDS} messages")]
    Endless,
    /// The `Status` of the server's commands alone is more than the server takes.
    #[error("an answer of {len} octets does not fit the server's {limit}")]
    TooLarge {
        /// How long the message would be.
        len: usize,
        /// What the server takes.
        limit: usize,
    },
}
