//! From elements to bytes.

use crate::code::{NAMESPACE_DDF, NAMESPACE_METINF, NAMESPACE_SYNCML};
use crate::message::{Command, Message};
use crate::schema::{
    self, Dialect, Element, EncodeError, MAX_MESSAGE_LEN, Text, Vocabulary, check,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::partial_escape;

/// Writes one message: UTF-8, no white space between elements, the DTD's order.
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    document(Dialect::Message, &schema::write(message))
}

/// How many octets the command adds to a message.
pub(crate) fn command_len(command: &Command) -> Result<usize, EncodeError> {
    let element = schema::write_command(command);
    // Below SyncML and SyncBody.
    check(Dialect::Message, &element, 2)?;
    let mut writer = Writer::default();
    writer.element(&element, Some(Vocabulary::SyncMl))?;
    Ok(writer.out.len())
}

/// Writes one document.
pub(crate) fn document(dialect: Dialect, root: &Element) -> Result<Vec<u8>, EncodeError> {
    check(dialect, root, 0)?;
    let mut writer = Writer::default();
    writer
        .out
        .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.element(root, None)?;
    let len = writer.out.len();
    if len > MAX_MESSAGE_LEN {
        return Err(EncodeError::TooLong { len });
    }
    Ok(writer.out.into_bytes())
}

#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    /// Each child of `Meta` declares its namespace itself, as in the examples of DM 1.2. The element
    /// has been checked, so that its depth is bounded.
    fn element(&mut self, element: &Element, outer: Option<Vocabulary>) -> Result<(), EncodeError> {
        let (tag, name) = (element.tag, element.tag.name());
        self.out.push('<');
        self.out.push_str(name);
        if Some(tag.vocabulary()) != outer {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(match tag.vocabulary() {
                Vocabulary::SyncMl => NAMESPACE_SYNCML,
                Vocabulary::MetInf => NAMESPACE_METINF,
                Vocabulary::Ddf => NAMESPACE_DDF,
            });
            self.out.push('"');
        }
        if element.children.is_empty() && element.text.is_empty() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        match &element.text {
            Text::Chars(text) => self.out.push_str(&partial_escape(text.as_str())),
            Text::Base64(octets) => STANDARD.encode_string(octets, &mut self.out),
            Text::Opaque(_) => return Err(EncodeError::Octets { element: name }),
        }
        for child in &element.children {
            self.element(child, Some(tag.vocabulary()))?;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }
}
