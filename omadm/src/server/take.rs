//! What the commands of a request say.

use super::Event;
use super::admit::dev_info_of;
use super::answer::{Asked, Part};
use super::session::Outstanding;
use super::turn::{AlertId, Turn};
use crate::GenericAlert;
use crate::client::Value;
use crate::code::{AlertCode, StatusCode};
use crate::limits::{MAX_MESSAGE_LEN, MAX_OBJECT_LEN};
use crate::message::{
    Alert, Command, CommandId, CommandName, CommandRef, Format, Item, MessageId, Results, Status,
};

impl Turn {
    pub(super) fn take(&mut self, command: &Command, begins: bool) {
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
            AlertCode::CLIENT_INITIATED
            | AlertCode::SERVER_INITIATED
            | AlertCode::NEXT_MESSAGE
            | AlertCode::NO_END_OF_DATA => {
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
                    let (tag, code) = (outstanding.tag, status.code);
                    // That a chunk has arrived is news for the session only.
                    let values = &mut self.session.values;
                    tag.filter(|tag| !values.hear(*tag, status))
                        .map(|tag| Event::Status { tag, code })
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
        let limit = self.settings.max_object.map_or(MAX_MESSAGE_LEN, |size| {
            usize::try_from(size).unwrap_or(MAX_OBJECT_LEN)
        });
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
            let found = (source.uri.as_str(), value, item);
            let values = &mut self.session.values;
            match values.take(tag, found, results, limit) {
                Ok(Some(value)) => self.events.push(Event::Results {
                    tag,
                    uri: source.uri.clone(),
                    value,
                }),
                Ok(None) => self.ask(command, StatusCode::CHUNK_ACCEPTED),
                Err(code) => {
                    self.ask(command, code);
                    self.events.push(Event::Status { tag, code });
                }
            }
        }
    }
}
