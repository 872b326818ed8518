//! Values that the server asked for and that wait for their message, whole or in chunks.

use super::Value;
use crate::chunks::{Chunk, Rest};
use crate::message::{Command, CommandId, Item, Location, MessageId, Meta, Results};
use crate::{EncodeError, Encoding};
use std::collections::VecDeque;

/// In the order in which they were asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Outgoing(VecDeque<Pending>);

/// One value.
#[derive(Debug, Clone)]
struct Pending {
    /// The `Get` and the server's message that held it.
    get: CommandId,
    message: MessageId,
    uri: Option<String>,
    /// Without the data.
    value: Value,
    rest: Rest,
}

/// The values that a `Get` found, as one command still to be numbered.
pub(super) fn results(
    get: &CommandId,
    message: MessageId,
    uri: Option<&str>,
    found: Vec<(String, Value)>,
) -> Command {
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
        id: super::reply::placeholder(),
        message_ref: Some(message),
        command_ref: get.clone(),
        meta: Meta::default(),
        target_refs: Vec::new(),
        source_refs: Vec::new(),
        items: found.into_iter().map(item).collect(),
    })
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A value that is to be sent as soon as there is room.
    pub(super) fn push(
        &mut self,
        get: &CommandId,
        message: MessageId,
        uri: Option<&str>,
        mut value: Value,
    ) {
        let rest = Rest::new(std::mem::take(&mut value.data));
        self.0.push_back(Pending {
            get: get.clone(),
            message,
            uri: uri.map(str::to_owned),
            value,
            rest,
        });
    }

    /// As much as fits, in `count` commands at most. Nothing stands behind a chunk that is not the last.
    pub(super) fn fill(
        &mut self,
        encoding: Encoding,
        mut room: usize,
        count: usize,
    ) -> Result<Vec<Command>, EncodeError> {
        let mut commands = Vec::new();
        while commands.len() < count {
            let Some(pending) = self.0.front_mut() else {
                break;
            };
            let len_of = |chunk: &Chunk| encoding.command_len(&pending.command(chunk));
            let Some(chunk) = pending.rest.largest(room, len_of)? else {
                break;
            };
            let command = pending.command(&chunk);
            room = room.saturating_sub(encoding.command_len(&command)?);
            pending.rest.has_sent(&chunk);
            commands.push(command);
            if !chunk.is_last {
                break;
            }
            self.0.pop_front();
        }
        Ok(commands)
    }
}

impl Pending {
    fn command(&self, chunk: &Chunk) -> Command {
        let value = Value {
            data: chunk.data.clone(),
            ..self.value.clone()
        };
        let found = vec![(String::new(), value)];
        let mut command = results(&self.get, self.message, self.uri.as_deref(), found);
        if let Command::Results(results) = &mut command {
            for item in &mut results.items {
                item.more_data = !chunk.is_last;
                item.meta.size = chunk.size;
            }
        }
        command
    }
}
