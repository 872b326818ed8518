//! One request, and the reply in the making.

use super::answer::{Asked, Detail, next_message, numbered, status};
use super::proof::Verdict;
use super::session::Outstanding;
use super::values::Outgoing;
use super::{Event, Operation, Session, Settings};
use crate::code::StatusCode;
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Command, CommandId, CommandName, CommandRef, Header, Initiator, Message, MessageId, Status,
};
use crate::schema::{MAX_COMMANDS, MAX_STATUSES};
use crate::{DevInfo, EncodeError};

/// A request that was taken. What its events say becomes acknowledged by [`Turn::finish`].
#[derive(Debug)]
#[must_use = "the client waits for a reply"]
pub struct Turn {
    pub(super) settings: Box<Settings>,
    /// What is said of the request as a whole.
    verdict: Box<Verdict>,
    /// The reply's.
    header: Box<Header>,
    /// The request's number.
    answers: MessageId,
    /// The client has finished its package.
    is_final: bool,
    /// The client wants no status at all.
    pub(super) is_silent: bool,
    /// With an empty reply; our own message number already counted up.
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
    pub(super) asked: Vec<Asked>,
    queued: Vec<Queued>,
    /// How many commands are queued, those within groups included.
    count: usize,
    cut: Cut,
    /// Upper bound of the reply's length without what is queued; counted at the first need.
    len: Option<usize>,
    pub(super) is_aborted: bool,
}

/// Where a value stops in the middle.
#[derive(Debug, Default)]
struct Cut {
    /// At the end of the last reply: the client asks for the rest.
    before: bool,
    /// At the end of what is queued.
    now: bool,
}

/// Something to ask, still to be numbered.
#[derive(Debug)]
struct Queued {
    command: Command,
    /// Its own, and those of what is within it.
    tags: Vec<u64>,
}

/// The first message of a session, read.
pub(super) struct First {
    pub(super) initiator: Initiator,
    pub(super) device: DevInfo,
}

/// Names one report of a [`Turn`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlertId {
    pub(super) asked: usize,
    pub(super) part: usize,
}

/// Why an operation cannot go into this reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The client has not finished its package, or has given the session up.
    #[error("the client is not ready for commands")]
    ClientBusy,
    /// The reply is as large as the client takes; queue it in the next turn.
    #[error("the reply is full")]
    Full,
    /// The operation cannot be written.
    #[error("the operation cannot be written")]
    Encode(#[from] EncodeError),
}

impl Turn {
    pub(super) fn new(
        settings: &Settings,
        (session, is_new): (Session, bool),
        request: &Message,
        (first, verdict): (Option<First>, Verdict),
    ) -> Self {
        let header = &request.header;
        let message = if is_new {
            MessageId::FIRST
        } else {
            session.message.next()
        };
        let session = Session {
            request: header.message,
            message,
            reply: Vec::new(),
            ..session
        };
        let mut turn = Self {
            settings: Box::new(settings.clone()),
            verdict: Box::new(verdict),
            header: Box::new(settings.header(header, session.message)),
            answers: header.message,
            is_final: request.is_final,
            is_silent: header.no_response,
            session,
            events: Vec::new(),
            asked: Vec::new(),
            queued: Vec::new(),
            count: 0,
            cut: Cut::default(),
            len: None,
            is_aborted: false,
        };
        turn.session.client_max_message = header
            .meta
            .max_message_size
            .or(turn.session.client_max_message);
        turn.cut.before = turn.session.values.outgoing.is_some();
        let max_object = &mut turn.session.values.client_max_object;
        *max_object = header.meta.max_object_size.or(*max_object);
        let begins = first.is_some();
        if let Some(First { initiator, device }) = first {
            turn.events.push(Event::SessionStarted {
                session: header.session.clone(),
                initiator,
                device,
                max_message: header.meta.max_message_size,
            });
        }
        for command in &request.commands {
            turn.take(command, begins);
        }
        turn.close_package();
        turn
    }

    /// With the client's package complete, what it has not answered it will not answer; nor if it does
    /// not take the rest of a value.
    fn close_package(&mut self) {
        let values = &mut self.session.values;
        let is_refused = self.cut.before && values.outgoing.as_ref().is_none_or(|it| !it.is_taken);
        if is_refused {
            values.outgoing = None;
        }
        if !self.is_final && !self.is_aborted && !is_refused {
            return;
        }
        let cut_short = values.incoming.take().map(|incoming| incoming.tag);
        let outstanding = self.session.outstanding.drain(..);
        let silent = outstanding.filter(|outstanding| !outstanding.has_status);
        let unanswered = silent.filter_map(|outstanding| outstanding.tag);
        let events = unanswered
            .chain(cut_short)
            .map(|tag| Event::Unanswered { tag });
        self.events.extend(events);
    }

    /// The session this turn belongs to.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// What the request says, in its order; empty the second time.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Answers a report: 200 when it is kept, 202 when it will be; 415 when its type is unknown,
    /// 500 when it could not be kept. The last answer counts.
    pub fn answer(&mut self, report: &AlertId, code: StatusCode) {
        let asked = self.asked.get_mut(report.asked);
        if let Some(part) = asked.and_then(|asked| asked.parts.get_mut(report.part)) {
            part.code = Some(code);
        }
    }

