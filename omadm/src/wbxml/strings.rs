//! Which texts go to the string table.

use super::encode::{len_of_len, push_len};
use crate::schema::{Element, Text};
use std::cmp::Reverse;
use std::collections::HashMap;

/// A string table, and where in it each text begins.
#[derive(Default)]
pub(super) struct Strings<'a> {
    pub(super) table: Vec<u8>,
    offsets: HashMap<&'a str, usize>,
}

impl<'a> Strings<'a> {
    /// A table with nothing but the public identifier, if that is a text.
    pub(super) fn public(text: &[u8]) -> Self {
        let mut strings = Self::default();
        if !text.is_empty() {
            strings.table.extend_from_slice(text);
            strings.table.push(0);
        }
        strings
    }

    /// And the texts that pay off. First all are counted, then the most frequent are placed first, since
    /// low offsets are short.
    pub(super) fn of(root: &'a Element, public: &[u8]) -> Self {
        let mut counts = HashMap::new();
        count(root, &mut counts);
        let mut candidates: Vec<(&str, usize)> =
            counts.into_iter().filter(|(_, count)| *count > 1).collect();
        candidates.sort_unstable_by_key(|(text, count)| (Reverse(*count), text.len(), *text));
        let mut strings = Self::public(public);
        for (text, count) in candidates {
            let offset = strings.table.len();
            // Inline: token, text, NUL. Referred to: token and offset, and once text and NUL.
            let inline = text.len().saturating_add(2).saturating_mul(count);
            let referred = len_of_len(offset)
                .saturating_add(1)
                .saturating_mul(count)
                .saturating_add(text.len())
                .saturating_add(1);
            if referred < inline {
                strings.table.extend_from_slice(text.as_bytes());
                strings.table.push(0);
                strings.offsets.insert(text, offset);
            }
        }
        strings
    }

    /// Whether any text is referred to.
    pub(super) fn is_useful(&self) -> bool {
        !self.offsets.is_empty()
    }

    pub(super) fn offset(&self, text: &str) -> Option<usize> {
        self.offsets.get(text).copied()
    }

    /// The table with its length before it, as it stands in a document's head.
    pub(super) fn push_to(&self, out: &mut Vec<u8>) {
        push_len(out, self.table.len());
        out.extend_from_slice(&self.table);
    }
}

fn count<'a>(element: &'a Element, counts: &mut HashMap<&'a str, usize>) {
    if let Text::Chars(text) = &element.text
        && !text.is_empty()
    {
        let count = counts.entry(text).or_default();
        *count = count.saturating_add(1);
    }
    for child in &element.children {
        count(child, counts);
    }
}
