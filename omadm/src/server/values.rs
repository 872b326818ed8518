//! Values that do not fit one message, in both directions.
//!
//! While the server sends a value in chunks, its package is not complete: the client asks for the next
//! message, and gets the next chunk alone. While the client sends one, it is the server that asks.

use super::Operation;
use crate::EncodeError;
use crate::Encoding;
use crate::chunks::{Chunk, Gathered, Rest};
use crate::client::Value;
use crate::code::StatusCode;
use crate::message::{Command, CommandRef, Item, Results, Status};

/// What a session has under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) incoming: Option<Incoming>,
    pub(super) outgoing: Option<Outgoing>,
    /// Largest object that the client says it takes, in octets.
    pub(super) client_max_object: Option<u64>,
}

/// A value of which the client has sent some chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) tag: u64,
    uri: String,
    value: Value,
    gathered: Gathered,
}

/// A value of which the client has got some chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) tag: u64,
    /// Without the data.
    operation: Operation,
    rest: Rest,
    /// The client has taken the chunk that was sent last.
    pub(super) is_taken: bool,
}

impl Values {
    /// Takes a chunk of a value that the client was asked for; the value, when it is whole.
    pub(super) fn take(
        &mut self,
        tag: u64,
        (uri, value, item): (&str, Value, &Item),
        results: &Results,
        limit: usize,
    ) -> Result<Option<Value>, StatusCode> {
        let data = value.data.clone();
        let begun = self.incoming.take();
        let mut incoming = match begun.filter(|begun| begun.tag == tag && begun.uri == uri) {
            Some(incoming) => incoming,
            None if !item.more_data => return Ok(Some(value)),
            None => Incoming {
                tag,
                uri: uri.to_owned(),
                value,
                gathered: Gathered::begin(item.meta.size.or(results.meta.size), limit)?,
            },
        };
        incoming.gathered.add(&data)?;
        if item.more_data {
            self.incoming = Some(incoming);
            return Ok(None);
        }
        Ok(Some(Value {
            data: incoming.gathered.end()?,
            ..incoming.value
        }))
    }

    /// What the client says of the last chunk; whether it goes on.
    pub(super) fn hear(&mut self, tag: u64, status: &Status) -> bool {
        let is_of = |outgoing: &&mut Outgoing| {
            outgoing.tag == tag && matches!(status.command_ref, CommandRef::Command(_))
        };
        let Some(outgoing) = self.outgoing.as_mut().filter(is_of) else {
            return false;
        };
        outgoing.is_taken = status.code == StatusCode::CHUNK_ACCEPTED;
        outgoing.is_taken
    }
}

impl Outgoing {
    /// An operation whose value can be cut, for a client that takes objects of this size.
    pub(super) fn new(tag: u64, operation: &Operation, limit: Option<u64>) -> Option<Self> {
        let mut operation = operation.clone();
        let whole = match &mut operation {
            Operation::Add { value, .. } | Operation::Replace { value, .. } => {
                std::mem::take(&mut value.data)
            }
            Operation::Get { .. }
            | Operation::Exec { .. }
            | Operation::Delete { .. }
            | Operation::Copy { .. }
            | Operation::Sequence { .. }
            | Operation::Atomic { .. } => return None,
        };
        let len = u64::try_from(whole.as_bytes().len()).ok()?;
        limit.filter(|limit| len <= *limit)?;
        Some(Self {
            tag,
            operation,
            rest: Rest::new(whole),
            is_taken: true,
        })
    }

    /// The next chunk as a command still to be numbered, and whether it is the last. None when there
    /// is no room for any of it.
    pub(super) fn next(
        &mut self,
        encoding: Encoding,
        room: usize,
    ) -> Result<Option<(Command, bool)>, EncodeError> {
        let len_of = |chunk: &Chunk| encoding.command_len(&self.command(chunk));
        let Some(chunk) = self.rest.largest(room, len_of)? else {
            return Ok(None);
        };
        let command = self.command(&chunk);
        self.rest.has_sent(&chunk);
        self.is_taken = false;
        Ok(Some((command, chunk.is_last)))
    }

    fn command(&self, chunk: &Chunk) -> Command {
        let mut command = self.operation.to_command();
        if let Command::Add(inner) | Command::Replace(inner) = &mut command {
            for item in &mut inner.items {
                item.data = Some(chunk.data.clone());
                item.more_data = !chunk.is_last;
                item.meta.size = chunk.size;
            }
        }
        command
    }
}
