//! Taking an element apart: each child is taken out by name, and none may be left.

use super::{Element, Tag, Text, Violation, is_xml_char};
use crate::Payload;
use std::str::FromStr;

/// A violation, and the position of the element it concerns.
pub(crate) type Read<T> = Result<T, (usize, Violation)>;

/// The children of one element, taken out one by one.
pub(crate) struct Fields {
    pub(crate) tag: Tag,
    pub(crate) at: usize,
    /// Those that were not taken out yet.
    pub(crate) rest: Vec<Element>,
}

impl Fields {
    pub(crate) fn of(element: Element) -> Read<Self> {
        if element.text.is_blank() {
            Ok(Self {
                tag: element.tag,
                at: element.at,
                rest: element.children,
            })
        } else {
            Err((
                element.at,
                Violation::Text {
                    element: element.tag.name(),
                },
            ))
        }
    }

    pub(crate) fn many(&mut self, tag: Tag) -> Vec<Element> {
        self.rest.extract_if(.., |child| child.tag == tag).collect()
    }

    pub(crate) fn optional(&mut self, tag: Tag) -> Read<Option<Element>> {
        let mut found = self.many(tag).into_iter();
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(second) => Err((
                second.at,
                Violation::Repeated {
                    element: tag.name(),
                    parent: self.tag.name(),
                },
            )),
        }
    }

    pub(crate) fn required(&mut self, tag: Tag) -> Read<Element> {
        let missing = Violation::Missing {
            element: tag.name(),
            parent: self.tag.name(),
        };
        self.optional(tag)?.ok_or((self.at, missing))
    }

    pub(crate) fn flag(&mut self, tag: Tag) -> Read<bool> {
        match self.optional(tag)? {
            None => Ok(false),
            Some(element) => Fields::of(element)?.end().map(|()| true),
        }
    }

    pub(crate) fn text(&mut self, tag: Tag) -> Read<String> {
        text(self.required(tag)?)
    }

    pub(crate) fn optional_text(&mut self, tag: Tag) -> Read<Option<String>> {
        self.optional(tag)?.map(text).transpose()
    }

    pub(crate) fn parsed<T>(&mut self, tag: Tag, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
        parsed(self.required(tag)?, parse)
    }

    pub(crate) fn optional_parsed<T>(
        &mut self,
        tag: Tag,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        self.optional(tag)?
            .map(|element| parsed(element, parse))
            .transpose()
    }

    pub(crate) fn optional_payload(&mut self, tag: Tag) -> Read<Option<Payload>> {
        let payload = |element| Ok(leaf(element)?.into_payload());
        self.optional(tag)?.map(payload).transpose()
    }

    pub(crate) fn texts(&mut self, tag: Tag) -> Read<Vec<String>> {
        self.many(tag).into_iter().map(text).collect()
    }

    /// Nothing may be left over.
    pub(crate) fn end(self) -> Read<()> {
        match self.rest.first() {
            None => Ok(()),
            Some(child) => Err((
                child.at,
                Violation::Misplaced {
                    element: child.tag.name(),
                    parent: self.tag.name(),
                },
            )),
        }
    }
}

/// The text of an element that has no children; octets that are text count as such.
pub(crate) fn text(element: Element) -> Read<String> {
    let (at, name) = (element.at, element.tag.name());
    match leaf(element)? {
        Text::Chars(text) => Some(text),
        Text::Opaque(octets) | Text::Base64(octets) => legible(octets),
    }
    .ok_or((at, Violation::Value { element: name }))
}

/// The content of an element that has no children.
pub(crate) fn leaf(element: Element) -> Read<Text> {
    match element.children.first() {
        None => Ok(element.text),
        Some(child) => Err((
            child.at,
            Violation::Misplaced {
                element: child.tag.name(),
                parent: element.tag.name(),
            },
        )),
    }
}

/// Octets as text that either encoding can carry.
fn legible(octets: Vec<u8>) -> Option<String> {
    String::from_utf8(octets)
        .ok()
        .filter(|text| text.chars().all(is_xml_char))
}

/// Numbers, codes and identifiers may have white space around them; text may not lose its own.
pub(crate) fn parsed<T>(element: Element, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    let (at, name) = (element.at, element.tag.name());
    parse(text(element)?.trim_ascii()).ok_or((at, Violation::Value { element: name }))
}

/// Decimal digits only: `FromStr` alone would take a sign.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
