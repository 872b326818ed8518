//! The device's end of a session.
//!
//! ```text
//!  start ──► Awaiting ──receive──► Next::Continue(Awaiting)   the server sent commands: answer them
//!                │                 Next::Done(Finished)       it sent none: the session is over
//!                └───────────────► Failed                     the session cannot go on
//! ```
//!
//! The caller sends [`Awaiting::request`] to [`Awaiting::uri`], as often as its transport needs, and
//! gives the answer to [`Awaiting::receive`]. Every way out carries what the server has said so far
//! about each alert: an alert is done with only when it [is acknowledged](Answer::is_acknowledged);
//! all others are to be sent again in a later session. Their correlators let the server keep each
//! once.
//!
//! Not here: which host may be talked to (a `RespURI` may name any), retries, and time.

mod perform;
mod reply;
mod tree;

pub use tree::{Tree, Value};

use crate::code::{AlertCode, StatusCode, VER_DTD, VER_PROTO};
use crate::message::{
    Alert, Challenge, Command, CommandId, CommandName, CommandRef, Header, Initiator, Location,
    Message, MessageId, Meta, SessionId, Status,
};
use crate::schema::MAX_COMMANDS;
use crate::xml::{EncodeError, MAX_MESSAGE_LEN, ParseError};
use crate::{DevInfo, Encoding, GenericAlert};

/// Most messages that a client sends in one session; a server that wants more is cut off.
pub const MAX_ROUNDS: u32 = 64;

/// What a client says of itself in every session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where package 1 goes.
    pub server_uri: String,
    /// The device; its id is the source of every message.
    pub device: DevInfo,
    /// Name for authentication and display (`LocName`).
    pub name: Option<String>,
    /// Who wanted the session.
    pub initiator: Initiator,
    /// How messages are written.
    pub encoding: Encoding,
    /// Largest message that this client takes, in octets; announced to the server.
    pub max_message: usize,
    /// Largest object that this client takes, in octets; announced to the server if set.
    pub max_object: Option<u64>,
    /// Largest message that the server takes, in octets: what it said last time
    /// ([`Awaiting::server_max_message`]), or [`MAX_MESSAGE_LEN`].
    pub server_max_message: usize,
}

impl Settings {
    /// A client-initiated session in XML, with this crate's limits.
    pub fn new(server_uri: impl Into<String>, device: DevInfo) -> Self {
        Self {
            server_uri: server_uri.into(),
            device,
            name: None,
            initiator: Initiator::Client,
            encoding: Encoding::Xml,
            max_message: MAX_MESSAGE_LEN,
            max_object: None,
            server_max_message: MAX_MESSAGE_LEN,
        }
    }

    fn header(&self, session: &SessionId, message: MessageId) -> Header {
        let source = Location {
            uri: self.device.device_id.clone(),
            name: self.name.clone(),
        };
        let target = Location::new(&self.server_uri);
        let mut header = Header::new(session.clone(), message, target, source);
        header.meta = Meta {
            max_message_size: u64::try_from(self.max_message).ok(),
            max_object_size: self.max_object,
            ..Meta::default()
        };
        header
    }
}

/// Why a session cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Package 1 cannot be written.
    #[error("package 1 cannot be written")]
    Encode(#[from] EncodeError),
    /// The first alert, or package 1 without any, is larger than the server takes.
    #[error("{len} octets do not fit the server's {limit}")]
    TooLarge {
        /// How long the message would be.
        len: usize,
        /// What the server takes.
        limit: usize,
    },
}

