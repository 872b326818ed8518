//! SyncML messages, management trees and their descriptions as XML.
//!
//! The parser takes UTF-8 with or without an XML declaration, elements in the namespaces
//! [`NAMESPACE_SYNCML`](crate::code::NAMESPACE_SYNCML) and
//! [`NAMESPACE_METINF`](crate::code::NAMESPACE_METINF) under any prefix, and children in any order. A
//! child of `Meta` may also be left in the SyncML namespace, as sloppy peers do; trees and descriptions
//! stand in [`NAMESPACE_DDF`](crate::code::NAMESPACE_DDF) or in none. It refuses document
//! types, entities other than the five of XML itself, processing instructions, attributes other than
//! namespace declarations, and whatever is larger than the limits of this crate; it never panics.

mod encode;
mod parse;

pub use encode::encode;
pub use parse::{ParseError, Problem, Syntax, parse};

pub(crate) use encode::{command_len, document as write};
pub(crate) use parse::document as read;

/// Most attributes of one element; two namespace declarations are what a message needs.
pub const MAX_ATTRIBUTES: usize = 4;
