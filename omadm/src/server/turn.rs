//! One request, and the reply in the making.

use super::admit::dev_info_of;
use super::answer::{Asked, Detail, Part, next_message, numbered, status};
use super::proof::Verdict;
use super::{Event, Operation, Session, Settings};
use crate::client::Value;
use crate::code::{AlertCode, StatusCode};
use crate::limits::MAX_MESSAGE_LEN;
use crate::message::{
    Alert, Command, CommandId, CommandName, CommandRef, Format, Header, Initiator, Item, Message,
    MessageId, Results, Status,
};
use crate::schema::{MAX_COMMANDS, MAX_STATUSES};
use crate::server::session::Outstanding;
use crate::{DevInfo, EncodeError, GenericAlert};

/// A request that was taken. What its events say becomes acknowledged by [`Turn::finish`].
#[derive(Debug)]
#[must_use = "the client waits for a reply"]
pub struct Turn {
    settings: Box<Settings>,
    /// What is said of the request as a whole.
    verdict: Box<Verdict>,
    /// The reply's.
    header: Box<Header>,
    /// The request's number.
    answers: MessageId,
    /// The client has finished its package.
    is_final: bool,
    /// The client wants no status at all.
    is_silent: bool,
    /// With an empty reply; our own message number already counted up.
    session: Session,
    events: Vec<Event>,
    asked: Vec<Asked>,
    queued: Vec<Command>,
    /// Upper bound of the reply's length without what is queued; counted at the first need.
    len: Option<usize>,
    is_aborted: bool,
}

/// The first message of a session, read.
pub(super) struct First {
    pub(super) initiator: Initiator,
    pub(super) device: DevInfo,
}

