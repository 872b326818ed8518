//! Carrying out a server's commands on the device's tree.

use super::incoming::{Incoming, Taken};
use super::tree::{Tree, Value};
use crate::code::{AlertCode, StatusCode};
use crate::message::{
    Command, CommandId, CommandName, Exec, Format, Group, Item, ItemCommand, Meta,
};
use crate::tree::{Query, split};

/// What became of one command.
pub(super) struct Performed {
    pub(super) id: CommandId,
    pub(super) name: CommandName,
    /// The server wants no `Status`.
    pub(super) silent: bool,
    /// One per item; exactly one for a command without items.
    pub(super) parts: Vec<Part>,
}

/// What became of one item.
pub(super) struct Part {
    pub(super) target: Option<String>,
    pub(super) code: StatusCode,
    /// What a `Get` found, and where; nowhere else than at the target when the address is empty.
    pub(super) found: Vec<(String, Value)>,
}

impl Part {
    pub(super) const fn whole(code: StatusCode) -> Self {
        Self {
            target: None,
            code,
            found: Vec::new(),
        }
    }
}

impl Performed {
    pub(super) fn new(command: &Command, parts: Vec<Part>) -> Self {
        Self {
            id: command.id().clone(),
            name: command.name(),
            silent: command.no_response(),
            parts,
        }
    }

    fn is_success(&self) -> bool {
        self.parts.iter().all(|part| part.code.is_success())
    }
}

/// Carries out the commands in order and says what became of each, those within groups included.
/// `limit` is the largest object taken, in octets.
pub(super) fn perform(
    tree: &mut dyn Tree,
    commands: Vec<Command>,
    incoming: &mut Incoming,
    limit: usize,
) -> Vec<Performed> {
    let mut performed = Vec::new();
    for command in commands {
        match incoming.take(command, limit) {
            Taken::Command(command) => {
                one(tree, &command, &mut performed);
            }
            Taken::Chunk(chunk) => performed.push(chunk),
        }
    }
    performed
}

/// Carries nothing out, and says the same of each.
pub(super) fn refuse(commands: &[Command], code: StatusCode) -> Vec<Performed> {
    let mut performed = Vec::new();
    for command in commands {
        without(command, code, &mut performed);
    }
    performed
}

/// Returns whether the command, and all within it, succeeded.
pub(super) fn one(tree: &mut dyn Tree, command: &Command, out: &mut Vec<Performed>) -> bool {
    let parts = match command {
        Command::Get(get) => each(get, |item| part(item, |uri, query| find(tree, uri, query))),
        Command::Add(add) => each(add, |item| {
            let value = value(&add.meta, item);
            part(item, |uri, query| match query {
                Query::Node => nothing(tree.add(uri, &value)),
                Query::Property(_) | Query::List(_) => Err(StatusCode::COMMAND_NOT_ALLOWED),
            })
        }),
        Command::Replace(replace) => each(replace, |item| {
            let value = value(&replace.meta, item);
            part(item, |uri, query| match query {
                Query::Node => nothing(tree.replace(uri, &value)),
                Query::Property(property) => nothing(tree.replace_property(uri, property, &value)),
                Query::List(_) => Err(StatusCode::COMMAND_NOT_ALLOWED),
            })
        }),
        Command::Delete(delete) => each(delete, |item| {
            part(item, |uri, query| match query {
                Query::Node => nothing(tree.delete(uri)),
                Query::Property(_) | Query::List(_) => Err(StatusCode::COMMAND_NOT_ALLOWED),
            })
        }),
        Command::Copy(copy) => each(copy, |item| {
            part(item, |uri, query| copied(tree, item, uri, query))
        }),
        Command::Exec(exec) => vec![run(tree, exec)],
        Command::Alert(alert) => vec![Part::whole(match alert.code {
            AlertCode::NEXT_MESSAGE => StatusCode::OK,
            _ => StatusCode::FEATURE_NOT_SUPPORTED,
        })],
        Command::Sequence(group) => return sequence(tree, command, group, out),
        Command::Atomic(group) => return super::atomic::atomic(tree, command, group, out),
        // A server has nothing to ask for that these would answer.
        Command::Results(_) | Command::Status(_) => {
            vec![Part::whole(StatusCode::COMMAND_NOT_ALLOWED)]
        }
    };
    let performed = Performed::new(command, parts);
    let success = performed.is_success();
    out.push(performed);
    success
}

