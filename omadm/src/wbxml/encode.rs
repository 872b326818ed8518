//! From elements to bytes.

use super::strings::Strings;
use super::{CHARSET_UTF_8, PUBLIC_ID_SYNCML, PUBLIC_ID_UNKNOWN, PUBLIC_TEXT_DDF, VERSION, global};
use crate::message::{Command, Message};
use crate::schema::{
    self, Dialect, Element, EncodeError, MAX_MESSAGE_LEN, Text, Vocabulary, check,
};

/// Octets of a switch to another code page.
const SWITCH_LEN: usize = 2;

/// What a document's head says of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicId {
    /// By its number: a SyncML message.
    Message,
    /// By its text: a tree or a description.
    Tree,
    /// Nothing: a tree or a description, as who gets it knows.
    Unsaid,
}

impl PublicId {
    const fn dialect(self) -> Dialect {
        match self {
            Self::Message => Dialect::Message,
            Self::Tree | Self::Unsaid => Dialect::Tree,
        }
    }

    const fn text(self) -> &'static [u8] {
        match self {
            Self::Tree => PUBLIC_TEXT_DDF,
            Self::Message | Self::Unsaid => &[],
        }
    }

    /// A text stands at the beginning of the string table: 0, and its place there.
    fn push_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Message => push_number(out, PUBLIC_ID_SYNCML),
            Self::Unsaid => push_number(out, PUBLIC_ID_UNKNOWN),
            Self::Tree => out.extend([0, 0]),
        }
    }
}

/// Writes one message, in the DTD's order.
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    document(PublicId::Message, &schema::write(message))
}

/// How long the message is at most, further commands aside: its length without a string table.
pub(crate) fn bound(message: &Message) -> Result<usize, EncodeError> {
    let root = schema::write(message);
    check(Dialect::Message, &root, 0)?;
    Ok(assemble(PublicId::Message, &root, &Strings::default()).len())
}

/// How many octets the command adds at most to what [`bound`] says, whatever stands around it.
pub(crate) fn command_len(command: &Command) -> Result<usize, EncodeError> {
    let element = schema::write_command(command);
    // Below SyncML and SyncBody.
    check(Dialect::Message, &element, 2)?;
    let strings = Strings::default();
    let mut writer = Writer {
        out: Vec::new(),
        page: None,
        strings: &strings,
    };
    writer.element(&element);
    let back = match writer.page {
        Some(page) if page == Vocabulary::SyncMl.page() => 0,
        Some(_) | None => SWITCH_LEN,
    };
    Ok(writer.out.len().saturating_add(back))
}

/// Writes one document.
pub(crate) fn document(public: PublicId, root: &Element) -> Result<Vec<u8>, EncodeError> {
    check(public.dialect(), root, 0)?;
    let strings = Strings::of(root, public.text());
    let mut bytes = assemble(public, root, &Strings::public(public.text()));
    if strings.is_useful() {
        let interned = assemble(public, root, &strings);
        // The table's own length may eat up what a single reference saves.
        if interned.len() < bytes.len() {
            bytes = interned;
        }
    }
    if bytes.len() > MAX_MESSAGE_LEN {
        return Err(EncodeError::TooLong { len: bytes.len() });
    }
    Ok(bytes)
}

fn assemble(public: PublicId, root: &Element, strings: &Strings<'_>) -> Vec<u8> {
    let mut out = vec![VERSION];
    public.push_to(&mut out);
    push_number(&mut out, CHARSET_UTF_8);
    strings.push_to(&mut out);
    let mut writer = Writer {
        out,
        page: Some(0),
        strings,
    };
    writer.element(root);
    writer.out
}

struct Writer<'a> {
    out: Vec<u8>,
    /// The code page at hand, if it is known.
    page: Option<u8>,
    strings: &'a Strings<'a>,
}

impl Writer<'_> {
    /// The element has been checked, so that its depth is bounded.
    fn element(&mut self, element: &Element) {
        let page = element.tag.vocabulary().page();
        if self.page != Some(page) {
            self.out.extend([global::SWITCH_PAGE, page]);
            self.page = Some(page);
        }
        let token = element.tag.token();
        if element.children.is_empty() && element.text.is_empty() {
            self.out.push(token);
            return;
        }
        self.out.push(token | global::CONTENT);
        self.text(&element.text);
        for child in &element.children {
            self.element(child);
        }
        self.out.push(global::END);
    }

    fn text(&mut self, text: &Text) {
        match text {
            Text::Chars(text) if text.is_empty() => {}
            Text::Chars(text) => {
                if let Some(offset) = self.strings.offset(text) {
                    self.out.push(global::STR_T);
                    push_len(&mut self.out, offset);
                } else {
                    self.out.push(global::STR_I);
                    self.out.extend_from_slice(text.as_bytes());
                    self.out.push(0);
                }
            }
            Text::Opaque(octets) | Text::Base64(octets) => {
                self.out.push(global::OPAQUE);
                push_len(&mut self.out, octets.len());
                self.out.extend_from_slice(octets);
            }
        }
    }
}

/// Lengths and offsets are those of a document that is bounded by [`MAX_MESSAGE_LEN`], or refused
/// after it was written.
pub(super) fn push_len(out: &mut Vec<u8>, len: usize) {
    push_number(out, u32::try_from(len).unwrap_or(u32::MAX));
}

/// `mb_u_int32`: seven bits an octet, the highest first, the eighth bit says that more follow.
fn push_number(out: &mut Vec<u8>, number: u32) {
    let septet = |shift: u32| u8::try_from((number >> shift) & 0x7F).unwrap_or(0);
    for shift in [28, 21, 14, 7] {
        if number >> shift != 0 {
            out.push(septet(shift) | 0x80);
        }
    }
    out.push(septet(0));
}

/// How many octets [`push_len`] writes.
pub(super) fn len_of_len(len: usize) -> usize {
    let more = [28, 21, 14, 7].into_iter();
    more.filter(|shift| len >> shift != 0)
        .count()
        .saturating_add(1)
}
