//! From a message to bytes.

use super::{MAX_MESSAGE_LEN, is_xml_char};
use crate::code::{NAMESPACE_METINF, NAMESPACE_SYNCML};
use crate::message::{Command, Message};
use crate::schema::{
    self, Element, MAX_COMMANDS, MAX_DEPTH, MAX_ELEMENTS, MAX_ITEMS, MAX_STATUSES, Tag, Vocabulary,
};
use quick_xml::escape::partial_escape;

/// A message that cannot be written so that every reader would take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text holds a character that XML 1.0 does not allow; base64 it and say so in the format.
    #[error("{element} holds character U+{character:04X}, which XML does not allow")]
    ForbiddenCharacter {
        /// The element.
        element: &'static str,
        /// The character's number.
        character: u32,
    },
    /// Groups nested so deeply that no reader need take them.
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A command that must have items has none.
    #[error("{element} holds no item")]
    NoItems {
        /// The command.
        element: &'static str,
    },
    /// More elements, commands or items than a message may hold.
    #[error("more than {limit} {what} in one message")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
    /// Larger than [`MAX_MESSAGE_LEN`].
    #[error("{len} octets long, at most {MAX_MESSAGE_LEN} allowed")]
    TooLong {
        /// How long it would be.
        len: usize,
    },
}

/// Writes one message: UTF-8, no white space between elements, the DTD's order.
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::default();
    writer
        .out
        .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.element(&schema::write(message), None, 0)?;
    let len = writer.out.len();
    if len > MAX_MESSAGE_LEN {
        return Err(EncodeError::TooLong { len });
    }
    Ok(writer.out.into_bytes())
}

/// How many octets the command adds to a message.
pub(crate) fn command_len(command: &Command) -> Result<usize, EncodeError> {
    let mut writer = Writer::default();
    // Below SyncML and SyncBody.
    writer.element(&schema::write_command(command), Some(Vocabulary::SyncMl), 2)?;
    Ok(writer.out.len())
}

#[derive(Default)]
struct Writer {
    out: String,
    elements: usize,
    commands: usize,
    statuses: usize,
    items: usize,
}

impl Writer {
    /// Each child of `Meta` declares its namespace itself, as in the examples of DM 1.2.
    fn element(
        &mut self,
        element: &Element,
        outer: Option<Vocabulary>,
        depth: usize,
    ) -> Result<(), EncodeError> {
        if depth >= MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.count(element)?;
        let (tag, name) = (element.tag, element.tag.name());
        self.out.push('<');
        self.out.push_str(name);
        if Some(tag.vocabulary()) != outer {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(match tag.vocabulary() {
                Vocabulary::SyncMl => NAMESPACE_SYNCML,
                Vocabulary::MetInf => NAMESPACE_METINF,
            });
            self.out.push('"');
        }
        if element.children.is_empty() && element.text.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        self.text(element)?;
        for child in &element.children {
            self.element(child, Some(tag.vocabulary()), depth.saturating_add(1))?;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn text(&mut self, element: &Element) -> Result<(), EncodeError> {
        let forbidden = element
            .text
            .chars()
            .find(|character| !is_xml_char(*character));
        if let Some(character) = forbidden {
            let element = element.tag.name();
            return Err(EncodeError::ForbiddenCharacter {
                element,
                character: character.into(),
            });
        }
        self.out.push_str(&partial_escape(element.text.as_str()));
        Ok(())
    }

    /// Holds the writer to what the reader demands.
    fn count(&mut self, element: &Element) -> Result<(), EncodeError> {
        if schema::lacks_items(element) {
            let element = element.tag.name();
            return Err(EncodeError::NoItems { element });
        }
        up(&mut self.elements, "elements", MAX_ELEMENTS)?;
        if element.tag == Tag::Item {
            up(&mut self.items, "items", MAX_ITEMS)
        } else if element.tag == Tag::Status {
            up(&mut self.statuses, "statuses", MAX_STATUSES)
        } else if schema::is_command(element.tag) {
            up(&mut self.commands, "commands", MAX_COMMANDS)
        } else {
            Ok(())
        }
    }
}

fn up(count: &mut usize, what: &'static str, limit: usize) -> Result<(), EncodeError> {
    *count = count.saturating_add(1);
    if *count > limit {
        return Err(EncodeError::TooMany { what, limit });
    }
    Ok(())
}
