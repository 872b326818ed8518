//! Which bytes a message travels as.

use crate::code::mime;
use crate::message::{Command, Message};
use crate::{EncodeError, wbxml, xml};

/// An encoding of messages. A server answers in the encoding it was asked in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `application/vnd.syncml.dm+xml`.
    #[default]
    Xml,
    /// `application/vnd.syncml.dm+wbxml`: the same in about a third of the octets.
    Wbxml,
}

/// Bytes that are no message, or none that this crate takes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ParseError {
    /// Read as XML.
    #[error("no DM message in XML")]
    Xml(#[from] xml::ParseError),
    /// Read as WBXML.
    #[error("no DM message in WBXML")]
    Wbxml(#[from] wbxml::ParseError),
}

impl Encoding {
    /// The encoding that an HTTP `Content-Type` names, parameters such as `charset` aside.
    ///
    /// ```
    /// use omadm::Encoding;
    /// let header = "Application/vnd.syncml.dm+xml; charset=utf-8";
    /// assert_eq!(Encoding::from_content_type(header), Some(Encoding::Xml));
    /// assert_eq!(Encoding::from_content_type("text/html"), None);
    /// ```
    pub fn from_content_type(header: &str) -> Option<Self> {
        let essence = header.split(';').next().unwrap_or(header).trim();
        [Self::Xml, Self::Wbxml]
            .into_iter()
            .find(|encoding| essence.eq_ignore_ascii_case(encoding.content_type()))
    }

    /// The content type of messages in this encoding.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => mime::MESSAGE_XML,
            Self::Wbxml => mime::MESSAGE_WBXML,
        }
    }

    /// Reads a message.
    pub fn parse(self, bytes: &[u8]) -> Result<Message, ParseError> {
        match self {
            Self::Xml => Ok(xml::parse(bytes)?),
            Self::Wbxml => Ok(wbxml::parse(bytes)?),
        }
    }

    /// Writes a message.
    pub fn encode(self, message: &Message) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Xml => xml::encode(message),
            Self::Wbxml => wbxml::encode(message),
        }
    }

    /// A bound of the message's length in octets: with what [`command_len`](Self::command_len) says
    /// of each further command added, it holds for the longer message.
    pub(crate) fn bound(self, message: &Message) -> Result<usize, EncodeError> {
        match self {
            Self::Xml => xml::encode(message).map(|bytes| bytes.len()),
            Self::Wbxml => wbxml::bound(message),
        }
    }

    /// How many octets the command adds to a message at most.
    pub(crate) fn command_len(self, command: &Command) -> Result<usize, EncodeError> {
        match self {
            Self::Xml => xml::command_len(command),
            Self::Wbxml => wbxml::command_len(command),
        }
    }
}
