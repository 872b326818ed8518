//! Why a command brought no answer.

use super::{Header, MAX_ANSWER, Status};
use crate::reader;

/// Why a command brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The reader or the card in it gave up.
    #[error("command {command} did not reach the card")]
    Reader {
        /// The command.
        command: Header,
        /// What the reader says.
        #[source]
        source: reader::Error,
    },
    /// The card says no.
    #[error("the {whom} answered command {command} with {status}")]
    Refused {
        /// The command.
        command: Header,
        /// What was spoken to: the card, or an application of it.
        whom: &'static str,
        /// The card's reason.
        status: Status,
    },
    /// The answer has no status word, or is longer than a short APDU can be.
    #[error("the {whom} answered command {command} with {length} bytes, which is no answer")]
    NoAnswer {
        /// The command.
        command: Header,
        /// What was spoken to: the card, or an application of it.
        whom: &'static str,
        /// How many bytes there were.
        length: usize,
    },
    /// The card promises more and more.
    #[error("the answer of the {whom} to command {command} has no end")]
    Endless {
        /// The command.
        command: Header,
        /// What was spoken to: the card, or an application of it.
        whom: &'static str,
    },
    /// The answer is longer than [`MAX_ANSWER`].
    #[error("the answer of the {whom} to command {command} is longer than {MAX_ANSWER} bytes")]
    TooLong {
        /// The command.
        command: Header,
        /// What was spoken to: the card, or an application of it.
        whom: &'static str,
    },
    /// The time for the whole conversation is over.
    #[error("the {whom} is too slow: the time was over before command {command}")]
    Late {
        /// The command that was not sent any more.
        command: Header,
        /// What was spoken to: the card, or an application of it.
        whom: &'static str,
    },
}

impl Failure {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Reader { source, .. } => source.code(),
            Self::Refused { .. }
            | Self::NoAnswer { .. }
            | Self::Endless { .. }
            | Self::TooLong { .. }
            | Self::Late { .. } => "card-fault",
        }
    }

    /// The card's reason, when the card said no.
    pub const fn status(&self) -> Option<Status> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Reader { .. }
            | Self::NoAnswer { .. }
            | Self::Endless { .. }
            | Self::TooLong { .. }
            | Self::Late { .. } => None,
        }
    }
}
