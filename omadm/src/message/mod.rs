//! The SyncML 1.2 message as OMA DM uses it, in types.
//!
//! This is the model only: bytes are the business of [`Encoding`](crate::Encoding), the order of
//! packages that of [`client`](crate::client) and [`server`](crate::server). What the model cannot
//! hold (data synchronisation, per-command credentials, filters), the codecs refuse; nothing is dropped
//! on the way in.

mod command;
mod id;
mod meta;

pub use command::{
    Alert, Command, CommandName, Exec, Group, Item, ItemCommand, Location, Results, Status,
};
pub use id::{
    CommandId, CommandRef, InvalidId, MAX_COMMAND_ID_LEN, MAX_SESSION_ID_LEN, MessageId, SessionId,
};
pub use meta::{Challenge, Credentials, Format, Mark, Meta};

use crate::code::{self, AlertCode};

/// `SyncML`: one message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// `SyncHdr`.
    pub header: Header,
    /// The commands of `SyncBody`, in order.
    pub commands: Vec<Command>,
    /// `Final`: this is the last message of its package.
    pub is_final: bool,
}

/// `SyncHdr`: who speaks to whom, in which session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    /// `VerDTD`; [`code::VER_DTD`] in what this crate makes.
    pub dtd: String,
    /// `VerProto`; [`code::VER_PROTO`] in what this crate makes.
    pub protocol: String,
    /// `SessionID`.
    pub session: SessionId,
    /// `MsgID`.
    pub message: MessageId,
    /// `Target`: the receiver.
    pub target: Location,
    /// `Source`: the sender; its name is the user name for authentication.
    pub source: Location,
    /// `RespURI`: where the answer is to go instead of the source.
    pub respond_to: Option<String>,
    /// `NoResp`: the sender wants no `Status` for any command of the message.
    pub no_response: bool,
    /// `Cred`.
    pub credentials: Option<Credentials>,
    /// `Meta`: the sender's `MaxMsgSize` and `MaxObjSize`.
    pub meta: Meta,
}

impl Header {
    /// A header of DM 1.2 with nothing optional in it.
    pub fn new(session: SessionId, message: MessageId, target: Location, source: Location) -> Self {
        Self {
            dtd: code::VER_DTD.to_owned(),
            protocol: code::VER_PROTO.to_owned(),
            session,
            message,
            target,
            source,
            respond_to: None,
            no_response: false,
            credentials: None,
            meta: Meta::default(),
        }
    }
}

/// Who wanted the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// The client: alert 1201.
    #[default]
    Client,
    /// The server, by a Package 0 whose session id the session bears: alert 1200.
    Server,
}

impl Initiator {
    /// The alert that says so in package 1.
    pub const fn alert(self) -> AlertCode {
        match self {
            Self::Client => AlertCode::CLIENT_INITIATED,
            Self::Server => AlertCode::SERVER_INITIATED,
        }
    }
}
