//! A message is out; what the answer to it means.

use super::incoming::Incoming;
use super::noting::is_challenge;
use super::outgoing::Outgoing;
use super::proof::{Proof, Signed, Verdict};
use super::reply::{Package, Reply, header_status};
use super::sent::{Answer, Sent};
use super::{Failed, Fault, MAX_CHUNKS, MAX_ROUNDS, Nonces, Settings, Tree, perform};
use crate::auth::MacHeader;
use crate::code::{AlertCode, VER_DTD, VER_PROTO};
use crate::limits::{MAX_MESSAGE_LEN, MAX_OBJECT_LEN};
use crate::message::{Command, CommandId, Header, Message, MessageId, SessionId, Status};

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
    /// The same, as a server says that has yet to prove itself.
    pub(super) claimed: Vec<Answer>,
    pub(super) server_message: Option<MessageId>,
    pub(super) server_max_message: usize,
    /// Package 1, until the server has taken it.
    pub(super) opening: Box<[Command]>,
    pub(super) proof: Box<Proof>,
    pub(super) values: Box<Values>,
}

/// Values under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    incoming: Incoming,
    outgoing: Outgoing,
    /// The server's package is complete, and the answer to it is not.
    is_answering: bool,
    /// How many messages served a value that did not fit one.
    chunks: u32,
    /// Largest object that the server says it takes, in octets.
    server_max_object: Option<u64>,
}

impl Values {
    /// Some values that the server asked for are still to be sent, and it knows.
    fn are_owed(&self) -> bool {
        self.is_answering && !self.outgoing.is_empty()
    }

    /// Some values are still to be sent, as soon as the server's package is complete.
    fn are_due(&self) -> bool {
        !self.is_answering && !self.outgoing.is_empty()
    }
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
    /// What to keep for the next session.
    pub nonces: Nonces,
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

    /// What the server has said so far about each alert taken; nothing, while it has yet to prove itself.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The value of the transport header [`MAC_HEADER`](crate::auth::MAC_HEADER) to send with the
    /// request, if the server has asked for one.
    pub fn mac(&self) -> Option<MacHeader> {
        self.proof.mac(&self.settings, &self.request)
    }

    /// Largest message that the server says it takes, in octets.
    pub const fn server_max_message(&self) -> usize {
        self.server_max_message
    }

    /// Takes the server's answer, and carries its commands out on the tree.
    pub fn receive(self, answer: &[u8], tree: &mut dyn Tree) -> Result<Next, Failed> {
        self.receive_signed(answer, None, tree)
    }

    /// The same, with the value of the answer's transport header
    /// [`MAC_HEADER`](crate::auth::MAC_HEADER). One that cannot be read is none.
    pub fn receive_signed(
        mut self,
        answer: &[u8],
        mac: Option<&str>,
        tree: &mut dyn Tree,
    ) -> Result<Next, Failed> {
        let mac: Option<MacHeader> = mac.and_then(|mac| mac.parse().ok());
        let signed = Signed {
            mac: mac.as_ref(),
            body: answer,
        };
        let result = self.step(signed, tree);
        if self.proof.is_server_proven(&self.settings) {
            self.answers.clone_from(&self.claimed);
        }
        let nonces = Box::new(self.proof.nonces(&self.settings));
        match result {
            Ok(Some(request)) => {
                self.request = request;
                Ok(Next::Continue(self))
            }
            Ok(None) => Ok(Next::Done(Finished {
                answers: self.answers,
                server_max_message: self.server_max_message,
                nonces: *nonces,
            })),
            Err(cause) => Err(Failed {
                answers: self.answers,
                nonces,
                cause,
            }),
        }
    }

    /// The next message, if there is one to send.
    fn step(&mut self, signed: Signed<'_>, tree: &mut dyn Tree) -> Result<Option<Vec<u8>>, Fault> {
        let message = self.settings.encoding.parse(signed.body)?;
        self.check_header(&message.header)?;
        let verdict = self
            .proof
            .judge(&self.settings, &message.header, signed, self.message);
        let (statuses, commands): (Vec<Command>, Vec<Command>) = message
            .commands
            .into_iter()
            .partition(|command| matches!(command, Command::Status(_)));
        let noted = self.note_statuses(&statuses);
        if commands.iter().any(aborts_session) {
            return Err(Fault::Aborted);
        }
        if self.is_challenged(noted.as_ref().ok().copied().flatten())? {
            return self.open_again(message.header.message).map(Some);
        }
        self.check_statuses(noted?)?;
        self.opening = Box::default();
        let is_over = commands.is_empty() && message.is_final && !self.values.are_due();
        if !verdict.is_proven && (is_over || !self.proof.may_ask()) {
            return Err(Fault::ServerUnproven);
        }
        // A server that has just proved itself is told its next nonce only if there is more to say.
        if is_over {
            return Ok(None);
        }
        if self.message.0 >= MAX_ROUNDS.saturating_add(self.values.chunks.min(MAX_CHUNKS)) {
            return Err(Fault::Endless);
        }
        self.go_on(&message.header, message.is_final, (commands, verdict), tree)
            .map(Some)
    }

