//! Operations: what the company's server asked for, and what a task of the policy does at its time.
//! They stand beside the policy until they end or are taken back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Direction, Notice, Remote, Switch, Task};
use crate::function::Function;

/// One operation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Operation {
    /// Where it comes from.
    pub origin: Origin,
    /// What it switches.
    pub functions: BTreeSet<Function>,
    /// How.
    pub action: Switch,
    /// When it began.
    pub begun: Timestamp,
    /// When it ends; never by itself, when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// What the person at the device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notice>,
}

/// Where an operation comes from.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The company's server, by the id under which it asked.
    Server(String),
    /// A task of the policy, by its id.
    Task(String),
}

impl Origin {
    /// Whether both come from the same side: there, the later takes back the earlier.
    const fn is_beside(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Server(_), Self::Server(_)) | (Self::Task(_), Self::Task(_))
        )
    }
}

impl Operation {
    /// What a task's run at `begun` does.
    pub fn of_task(task: &Task, begun: Timestamp) -> Self {
        Self {
            origin: Origin::Task(task.id.clone()),
            functions: task.functions.clone(),
            action: task.action,
            begun,
            ends: task.lasting.and_then(|lasting| lasting.after(begun)),
            notify: task.notify.clone(),
        }
    }

    /// Whether it says something of a function.
    pub fn concerns(&self, function: Function) -> bool {
        self.functions.iter().any(|named| named.covers(function))
    }

    /// When it ends under what the policy lets a server do.
    pub(crate) fn end(&self, remote: Remote) -> Option<Timestamp> {
        let limit = match self.origin {
            Origin::Server(_) => remote.lasting.and_then(|lasting| lasting.after(self.begun)),
            Origin::Task(_) => None,
        };
        match (self.ends, limit) {
            (Some(end), Some(limit)) => Some(end.min(limit)),
            (end, limit) => end.or(limit),
        }
    }

    /// Whether it has ended. At a time that is not known, what restricts goes on, and what lets
    /// through has ended.
    pub(crate) fn has_ended(&self, remote: Remote, now: Option<Timestamp>) -> bool {
        match (self.end(remote), now) {
            (None, _) => false,
            (Some(end), Some(now)) => end <= now,
            (Some(_), None) => self.action == Switch::Enable,
        }
    }

    /// Whether it may go beyond the policy in the direction in which it goes.
    pub(crate) const fn may_loosen(&self, remote: Remote) -> bool {
        matches!(
            (&self.origin, self.action, remote.may),
            (Origin::Server(_), Switch::Enable, Direction::Loosen)
        )
    }
}

/// Of all operations on a function, the one of each side that counts: the latest.
pub(crate) fn standing(
    operations: &[Operation],
    function: Function,
    is_of_side: impl Fn(&Origin) -> bool,
) -> Option<&Operation> {
    operations
        .iter()
        .filter(|operation| is_of_side(&operation.origin) && operation.concerns(function))
        .max_by_key(|operation| operation.begun)
}

/// Lets an operation begin: what it takes back, and what has ended, is forgotten.
pub fn begin(
    operations: &mut Vec<Operation>,
    operation: Operation,
    remote: Remote,
    now: Timestamp,
) {
    operations.retain(|known| {
        let taken_back = known.origin.is_beside(&operation.origin)
            && known.begun <= operation.begun
            && known
                .functions
                .iter()
                .all(|function| operation.concerns(*function));
        !taken_back && !known.has_ended(remote, Some(now))
    });
    operations.push(operation);
}
