//! Identifiers of sessions, messages and commands.

use std::fmt;

/// Longest `SessionID` accepted, in octets. DM 1.2 asks for four hex digits; clients in the
/// field send decimal numbers and more digits.
pub const MAX_SESSION_ID_LEN: usize = 32;
/// Longest `CmdID` accepted, in octets: servers in the field send UUIDs.
pub const MAX_COMMAND_ID_LEN: usize = 64;

/// A text that cannot be an identifier: empty, too long, not printable ASCII, or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: 1 to {max} printable ASCII characters expected, `0` is reserved")]
pub struct InvalidId {
    /// Longest identifier of this kind, in octets.
    pub max: usize,
}

/// Whether `text` is 1 to `max` printable ASCII characters without spaces.
fn is_token(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `SessionID`: one session of one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// Takes 1 to [`MAX_SESSION_ID_LEN`] printable ASCII characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        if is_token(&text, MAX_SESSION_ID_LEN) {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                max: MAX_SESSION_ID_LEN,
            })
        }
    }

    /// The id in the form that DM 1.2 prescribes: upper-case hex without leading zeros. A
    /// session that answers a Package 0 must use the number found there.
    pub fn from_number(number: u16) -> Self {
        Self(format!("{number:X}"))
    }

    /// The text as it stands in the message.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `MsgID`: counts the messages of one sender in one session, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u32);

impl MessageId {
    /// The first message of a session.
    pub const FIRST: Self = Self(1);

    /// The id of the message after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `CmdID`: names a command within its message. Never `0`, which stands for the header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(String);

impl CommandId {
    /// Takes 1 to [`MAX_COMMAND_ID_LEN`] printable ASCII characters, but not `0`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        if text != "0" && is_token(&text, MAX_COMMAND_ID_LEN) {
            Ok(Self(text))
        } else {
            Err(InvalidId {
                max: MAX_COMMAND_ID_LEN,
            })
        }
    }

    /// The id of the `index`-th command (from 0) of a message that numbers its commands from 1.
    pub fn at(index: usize) -> Self {
        Self(index.saturating_add(1).to_string())
    }

    /// The text as it stands in the message.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `CmdRef`: what a `Status` or `Results` answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandRef {
    /// The message as a whole (`0`).
    Header,
    /// One of its commands.
    Command(CommandId),
}

impl fmt::Display for CommandRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("0"),
            Self::Command(id) => id.fmt(f),
        }
    }
}