/// Begins a session that reports as many of the alerts, from the first on, as fit one message:
/// [`Awaiting::taken`] says how many. The rest is for the next session.
///
/// Give each session an id that this device has not used lately.
pub fn start(
    settings: &Settings,
    session: SessionId,
    alerts: &[GenericAlert],
) -> Result<Awaiting, StartError> {
    let mut message = Message {
        header: settings.header(&session, MessageId::FIRST),
        commands: vec![
            session_alert(settings.initiator.alert()),
            settings.device.to_command(CommandId::at(1)),
        ],
        is_final: true,
    };
    let limit = settings.server_max_message.min(MAX_MESSAGE_LEN);
    let mut len = settings.encoding.encode(&message)?.len();
    for alert in alerts {
        let command = alert.to_command(CommandId::at(message.commands.len()));
        let longer = len.saturating_add(settings.encoding.command_len(&command)?);
        let is_full = longer > limit || message.commands.len() >= MAX_COMMANDS;
        if is_full && message.commands.len() > FIRST_ALERT {
            break;
        }
        len = longer;
        message.commands.push(command);
    }
    if len > limit {
        return Err(StartError::TooLarge { len, limit });
    }
    let taken = message.commands.len().saturating_sub(FIRST_ALERT);
    Ok(Awaiting {
        settings: settings.clone(),
        session,
        message: MessageId::FIRST,
        uri: settings.server_uri.clone(),
        request: settings.encoding.encode(&message)?,
        sent: Sent::all(&message.commands),
        answers: vec![Answer::None; taken],
        server_message: None,
        server_max_message: settings.server_max_message,
    })
}

/// Position of the first generic alert in package 1.
const FIRST_ALERT: usize = 2;

fn session_alert(code: AlertCode) -> Command {
    Command::Alert(Alert {
        id: CommandId::at(0),
        no_response: false,
        code,
        correlator: None,
        items: Vec::new(),
    })
}

/// What the server has said about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Nothing.
    None,
    /// It has it: status 200 or 202.
    Acknowledged(StatusCode),
    /// It does not want it, or could not keep it.
    Refused(StatusCode),
}

impl Answer {
    /// Whether the alert need not be sent again.
    pub const fn is_acknowledged(self) -> bool {
        matches!(self, Self::Acknowledged(_))
    }

    /// A refusal of any item outweighs what is said about the others.
    fn and(self, code: StatusCode) -> Self {
        match (self, code) {
            (Self::Refused(_), _) => self,
            (_, StatusCode::OK | StatusCode::ACCEPTED_FOR_PROCESSING) => Self::Acknowledged(code),
            (Self::None | Self::Acknowledged(_), _) => Self::Refused(code),
        }
    }
}

/// A command of the last message, and whether a `Status` for it has come.
#[derive(Debug, Clone)]
struct Sent {
    id: CommandId,
    name: CommandName,
    is_alert: bool,
    is_answered: bool,
}

impl Sent {
    fn all(commands: &[Command]) -> Vec<Self> {
        let sent = |command: &Command| Self {
            id: command.id().clone(),
            name: command.name(),
            is_alert: matches!(command, Command::Alert(alert) if alert.code == AlertCode::GENERIC),
            is_answered: command.no_response(),
        };
        commands.iter().map(sent).collect()
    }
}

/// A message is out, or to be sent; the server's answer is awaited.
#[derive(Debug, Clone)]
#[must_use = "the session goes on with the server's answer"]
pub struct Awaiting {
    settings: Settings,
    session: SessionId,
    message: MessageId,
    uri: String,
    request: Vec<u8>,
    sent: Vec<Sent>,
    /// In the order in which the alerts were given.
    answers: Vec<Answer>,
    server_message: Option<MessageId>,
    server_max_message: usize,
}

/// How a session goes on.
#[derive(Debug, Clone)]
#[must_use = "says whether there is a message to send"]
pub enum Next {
    /// Send [`Awaiting::request`] and wait again.
    Continue(Awaiting),
    /// Nothing is left to say.
    Done(Finished),
}

/// A session that ended as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What the server said about each alert that was [taken](Awaiting::taken), in their order.
    pub answers: Vec<Answer>,
    /// Largest message that the server says it takes, in octets.
    pub server_max_message: usize,
}

