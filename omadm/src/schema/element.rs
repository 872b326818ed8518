//! Elements, and how they are put together.

use super::Tag;
use crate::Payload;

/// An element: text or children, or, between children, white space that means nothing.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) tag: Tag,
    /// Where it starts in the bytes it was read from; 0 in what is to be written.
    pub(crate) at: usize,
    pub(crate) text: Text,
    pub(crate) children: Vec<Element>,
}

/// What stands between an element's tags.
#[derive(Debug)]
pub(crate) enum Text {
    /// Characters that XML allows, once [checked](super::check).
    Chars(String),
    /// Octets, which only WBXML can carry.
    Opaque(Vec<u8>),
    /// Octets that WBXML carries as they are and XML as base64. Never read, since neither encoding
    /// says so itself.
    Base64(Vec<u8>),
}

impl Text {
    pub(crate) const EMPTY: Self = Self::Chars(String::new());

    /// Whether there is nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Chars(text) => text.trim_ascii().is_empty(),
            Self::Opaque(octets) | Self::Base64(octets) => octets.is_empty(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Chars(text) => text.is_empty(),
            Self::Opaque(octets) | Self::Base64(octets) => octets.is_empty(),
        }
    }

    pub(crate) fn into_payload(self) -> Payload {
        match self {
            Self::Chars(text) => text.into(),
            Self::Opaque(octets) | Self::Base64(octets) => octets.into(),
        }
    }
}

impl Element {
    pub(crate) const fn new(tag: Tag, at: usize) -> Self {
        Self {
            tag,
            at,
            text: Text::EMPTY,
            children: Vec::new(),
        }
    }

    pub(crate) fn text(&mut self, tag: Tag, text: impl Into<String>) {
        self.content(tag, Text::Chars(text.into()));
    }

    pub(crate) fn content(&mut self, tag: Tag, text: Text) {
        let mut child = Self::new(tag, 0);
        child.text = text;
        self.children.push(child);
    }

    pub(crate) fn optional(&mut self, tag: Tag, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.text(tag, text.to_string());
        }
    }

    /// A value as it is: as characters if it can be, as octets if not.
    pub(crate) fn optional_payload(&mut self, tag: Tag, payload: Option<&Payload>) {
        if let Some(payload) = payload {
            let legible = payload
                .as_text()
                .filter(|text| text.chars().all(super::is_xml_char));
            let text = match legible {
                Some(text) => Text::Chars(text.to_owned()),
                None => Text::Opaque(payload.as_bytes().to_vec()),
            };
            self.content(tag, text);
        }
    }

    pub(crate) fn flag(&mut self, tag: Tag, set: bool) {
        if set {
            self.children.push(Self::new(tag, 0));
        }
    }
}
