//! Elements as a message. The order of an element's children does not matter: the prose of DM 1.2
//! itself is loose about it. What is unknown, missing or doubled does.

use super::fields::{Fields, Read, number};
use super::{Element, MAX_COMMANDS, MAX_ITEMS, MAX_STATUSES, Tag, Violation};
use crate::code::{AlertCode, StatusCode};
use crate::message::{
    Alert, Challenge, Command, CommandId, CommandName, CommandRef, Credentials, Exec, Format,
    Group, Header, Item, ItemCommand, Location, Mark, Message, MessageId, Meta, Results, SessionId,
    Status,
};

pub(crate) fn message(root: Element) -> Read<Message> {
    if root.tag != Tag::SyncMl {
        let element = root.tag.name();
        return Err((
            root.at,
            Violation::Misplaced {
                element,
                parent: "document",
            },
        ));
    }
    let mut fields = Fields::of(root)?;
    let header = header(fields.required(Tag::SyncHdr)?)?;
    let mut body = Fields::of(fields.required(Tag::SyncBody)?)?;
    fields.end()?;
    let is_final = body.flag(Tag::Final)?;
    let commands = Counter::default().commands(body)?;
    Ok(Message {
        header,
        commands,
        is_final,
    })
}

impl Fields {
    fn meta(&mut self) -> Read<Meta> {
        self.optional(Tag::Meta)?
            .map_or_else(|| Ok(Meta::default()), meta)
    }

    fn location(&mut self, tag: Tag) -> Read<Option<Location>> {
        self.optional(tag)?.map(location).transpose()
    }

    fn credentials(&mut self) -> Read<Option<Credentials>> {
        self.optional(Tag::Cred)?.map(credentials).transpose()
    }

    fn id(&mut self) -> Read<CommandId> {
        self.parsed(Tag::CmdId, |text| CommandId::new(text).ok())
    }
}

fn header(element: Element) -> Read<Header> {
    let mut fields = Fields::of(element)?;
    let header = Header {
        dtd: fields.text(Tag::VerDtd)?,
        protocol: fields.text(Tag::VerProto)?,
        session: fields.parsed(Tag::SessionId, |text| SessionId::new(text).ok())?,
        message: fields.parsed(Tag::MsgId, number).map(MessageId)?,
        target: location(fields.required(Tag::Target)?)?,
        source: location(fields.required(Tag::Source)?)?,
        respond_to: fields.optional_text(Tag::RespUri)?,
        no_response: fields.flag(Tag::NoResp)?,
        credentials: fields.credentials()?,
        meta: fields.meta()?,
    };
    fields.end()?;
    Ok(header)
}

fn location(element: Element) -> Read<Location> {
    let mut fields = Fields::of(element)?;
    let location = Location {
        uri: fields.text(Tag::LocUri)?,
        name: fields.optional_text(Tag::LocName)?,
    };
    fields.end()?;
    Ok(location)
}

fn meta(element: Element) -> Read<Meta> {
    let mut fields = Fields::of(element)?;
    if let Some(wrapper) = fields.optional(Tag::MetInf)? {
        fields.end()?;
        fields = Fields::of(wrapper)?;
    }
    let meta = Meta {
        format: fields.optional_parsed(Tag::Format, |text| Some(Format::from(text)))?,
        content_type: fields.optional_text(Tag::Type)?,
        mark: fields.optional_parsed(Tag::Mark, Mark::from_name)?,
        size: fields.optional_parsed(Tag::Size, number)?,
        version: fields.optional_text(Tag::Version)?,
        next_nonce: fields.optional_text(Tag::NextNonce)?,
        max_message_size: fields.optional_parsed(Tag::MaxMsgSize, number)?,
        max_object_size: fields.optional_parsed(Tag::MaxObjSize, number)?,
    };
    fields.end()?;
    Ok(meta)
}

fn credentials(element: Element) -> Read<Credentials> {
    let mut fields = Fields::of(element)?;
    let credentials = Credentials {
        meta: fields.meta()?,
        data: fields.text(Tag::Data)?,
    };
    fields.end()?;
    Ok(credentials)
}

fn challenge(element: Element) -> Read<Challenge> {
    let mut fields = Fields::of(element)?;
    let challenge = Challenge {
        meta: meta(fields.required(Tag::Meta)?)?,
    };
    fields.end()?;
    Ok(challenge)
}

/// Counts what a message may not have too much of.
#[derive(Default)]
struct Counter {
    commands: usize,
    statuses: usize,
    items: usize,
}

impl Counter {
    /// Every child that is left is a command.
    fn commands(&mut self, fields: Fields) -> Read<Vec<Command>> {
        let parent = fields.tag.name();
        fields
            .rest
            .into_iter()
            .map(|element| self.command(element, parent))
            .collect()
    }

