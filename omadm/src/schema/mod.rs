//! Between the models and the codecs: a document as a tree of named elements.
//!
//! Both encodings say the same tree with other bytes. Names and tokens stand in one table
//! ([`Tag`]). What the SyncML DTD demands (which element may stand where, in which order, how
//! often) is written once, here: [`write`] turns a message into elements in the DTD's order,
//! [`read`] takes them in any order. Management trees and their descriptions do the same in
//! [`tnds`](crate::tnds) and [`ddf`](crate::ddf), with the same tools.

mod check;
mod dialect;
mod element;
mod fields;
mod read;
mod tag;
mod write;

pub use check::EncodeError;
pub(crate) use check::check;
pub(crate) use dialect::Dialect;
pub(crate) use element::{Element, Text};
pub(crate) use fields::{Fields, Read, leaf, number, text};
pub(crate) use read::message as read;
pub(crate) use tag::{Tag, Vocabulary};
pub(crate) use write::{command as write_command, message as write};

/// Most elements that a message may hold inside one another, the root included. The deepest that
/// device management needs is nine; the rest is room for groups within groups.
pub const MAX_DEPTH: usize = 16;
/// Most elements that a management tree or its description may hold inside one another, the root
/// and the properties of a node included: room for paths of 28 segments.
pub const MAX_TREE_DEPTH: usize = 32;
/// Most elements in one document.
pub const MAX_ELEMENTS: usize = 120_000;
/// Most octets of one document that this crate reads or writes: 1 MiB.
pub const MAX_MESSAGE_LEN: usize = 1 << 20;
/// Most commands in one message, those within groups included, those that are a `Status` not.
pub const MAX_COMMANDS: usize = 1_024;
/// Most items in one message.
pub const MAX_ITEMS: usize = 4_096;
/// Most `Status` in one message: enough to answer the largest message item by item.
pub const MAX_STATUSES: usize = MAX_ITEMS + MAX_COMMANDS + 1;

/// Whether XML 1.0 allows the character at all (production `Char`).
pub(crate) const fn is_xml_char(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..
    )
}

/// Why elements are no message, no tree and no description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The element is not allowed here, or is one that device management does not use.
    #[error("element {element} has no place in {parent}")]
    Misplaced {
        /// The element.
        element: &'static str,
        /// What it stands in.
        parent: &'static str,
    },
    /// An element that must be there is not.
    #[error("{parent} lacks {element}")]
    Missing {
        /// The element.
        element: &'static str,
        /// What it should stand in.
        parent: &'static str,
    },
    /// An element that may be there once is there again.
    #[error("{parent} holds {element} more than once")]
    Repeated {
        /// The element.
        element: &'static str,
        /// What it stands in.
        parent: &'static str,
    },
    /// There is text where only elements may be, or in an element that is a mere flag.
    #[error("{element} holds text")]
    Text {
        /// The element.
        element: &'static str,
    },
    /// The text is not what the element may hold: not a number, not a code, not an identifier.
    #[error("{element} holds no value that it may have")]
    Value {
        /// The element.
        element: &'static str,
    },
    /// More of something than this crate takes.
    #[error("more than {limit} {what} in one document")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
    /// Two nodes of one parent have the same name.
    #[error("two nodes of one parent are named {name}")]
    SameName {
        /// The name.
        name: String,
    },
}
