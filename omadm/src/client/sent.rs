//! What is out, and what the server has said of it.

use crate::code::{AlertCode, StatusCode};
use crate::message::{Command, CommandId, CommandName};

/// What the server has said about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Nothing.
    None,
    /// It has it: status 200 or 202.
    Acknowledged(StatusCode),
    /// It does not want it, or could not keep it.
    Refused(StatusCode),
}

impl Answer {
    /// Whether the alert need not be sent again.
    pub const fn is_acknowledged(self) -> bool {
        matches!(self, Self::Acknowledged(_))
    }

    /// A refusal of any item outweighs what is said about the others.
    pub(super) fn and(self, code: StatusCode) -> Self {
        match (self, code) {
            (Self::Refused(_), _) => self,
            (_, StatusCode::OK | StatusCode::ACCEPTED_FOR_PROCESSING) => Self::Acknowledged(code),
            (Self::None | Self::Acknowledged(_), _) => Self::Refused(code),
        }
    }
}

/// A command of the last message, and what the server made of it.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) id: CommandId,
    pub(super) name: CommandName,
    /// Which of the alerts taken it is.
    pub(super) alert: Option<usize>,
    /// The session goes on even if the server refuses it.
    pub(super) is_report: bool,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// A `Status` must come.
    Due,
    /// It has come, or none is owed.
    Settled,
    /// It has come, for one item at least, and says no.
    Refused(StatusCode),
}

/// Whether the session goes on without the server's consent.
fn is_told(command: &Command) -> bool {
    match command {
        Command::Alert(alert) => alert.code == AlertCode::NO_END_OF_DATA,
        Command::Results(_) => true,
        Command::Add(_)
        | Command::Atomic(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Replace(_)
        | Command::Sequence(_)
        | Command::Status(_) => false,
    }
}

impl Sent {
    pub(super) fn all(commands: &[Command]) -> Vec<Self> {
        let mut alerts = 0_usize..;
        let sent = |command: &Command| {
            let is_alert =
                matches!(command, Command::Alert(alert) if alert.code == AlertCode::GENERIC);
            Self {
                id: command.id().clone(),
                name: command.name(),
                alert: if is_alert { alerts.next() } else { None },
                is_report: is_alert || is_told(command),
                outcome: if command.no_response() {
                    Outcome::Settled
                } else {
                    Outcome::Due
                },
            }
        };
        commands.iter().map(sent).collect()
    }
}
