//! Between the model and the codecs: a message as a tree of named elements.
//!
//! Both encodings of SyncML say the same tree with other bytes. What the DTD demands (which
//! element may stand where, in which order, how often) is therefore written once, here:
//! [`write`] turns a message into elements in the DTD's order, [`read`] takes them in any order.

mod fields;
mod read;
mod tag;
mod write;

pub(crate) use read::message as read;
pub(crate) use tag::{Tag, Vocabulary};
pub(crate) use write::{command as write_command, message as write};

use crate::message::CommandName;

/// Most elements that a message may hold inside one another, the root included. The deepest that
/// device management needs is nine; the rest is room for groups within groups.
pub const MAX_DEPTH: usize = 16;
/// Most elements in one message.
pub const MAX_ELEMENTS: usize = 65_536;
/// Most commands in one message, those within groups included, those that are a `Status` not.
pub const MAX_COMMANDS: usize = 1_024;
/// Most items in one message.
pub const MAX_ITEMS: usize = 4_096;
/// Most `Status` in one message: enough to answer the largest message item by item.
pub const MAX_STATUSES: usize = MAX_ITEMS + MAX_COMMANDS + 1;

/// An element: text or children, or, between children, white space that means nothing.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) tag: Tag,
    /// Where it starts in the bytes it was read from; 0 in what is to be written.
    pub(crate) at: usize,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) const fn new(tag: Tag, at: usize) -> Self {
        Self {
            tag,
            at,
            text: String::new(),
            children: Vec::new(),
        }
    }
}

/// Whether the element is a command.
pub(crate) fn is_command(tag: Tag) -> bool {
    tag != Tag::SyncHdr && CommandName::from_name(tag.name()).is_some()
}

/// Whether the element is a command that must have items and has none.
pub(crate) fn lacks_items(element: &Element) -> bool {
    let needs_items = matches!(
        element.tag,
        Tag::Add | Tag::Copy | Tag::Delete | Tag::Get | Tag::Replace | Tag::Results
    );
    needs_items && !element.children.iter().any(|child| child.tag == Tag::Item)
}

/// Why elements are no message.
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
    #[error("more than {limit} {what} in one message")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
}
