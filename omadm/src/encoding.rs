//! Which bytes a message travels as.

use crate::code::mime;
use crate::message::{Command, Message};
use crate::xml::{self, EncodeError, ParseError};

/// An encoding of messages. A server answers in the encoding it was asked in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `application/vnd.syncml.dm+xml`.
    #[default]
    Xml,
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
        essence
            .eq_ignore_ascii_case(mime::MESSAGE_XML)
            .then_some(Self::Xml)
    }

    /// The content type of messages in this encoding.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Xml => mime::MESSAGE_XML,
        }
    }

    /// Reads a message.
    pub fn parse(self, bytes: &[u8]) -> Result<Message, ParseError> {
        match self {
            Self::Xml => xml::parse(bytes),
        }
    }

    /// Writes a message.
    pub fn encode(self, message: &Message) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Xml => xml::encode(message),
        }
    }

    /// How many octets the command adds to a message.
    pub(crate) fn command_len(self, command: &Command) -> Result<usize, EncodeError> {
        match self {
            Self::Xml => xml::command_len(command),
        }
    }
}
