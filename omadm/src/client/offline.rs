//! Commands that are carried out without a session: those of a schedule, or of a bootstrap message.

use super::incoming::Incoming;
use super::perform::perform;
use super::tree::{Tree, Value};
use crate::code::StatusCode;
use crate::message::{Command, CommandId, CommandName};

/// What became of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOut {
    /// The command's id.
    pub id: CommandId,
    /// The command.
    pub name: CommandName,
    /// What became of each of its items; of the command itself if it has none.
    pub codes: Vec<StatusCode>,
    /// What a `Get` found: addresses with their values.
    pub found: Vec<(String, Value)>,
}

/// Carries commands out on a tree, in order, and says what became of each, those within groups
/// included. Nobody is told: values in chunks and alerts make no sense here, and are refused.
pub fn carry_out(tree: &mut dyn Tree, commands: &[Command]) -> Vec<CarriedOut> {
    // Nothing larger than nothing is put together from chunks.
    let performed = perform(tree, commands.to_vec(), &mut Incoming::default(), 0);
    performed
        .into_iter()
        .map(|performed| {
            let mut carried = CarriedOut {
                id: performed.id,
                name: performed.name,
                codes: Vec::new(),
                found: Vec::new(),
            };
            for part in performed.parts {
                carried.codes.push(part.code);
                let target = part.target.unwrap_or_default();
                let found = part.found.into_iter().map(|(at, value)| match at.as_str() {
                    "" => (target.clone(), value),
                    _ => (at, value),
                });
                carried.found.extend(found);
            }
            carried
        })
        .collect()
}
