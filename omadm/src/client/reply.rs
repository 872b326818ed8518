//! Package 3: what became of the server's commands.

use super::perform::{Part, Performed};
use super::proof::Verdict;
use super::{Fault, Value};
use crate::Encoding;
use crate::code::{AlertCode, StatusCode};
use crate::message::{
    Alert, Command, CommandId, CommandName, CommandRef, Header, Item, Location, Message, MessageId,
    Meta, Results, Status,
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
    /// The server's package is complete; otherwise the rest of it is asked for.
    pub(super) is_final: bool,
    pub(super) encoding: Encoding,
    /// Largest message that the server takes, in octets.
    pub(super) limit: usize,
    /// What the client thinks of the message's sender.
    pub(super) verdict: Verdict,
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
    /// Every `Status` goes in. A value goes in if it fits beside them; if not, the `Status` of its
    /// `Get` says so.
    pub(super) fn message(self, mut performed: Vec<Performed>) -> Result<Message, Fault> {
        // Numbered later; the longest number stands in, so that lengths are never too small.
        let bare = self.assemble(&performed, Vec::new());
        let mut len = self.encoding.bound(&bare)?;
        let mut values = Vec::new();
        for performed in &mut performed {
            for part in &mut performed.parts {
                let found = std::mem::take(&mut part.found);
                if !found.is_empty() {
                    let results = self.results(&performed.id, part.target.as_deref(), found);
                    match self.encoding.command_len(&results) {
                        Ok(more)
                            if len.saturating_add(more) <= self.limit
                                && values.len() < MAX_VALUES =>
                        {
                            len = len.saturating_add(more);
                            values.push(results);
                        }
                        Ok(_) => part.code = StatusCode::ENTITY_TOO_LARGE,
                        Err(_) => part.code = StatusCode::COMMAND_FAILED,
                    }
                }
            }
        }
        let message = self.assemble(&performed, values);
        let len = self.encoding.encode(&message)?.len();
        if len > self.limit {
            return Err(Fault::TooLarge {
                len,
                limit: self.limit,
            });
        }
        Ok(message)
    }

    fn assemble(&self, performed: &[Performed], values: Vec<Command>) -> Message {
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
        commands.extend(values);
        if !self.is_final {
            commands.push(Command::Alert(Alert {
                id: placeholder(),
                no_response: false,
                code: AlertCode::NEXT_MESSAGE,
                correlator: None,
                items: Vec::new(),
            }));
        }
        for (index, command) in commands.iter_mut().enumerate() {
            command.renumber(CommandId::at(index));
        }
        Message {
            header: self.header.clone(),
            commands,
            is_final: self.is_final,
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

    fn results(&self, get: &CommandId, uri: Option<&str>, found: Vec<(String, Value)>) -> Command {
        let item = |(at, value): (String, Value)| Item {
            source: match at.as_str() {
                "" => uri.map(Location::new),
                at => Some(Location::new(at)),
            },
            meta: Meta {
                format: Some(value.format),
                content_type: value.content_type,
                ..Meta::default()
            },
            data: Some(value.data),
            ..Item::default()
        };
        Command::Results(Results {
            id: placeholder(),
            message_ref: Some(self.answers),
            command_ref: get.clone(),
            meta: Meta::default(),
            target_refs: Vec::new(),
            source_refs: Vec::new(),
            items: found.into_iter().map(item).collect(),
        })
    }
}

/// As long as any number that a message's commands can have.
fn placeholder() -> CommandId {
    CommandId::at(MAX_COMMANDS + MAX_STATUSES)
}
