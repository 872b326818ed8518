//! The commands of a message's body.

use super::{Challenge, CommandId, CommandRef, Credentials, MessageId, Meta};
use crate::Payload;
use crate::code::{AlertCode, StatusCode};
use std::fmt;

/// `Target` or `Source`: an address, and possibly a name to show or to authenticate with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// `LocURI`.
    pub uri: String,
    /// `LocName`.
    pub name: Option<String>,
}

impl Location {
    /// A location without a name.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: None,
        }
    }
}

/// `Item`: what a command is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Item {
    /// `Target`: the node acted on, in what a server sends.
    pub target: Option<Location>,
    /// `Source`: the node spoken of, in what a client sends.
    pub source: Option<Location>,
    /// `Meta`.
    pub meta: Meta,
    /// `Data` as it travels. WBXML carries any octets; as XML octets travel as base64 and say so in
    /// the format. A document within it is not taken apart.
    pub data: Option<Payload>,
    /// `MoreData`: this is a chunk, and not the last.
    pub more_data: bool,
}

impl Item {
    /// An item that only names its target.
    pub fn target(uri: impl Into<String>) -> Self {
        Self {
            target: Some(Location::new(uri)),
            ..Self::default()
        }
    }

    /// An item that gives the value of its source.
    pub fn value(uri: impl Into<String>, data: impl Into<Payload>) -> Self {
        Self {
            source: Some(Location::new(uri)),
            data: Some(data.into()),
            ..Self::default()
        }
    }
}

/// `Add`, `Replace`, `Delete`, `Copy` and `Get` have the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemCommand {
    /// `CmdID`.
    pub id: CommandId,
    /// `NoResp`: the sender wants no `Status` for this command.
    pub no_response: bool,
    /// `Meta`, for all items that have none of their own.
    pub meta: Meta,
    /// One or more items.
    pub items: Vec<Item>,
}

/// `Exec`: run what the node stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exec {
    /// `CmdID`.
    pub id: CommandId,
    /// `NoResp`: the sender wants no `Status` for this command.
    pub no_response: bool,
    /// `Meta`.
    pub meta: Meta,
    /// `Correlator`: comes back in the generic alert that reports the end.
    pub correlator: Option<String>,
    /// The node, and the argument in its data.
    pub item: Item,
}

/// `Alert`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alert {
    /// `CmdID`.
    pub id: CommandId,
    /// `NoResp`: the sender wants no `Status` for this command.
    pub no_response: bool,
    /// `Data`: which alert.
    pub code: AlertCode,
    /// `Correlator`: ties a generic alert to the `Exec` it reports, or names the report.
    pub correlator: Option<String>,
    /// What the alert is about.
    pub items: Vec<Item>,
}

/// `Results`: the answer to a `Get`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Results {
    /// `CmdID`.
    pub id: CommandId,
    /// `MsgRef`: the message that held the `Get`. Absent means the first of the session.
    pub message_ref: Option<MessageId>,
    /// `CmdRef`: the `Get`.
    pub command_ref: CommandId,
    /// `Meta`, for all items that have none of their own.
    pub meta: Meta,
    /// `TargetRef`: the target addresses of the `Get` that this answers.
    pub target_refs: Vec<String>,
    /// `SourceRef`: the source addresses of the `Get` that this answers.
    pub source_refs: Vec<String>,
    /// The values, each with its source.
    pub items: Vec<Item>,
}

/// `Status`: how one command, or the message, fared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Status {
    /// `CmdID`.
    pub id: CommandId,
    /// `MsgRef`: the message that held the command.
    pub message_ref: MessageId,
    /// `CmdRef`: the command.
    pub command_ref: CommandRef,
    /// `Cmd`: the command's name.
    pub command: CommandName,
    /// `TargetRef`: the items meant, by target; empty means all.
    pub target_refs: Vec<String>,
    /// `SourceRef`: the items meant, by source; empty means all.
    pub source_refs: Vec<String>,
    /// `Cred`.
    pub credentials: Option<Credentials>,
    /// `Chal`: credentials are asked for, or the nonce for next time.
    pub challenge: Option<Challenge>,
    /// `Data`: the code.
    pub code: StatusCode,
    /// What the sender adds to the code.
    pub items: Vec<Item>,
}

/// `Sequence` and `Atomic`: several commands, in order; or all or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// `CmdID`.
    pub id: CommandId,
    /// `NoResp`: the sender wants no `Status` for this command.
    pub no_response: bool,
    /// `Meta`.
    pub meta: Meta,
    /// One or more commands.
    pub commands: Vec<Command>,
}

