//! SyncML as XML.
//!
//! The parser takes UTF-8 with or without an XML declaration, elements in the namespaces
//! [`NAMESPACE_SYNCML`](crate::code::NAMESPACE_SYNCML) and
//! [`NAMESPACE_METINF`](crate::code::NAMESPACE_METINF) under any prefix, and children in any order. A
//! child of `Meta` may also be left in the SyncML namespace, as sloppy peers do. It refuses document
//! types, entities other than the five of XML itself, processing instructions, attributes other than
//! namespace declarations, and whatever is larger than the limits of this crate; it never panics.

mod encode;
mod parse;

pub use encode::{EncodeError, encode};
pub use parse::{ParseError, Problem, Syntax, parse};

pub(crate) use encode::command_len;

/// Most octets of one message that this crate reads or writes: 1 MiB.
pub const MAX_MESSAGE_LEN: usize = 1 << 20;
/// Most attributes of one element; two namespace declarations are what a message needs.
pub const MAX_ATTRIBUTES: usize = 4;

/// Whether XML 1.0 allows the character at all (production `Char`).
const fn is_xml_char(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..
    )
}