/// A session that ended before its time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("management session failed")]
pub struct Failed {
    /// What the server said about each alert that was [taken](Awaiting::taken), in their order, up to
    /// and including the message at fault.
    pub answers: Vec<Answer>,
    /// Why.
    #[source]
    pub cause: Fault,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The answer is no message.
    #[error("the server's answer cannot be read")]
    Parse(#[from] ParseError),
    /// The next message cannot be written.
    #[error("the next message cannot be written")]
    Encode(#[from] EncodeError),
    /// The answer speaks another version of the protocol.
    #[error("the server speaks {protocol} in SyncML {dtd}")]
    Version {
        /// `VerDTD`.
        dtd: String,
        /// `VerProto`.
        protocol: String,
    },
    /// The answer belongs to another session.
    #[error("the server answered in session {found}")]
    WrongSession {
        /// The session named.
        found: SessionId,
    },
    /// The answer's own number is not above that of the answer before.
    #[error("the server repeated its message {found}")]
    RepeatedMessage {
        /// The number.
        found: MessageId,
    },
    /// A `Status` refers to another message than the one that was sent.
    #[error("status for message {found} instead of {expected}")]
    WrongMessage {
        /// `MsgRef`.
        found: MessageId,
        /// The message sent.
        expected: MessageId,
    },
    /// A `Status` refers to a command that was not sent, or was another.
    #[error("status for {command} {id}, which was not sent")]
    StrayStatus {
        /// `Cmd`.
        command: CommandName,
        /// `CmdRef`.
        id: CommandId,
    },
    /// There is no `Status` for something that was sent.
    #[error("no status for {command} {id}")]
    MissingStatus {
        /// What was sent.
        command: CommandName,
        /// Its place.
        id: CommandRef,
    },
    /// The server wants SyncML credentials (401 or 407).
    #[error("the server wants credentials: {code}")]
    CredentialsWanted {
        /// 401 or 407.
        code: StatusCode,
        /// What kind, and the nonce.
        challenge: Option<Challenge>,
    },
    /// The server refused the message as a whole.
    #[error("the server refused the message: {code}")]
    HeaderRefused {
        /// How.
        code: StatusCode,
    },
    /// The server gave the session up (alert 1223).
    #[error("the server gave the session up")]
    Aborted,
    /// The server's commands do not end.
    #[error("no end after {MAX_ROUNDS} messages")]
    Endless,
    /// The `Status` of the server's commands alone is more than the server takes.
    #[error("an answer of {len} octets does not fit the server's {limit}")]
    TooLarge {
        /// How long the message would be.
        len: usize,
        /// What the server takes.
        limit: usize,
    },
}

impl Awaiting {
    /// The message to send; always the same bytes until the answer is there.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Where to send it: the server's address, or what its last `RespURI` said.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The content type to send it with.
    pub const fn content_type(&self) -> &'static str {
        self.settings.encoding.content_type()
    }

    /// The session's id.
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// How many of the alerts this session reports, counted from the first.
    pub fn taken(&self) -> usize {
        self.answers.len()
    }

    /// What the server has said so far about each alert taken.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// Largest message that the server says it takes, in octets.
    pub const fn server_max_message(&self) -> usize {
        self.server_max_message
    }

    /// Takes the server's answer, and carries its commands out on the tree.
    pub fn receive(mut self, answer: &[u8], tree: &mut dyn Tree) -> Result<Next, Failed> {
        match self.step(answer, tree) {
            Ok(Some(request)) => {
                self.request = request;
                Ok(Next::Continue(self))
            }
            Ok(None) => Ok(Next::Done(Finished {
                answers: self.answers,
                server_max_message: self.server_max_message,
            })),
            Err(cause) => Err(Failed {
                answers: self.answers,
                cause,
            }),
        }
    }

    /// The next message, if there is one to send.
    fn step(&mut self, answer: &[u8], tree: &mut dyn Tree) -> Result<Option<Vec<u8>>, Fault> {
        let message = self.settings.encoding.parse(answer)?;
        self.check_header(&message.header)?;
        let (statuses, commands): (Vec<Command>, Vec<Command>) = message
            .commands
            .into_iter()
            .partition(|command| matches!(command, Command::Status(_)));
        self.take_statuses(&statuses)?;
        let aborts = |command: &Command| matches!(command, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT);
        if commands.iter().any(aborts) {
            return Err(Fault::Aborted);
        }
        if commands.is_empty() && message.is_final {
            return Ok(None);
        }
        if self.message.0 >= MAX_ROUNDS {
            return Err(Fault::Endless);
        }
        let performed = perform::perform(tree, &commands);
        let answered = self.message_answered(&message.header);
        self.message = self.message.next();
        let reply = reply::Reply {
            header: self.settings.header(&self.session, self.message),
            answers: answered,
            is_silent: message.header.no_response,
            is_final: message.is_final,
            encoding: self.settings.encoding,
            limit: self.server_max_message.min(MAX_MESSAGE_LEN),
        };
        let message = reply.message(performed)?;
        self.sent = Sent::all(&message.commands);
        Ok(Some(self.settings.encoding.encode(&message)?))
    }

    fn message_answered(&mut self, header: &Header) -> MessageId {
        if let Some(uri) = &header.respond_to {
            self.uri.clone_from(uri);
        }
        header.message
    }

    fn check_header(&mut self, header: &Header) -> Result<(), Fault> {
        if header.dtd != VER_DTD || header.protocol != VER_PROTO {
            let (dtd, protocol) = (header.dtd.clone(), header.protocol.clone());
            return Err(Fault::Version { dtd, protocol });
        }
        if header.session != self.session {
            return Err(Fault::WrongSession {
                found: header.session.clone(),
            });
        }
        if self
            .server_message
            .is_some_and(|last| header.message <= last)
        {
            return Err(Fault::RepeatedMessage {
                found: header.message,
            });
        }
        self.server_message = Some(header.message);
        if let Some(size) = header.meta.max_message_size {
            self.server_max_message = usize::try_from(size).unwrap_or(usize::MAX);
        }
        Ok(())
    }

    /// Notes every `Status` before it judges any, so that no acknowledgement is lost to a fault.
    fn take_statuses(&mut self, statuses: &[Command]) -> Result<(), Fault> {
        let mut fault = None;
        let mut header = None;
        for command in statuses {
            if let Command::Status(status) = command {
                let found = match &status.command_ref {
                    _ if status.message_ref != self.message => Err(Fault::WrongMessage {
                        found: status.message_ref,
                        expected: self.message,
                    }),
                    CommandRef::Header => {
                        header = Some(status);
                        Ok(())
                    }
                    CommandRef::Command(id) => self.take_status(id, status),
                };
                fault = fault.or(found.err());
            }
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        let Some(header) = header else {
            let id = CommandRef::Header;
            return Err(Fault::MissingStatus {
                command: CommandName::SyncHdr,
                id,
            });
        };
        check_acceptance(header)?;
        match self.sent.iter().find(|sent| !sent.is_answered) {
            None => Ok(()),
            Some(sent) => Err(Fault::MissingStatus {
                command: sent.name,
                id: CommandRef::Command(sent.id.clone()),
            }),
        }
    }

    fn take_status(&mut self, id: &CommandId, status: &Status) -> Result<(), Fault> {
        let known = |sent: &&mut Sent| sent.id == *id && sent.name == status.command;
        let Some(sent) = self.sent.iter_mut().find(known) else {
            return Err(Fault::StrayStatus {
                command: status.command,
                id: id.clone(),
            });
        };
        sent.is_answered = true;
        if sent.is_alert {
            let place = self
                .sent
                .iter()
                .filter(|sent| sent.is_alert)
                .position(|sent| sent.id == *id);
            if let Some(answer) = place.and_then(|place| self.answers.get_mut(place)) {
                *answer = answer.and(status.code);
            }
        }
        Ok(())
    }
}

fn check_acceptance(header: &Status) -> Result<(), Fault> {
    match header.code {
        code if code.is_success() => Ok(()),
        code @ (StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS) => {
            Err(Fault::CredentialsWanted {
                code,
                challenge: header.challenge.clone(),
            })
        }
        code => Err(Fault::HeaderRefused { code }),
    }
}
