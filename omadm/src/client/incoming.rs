//! Objects that the server sends in chunks.

use super::perform::{Part, Performed};
use crate::chunks::Gathered;
use crate::code::StatusCode;
use crate::message::{Command, CommandName, Item, ItemCommand, Meta};

/// The object that is on its way, if one is.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming(Option<Object>);

#[derive(Debug, Clone)]
struct Object {
    name: CommandName,
    target: String,
    /// As the first chunk says it.
    outer: Meta,
    meta: Meta,
    gathered: Gathered,
}

/// What is to be done with a command.
pub(super) enum Taken {
    /// Carry it out.
    Command(Box<Command>),
    /// Nothing; this is said of it.
    Chunk(Performed),
}

impl Incoming {
    /// Whether chunks are here, and more to come.
    pub(super) const fn is_begun(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the object's next chunk should be the first command of the message, and is not: its end
    /// never came.
    pub(super) fn is_interrupted(&mut self, commands: &[Command]) -> bool {
        let Some(object) = &self.0 else {
            return false;
        };
        let goes_on = commands
            .first()
            .is_some_and(|command| object.goes_on(command));
        if !goes_on {
            self.0 = None;
        }
        !goes_on
    }

    /// Takes a command of the server's; an object that is complete is a command like any other.
    pub(super) fn take(&mut self, command: Command, limit: usize) -> Taken {
        let Some((inner, item)) = chunk_of(&command) else {
            return Taken::Command(command.into());
        };
        if !item.more_data && self.0.is_none() {
            return Taken::Command(command.into());
        }
        let result = self.gather(&command, inner, item, limit);
        match result {
            Ok(Some(whole)) => Taken::Command(whole.into()),
            Ok(None) => Taken::Chunk(answered(&command, StatusCode::CHUNK_ACCEPTED)),
            Err(code) => {
                self.0 = None;
                Taken::Chunk(answered(&command, code))
            }
        }
    }

    fn gather(
        &mut self,
        command: &Command,
        inner: &ItemCommand,
        item: &Item,
        limit: usize,
    ) -> Result<Option<Command>, StatusCode> {
        let target = item.target.as_ref().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
        let begun = self.0.take().filter(|object| object.goes_on(command));
        let mut object = match begun {
            Some(object) => object,
            None if !item.more_data => return Ok(Some(command.clone())),
            None => Object {
                name: command.name(),
                target: target.uri.clone(),
                outer: inner.meta.clone(),
                meta: item.meta.clone(),
                gathered: Gathered::begin(item.meta.size.or(inner.meta.size), limit)?,
            },
        };
        object
            .gathered
            .add(&item.data.clone().unwrap_or_default())?;
        if item.more_data {
            self.0 = Some(object);
            return Ok(None);
        }
        let whole = ItemCommand {
            id: inner.id.clone(),
            no_response: inner.no_response,
            meta: object.outer,
            items: vec![Item {
                target: item.target.clone(),
                meta: object.meta,
                data: Some(object.gathered.end()?),
                ..Item::default()
            }],
        };
        Ok(Some(if object.name == CommandName::Add {
            Command::Add(whole)
        } else {
            Command::Replace(whole)
        }))
    }
}

impl Object {
    fn goes_on(&self, command: &Command) -> bool {
        let target = chunk_of(command).and_then(|(_, item)| item.target.as_ref());
        self.name == command.name() && target.is_some_and(|target| target.uri == self.target)
    }
}

/// The one item of a command whose value may come in chunks.
fn chunk_of(command: &Command) -> Option<(&ItemCommand, &Item)> {
    match command {
        Command::Add(inner) | Command::Replace(inner) => match inner.items.as_slice() {
            [item] => Some((inner, item)),
            _ => None,
        },
        Command::Alert(_)
        | Command::Atomic(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Results(_)
        | Command::Sequence(_)
        | Command::Status(_) => None,
    }
}

fn answered(command: &Command, code: StatusCode) -> Performed {
    Performed::new(command, vec![Part::whole(code)])
}
