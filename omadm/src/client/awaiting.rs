//! A message is out; what the answer to it means.

use super::reply::Reply;
use super::{Failed, Fault, MAX_ROUNDS, Settings, Tree, perform};
use crate::code::{AlertCode, StatusCode, VER_DTD, VER_PROTO};
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Command, CommandId, CommandName, CommandRef, Header, MessageId, SessionId, Status,
};

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

/// A command of the last message, and what the server made of it.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    id: CommandId,
    name: CommandName,
    /// Which of the alerts taken it is.
    alert: Option<usize>,
    /// The session goes on even if the server refuses it.
    is_report: bool,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// A `Status` must come.
    Due,
    /// It has come, or none is owed.
    Settled,
    /// It has come, for one item at least, and says no.
    Refused(StatusCode),
}

impl Sent {
    pub(super) fn all(commands: &[Command]) -> Vec<Self> {
        let mut alerts = 0_usize..;
        let sent = |command: &Command| {
            let is_alert =
                matches!(command, Command::Alert(alert) if alert.code == AlertCode::GENERIC);
            Self {
                id: command.id().clone(),
                name: command.name(),
                alert: if is_alert { alerts.next() } else { None },
                is_report: is_alert || matches!(command, Command::Results(_)),
                outcome: if command.no_response() {
                    Outcome::Settled
                } else {
                    Outcome::Due
                },
            }
        };
        commands.iter().map(sent).collect()
    }
}

/// A message is out, or to be sent; the server's answer is awaited.
#[derive(Debug, Clone)]
#[must_use = "the session goes on with the server's answer"]
pub struct Awaiting {
    pub(super) settings: Box<Settings>,
    pub(super) session: SessionId,
    pub(super) message: MessageId,
    pub(super) uri: String,
    pub(super) request: Vec<u8>,
    pub(super) sent: Vec<Sent>,
    /// In the order in which the alerts were given.
    pub(super) answers: Vec<Answer>,
    pub(super) server_message: Option<MessageId>,
    pub(super) server_max_message: usize,
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
        let noted = self.note_statuses(&statuses);
        if commands.iter().any(aborts_session) {
            return Err(Fault::Aborted);
        }
        self.check_statuses(noted?)?;
        if commands.is_empty() && message.is_final {
            return Ok(None);
        }
        if self.message.0 >= MAX_ROUNDS {
            return Err(Fault::Endless);
        }
        let performed = perform::perform(tree, &commands);
        self.message = self.message.next();
        let reply = Reply {
            header: self.settings.header(&self.session, self.message),
            answers: message.header.message,
            is_silent: message.header.no_response,
            is_final: message.is_final,
            encoding: self.settings.encoding,
            limit: self.server_max_message.min(MAX_MESSAGE_LEN),
        };
        let message = reply.message(performed)?;
        self.sent = Sent::all(&message.commands);
        Ok(Some(self.settings.encoding.encode(&message)?))
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
        if let Some(uri) = &header.respond_to {
            self.uri.clone_from(uri);
        }
        if let Some(size) = header.meta.max_message_size {
            self.server_max_message = usize::try_from(size).unwrap_or(usize::MAX);
        }
        Ok(())
    }

    /// Notes every `Status` before it complains of any, so that no acknowledgement is lost to a
    /// fault. Returns the one for the message as a whole.
    fn note_statuses<'a>(&mut self, statuses: &'a [Command]) -> Result<Option<&'a Status>, Fault> {
        let mut fault = None;
        let mut header = None;
        for command in statuses {
            if let Command::Status(status) = command {
                let noted = match &status.command_ref {
                    _ if status.message_ref != self.message => Err(Fault::WrongMessage {
                        found: status.message_ref,
                        expected: self.message,
                    }),
                    CommandRef::Header => {
                        header = Some(status);
                        Ok(())
                    }
                    CommandRef::Command(id) => self.note_status(id, status),
                };
                fault = fault.or(noted.err());
            }
        }
        fault.map_or(Ok(header), Err)
    }

    /// Nothing that was sent may lack its `Status`, and only reports and results may be refused.
    fn check_statuses(&self, header: Option<&Status>) -> Result<(), Fault> {
        check_acceptance(header.ok_or(Fault::MissingStatus {
            command: CommandName::SyncHdr,
            id: CommandRef::Header,
        })?)?;
        for sent in &self.sent {
            match sent.outcome {
                Outcome::Due => {
                    let id = CommandRef::Command(sent.id.clone());
                    return Err(Fault::MissingStatus {
                        command: sent.name,
                        id,
                    });
                }
                Outcome::Refused(code) if !sent.is_report => {
                    return Err(Fault::CommandRefused {
                        command: sent.name,
                        code,
                    });
                }
                Outcome::Refused(_) | Outcome::Settled => {}
            }
        }
        Ok(())
    }

    fn note_status(&mut self, id: &CommandId, status: &Status) -> Result<(), Fault> {
        let known = |sent: &&mut Sent| sent.id == *id && sent.name == status.command;
        let Some(sent) = self.sent.iter_mut().find(known) else {
            return Err(Fault::StrayStatus {
                command: status.command,
                id: id.clone(),
            });
        };
        sent.outcome = match sent.outcome {
            Outcome::Refused(code) => Outcome::Refused(code),
            Outcome::Due | Outcome::Settled if !status.code.is_success() => {
                Outcome::Refused(status.code)
            }
            Outcome::Due | Outcome::Settled => Outcome::Settled,
        };
        if let Some(answer) = sent.alert.and_then(|place| self.answers.get_mut(place)) {
            *answer = answer.and(status.code);
        }
        Ok(())
    }
}

fn aborts_session(command: &Command) -> bool {
    matches!(command, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT)
}

fn check_acceptance(header: &Status) -> Result<(), Fault> {
    match header.code {
        code if code.is_success() => Ok(()),
        code @ (StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS) => {
            Err(Fault::CredentialsWanted {
                code,
                challenge: header.challenge.clone().map(Box::new),
            })
        }
        code => Err(Fault::HeaderRefused { code }),
    }
}
