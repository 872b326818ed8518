//! What is said about data: `Meta`, and the credentials and challenges built from it.

use std::fmt;

/// The format of a leaf's value, or `node` for an interior node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Format {
    /// Base64 of octets.
    B64,
    /// Octets; as XML they travel as base64.
    Bin,
    /// `true` or `false`.
    Bool,
    /// Text; what a leaf has that names no format.
    Chr,
    /// A whole number.
    Int,
    /// An interior node.
    Node,
    /// No value.
    Null,
    /// XML text.
    Xml,
    /// A date, ISO 8601.
    Date,
    /// A time, ISO 8601.
    Time,
    /// A floating-point number.
    Float,
    /// A format that DM 1.2 does not define. Made by [`Format::from`], which knows the others.
    Other(String),
}

impl Format {
    const NAMED: [(Self, &'static str); 11] = [
        (Self::B64, "b64"),
        (Self::Bin, "bin"),
        (Self::Bool, "bool"),
        (Self::Chr, "chr"),
        (Self::Int, "int"),
        (Self::Node, "node"),
        (Self::Null, "null"),
        (Self::Xml, "xml"),
        (Self::Date, "date"),
        (Self::Time, "time"),
        (Self::Float, "float"),
    ];

    /// The name as it stands in `Meta/Format`.
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            Self::B64
            | Self::Bin
            | Self::Bool
            | Self::Chr
            | Self::Int
            | Self::Node
            | Self::Null
            | Self::Xml
            | Self::Date
            | Self::Time
            | Self::Float => Self::NAMED
                .iter()
                .find(|(format, _)| format == self)
                .map_or("", |(_, name)| name),
        }
    }
}

impl From<&str> for Format {
    fn from(name: &str) -> Self {
        Self::NAMED
            .iter()
            .find(|(_, known)| *known == name)
            .map_or_else(
                || Self::Other(name.to_owned()),
                |(format, _)| format.clone(),
            )
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much a generic alert matters; the order is from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// The device cannot go on.
    Fatal,
    /// A function is lost.
    Critical,
    /// A function is impaired.
    Minor,
    /// Something may go wrong.
    Warning,
    /// For the record; what an alert without a mark has.
    Informational,
    /// Of no consequence.
    Harmless,
    /// Not known.
    Indeterminate,
}

impl Mark {
    /// All marks, most important first.
    pub const ALL: [Self; 7] = [
        Self::Fatal,
        Self::Critical,
        Self::Minor,
        Self::Warning,
        Self::Informational,
        Self::Harmless,
        Self::Indeterminate,
    ];

    /// The word as it stands in `Meta/Mark`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Critical => "critical",
            Self::Minor => "minor",
            Self::Warning => "warning",
            Self::Informational => "informational",
            Self::Harmless => "harmless",
            Self::Indeterminate => "indeterminate",
        }
    }

    /// The mark with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.name() == name)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `Meta`: what the sender says about a message, a command or an item. Absent and empty are
/// the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    /// `Format` of the data.
    pub format: Option<Format>,
    /// `Type` of the data: a MIME type, a management object's or an alert's identifier.
    pub content_type: Option<String>,
    /// `Mark`: importance of a generic alert.
    pub mark: Option<Mark>,
    /// `Size` of the data, in octets.
    pub size: Option<u64>,
    /// `Version` of the data.
    pub version: Option<String>,
    /// `NextNonce`: base64, as it travels.
    pub next_nonce: Option<String>,
    /// `MaxMsgSize`: the largest message that the sender takes, in octets.
    pub max_message_size: Option<u64>,
    /// `MaxObjSize`: the largest object that the sender takes, in octets.
    pub max_object_size: Option<u64>,
}

impl Meta {
    /// A `Meta` that gives only the format.
    pub fn format(format: Format) -> Self {
        Self {
            format: Some(format),
            ..Self::default()
        }
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `Cred`: the sender's credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// `Type` names the scheme (see [`code::auth`](crate::code::auth)), `Format` how `data` is
    /// written.
    pub meta: Meta,
    /// The credentials as they travel.
    pub data: String,
}

/// `Chal`: what the receiver asks credentials for; `Type`, `Format` and `NextNonce` are set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Challenge {
    /// The scheme, the nonce and its format.
    pub meta: Meta,
}