/// Names one report of a [`Turn`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlertId {
    asked: usize,
    part: usize,
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
            len: None,
            is_aborted: false,
        };
        turn.session.client_max_message = header
            .meta
            .max_message_size
            .or(turn.session.client_max_message);
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

    fn take(&mut self, command: &Command, begins: bool) {
        match command {
            Command::Status(status) => self.take_status(status),
            Command::Results(results) => self.take_results(command, results),
            Command::Alert(alert) => self.take_alert(command, alert),
            Command::Replace(_) if begins && dev_info_of(command).is_some() => {
                self.ask(command, StatusCode::OK);
            }
            // A client has nothing to ask of a server.
            Command::Add(_)
            | Command::Copy(_)
            | Command::Delete(_)
            | Command::Exec(_)
            | Command::Get(_)
            | Command::Replace(_) => self.ask(command, StatusCode::COMMAND_NOT_ALLOWED),
            Command::Atomic(group) | Command::Sequence(group) => {
                self.ask(command, StatusCode::COMMAND_NOT_ALLOWED);
                group.commands.iter().for_each(|inner| self.skip(inner));
            }
        }
    }

    fn skip(&mut self, command: &Command) {
        self.ask(command, StatusCode::NOT_EXECUTED);
        if let Command::Atomic(group) | Command::Sequence(group) = command {
            group.commands.iter().for_each(|inner| self.skip(inner));
        }
    }

    fn ask(&mut self, command: &Command, code: StatusCode) {
        self.ask_parts(
            command,
            vec![Part {
                source: None,
                code: Some(code),
            }],
        );
    }

    fn ask_parts(&mut self, command: &Command, parts: Vec<Part>) {
        let name = command.name();
        // Results never ask for a status, but one that refuses them is due.
        let is_silent = name != CommandName::Results && command.no_response();
        let is_silent = is_silent || self.is_silent;
        self.asked.push(Asked {
            id: command.id().clone(),
            name,
            is_silent,
            parts,
        });
    }

    fn take_alert(&mut self, command: &Command, alert: &Alert) {
        match alert.code {
            AlertCode::CLIENT_INITIATED | AlertCode::SERVER_INITIATED | AlertCode::NEXT_MESSAGE => {
                self.ask(command, StatusCode::OK);
            }
            AlertCode::GENERIC | AlertCode::CLIENT_EVENT if alert.items.is_empty() => {
                self.ask(command, StatusCode::INCOMPLETE_COMMAND);
            }
            AlertCode::GENERIC => self.take_reports(command, alert, |id, item| {
                let correlator = alert.correlator.as_deref();
                let alert = GenericAlert::from_item(correlator, item).ok()?;
                Some(Event::GenericAlert { id, alert })
            }),
            AlertCode::CLIENT_EVENT => self.take_reports(command, alert, |id, item| {
                Some(Event::ClientEvent {
                    id,
                    item: item.clone(),
                })
            }),
            AlertCode::SESSION_ABORT => {
                self.ask(command, StatusCode::OK);
                self.is_aborted = true;
                self.events.push(Event::Aborted);
            }
            _ => self.ask(command, StatusCode::FEATURE_NOT_SUPPORTED),
        }
    }

    /// One event for each item; an item that yields none is refused as incomplete.
    fn take_reports(
        &mut self,
        command: &Command,
        alert: &Alert,
        event: impl Fn(AlertId, &Item) -> Option<Event>,
    ) {
        let asked = self.asked.len();
        let mut parts = Vec::new();
        for (part, item) in alert.items.iter().enumerate() {
            let event = event(AlertId { asked, part }, item);
            let code = match event {
                Some(_) => None,
                None => Some(StatusCode::INCOMPLETE_COMMAND),
            };
            self.events.extend(event);
            parts.push(Part {
                source: item.source.as_ref().map(|it| it.uri.clone()),
                code,
            });
        }
        self.ask_parts(command, parts);
    }

    fn outstanding(
        &mut self,
        message: Option<MessageId>,
        id: &CommandId,
    ) -> Option<&mut Outstanding> {
        self.session.outstanding.iter_mut().find(|outstanding| {
            outstanding.id == *id && message.is_none_or(|message| message == outstanding.message)
        })
    }

    fn take_status(&mut self, status: &Status) {
        if status.command_ref == CommandRef::Header {
            self.session.proof.hear(&self.settings, status);
        }
        let event = match &status.command_ref {
            CommandRef::Header if status.code.is_success() => None,
            CommandRef::Header => Some(Event::MessageRefused { code: status.code }),
            CommandRef::Command(id) => match self.outstanding(Some(status.message_ref), id) {
                Some(outstanding) if outstanding.name == status.command => {
                    outstanding.has_status = true;
                    let code = status.code;
                    outstanding.tag.map(|tag| Event::Status { tag, code })
                }
                Some(_) | None => Some(Event::StrayStatus(status.clone())),
            },
        };
        self.events.extend(event);
    }

    /// Results that were asked for need no `Status`.
    fn take_results(&mut self, command: &Command, results: &Results) {
        let found = self.outstanding(results.message_ref, &results.command_ref);
        let tag = found
            .filter(|get| get.name == CommandName::Get)
            .and_then(|get| get.tag);
        let Some(tag) = tag else {
            self.ask(command, StatusCode::BAD_REQUEST);
            return;
        };
        for item in &results.items {
            let Some(source) = &item.source else {
                self.ask(command, StatusCode::INCOMPLETE_COMMAND);
                return;
            };
            let format = item.meta.format.as_ref().or(results.meta.format.as_ref());
            let content_type = item
                .meta
                .content_type
                .as_ref()
                .or(results.meta.content_type.as_ref());
            let value = Value {
                format: format.cloned().unwrap_or(Format::Chr),
                content_type: content_type.cloned(),
                data: item.data.clone().unwrap_or_default(),
            };
            self.events.push(Event::Results {
                tag,
                uri: source.uri.clone(),
                value,
            });
        }
    }

    /// With the client's package complete, what it has not answered it will not answer.
    fn close_package(&mut self) {
        if !self.is_final && !self.is_aborted {
            return;
        }
        for outstanding in self.session.outstanding.drain(..) {
            if let (Some(tag), false) = (outstanding.tag, outstanding.has_status) {
                self.events.push(Event::Unanswered { tag });
            }
        }
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

    /// Asks the device for something. `tag` comes back in the events that tell of it.
    pub fn queue(&mut self, tag: u64, operation: &Operation) -> Result<(), NotNow> {
        if !self.is_final || self.is_aborted {
            return Err(NotNow::ClientBusy);
        }
        let len = match self.len {
            Some(len) => len,
            None => self
                .settings
                .encoding
                .bound(&self.assemble(Detail::Items))?,
        };
        // The longest number stands in for the one that the command gets in the end.
        let command = operation.to_command(CommandId::at(MAX_COMMANDS + MAX_STATUSES));
        let longer = len.saturating_add(self.settings.encoding.command_len(&command)?);
        let limit = self
            .session
            .client_max_message
            .and_then(|max| usize::try_from(max).ok());
        if longer > limit.unwrap_or(MAX_MESSAGE_LEN).min(MAX_MESSAGE_LEN)
            || self.queued.len() >= MAX_COMMANDS
        {
            return Err(NotNow::Full);
        }
        self.len = Some(longer);
        self.session.outstanding.push(Outstanding {
            message: self.session.message,
            id: command.id().clone(),
            name: command.name(),
            tag: Some(tag),
            has_status: false,
        });
        self.queued.push(command);
        Ok(())
    }

    /// Writes the reply, and with it what to keep. Reports without an answer are refused with 500.
    pub fn finish(mut self) -> Result<Session, EncodeError> {
        let mut reply = self.assemble(Detail::Brief);
        let first = reply.commands.len();
        if !self.is_final && !self.is_aborted {
            let alert = next_message(CommandId::at(first));
            self.session.outstanding.push(Outstanding {
                message: self.session.message,
                id: alert.id().clone(),
                name: alert.name(),
                tag: None,
                has_status: false,
            });
            reply.commands.push(alert);
        }
        let outstanding = self.session.outstanding.iter_mut();
        let ours = outstanding.filter(|outstanding| outstanding.tag.is_some());
        for ((place, command), outstanding) in (first..).zip(&mut self.queued).zip(ours) {
            command.renumber(CommandId::at(place));
            outstanding.id = command.id().clone();
        }
        self.session.is_over = self.queued.is_empty() && reply.is_final;
        reply.commands.append(&mut self.queued);
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