    /// Carries the server's commands out, or refuses them; and says so, with values asked for.
    fn go_on(
        &mut self,
        header: &Header,
        is_final: bool,
        (commands, verdict): (Vec<Command>, Verdict),
        tree: &mut dyn Tree,
    ) -> Result<Vec<u8>, Fault> {
        // With values still to send, a server only asks to go on; its own package is complete.
        let goes_on = self.values.are_owed() && commands.iter().all(asks_for_next);
        if self.values.is_answering && !goes_on {
            self.values.outgoing = Outgoing::default();
        }
        self.values.is_answering = is_final || goes_on;
        let is_interrupted = self.values.incoming.is_interrupted(&commands);
        let performed = if verdict.is_proven {
            let limit = self.settings.max_object;
            let limit = limit.map_or(MAX_MESSAGE_LEN, |size| {
                usize::try_from(size).unwrap_or(MAX_OBJECT_LEN)
            });
            perform::perform(tree, commands, &mut self.values.incoming, limit)
        } else {
            perform::refuse(&commands, verdict.code)
        };
        let has_chunk = goes_on || self.values.incoming.is_begun();
        self.values.chunks = self.values.chunks.saturating_add(u32::from(has_chunk));
        self.proof.has_told(&verdict);
        self.message = self.message.next();
        let reply = Reply {
            header: self.header(),
            answers: header.message,
            is_silent: header.no_response,
            package: match (goes_on, is_final) {
                (true, _) => Package::Answered,
                (false, true) => Package::Complete,
                (false, false) => Package::Unfinished,
            },
            is_interrupted,
            encoding: self.settings.encoding,
            limit: self.server_max_message.min(MAX_MESSAGE_LEN),
            max_object: self
                .values
                .server_max_object
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(MAX_OBJECT_LEN),
            verdict,
        };
        let message = reply.message(performed, &mut self.values.outgoing)?;
        self.sent = Sent::all(&message.commands);
        Ok(self.settings.encoding.encode(&message)?)
    }

    /// The next message's.
    fn header(&self) -> Header {
        let mut header = self.settings.header(&self.session, self.message);
        header.credentials = self.proof.credentials(&self.settings);
        header
    }

    /// Whether package 1 is to be sent again, with credentials.
    fn is_challenged(&mut self, header: Option<&Status>) -> Result<bool, Fault> {
        let Some(header) = header else {
            return Ok(false);
        };
        if is_challenge(header.code) && !self.opening.is_empty() {
            self.proof.answer(&self.settings, header)?;
            return Ok(true);
        }
        if header.code.is_success() {
            self.proof.accept(header);
        }
        Ok(false)
    }

    /// Package 1 as before, and the `Status` of the server's message before it.
    fn open_again(&mut self, answers: MessageId) -> Result<Vec<u8>, Fault> {
        self.claimed.fill(Answer::None);
        self.message = self.message.next();
        let mut commands = vec![header_status(CommandId::at(0), answers)];
        commands.extend(self.opening.iter().cloned());
        for (place, command) in commands.iter_mut().enumerate() {
            command.renumber(CommandId::at(place));
        }
        self.sent = Sent::all(&commands);
        let message = Message {
            header: self.header(),
            commands,
            is_final: true,
        };
        Ok(self.settings.encoding.encode(&message)?)
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
        let max_object = header.meta.max_object_size;
        self.values.server_max_object = max_object.or(self.values.server_max_object);
        Ok(())
    }
}

fn asks_for_next(command: &Command) -> bool {
    matches!(command, Command::Alert(alert) if alert.code == AlertCode::NEXT_MESSAGE)
}

fn aborts_session(command: &Command) -> bool {
    matches!(command, Command::Alert(alert) if alert.code == AlertCode::SESSION_ABORT)
}