    fn command(&mut self, element: Element, parent: &'static str) -> Read<Command> {
        let (tag, at) = (element.tag, element.at);
        let Some(name) = CommandName::from_name(tag.name()) else {
            return Err((
                at,
                Violation::Misplaced {
                    element: tag.name(),
                    parent,
                },
            ));
        };
        let (count, what, limit) = if name == CommandName::Status {
            (&mut self.statuses, "statuses", MAX_STATUSES)
        } else {
            (&mut self.commands, "commands", MAX_COMMANDS)
        };
        *count = count.saturating_add(1);
        if *count > limit {
            return Err((at, Violation::TooMany { what, limit }));
        }
        let fields = Fields::of(element)?;
        Ok(match name {
            CommandName::Add => Command::Add(self.item_command(fields)?),
            CommandName::Alert => Command::Alert(self.alert(fields)?),
            CommandName::Atomic => Command::Atomic(self.group(fields)?),
            CommandName::Copy => Command::Copy(self.item_command(fields)?),
            CommandName::Delete => Command::Delete(self.item_command(fields)?),
            CommandName::Exec => Command::Exec(self.exec(fields)?),
            CommandName::Get => Command::Get(self.item_command(fields)?),
            CommandName::Replace => Command::Replace(self.item_command(fields)?),
            CommandName::Results => Command::Results(self.results(fields)?),
            CommandName::Sequence => Command::Sequence(self.group(fields)?),
            CommandName::Status => Command::Status(self.status(fields)?),
            CommandName::SyncHdr => {
                return Err((
                    at,
                    Violation::Misplaced {
                        element: tag.name(),
                        parent,
                    },
                ));
            }
        })
    }

    fn items(&mut self, fields: &mut Fields) -> Read<Vec<Item>> {
        fields
            .many(Tag::Item)
            .into_iter()
            .map(|element| self.item(element))
            .collect()
    }

    fn some_items(&mut self, fields: &mut Fields) -> Read<Vec<Item>> {
        let items = self.items(fields)?;
        if items.is_empty() {
            let parent = fields.tag.name();
            return Err((
                fields.at,
                Violation::Missing {
                    element: Tag::Item.name(),
                    parent,
                },
            ));
        }
        Ok(items)
    }

    fn item(&mut self, element: Element) -> Read<Item> {
        self.items = self.items.saturating_add(1);
        if self.items > MAX_ITEMS {
            return Err((
                element.at,
                Violation::TooMany {
                    what: "items",
                    limit: MAX_ITEMS,
                },
            ));
        }
        let mut fields = Fields::of(element)?;
        let item = Item {
            target: fields.location(Tag::Target)?,
            source: fields.location(Tag::Source)?,
            meta: fields.meta()?,
            data: fields.optional_payload(Tag::Data)?,
            more_data: fields.flag(Tag::MoreData)?,
        };
        fields.end()?;
        Ok(item)
    }

    fn item_command(&mut self, mut fields: Fields) -> Read<ItemCommand> {
        let command = ItemCommand {
            id: fields.id()?,
            no_response: fields.flag(Tag::NoResp)?,
            meta: fields.meta()?,
            items: self.some_items(&mut fields)?,
        };
        fields.end()?;
        Ok(command)
    }

    fn alert(&mut self, mut fields: Fields) -> Read<Alert> {
        let alert = Alert {
            id: fields.id()?,
            no_response: fields.flag(Tag::NoResp)?,
            code: fields.parsed(Tag::Data, number).map(AlertCode::new)?,
            correlator: fields.optional_text(Tag::Correlator)?,
            items: self.items(&mut fields)?,
        };
        fields.end()?;
        Ok(alert)
    }

    fn exec(&mut self, mut fields: Fields) -> Read<Exec> {
        let exec = Exec {
            id: fields.id()?,
            no_response: fields.flag(Tag::NoResp)?,
            meta: fields.meta()?,
            correlator: fields.optional_text(Tag::Correlator)?,
            item: {
                let element = fields.required(Tag::Item)?;
                self.item(element)?
            },
        };
        fields.end()?;
        Ok(exec)
    }

    fn group(&mut self, mut fields: Fields) -> Read<Group> {
        let id = fields.id()?;
        let no_response = fields.flag(Tag::NoResp)?;
        let meta = fields.meta()?;
        Ok(Group {
            id,
            no_response,
            meta,
            commands: self.commands(fields)?,
        })
    }

    fn results(&mut self, mut fields: Fields) -> Read<Results> {
        let results = Results {
            id: fields.id()?,
            message_ref: fields.optional_parsed(Tag::MsgRef, number)?.map(MessageId),
            command_ref: fields.parsed(Tag::CmdRef, |text| CommandId::new(text).ok())?,
            meta: fields.meta()?,
            target_refs: fields.texts(Tag::TargetRef)?,
            source_refs: fields.texts(Tag::SourceRef)?,
            items: self.some_items(&mut fields)?,
        };
        fields.end()?;
        Ok(results)
    }

    fn status(&mut self, mut fields: Fields) -> Read<Status> {
        let status = Status {
            id: fields.id()?,
            message_ref: fields.parsed(Tag::MsgRef, number).map(MessageId)?,
            command_ref: fields.parsed(Tag::CmdRef, command_ref)?,
            command: fields.parsed(Tag::Cmd, CommandName::from_name)?,
            target_refs: fields.texts(Tag::TargetRef)?,
            source_refs: fields.texts(Tag::SourceRef)?,
            credentials: fields.credentials()?,
            challenge: fields.optional(Tag::Chal)?.map(challenge).transpose()?,
            code: fields.parsed(Tag::Data, |text| StatusCode::new(number(text)?))?,
            items: self.items(&mut fields)?,
        };
        fields.end()?;
        Ok(status)
    }
}

fn command_ref(text: &str) -> Option<CommandRef> {
    if text == "0" {
        return Some(CommandRef::Header);
    }
    CommandId::new(text).ok().map(CommandRef::Command)
}
