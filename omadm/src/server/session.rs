//! What a server keeps of a session between two requests.

use super::Settings;
use super::operation::MAX_BASE;
use super::proof::Proof;
use super::values::Values;
use crate::auth::{MacHeader, Nonce};
use crate::message::{CommandId, CommandName, Header, MessageId, SessionId};
use crate::schema::{MAX_COMMANDS, MAX_STATUSES};

/// The state of one session: a plain value. The caller keeps it under ([device](Self::device),
/// [id](Self::id)) and hands it in with the session's next request.
///
/// It holds the last reply, because a client that did not get it asks again; so it is worth keeping
/// for a while even when the session [is over](Self::is_over). A caller that loses it loses no
/// report: the client begins a new session with all that was not acknowledged.
///
/// While a value travels in chunks it holds that value: [`Settings::max_object`](super::Settings)
/// octets at most of what the client sends, and what the server has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub(super) device: String,
    pub(super) id: SessionId,
    /// The client's last message.
    pub(super) request: MessageId,
    /// Our last message.
    pub(super) message: MessageId,
    pub(super) outstanding: Vec<Outstanding>,
    pub(super) reply: Vec<u8>,
    pub(super) is_over: bool,
    /// Largest message that the client takes, in octets, if it said so.
    pub(super) client_max_message: Option<u64>,
    pub(super) proof: Proof,
    pub(super) mac: Option<MacHeader>,
    pub(super) values: Values,
    /// Where the numbers of its commands begin: not where those of the session before did that had the
    /// same id, so that no late answer to that one is taken for an answer to this.
    pub(super) base: usize,
}

impl Session {
    /// A session that begins, and the one that had its id before, if that is known.
    pub(super) fn begin(settings: &Settings, header: &Header, before: Option<&Self>) -> Self {
        let first = usize::try_from(settings.first_command).unwrap_or_default();
        let base = before.map_or(first, |before| {
            before.base.saturating_add(MAX_COMMANDS + MAX_STATUSES)
        });
        Self {
            base: base % MAX_BASE,
            ..Self::begun(header)
        }
    }

    /// A session of which nothing is known but its first message.
    pub(super) fn begun(header: &Header) -> Self {
        Self {
            device: header.source.uri.clone(),
            id: header.session.clone(),
            request: header.message,
            message: MessageId::FIRST,
            outstanding: Vec::new(),
            reply: Vec::new(),
            is_over: false,
            client_max_message: None,
            proof: Proof::default(),
            mac: None,
            values: Values::default(),
            base: 0,
        }
    }

    /// The device's id, as its messages give it.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The session's id, chosen by the client: unique for one device at most.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// The bytes that answer the request.
    pub fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// The value of the transport header [`MAC_HEADER`](crate::auth::MAC_HEADER) to send with the
    /// reply, if the server proves itself by it.
    pub const fn mac(&self) -> Option<&MacHeader> {
        self.mac.as_ref()
    }

    /// The nonce that the device was told to use next: the account's
    /// [`nonce`](super::Authentication::nonce) from now on. None while the device has proved nothing.
    pub fn next_nonce(&self) -> Option<&Nonce> {
        self.proof.next.as_ref().filter(|_| self.proof.is_proven)
    }

    /// The nonce that the device told the server to use next: the account's
    /// [`own nonce`](super::OwnProof::nonce) from now on.
    pub const fn device_nonce(&self) -> Option<&Nonce> {
        self.proof.own_next.as_ref()
    }

    /// Whether the client has nothing more to say: the reply asks it for nothing.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn is_of(&self, header: &Header) -> bool {
        self.device == header.source.uri && self.id == header.session
    }
}

/// A command that the client was sent and has not fully answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outstanding {
    /// Our message that held it.
    pub(super) message: MessageId,
    pub(super) id: CommandId,
    pub(super) name: CommandName,
    /// The caller's own mark; none for what the session itself asked.
    pub(super) tag: Option<u64>,
    pub(super) has_status: bool,
}