/// One command of a message's body, or of a group.
///
/// SyncML's data-synchronisation commands (`Put`, `Map`, `Search`, `Sync`, `Move` and so on) are
/// no part of device management; a message with one is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Make a node.
    Add(ItemCommand),
    /// Tell the peer about something.
    Alert(Alert),
    /// All or none.
    Atomic(Group),
    /// Copy a leaf.
    Copy(ItemCommand),
    /// Remove a node and all below it.
    Delete(ItemCommand),
    /// Run a node.
    Exec(Exec),
    /// Read a node.
    Get(ItemCommand),
    /// Overwrite a node.
    Replace(ItemCommand),
    /// What a `Get` found.
    Results(Results),
    /// In this order.
    Sequence(Group),
    /// How a command fared.
    Status(Status),
}

impl Command {
    /// `CmdID`.
    pub fn id(&self) -> &CommandId {
        match self {
            Self::Add(command)
            | Self::Copy(command)
            | Self::Delete(command)
            | Self::Get(command)
            | Self::Replace(command) => &command.id,
            Self::Alert(alert) => &alert.id,
            Self::Atomic(group) | Self::Sequence(group) => &group.id,
            Self::Exec(exec) => &exec.id,
            Self::Results(results) => &results.id,
            Self::Status(status) => &status.id,
        }
    }

    /// Gives the command another id; commands within a group keep theirs.
    pub(crate) fn renumber(&mut self, new: CommandId) {
        let id = match self {
            Self::Add(command)
            | Self::Copy(command)
            | Self::Delete(command)
            | Self::Get(command)
            | Self::Replace(command) => &mut command.id,
            Self::Alert(alert) => &mut alert.id,
            Self::Atomic(group) | Self::Sequence(group) => &mut group.id,
            Self::Exec(exec) => &mut exec.id,
            Self::Results(results) => &mut results.id,
            Self::Status(status) => &mut status.id,
        };
        *id = new;
    }

    /// Gives the command and all within it new ids, outermost first, and shows each with its name.
    pub(crate) fn renumber_all(
        &mut self,
        next: &mut dyn FnMut() -> CommandId,
        show: &mut dyn FnMut(CommandId, CommandName),
    ) {
        let id = next();
        self.renumber(id.clone());
        show(id, self.name());
        if let Self::Atomic(group) | Self::Sequence(group) = self {
            for command in &mut group.commands {
                command.renumber_all(next, show);
            }
        }
    }

    /// The element's name.
    pub fn name(&self) -> CommandName {
        match self {
            Self::Add(_) => CommandName::Add,
            Self::Alert(_) => CommandName::Alert,
            Self::Atomic(_) => CommandName::Atomic,
            Self::Copy(_) => CommandName::Copy,
            Self::Delete(_) => CommandName::Delete,
            Self::Exec(_) => CommandName::Exec,
            Self::Get(_) => CommandName::Get,
            Self::Replace(_) => CommandName::Replace,
            Self::Results(_) => CommandName::Results,
            Self::Sequence(_) => CommandName::Sequence,
            Self::Status(_) => CommandName::Status,
        }
    }

    /// Whether the peer is asked to do nothing about it and owes no `Status`: a `Status`, or a
    /// command that says so.
    pub fn no_response(&self) -> bool {
        match self {
            Self::Add(command)
            | Self::Copy(command)
            | Self::Delete(command)
            | Self::Get(command)
            | Self::Replace(command) => command.no_response,
            Self::Alert(alert) => alert.no_response,
            Self::Atomic(group) | Self::Sequence(group) => group.no_response,
            Self::Exec(exec) => exec.no_response,
            Self::Results(_) | Self::Status(_) => true,
        }
    }
}

/// The name of what a `Status` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandName {
    /// The message as a whole.
    SyncHdr,
    /// [`Command::Add`].
    Add,
    /// [`Command::Alert`].
    Alert,
    /// [`Command::Atomic`].
    Atomic,
    /// [`Command::Copy`].
    Copy,
    /// [`Command::Delete`].
    Delete,
    /// [`Command::Exec`].
    Exec,
    /// [`Command::Get`].
    Get,
    /// [`Command::Replace`].
    Replace,
    /// [`Command::Results`].
    Results,
    /// [`Command::Sequence`].
    Sequence,
    /// [`Command::Status`]: no message may ask for it, but some peers answer it.
    Status,
}

impl CommandName {
    /// All names.
    pub const ALL: [Self; 12] = [
        Self::SyncHdr,
        Self::Add,
        Self::Alert,
        Self::Atomic,
        Self::Copy,
        Self::Delete,
        Self::Exec,
        Self::Get,
        Self::Replace,
        Self::Results,
        Self::Sequence,
        Self::Status,
    ];

    /// The element's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SyncHdr => "SyncHdr",
            Self::Add => "Add",
            Self::Alert => "Alert",
            Self::Atomic => "Atomic",
            Self::Copy => "Copy",
            Self::Delete => "Delete",
            Self::Exec => "Exec",
            Self::Get => "Get",
            Self::Replace => "Replace",
            Self::Results => "Results",
            Self::Sequence => "Sequence",
            Self::Status => "Status",
        }
    }

    /// The command with this element name, if it is one of device management.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
