//! From elements to bytes.

use super::strings::Strings;
use super::{CHARSET_UTF_8, PUBLIC_ID_SYNCML, PUBLIC_ID_UNKNOWN, VERSION, global};
use crate::message::{Command, Message};
use crate::schema::{
    self, Dialect, Element, EncodeError, MAX_MESSAGE_LEN, Text, Vocabulary, check,
};

/// Octets of a switch to another code page.
const SWITCH_LEN: usize = 2;

/// Writes one message, in the DTD's order.
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    document(Dialect::Message, &schema::write(message))
}

/// How long the message is at most, further commands aside: its length without a string table.
pub(crate) fn bound(message: &Message) -> Result<usize, EncodeError> {
    let root = schema::write(message);
    check(Dialect::Message, &root, 0)?;
    Ok(assemble(Dialect::Message, &root, &Strings::default()).len())
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
pub(crate) fn document(dialect: Dialect, root: &Element) -> Result<Vec<u8>, EncodeError> {
    check(dialect, root, 0)?;
    let strings = Strings::of(root);
    let mut bytes = assemble(dialect, root, &Strings::default());
    if !strings.table.is_empty() {
        let interned = assemble(dialect, root, &strings);
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

fn assemble(dialect: Dialect, root: &Element, strings: &Strings<'_>) -> Vec<u8> {
    let mut out = vec![VERSION];
    let public_id = match dialect {
        Dialect::Message => PUBLIC_ID_SYNCML,
        Dialect::Tree => PUBLIC_ID_UNKNOWN,
    };
    for number in [public_id, CHARSET_UTF_8] {
        push_number(&mut out, usize::try_from(number).unwrap_or(usize::MAX));
    }
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
                    push_number(&mut self.out, offset);
                } else {
                    self.out.push(global::STR_I);
                    self.out.extend_from_slice(text.as_bytes());
                    self.out.push(0);
                }
            }
            Text::Opaque(octets) | Text::Base64(octets) => {
                self.out.push(global::OPAQUE);
                push_number(&mut self.out, octets.len());
                self.out.extend_from_slice(octets);
            }
        }
    }
}

/// `mb_u_int32`: seven bits an octet, the highest first, the eighth bit says that more follow. All
/// numbers written here are bounded by [`MAX_MESSAGE_LEN`].
pub(super) fn push_number(out: &mut Vec<u8>, number: usize) {
    let septet = |shift: u32| u8::try_from((number >> shift) & 0x7F).unwrap_or(0);
    for shift in [28, 21, 14, 7] {
        if number >> shift != 0 {
            out.push(septet(shift) | 0x80);
        }
    }
    out.push(septet(0));
}

/// How many octets [`push_number`] writes.
pub(super) fn number_len(number: usize) -> usize {
    let more = [28, 21, 14, 7].into_iter();
    more.filter(|shift| number >> shift != 0)
        .count()
        .saturating_add(1)
}