    /// Asks the device for something. `tag` comes back in the events that tell of it; the operations
    /// of a group have their own.
    ///
    /// A value that does not fit goes out in chunks, if the device has said that it takes objects so
    /// large; nothing more can be queued until it is through.
    pub fn queue(&mut self, tag: u64, operation: &Operation) -> Result<(), NotNow> {
        if !self.is_final || self.is_aborted {
            return Err(NotNow::ClientBusy);
        }
        let len = self.len()?;
        let command = operation.to_command();
        let mut tags = Vec::new();
        operation.tags(tag, &mut tags);
        let count = self.count.saturating_add(tags.len());
        if count > MAX_COMMANDS || self.session.values.outgoing.is_some() {
            return Err(NotNow::Full);
        }
        let longer = len.saturating_add(self.settings.encoding.command_len(&command)?);
        if longer > self.limit() {
            return self.queue_chunk(tag, operation);
        }
        self.len = Some(longer);
        self.count = count;
        self.queued.push(Queued { command, tags });
        Ok(())
    }

    /// The first chunk of a value that does not fit.
    fn queue_chunk(&mut self, tag: u64, operation: &Operation) -> Result<(), NotNow> {
        let limit = self.session.values.client_max_object;
        let mut outgoing = Outgoing::new(tag, operation, limit).ok_or(NotNow::Full)?;
        if self.send_chunk(&mut outgoing)? {
            self.session.values.outgoing = Some(outgoing);
            Ok(())
        } else {
            Err(NotNow::Full)
        }
    }

    /// Queues the next chunk of a value; whether there was room.
    fn send_chunk(&mut self, outgoing: &mut Outgoing) -> Result<bool, EncodeError> {
        let room = self.limit().saturating_sub(self.len()?);
        let Some((command, is_last)) = outgoing.next(self.settings.encoding, room)? else {
            return Ok(false);
        };
        self.cut.now = !is_last;
        let tags = vec![outgoing.tag];
        self.queued.push(Queued { command, tags });
        Ok(true)
    }

    /// With the client ready for it, the next chunk of what is on its way.
    fn go_on(&mut self) -> Result<(), EncodeError> {
        let Some(mut outgoing) = self.session.values.outgoing.take() else {
            return Ok(());
        };
        if !outgoing.is_taken || self.is_aborted {
            return Ok(());
        }
        // With no room for any of it the client is told that nothing more comes, and finds it missing.
        if self.send_chunk(&mut outgoing)? && self.cut.now {
            self.session.values.outgoing = Some(outgoing);
        }
        Ok(())
    }

    fn len(&mut self) -> Result<usize, EncodeError> {
        if let Some(len) = self.len {
            return Ok(len);
        }
        let mut longest = self.assemble(Detail::Items);
        longest.is_final = true;
        let len = self.settings.encoding.bound(&longest)?;
        self.len = Some(len);
        Ok(len)
    }

    fn limit(&self) -> usize {
        let limit = self.session.client_max_message;
        let limit = limit.and_then(|max| usize::try_from(max).ok());
        limit.unwrap_or(MAX_MESSAGE_LEN).min(MAX_MESSAGE_LEN)
    }

    /// Writes the reply, and with it what to keep. Reports without an answer are refused with 500.
    pub fn finish(mut self) -> Result<Session, EncodeError> {
        if self.cut.before {
            self.go_on()?;
        }
        let mut reply = self.assemble(Detail::Brief);
        let message = self.session.message;
        let owed = |id: CommandId, name, tag| Outstanding {
            message,
            id,
            name,
            tag,
            has_status: false,
        };
        if !self.is_final && !self.is_aborted && !self.cut.before {
            let alert = next_message(CommandId::at(reply.commands.len()));
            let alert_owed = owed(alert.id().clone(), alert.name(), None);
            self.session.outstanding.push(alert_owed);
            reply.commands.push(alert);
        }
        reply.is_final = (self.is_final || self.cut.before || self.is_aborted) && !self.cut.now;
        self.session.is_over = self.queued.is_empty() && reply.is_final;
        let mut places = self.session.base.saturating_add(reply.commands.len())..;
        let mut next = || CommandId::at(places.next().unwrap_or(MAX_COMMANDS + MAX_STATUSES));
        for mut queued in std::mem::take(&mut self.queued) {
            let mut tags = queued.tags.into_iter();
            let outstanding = &mut self.session.outstanding;
            let mut show = |id, name| outstanding.push(owed(id, name, tags.next()));
            queued.command.renumber_all(&mut next, &mut show);
            reply.commands.push(queued.command);
        }
        self.session.reply = self.settings.encoding.encode(&reply)?;
        let (proof, reply) = (&self.session.proof, &self.session.reply);
        self.session.mac = proof.own_mac(&self.settings, reply);
        Ok(self.session)
    }

    /// The reply without what is queued.
    fn assemble(&self, detail: Detail) -> Message {
        let answers = self.answers;
        let whole = Status {
            challenge: self.verdict.challenge.clone(),
            ..status(
                answers,
                CommandRef::Header,
                CommandName::SyncHdr,
                self.verdict.code,
            )
        };
        let mut header = Header::clone(&self.header);
        header.credentials = self.session.proof.own_credentials(&self.settings);
        let wanted = self.asked.iter().filter(|asked| !asked.is_silent);
        let statuses = wanted.flat_map(|asked| asked.statuses(answers, detail));
        Message {
            header,
            commands: numbered(std::iter::once(whole).chain(statuses)),
            is_final: self.is_final || self.is_aborted,
        }
    }
}
