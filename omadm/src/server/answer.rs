//! What the server says about the client's commands.

use crate::code::{AlertCode, StatusCode};
use crate::message::{Alert, Command, CommandId, CommandName, CommandRef, MessageId, Status};

/// A command of the client's, and what to say about it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: CommandId,
    pub(super) name: CommandName,
    /// The client does not want the status after all.
    pub(super) is_silent: bool,
    /// One per item of an alert; exactly one for everything else.
    pub(super) parts: Vec<Part>,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) source: Option<String>,
    /// None until the caller answers.
    pub(super) code: Option<StatusCode>,
}

/// How to say what became of several items.
#[derive(Debug, Clone, Copy)]
pub(super) enum Detail {
    /// One status for all if they fared alike.
    Brief,
    /// One status for each: the most there can be.
    Items,
}

impl Asked {
    pub(super) fn statuses(&self, answers: MessageId, detail: Detail) -> Vec<Status> {
        let one = |part: &Part| {
            let command_ref = CommandRef::Command(self.id.clone());
            status(answers, command_ref, self.name, part.outcome())
        };
        let each = |part: &Part| {
            let mut status = one(part);
            status.source_refs.extend(part.source.clone());
            status
        };
        match (self.parts.split_first(), detail) {
            (Some((first, rest)), Detail::Brief)
                if rest.iter().all(|part| part.outcome() == first.outcome()) =>
            {
                vec![one(first)]
            }
            _ => self.parts.iter().map(each).collect(),
        }
    }
}

impl Part {
    fn outcome(&self) -> StatusCode {
        self.code.unwrap_or(StatusCode::COMMAND_FAILED)
    }
}

/// A status still to be [`numbered`].
pub(super) fn status(
    message_ref: MessageId,
    command_ref: CommandRef,
    command: CommandName,
    code: StatusCode,
) -> Status {
    Status {
        id: CommandId::at(0),
        message_ref,
        command_ref,
        command,
        target_refs: Vec::new(),
        source_refs: Vec::new(),
        credentials: None,
        challenge: None,
        code,
        items: Vec::new(),
    }
}

/// Numbers the statuses from 1.
pub(super) fn numbered(statuses: impl Iterator<Item = Status>) -> Vec<Command> {
    let number = |(place, status)| {
        Command::Status(Status {
            id: CommandId::at(place),
            ..status
        })
    };
    statuses.enumerate().map(number).collect()
}

pub(super) fn next_message(id: CommandId) -> Command {
    Command::Alert(Alert {
        id,
        no_response: false,
        code: AlertCode::NEXT_MESSAGE,
        correlator: None,
        items: Vec::new(),
    })
}
