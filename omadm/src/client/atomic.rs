//! All or nothing (OMA DM 1.2 *Representation Protocol*, `Atomic`).
//!
//! | what went wrong | the group | before it | itself | after it |
//! |---|---|---|---|---|
//! | a command failed | 507 | 216, or 516 | its own code | 215 |
//! | a command that has no place in such a group | 507 | 216, or 516 | 500 | 215 |
//! | the tree can undo nothing | 406 | 215 | 215 | 215 |

use super::perform::{Part, Performed, one, skip};
use super::tree::Tree;
use crate::code::StatusCode;
use crate::message::{Command, Group};

/// Carries the group out or leaves everything as it was; whether it was carried out.
pub(super) fn atomic(
    tree: &mut dyn Tree,
    command: &Command,
    group: &Group,
    out: &mut Vec<Performed>,
) -> bool {
    let place = out.len();
    out.push(Performed::new(command, vec![Part::whole(StatusCode::OK)]));
    let fail = |out: &mut Vec<Performed>, code| {
        if let Some(performed) = out.get_mut(place) {
            performed.parts = vec![Part::whole(code)];
        }
    };
    if let Err(code) = tree.begin_atomic() {
        fail(out, code);
        group.commands.iter().for_each(|command| skip(command, out));
        return false;
    }
    let first = out.len();
    let mut commands = group.commands.iter();
    let mut failed = None;
    for command in commands.by_ref() {
        let at = out.len();
        if !may_be_in(command) {
            skip(command, out);
            if let Some(performed) = out.get_mut(at) {
                performed.parts = vec![Part::whole(StatusCode::COMMAND_FAILED)];
            }
            failed = Some(at);
            break;
        }
        if !one(tree, command, out) {
            failed = Some(at);
            break;
        }
    }
    let undone = match failed {
        None => match tree.end_atomic() {
            Ok(()) => return true,
            // The tree itself has gone back.
            Err(_) => StatusCode::ATOMIC_ROLLED_BACK,
        },
        Some(_) => match tree.roll_back_atomic() {
            Ok(()) => StatusCode::ATOMIC_ROLLED_BACK,
            Err(_) => StatusCode::ATOMIC_ROLL_BACK_FAILED,
        },
    };
    fail(out, StatusCode::ATOMIC_FAILED);
    let done = failed.unwrap_or(out.len()).saturating_sub(first);
    for performed in out.iter_mut().skip(first).take(done) {
        performed.parts = vec![Part::whole(undone)];
    }
    // Of a command with several items some may have been carried out before one was not.
    if let Some(performed) = failed.and_then(|at| out.get_mut(at)) {
        let succeeded = performed
            .parts
            .iter_mut()
            .filter(|part| part.code.is_success());
        succeeded.for_each(|part| part.code = undone);
    }
    commands.for_each(|command| skip(command, out));
    false
}

const fn may_be_in(command: &Command) -> bool {
    match command {
        Command::Add(_)
        | Command::Alert(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Replace(_) => true,
        Command::Atomic(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Results(_)
        | Command::Sequence(_)
        | Command::Status(_) => false,
    }
}
