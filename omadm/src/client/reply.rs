//! Package 3: what became of the server's commands.

use super::outgoing::{Outgoing, results};
use super::perform::{Part, Performed};
use super::proof::Verdict;
use super::{Fault, Value};
use crate::Encoding;
use crate::code::{AlertCode, StatusCode};
use crate::message::{
    Alert, Command, CommandId, CommandName, CommandRef, Header, Message, MessageId, Status,
};
use crate::schema::{MAX_COMMANDS, MAX_STATUSES};

/// Most values in one message; the alert that asks for the next one needs room as well.
const MAX_VALUES: usize = MAX_COMMANDS - 1;

/// Everything about the message to build but the commands' outcomes.
pub(super) struct Reply {
    pub(super) header: Header,
    /// The server's message.
    pub(super) answers: MessageId,
    /// The server wants no `Status` for its commands.
    pub(super) is_silent: bool,
    pub(super) package: Package,
    /// The end of an object that came in chunks never came.
    pub(super) is_interrupted: bool,
    pub(super) encoding: Encoding,
    /// Largest message that the server takes, in octets.
    pub(super) limit: usize,
    /// Largest object that the server takes, in octets.
    pub(super) max_object: usize,
    /// What the client thinks of the message's sender.
    pub(super) verdict: Verdict,
}

/// What of the server's package is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// Not all of it: the rest is asked for.
    Unfinished,
    /// All of it.
    Complete,
    /// All of it since an earlier message; the server only asks for the rest of the answer.
    Answered,
}

fn alert(code: AlertCode) -> Command {
    Command::Alert(Alert {
        id: placeholder(),
        no_response: false,
        code,
        correlator: None,
        items: Vec::new(),
    })
}

/// A `Status` that takes the server's message.
pub(super) fn header_status(id: CommandId, message: MessageId) -> Command {
    Command::Status(Status {
        id,
        message_ref: message,
        command_ref: CommandRef::Header,
        command: CommandName::SyncHdr,
        target_refs: Vec::new(),
        source_refs: Vec::new(),
        credentials: None,
        challenge: None,
        code: StatusCode::OK,
        items: Vec::new(),
    })
}

impl Reply {
    /// Every `Status` goes in. A value goes in if it fits beside them; if not, it waits in `outgoing`,
    /// or the `Status` of its `Get` says that it is too large.
    pub(super) fn message(
        self,
        mut performed: Vec<Performed>,
        outgoing: &mut Outgoing,
    ) -> Result<Message, Fault> {
        // Numbered later; the longest number stands in, so that lengths are never too small.
        let bare = self.assemble(&performed, Vec::new(), true);
        let mut len = self.encoding.bound(&bare)?;
        let mut values = Vec::new();
        for performed in &mut performed {
            for part in &mut performed.parts {
                let found = std::mem::take(&mut part.found);
                if !found.is_empty() {
                    let room = self.limit.saturating_sub(len);
                    let room = if values.len() < MAX_VALUES { room } else { 0 };
                    let more = self.value((&performed.id, part), found, room, outgoing);
                    if let Some((value, more)) = more {
                        len = len.saturating_add(more);
                        values.push(value);
                    }
                }
            }
        }
        if self.package != Package::Unfinished {
            let room = self.limit.saturating_sub(len);
            let count = MAX_VALUES.saturating_sub(values.len());
            values.extend(outgoing.fill(self.encoding, room, count)?);
        }
        // Nothing but values is left to say, and not even a piece of one fits.
        let goes_on = self.package == Package::Answered;
        let is_stuck = goes_on && values.is_empty() && !outgoing.is_empty();
        let message = self.assemble(&performed, values, outgoing.is_empty());
        let len = self.encoding.encode(&message)?.len();
        if len > self.limit || is_stuck {
            return Err(Fault::TooLarge {
                len,
                limit: self.limit,
            });
        }
        Ok(message)
    }

    /// The value as a command, and its length, if there is room for it and none waits before it.
    fn value(
        &self,
        (get, part): (&CommandId, &mut Part),
        mut found: Vec<(String, Value)>,
        room: usize,
        outgoing: &mut Outgoing,
    ) -> Option<(Command, usize)> {
        let uri = part.target.as_deref();
        let command = results(get, self.answers, uri, found.clone());
        let waits = match self.encoding.command_len(&command) {
            Ok(len) if len <= room && outgoing.is_empty() => return Some((command, len)),
            Ok(_) => self.may_wait(&found),
            Err(_) => {
                part.code = StatusCode::COMMAND_FAILED;
                return None;
            }
        };
        match found.pop().filter(|_| waits) {
            Some((at, value)) => {
                let at = Some(at.as_str()).filter(|at| !at.is_empty()).or(uri);
                outgoing.push(get, self.answers, at, value);
            }
            None => part.code = StatusCode::ENTITY_TOO_LARGE,
        }
        None
    }

    /// Only a value alone can be cut into chunks.
    fn may_wait(&self, found: &[(String, Value)]) -> bool {
        match found {
            [(_, value)] => value.data.as_bytes().len() <= self.max_object,
            _ => false,
        }
    }

    fn assemble(&self, performed: &[Performed], values: Vec<Command>, is_all: bool) -> Message {
        let mut header = header_status(placeholder(), self.answers);
        if let Command::Status(status) = &mut header {
            status.code = self.verdict.code;
            status.challenge.clone_from(&self.verdict.challenge);
        }
        let mut commands = vec![header];
        for performed in performed
            .iter()
            .filter(|performed| !performed.silent && !self.is_silent)
        {
            commands.extend(self.statuses(performed));
        }
        if self.is_interrupted {
            commands.push(alert(AlertCode::NO_END_OF_DATA));
        }
        if self.package == Package::Unfinished {
            commands.push(alert(AlertCode::NEXT_MESSAGE));
        }
        // Last, since nothing may stand between the chunks of a value.
        commands.extend(values);
        for (index, command) in commands.iter_mut().enumerate() {
            command.renumber(CommandId::at(index));
        }
        Message {
            header: self.header.clone(),
            commands,
            is_final: is_all && self.package != Package::Unfinished,
        }
    }

    /// One `Status` when all items fared alike, one for each otherwise.
    fn statuses(&self, performed: &Performed) -> Vec<Command> {
        let command_ref = CommandRef::Command(performed.id.clone());
        let status = |part: &Part, target: Option<&str>| {
            self.status(command_ref.clone(), performed.name, part.code, target)
        };
        match performed.parts.split_first() {
            None => Vec::new(),
            Some((first, rest)) if rest.iter().all(|part| part.code == first.code) => {
                vec![status(first, None)]
            }
            Some(_) => performed
                .parts
                .iter()
                .map(|part| status(part, part.target.as_deref()))
                .collect(),
        }
    }

    fn status(
        &self,
        command_ref: CommandRef,
        command: CommandName,
        code: StatusCode,
        target: Option<&str>,
    ) -> Command {
        Command::Status(Status {
            id: placeholder(),
            message_ref: self.answers,
            command_ref,
            command,
            target_refs: target.into_iter().map(str::to_owned).collect(),
            source_refs: Vec::new(),
            credentials: None,
            challenge: None,
            code,
            items: Vec::new(),
        })
    }
}

/// As long as any number that a message's commands can have.
pub(super) fn placeholder() -> CommandId {
    CommandId::at(MAX_COMMANDS + MAX_STATUSES)
}
