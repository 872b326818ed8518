//! What a server may ask of a device.

use crate::Payload;
use crate::client::Value;
use crate::message::{Command, CommandId, Exec, Group, Item, ItemCommand, Location, Meta};
use crate::schema::{MAX_COMMANDS, MAX_STATUSES};

/// One command on one node of the device's tree, or several commands as a group.
///
/// An address may end in `?prop=ACL` and the like, or, in a `Get`, in `?list=TNDS` and the like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Read the node: [`Event::Results`](super::Event::Results) follows.
    Get {
        /// The node.
        uri: String,
    },
    /// Run the node.
    Exec {
        /// The node.
        uri: String,
        /// What to run it with.
        argument: Option<Payload>,
        /// Comes back in the generic alert that reports the end.
        correlator: Option<String>,
    },
    /// Overwrite the node.
    Replace {
        /// The node.
        uri: String,
        /// With what.
        value: Value,
    },
    /// Make the node.
    Add {
        /// The node.
        uri: String,
        /// With what.
        value: Value,
    },
    /// Remove the node.
    Delete {
        /// The node.
        uri: String,
    },
    /// Copy a leaf.
    Copy {
        /// The leaf.
        source: String,
        /// Where to.
        target: String,
    },
    /// One after the other, up to the first that fails. Each has a tag of its own.
    Sequence {
        /// The operations, in order.
        operations: Vec<(u64, Operation)>,
    },
    /// All of them or none. `Get`, `Exec` and further groups have no place in it: the device refuses
    /// them. Each has a tag of its own.
    Atomic {
        /// The operations, in order.
        operations: Vec<(u64, Operation)>,
    },
}

impl Operation {
    /// The command, still to be numbered: the longest number stands in for each.
    pub(super) fn to_command(&self) -> Command {
        let on = |item: Item| ItemCommand {
            id: placeholder(),
            no_response: false,
            meta: Meta::default(),
            items: vec![item],
        };
        match self {
            Self::Get { uri } => Command::Get(on(Item::target(uri))),
            Self::Delete { uri } => Command::Delete(on(Item::target(uri))),
            Self::Replace { uri, value } => Command::Replace(on(item(uri, value))),
            Self::Add { uri, value } => Command::Add(on(item(uri, value))),
            Self::Copy { source, target } => Command::Copy(on(Item {
                source: Some(Location::new(source)),
                ..Item::target(target)
            })),
            Self::Sequence { operations } => Command::Sequence(group(operations)),
            Self::Atomic { operations } => Command::Atomic(group(operations)),
            Self::Exec {
                uri,
                argument,
                correlator,
            } => Command::Exec(Exec {
                id: placeholder(),
                no_response: false,
                meta: Meta::default(),
                correlator: correlator.clone(),
                item: Item {
                    data: argument.clone(),
                    ..Item::target(uri)
                },
            }),
        }
    }

    /// The tags of the operation and of all within it, in the order of their commands.
    pub(super) fn tags(&self, own: u64, tags: &mut Vec<u64>) {
        tags.push(own);
        if let Self::Sequence { operations } | Self::Atomic { operations } = self {
            for (tag, operation) in operations {
                operation.tags(*tag, tags);
            }
        }
    }
}

/// Where the numbers of a session's commands begin at most.
pub(super) const MAX_BASE: usize = 900_000;

/// As long as any number that a command can have.
fn placeholder() -> CommandId {
    CommandId::at(MAX_BASE + MAX_COMMANDS + MAX_STATUSES)
}

fn group(operations: &[(u64, Operation)]) -> Group {
    let commands = operations.iter();
    Group {
        id: placeholder(),
        no_response: false,
        meta: Meta::default(),
        commands: commands
            .map(|(_, operation)| operation.to_command())
            .collect(),
    }
}

fn item(uri: &str, value: &Value) -> Item {
    Item {
        target: Some(Location::new(uri)),
        meta: Meta {
            format: Some(value.format.clone()),
            content_type: value.content_type.clone(),
            ..Meta::default()
        },
        data: Some(value.data.clone()),
        ..Item::default()
    }
}