/// In order; what follows a failure is not carried out.
fn sequence(
    tree: &mut dyn Tree,
    command: &Command,
    group: &Group,
    out: &mut Vec<Performed>,
) -> bool {
    out.push(Performed::new(command, vec![Part::whole(StatusCode::OK)]));
    let mut success = true;
    for command in &group.commands {
        if success {
            success = one(tree, command, out);
        } else {
            skip(command, out);
        }
    }
    success
}

pub(super) fn skip(command: &Command, out: &mut Vec<Performed>) {
    without(command, StatusCode::NOT_EXECUTED, out);
}

/// The same for the command and all within it.
pub(super) fn without(command: &Command, code: StatusCode, out: &mut Vec<Performed>) {
    out.push(Performed::new(command, vec![Part::whole(code)]));
    if let Command::Sequence(group) | Command::Atomic(group) = command {
        let inner = group.commands.iter();
        inner.for_each(|command| without(command, code, out));
    }
}

/// What was found, and where.
type Found = Vec<(String, Value)>;

fn each(command: &ItemCommand, part: impl FnMut(&Item) -> Part) -> Vec<Part> {
    command.items.iter().map(part).collect()
}

/// Does something with the node that an item means.
fn part(item: &Item, act: impl FnOnce(&str, Query) -> Result<Found, StatusCode>) -> Part {
    let Some(target) = &item.target else {
        return Part::whole(StatusCode::INCOMPLETE_COMMAND);
    };
    let result = match split(&target.uri) {
        // Only `Add` and `Replace` of one item may come in chunks.
        Ok(_) if item.more_data => Err(StatusCode::FEATURE_NOT_SUPPORTED),
        Ok((uri, query)) => act(uri, query),
        Err(code) => Err(code),
    };
    let (code, found) = match result {
        Ok(found) => (StatusCode::OK, found),
        Err(code) => (code, Vec::new()),
    };
    Part {
        target: Some(target.uri.clone()),
        code,
        found,
    }
}

/// A command that finds nothing: any success is kept as it is.
fn nothing(code: StatusCode) -> Result<Found, StatusCode> {
    match code {
        StatusCode::OK => Ok(Vec::new()),
        code => Err(code),
    }
}

fn find(tree: &mut dyn Tree, uri: &str, query: Query) -> Result<Found, StatusCode> {
    let one = |value| vec![(String::new(), value)];
    match query {
        Query::Node => tree.get(uri).map(one),
        Query::Property(property) => tree.property(uri, property).map(one),
        Query::List(listing) => tree.list(uri, listing),
    }
}

fn copied(
    tree: &mut dyn Tree,
    item: &Item,
    target: &str,
    query: Query,
) -> Result<Found, StatusCode> {
    let source = item.source.as_ref().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
    if query != Query::Node || source.uri.contains('?') {
        return Err(StatusCode::COMMAND_NOT_ALLOWED);
    }
    nothing(tree.copy(&source.uri, target))
}

/// What the item says of itself goes before what the command says of all.
fn value(outer: &Meta, item: &Item) -> Value {
    let format = item.meta.format.as_ref().or(outer.format.as_ref());
    let content_type = item
        .meta
        .content_type
        .as_ref()
        .or(outer.content_type.as_ref());
    Value {
        format: format.cloned().unwrap_or(Format::Chr),
        content_type: content_type.cloned(),
        data: item.data.clone().unwrap_or_default(),
    }
}

fn run(tree: &mut dyn Tree, exec: &Exec) -> Part {
    part(&exec.item, |uri, query| match query {
        Query::Node => {
            let argument = exec.item.data.as_ref();
            nothing(tree.exec(uri, argument, exec.correlator.as_deref()))
        }
        Query::Property(_) | Query::List(_) => Err(StatusCode::COMMAND_NOT_ALLOWED),
    })
}
