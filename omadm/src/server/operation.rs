//! What a server may ask of a device.

use crate::Payload;
use crate::client::Value;
use crate::message::{Command, CommandId, Exec, Item, ItemCommand, Location, Meta};

/// One command on one node of the device's tree.
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
}

impl Operation {
    pub(super) fn to_command(&self, id: CommandId) -> Command {
        let on = |item: Item| ItemCommand {
            id: id.clone(),
            no_response: false,
            meta: Meta::default(),
            items: vec![item],
        };
        match self {
            Self::Get { uri } => Command::Get(on(Item::target(uri))),
            Self::Delete { uri } => Command::Delete(on(Item::target(uri))),
            Self::Replace { uri, value } => Command::Replace(on(item(uri, value))),
            Self::Add { uri, value } => Command::Add(on(item(uri, value))),
            Self::Exec {
                uri,
                argument,
                correlator,
            } => Command::Exec(Exec {
                id,
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
