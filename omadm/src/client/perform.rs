//! Carrying out a server's commands on the device's tree.

use super::tree::{Tree, Value};
use crate::code::{AlertCode, StatusCode};
use crate::message::{
    Command, CommandId, CommandName, Exec, Format, Group, Item, ItemCommand, Meta,
};

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
    /// What a `Get` found.
    pub(super) found: Option<Value>,
}

impl Part {
    const fn whole(code: StatusCode) -> Self {
        Self {
            target: None,
            code,
            found: None,
        }
    }
}

impl Performed {
    fn new(command: &Command, parts: Vec<Part>) -> Self {
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
pub(super) fn perform(tree: &mut dyn Tree, commands: &[Command]) -> Vec<Performed> {
    let mut performed = Vec::new();
    for command in commands {
        one(tree, command, &mut performed);
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
fn one(tree: &mut dyn Tree, command: &Command, out: &mut Vec<Performed>) -> bool {
    let parts = match command {
        Command::Get(get) => items(get, |uri, _| match tree.get(uri) {
            Ok(value) => (StatusCode::OK, Some(value)),
            Err(code) => (code, None),
        }),
        Command::Add(add) => items(add, |uri, value| (tree.add(uri, &value), None)),
        Command::Replace(replace) => items(replace, |uri, value| (tree.replace(uri, &value), None)),
        Command::Delete(delete) => items(delete, |uri, _| (tree.delete(uri), None)),
        Command::Copy(copy) => items(copy, |_, _| (StatusCode::FEATURE_NOT_SUPPORTED, None)),
        Command::Exec(exec) => vec![run(tree, exec)],
        Command::Alert(alert) => vec![Part::whole(match alert.code {
            AlertCode::NEXT_MESSAGE => StatusCode::OK,
            _ => StatusCode::FEATURE_NOT_SUPPORTED,
        })],
        Command::Sequence(group) => return sequence(tree, command, group, out),
        Command::Atomic(group) => {
            out.push(Performed::new(
                command,
                vec![Part::whole(StatusCode::FEATURE_NOT_SUPPORTED)],
            ));
            group.commands.iter().for_each(|command| skip(command, out));
            return false;
        }
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

fn skip(command: &Command, out: &mut Vec<Performed>) {
    without(command, StatusCode::NOT_EXECUTED, out);
}

/// The same for the command and all within it.
fn without(command: &Command, code: StatusCode, out: &mut Vec<Performed>) {
    out.push(Performed::new(command, vec![Part::whole(code)]));
    if let Command::Sequence(group) | Command::Atomic(group) = command {
        let inner = group.commands.iter();
        inner.for_each(|command| without(command, code, out));
    }
}

/// The node an item means, or why there is none that the tree could be asked for.
fn target(item: &Item) -> Result<&str, Part> {
    let Some(target) = &item.target else {
        return Err(Part::whole(StatusCode::INCOMPLETE_COMMAND));
    };
    // Properties, whole sub-trees and chunks are optional features that a plain tree lacks.
    if target.uri.contains('?') || item.more_data {
        let code = StatusCode::FEATURE_NOT_SUPPORTED;
        return Err(Part {
            target: Some(target.uri.clone()),
            code,
            found: None,
        });
    }
    Ok(&target.uri)
}

fn items(
    command: &ItemCommand,
    mut act: impl FnMut(&str, Value) -> (StatusCode, Option<Value>),
) -> Vec<Part> {
    let part = |item: &Item| match target(item) {
        Err(part) => part,
        Ok(uri) => {
            let (code, found) = act(uri, value(&command.meta, item));
            Part {
                target: Some(uri.to_owned()),
                code,
                found,
            }
        }
    };
    command.items.iter().map(part).collect()
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
    match target(&exec.item) {
        Err(part) => part,
        Ok(uri) => {
            let code = tree.exec(uri, exec.item.data.as_ref(), exec.correlator.as_deref());
            Part {
                target: Some(uri.to_owned()),
                code,
                found: None,
            }
        }
    }
}
