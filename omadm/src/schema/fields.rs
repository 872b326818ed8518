//! Taking an element apart: each child is taken out by name, and none may be left.

use super::{Element, Tag, Violation};
use std::str::FromStr;

/// A violation, and the position of the element it concerns.
pub(crate) type Read<T> = Result<T, (usize, Violation)>;

/// The children of one element, taken out one by one.
pub(super) struct Fields {
    pub(super) tag: Tag,
    pub(super) at: usize,
    pub(super) rest: Vec<Element>,
}

impl Fields {
    pub(super) fn of(element: Element) -> Read<Self> {
        if element.text.trim_ascii().is_empty() {
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

    pub(super) fn many(&mut self, tag: Tag) -> Vec<Element> {
        self.rest.extract_if(.., |child| child.tag == tag).collect()
    }

    pub(super) fn optional(&mut self, tag: Tag) -> Read<Option<Element>> {
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

    pub(super) fn required(&mut self, tag: Tag) -> Read<Element> {
        let missing = Violation::Missing {
            element: tag.name(),
            parent: self.tag.name(),
        };
        self.optional(tag)?.ok_or((self.at, missing))
    }

    pub(super) fn flag(&mut self, tag: Tag) -> Read<bool> {
        match self.optional(tag)? {
            None => Ok(false),
            Some(element) => Fields::of(element)?.end().map(|()| true),
        }
    }

    pub(super) fn text(&mut self, tag: Tag) -> Read<String> {
        text(self.required(tag)?)
    }

    pub(super) fn optional_text(&mut self, tag: Tag) -> Read<Option<String>> {
        self.optional(tag)?.map(text).transpose()
    }

    pub(super) fn parsed<T>(&mut self, tag: Tag, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
        parsed(self.required(tag)?, parse)
    }

    pub(super) fn optional_parsed<T>(
        &mut self,
        tag: Tag,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        self.optional(tag)?
            .map(|element| parsed(element, parse))
            .transpose()
    }

    pub(super) fn texts(&mut self, tag: Tag) -> Read<Vec<String>> {
        self.many(tag).into_iter().map(text).collect()
    }

    /// Nothing may be left over.
    pub(super) fn end(self) -> Read<()> {
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

fn text(element: Element) -> Read<String> {
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

/// Numbers, codes and identifiers may have white space around them; text may not lose its own.
pub(super) fn parsed<T>(element: Element, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    let (at, name) = (element.at, element.tag.name());
    parse(text(element)?.trim_ascii()).ok_or((at, Violation::Value { element: name }))
}

/// Decimal digits only: `FromStr` alone would take a sign.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}
