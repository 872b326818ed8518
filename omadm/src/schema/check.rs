//! Holds writers to what readers demand.

use super::{
    Dialect, Element, MAX_COMMANDS, MAX_ELEMENTS, MAX_ITEMS, MAX_MESSAGE_LEN, MAX_STATUSES, Tag,
    Text, is_xml_char,
};
use crate::message::CommandName;

/// A message, tree or description that cannot be written so that every reader would take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text holds a character that XML 1.0 does not allow; base64 it and say so in the format.
    #[error("{element} holds character U+{character:04X}, which XML does not allow")]
    ForbiddenCharacter {
        /// The element.
        element: &'static str,
        /// The character's number.
        character: u32,
    },
    /// A value is no text, and nothing says that it is base64 in XML.
    #[error("{element} holds octets where text is wanted")]
    Octets {
        /// The element.
        element: &'static str,
    },
    /// Groups or nodes nested so deeply that no reader need take them.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// How deep the kind of document may go.
        limit: usize,
    },
    /// A child that must be there is not: a command without items, a tree without nodes.
    #[error("{element} holds no {child}")]
    Lacks {
        /// What is incomplete.
        element: &'static str,
        /// What is missing.
        child: &'static str,
    },
    /// Two nodes of one parent have the same name.
    #[error("two nodes of one parent are named {name}")]
    SameName {
        /// The name.
        name: String,
    },
    /// A node's name holds `/`, which separates names.
    #[error("{name} cannot be the name of a node")]
    NodeName {
        /// The name.
        name: String,
    },
    /// More elements, commands or items than a document may hold.
    #[error("more than {limit} {what} in one document")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many may be.
        limit: usize,
    },
    /// Larger than [`MAX_MESSAGE_LEN`].
    #[error("{len} octets long, at most {MAX_MESSAGE_LEN} allowed")]
    TooLong {
        /// How long it would be.
        len: usize,
    },
}

/// Whether both encodings can say this element, `depth` levels below the root.
pub(crate) fn check(dialect: Dialect, root: &Element, depth: usize) -> Result<(), EncodeError> {
    Tally::default().element(dialect, root, depth)
}

#[derive(Default)]
struct Tally {
    elements: usize,
    commands: usize,
    statuses: usize,
    items: usize,
    octets: usize,
}

impl Tally {
    fn element(
        &mut self,
        dialect: Dialect,
        element: &Element,
        depth: usize,
    ) -> Result<(), EncodeError> {
        let limit = dialect.max_depth();
        if depth >= limit {
            return Err(EncodeError::TooDeep { limit });
        }
        if lacks_items(element) {
            return Err(EncodeError::Lacks {
                element: element.tag.name(),
                child: Tag::Item.name(),
            });
        }
        self.count(element)?;
        self.text(element)?;
        let deeper = depth.saturating_add(1);
        element
            .children
            .iter()
            .try_for_each(|child| self.element(dialect, child, deeper))
    }

    fn count(&mut self, element: &Element) -> Result<(), EncodeError> {
        up(&mut self.elements, "elements", MAX_ELEMENTS)?;
        if element.tag == Tag::Item {
            up(&mut self.items, "items", MAX_ITEMS)
        } else if element.tag == Tag::Status {
            up(&mut self.statuses, "statuses", MAX_STATUSES)
        } else if is_command(element.tag) {
            up(&mut self.commands, "commands", MAX_COMMANDS)
        } else {
            Ok(())
        }
    }

    /// A string table must not let a document say more than its length: readers bound that too.
    fn text(&mut self, element: &Element) -> Result<(), EncodeError> {
        let len = match &element.text {
            Text::Opaque(octets) | Text::Base64(octets) => octets.len(),
            Text::Chars(text) => {
                let forbidden = text.chars().find(|character| !is_xml_char(*character));
                if let Some(character) = forbidden {
                    let element = element.tag.name();
                    return Err(EncodeError::ForbiddenCharacter {
                        element,
                        character: character.into(),
                    });
                }
                text.len()
            }
        };
        self.octets = self.octets.saturating_add(len);
        if self.octets > MAX_MESSAGE_LEN {
            return Err(EncodeError::TooLong { len: self.octets });
        }
        Ok(())
    }
}

fn up(count: &mut usize, what: &'static str, limit: usize) -> Result<(), EncodeError> {
    *count = count.saturating_add(1);
    if *count > limit {
        return Err(EncodeError::TooMany { what, limit });
    }
    Ok(())
}

fn is_command(tag: Tag) -> bool {
    let vocabulary = super::Vocabulary::SyncMl;
    tag.vocabulary() == vocabulary
        && tag != Tag::SyncHdr
        && CommandName::from_name(tag.name()).is_some()
}

/// Whether the element is a command that must have items and has none.
fn lacks_items(element: &Element) -> bool {
    let needs_items = matches!(
        element.tag,
        Tag::Add | Tag::Copy | Tag::Delete | Tag::Get | Tag::Replace | Tag::Results
    );
    needs_items && !element.children.iter().any(|child| child.tag == Tag::Item)
}
