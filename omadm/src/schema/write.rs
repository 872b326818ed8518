//! A message as elements, in the order of the DTD.

use super::{Element, Tag};
use crate::message::{
    Alert, Challenge, Command, Credentials, Exec, Group, Header, Item, ItemCommand, Location,
    Message, Meta, Results, Status,
};

pub(crate) fn message(message: &Message) -> Element {
    let mut body = Element::new(Tag::SyncBody, 0);
    body.children.extend(message.commands.iter().map(command));
    body.flag(Tag::Final, message.is_final);
    let mut root = Element::new(Tag::SyncMl, 0);
    root.children.push(header(&message.header));
    root.children.push(body);
    root
}

impl Element {
    fn location(&mut self, tag: Tag, location: &Location) {
        let mut child = Self::new(tag, 0);
        child.text(Tag::LocUri, &location.uri);
        child.optional(Tag::LocName, location.name.as_ref());
        self.children.push(child);
    }

    fn meta(&mut self, meta: &Meta) {
        if !meta.is_empty() {
            self.children.push(meta_element(meta));
        }
    }

    fn credentials(&mut self, credentials: Option<&Credentials>) {
        if let Some(credentials) = credentials {
            let mut child = Self::new(Tag::Cred, 0);
            child.meta(&credentials.meta);
            child.text(Tag::Data, &credentials.data);
            self.children.push(child);
        }
    }
}

fn meta_element(meta: &Meta) -> Element {
    let mut element = Element::new(Tag::Meta, 0);
    element.optional(Tag::Format, meta.format.as_ref());
    element.optional(Tag::Type, meta.content_type.as_ref());
    element.optional(Tag::Mark, meta.mark);
    element.optional(Tag::Size, meta.size);
    element.optional(Tag::Version, meta.version.as_ref());
    element.optional(Tag::NextNonce, meta.next_nonce.as_ref());
    element.optional(Tag::MaxMsgSize, meta.max_message_size);
    element.optional(Tag::MaxObjSize, meta.max_object_size);
    element
}

fn header(header: &Header) -> Element {
    let mut element = Element::new(Tag::SyncHdr, 0);
    element.text(Tag::VerDtd, &header.dtd);
    element.text(Tag::VerProto, &header.protocol);
    element.text(Tag::SessionId, header.session.as_str());
    element.text(Tag::MsgId, header.message.to_string());
    element.location(Tag::Target, &header.target);
    element.location(Tag::Source, &header.source);
    element.optional(Tag::RespUri, header.respond_to.as_ref());
    element.flag(Tag::NoResp, header.no_response);
    element.credentials(header.credentials.as_ref());
    element.meta(&header.meta);
    element
}

pub(crate) fn command(command: &Command) -> Element {
    match command {
        Command::Add(command) => item_command(Tag::Add, command),
        Command::Alert(command) => alert(command),
        Command::Atomic(command) => group(Tag::Atomic, command),
        Command::Copy(command) => item_command(Tag::Copy, command),
        Command::Delete(command) => item_command(Tag::Delete, command),
        Command::Exec(command) => exec(command),
        Command::Get(command) => item_command(Tag::Get, command),
        Command::Replace(command) => item_command(Tag::Replace, command),
        Command::Results(command) => results(command),
        Command::Sequence(command) => group(Tag::Sequence, command),
        Command::Status(command) => status(command),
    }
}

fn item_command(tag: Tag, command: &ItemCommand) -> Element {
    let mut element = Element::new(tag, 0);
    element.text(Tag::CmdId, command.id.as_str());
    element.flag(Tag::NoResp, command.no_response);
    element.meta(&command.meta);
    element.children.extend(command.items.iter().map(item));
    element
}

fn alert(alert: &Alert) -> Element {
    let mut element = Element::new(Tag::Alert, 0);
    element.text(Tag::CmdId, alert.id.as_str());
    element.flag(Tag::NoResp, alert.no_response);
    element.text(Tag::Data, alert.code.to_string());
    element.optional(Tag::Correlator, alert.correlator.as_ref());
    element.children.extend(alert.items.iter().map(item));
    element
}

fn exec(exec: &Exec) -> Element {
    let mut element = Element::new(Tag::Exec, 0);
    element.text(Tag::CmdId, exec.id.as_str());
    element.flag(Tag::NoResp, exec.no_response);
    element.meta(&exec.meta);
    element.optional(Tag::Correlator, exec.correlator.as_ref());
    element.children.push(item(&exec.item));
    element
}

fn group(tag: Tag, group: &Group) -> Element {
    let mut element = Element::new(tag, 0);
    element.text(Tag::CmdId, group.id.as_str());
    element.flag(Tag::NoResp, group.no_response);
    element.meta(&group.meta);
    element.children.extend(group.commands.iter().map(command));
    element
}

fn results(results: &Results) -> Element {
    let mut element = Element::new(Tag::Results, 0);
    element.text(Tag::CmdId, results.id.as_str());
    element.optional(Tag::MsgRef, results.message_ref);
    element.text(Tag::CmdRef, results.command_ref.as_str());
    element.meta(&results.meta);
    for uri in &results.target_refs {
        element.text(Tag::TargetRef, uri);
    }
    for uri in &results.source_refs {
        element.text(Tag::SourceRef, uri);
    }
    element.children.extend(results.items.iter().map(item));
    element
}

fn status(status: &Status) -> Element {
    let mut element = Element::new(Tag::Status, 0);
    element.text(Tag::CmdId, status.id.as_str());
    element.text(Tag::MsgRef, status.message_ref.to_string());
    element.text(Tag::CmdRef, status.command_ref.to_string());
    element.text(Tag::Cmd, status.command.as_str());
    for uri in &status.target_refs {
        element.text(Tag::TargetRef, uri);
    }
    for uri in &status.source_refs {
        element.text(Tag::SourceRef, uri);
    }
    element.credentials(status.credentials.as_ref());
    if let Some(challenge) = &status.challenge {
        element.children.push(challenge_element(challenge));
    }
    element.text(Tag::Data, status.code.number().to_string());
    element.children.extend(status.items.iter().map(item));
    element
}

fn challenge_element(challenge: &Challenge) -> Element {
    let mut element = Element::new(Tag::Chal, 0);
    // The DTD demands Meta here, even an empty one.
    element.children.push(meta_element(&challenge.meta));
    element
}

fn item(item: &Item) -> Element {
    let mut element = Element::new(Tag::Item, 0);
    if let Some(target) = &item.target {
        element.location(Tag::Target, target);
    }
    if let Some(source) = &item.source {
        element.location(Tag::Source, source);
    }
    element.meta(&item.meta);
    element.optional_payload(Tag::Data, item.data.as_ref());
    element.flag(Tag::MoreData, item.more_data);
    element
}
