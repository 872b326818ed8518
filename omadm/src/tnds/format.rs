//! The formats of leaves.

use crate::schema::Tag;
use crate::{Payload, message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// How a leaf's value is to be read. Interior nodes have none: theirs is `node`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Base64, as text.
    B64,
    /// Octets. In WBXML they travel as they are, in XML as base64.
    Bin,
    /// `true` or `false`.
    Bool,
    /// Text.
    #[default]
    Chr,
    /// A whole number.
    Int,
    /// No value.
    Null,
    /// XML, as text.
    Xml,
    /// A date, ISO 8601.
    Date,
    /// A time, ISO 8601.
    Time,
    /// A floating-point number.
    Float,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 10] = [
        Self::B64,
        Self::Bin,
        Self::Bool,
        Self::Chr,
        Self::Int,
        Self::Null,
        Self::Xml,
        Self::Date,
        Self::Time,
        Self::Float,
    ];

    pub(crate) const fn tag(self) -> Tag {
        match self {
            Self::B64 => Tag::B64,
            Self::Bin => Tag::Bin,
            Self::Bool => Tag::Bool,
            Self::Chr => Tag::Chr,
            Self::Int => Tag::Int,
            Self::Null => Tag::Null,
            Self::Xml => Tag::Xml,
            Self::Date => Tag::Date,
            Self::Time => Tag::Time,
            Self::Float => Tag::Float,
        }
    }

    /// The name, as the element and as `Meta/Format` have it.
    pub const fn name(self) -> &'static str {
        self.tag().name()
    }

    /// Whether a value can be one of this format. Dates and times are looked at for their shape only,
    /// with or without separators: `2026-11-23`, `20261123`, `14:00:00`, `140000Z`.
    pub fn admits(self, value: &Payload) -> bool {
        let Some(text) = value.as_text() else {
            return self == Self::Bin;
        };
        match self {
            Self::Bin | Self::Chr | Self::Xml => true,
            Self::B64 => STANDARD.decode(text).is_ok(),
            Self::Bool => matches!(text, "true" | "false"),
            Self::Int => text.parse::<i64>().is_ok(),
            Self::Null => text.is_empty(),
            Self::Date => has_shape(text, &["dddd-dd-dd", "dddddddd"]),
            Self::Time => {
                let text = text.strip_suffix('Z').unwrap_or(text);
                has_shape(text, &["dd:dd:dd", "dddddd"])
            }
            Self::Float => text.parse::<f64>().is_ok(),
        }
    }
}

/// Whether a text has one of these shapes, in which `d` stands for a digit.
fn has_shape(text: &str, shapes: &[&str]) -> bool {
    shapes.iter().any(|shape| {
        shape.len() == text.len()
            && shape.bytes().zip(text.bytes()).all(|(want, byte)| {
                (want == b'd' && byte.is_ascii_digit()) || (want != b'd' && want == byte)
            })
    })
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Format> for message::Format {
    fn from(format: Format) -> Self {
        Self::from(format.name())
    }
}
