//! SyncML messages, management trees and their descriptions as WBXML.
//!
//! The parser takes WBXML 1.1 to 1.3 in UTF-8 with the elements on the code pages that OMA gave
//! them, text inline or from the string table, and octets ([`Payload`](crate::Payload)) where a value
//! may be octets. It refuses attributes, literal tags, extensions, processing instructions, and
//! whatever is larger than the limits of this crate, also when a string table makes it so; it never
//! panics. A document within an opaque value is a value and not read.
//!
//! The writer writes WBXML 1.3. A text that occurs again goes to the string table when that makes
//! the document shorter. Trees and descriptions can leave out their public identifier: it has no number,
//! and its text is longer than many a tree.

mod encode;
mod parse;
mod strings;

pub use encode::encode;
pub use parse::{ParseError, Problem, parse};

pub(crate) use encode::{PublicId, bound, command_len, document as write};
pub(crate) use parse::document as read;

/// Tokens that mean the same on every code page (WBXML 1.3, 7.1).
mod global {
    pub(super) const SWITCH_PAGE: u8 = 0x00;
    pub(super) const END: u8 = 0x01;
    pub(super) const ENTITY: u8 = 0x02;
    pub(super) const STR_I: u8 = 0x03;
    pub(super) const STR_T: u8 = 0x83;
    pub(super) const OPAQUE: u8 = 0xC3;
    /// The bit of a tag that has content.
    pub(super) const CONTENT: u8 = 0x40;
    /// The bit of a tag that has attributes.
    pub(super) const ATTRIBUTES: u8 = 0x80;
    /// The bits of a tag that say which.
    pub(super) const TAG: u8 = 0x3F;
    /// The first of them that is a tag; those below are global tokens, whatever the other bits.
    pub(super) const FIRST_TAG: u8 = 0x05;
}

/// WBXML 1.3, as the version octet says it.
const VERSION: u8 = 0x03;
/// `-//SYNCML//DTD SyncML 1.2//EN` (OMNA's register of public identifiers).
const PUBLIC_ID_SYNCML: u32 = 0x1201;
/// The text of the same.
const PUBLIC_TEXT_SYNCML: &[u8] = b"-//SYNCML//DTD SyncML 1.2//EN";
/// The DTD of trees and descriptions, which has no number.
const PUBLIC_TEXT_DDF: &[u8] = b"-//OMA//DTD-DM-DDF 1.2//EN";
/// "Unknown or missing" (WBXML 1.3, 7.2).
const PUBLIC_ID_UNKNOWN: u32 = 1;
/// UTF-8 in IANA's register of character sets.
const CHARSET_UTF_8: u32 = 106;
/// US-ASCII, which is UTF-8 as well.
const CHARSET_ASCII: u32 = 3;
/// "Unknown": taken for UTF-8, and refused where it is not.
const CHARSET_UNKNOWN: u32 = 0;
