//! From bytes to elements.

use super::{
    CHARSET_ASCII, CHARSET_UNKNOWN, CHARSET_UTF_8, PUBLIC_ID_SYNCML, PUBLIC_ID_UNKNOWN,
    PUBLIC_TEXT_DDF, PUBLIC_TEXT_SYNCML, VERSION, global,
};
use crate::message::Message;
use crate::schema::{
    self, Dialect, Element, MAX_ELEMENTS, MAX_MESSAGE_LEN, Tag, Text, Violation, Vocabulary,
    is_xml_char,
};

/// Bytes that are no document of the kind that was asked for, or none that this crate takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused at byte {at}")]
pub struct ParseError {
    /// Where: the offset of the token concerned, from 0.
    pub at: usize,
    /// Why.
    #[source]
    pub problem: Problem,
}

/// Why bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Larger than [`MAX_MESSAGE_LEN`], or texts from the string table make it so.
    #[error("longer than {MAX_MESSAGE_LEN} octets")]
    TooLong,
    /// The input ends within an element, or before the first.
    #[error("ends too early")]
    Truncated,
    /// There is something after the root element.
    #[error("goes on after its end")]
    TrailingContent,
    /// Another version than 1.1 to 1.3.
    #[error("neither WBXML 1.1, 1.2 nor 1.3")]
    Version,
    /// The public identifier of another kind of document.
    #[error("another kind of document")]
    PublicId,
    /// Another character set than UTF-8.
    #[error("neither UTF-8 nor US-ASCII")]
    Charset,
    /// A number of more than 32 bits.
    #[error("number of more than 32 bits")]
    Number,
    /// A token that has no place here: an extension, a literal tag, a processing instruction, an end
    /// or a text outside all elements.
    #[error("token {0:#04X} out of place")]
    Token(u8),
    /// Attributes: these documents have none.
    #[error("attributes")]
    Attribute,
    /// A tag or a code page that device management does not use, or not in this kind of document.
    #[error("unknown element")]
    UnknownElement,
    /// A reference past the end of the string table, or a text in it without an end.
    #[error("text outside the string table")]
    StringTable,
    /// A text that is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// A character that XML 1.0 does not allow.
    #[error("character U+{0:04X} is not allowed in XML")]
    ForbiddenCharacter(u32),
    /// Octets beside text in one element.
    #[error("octets beside text")]
    Mixed,
    /// Elements nested deeper than [`MAX_DEPTH`](crate::limits::MAX_DEPTH) in a message or
    /// [`MAX_TREE_DEPTH`](crate::limits::MAX_TREE_DEPTH) in a tree.
    #[error("nested too deeply")]
    TooDeep,
    /// The elements do not make a document of this kind.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Reads one message.
pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    let root = document(Dialect::Message, bytes)?;
    schema::read(root).map_err(ParseError::from)
}

impl From<(usize, Violation)> for ParseError {
    fn from((at, violation): (usize, Violation)) -> Self {
        Self {
            at,
            problem: violation.into(),
        }
    }
}

/// Reads one document of this kind.
pub(crate) fn document(dialect: Dialect, bytes: &[u8]) -> Result<Element, ParseError> {
    let mut reader = Reader {
        dialect,
        bytes,
        at: 0,
        token: 0,
        table: &[],
        page: 0,
        open: Vec::new(),
        elements: 0,
        octets: 0,
    };
    if bytes.len() > MAX_MESSAGE_LEN {
        reader.token = MAX_MESSAGE_LEN;
        return Err(reader.error(Problem::TooLong));
    }
    reader.head()?;
    reader.body()
}

/// Builds the element tree.
struct Reader<'a> {
    dialect: Dialect,
    bytes: &'a [u8],
    /// The next octet.
    at: usize,
    /// Start of the token at hand.
    token: usize,
    table: &'a [u8],
    page: u8,
    /// The elements that are open, outermost first.
    open: Vec<Element>,
    elements: usize,
    /// Octets of all texts: a short document can refer to one long text many times.
    octets: usize,
}

impl<'a> Reader<'a> {
    const fn error(&self, problem: Problem) -> ParseError {
        ParseError {
            at: self.token,
            problem,
        }
    }

    fn byte(&mut self) -> Result<u8, ParseError> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at = self.at.saturating_add(1);
                Ok(*byte)
            }
            None => Err(self.error(Problem::Truncated)),
        }
    }

    fn number(&mut self) -> Result<u32, ParseError> {
        let mut number = 0_u32;
        for _ in 0..5 {
            let byte = self.byte()?;
            if number >> 25 != 0 {
                return Err(self.error(Problem::Number));
            }
            number = (number << 7) | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.error(Problem::Number))
    }

    fn slice(&mut self, len: u32) -> Result<&'a [u8], ParseError> {
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len));
        match end.and_then(|end| Some((end, self.bytes.get(self.at..end)?))) {
            Some((end, slice)) => {
                self.at = end;
                Ok(slice)
            }
            None => Err(self.error(Problem::Truncated)),
        }
    }

    fn head(&mut self) -> Result<(), ParseError> {
        if !(1..=VERSION).contains(&self.byte()?) {
            return Err(self.error(Problem::Version));
        }
        self.token = self.at;
        let public_at = self.token;
        let public = self.number()?;
        let text = if public == 0 {
            Some(self.number()?)
        } else {
            None
        };
        self.token = self.at;
        if ![CHARSET_UTF_8, CHARSET_ASCII, CHARSET_UNKNOWN].contains(&self.number()?) {
            return Err(self.error(Problem::Charset));
        }
        self.token = self.at;
        let len = self.number()?;
        self.table = self.slice(len)?;
        self.token = public_at;
        let expected = match self.dialect {
            Dialect::Message => PUBLIC_TEXT_SYNCML,
            Dialect::Tree => PUBLIC_TEXT_DDF,
        };
        let fits = match text {
            Some(offset) => self.interned(offset)? == expected,
            None => match self.dialect {
                Dialect::Message => [PUBLIC_ID_SYNCML, PUBLIC_ID_UNKNOWN].contains(&public),
                Dialect::Tree => public == PUBLIC_ID_UNKNOWN,
            },
        };
        if fits {
            Ok(())
        } else {
            Err(self.error(Problem::PublicId))
        }
    }

    fn body(mut self) -> Result<Element, ParseError> {
        loop {
            self.token = self.at;
            let token = self.byte()?;
            match token {
                global::SWITCH_PAGE => self.page = self.byte()?,
                global::END => {
                    let closed = self.open.pop();
                    let closed = closed.ok_or_else(|| self.error(Problem::Token(token)))?;
                    if let Some(root) = self.close(closed) {
                        return self.end(root);
                    }
                }
                global::ENTITY => self.entity(token)?,
                global::STR_I => {
                    let text = self.inline()?;
                    self.text(token, text)?;
                }
                global::STR_T => {
                    let offset = self.number()?;
                    let text = self.interned(offset)?;
                    self.text(token, text)?;
                }
                global::OPAQUE => {
                    let len = self.number()?;
                    let octets = self.slice(len)?;
                    self.opaque(token, octets)?;
                }
                _ if token & global::TAG < global::FIRST_TAG => {
                    return Err(self.error(Problem::Token(token)));
                }
                _ => {
                    let element = self.start(token)?;
                    if token & global::CONTENT != 0 {
                        self.open.push(element);
                    } else if let Some(root) = self.close(element) {
                        return self.end(root);
                    }
                }
            }
        }
    }

    fn start(&mut self, token: u8) -> Result<Element, ParseError> {
        if self.open.len() >= self.dialect.max_depth() {
            return Err(self.error(Problem::TooDeep));
        }
        self.elements = self.elements.saturating_add(1);
        if self.elements > MAX_ELEMENTS {
            let limit = MAX_ELEMENTS;
            let what = "elements";
            return Err(self.error(Violation::TooMany { what, limit }.into()));
        }
        if token & global::ATTRIBUTES != 0 {
            return Err(self.error(Problem::Attribute));
        }
        Vocabulary::of_page(self.page)
            .filter(|vocabulary| self.dialect.speaks(*vocabulary))
            .and_then(|vocabulary| Tag::from_token(vocabulary, token & global::TAG))
            .map(|tag| Element::new(tag, self.token))
            .ok_or_else(|| self.error(Problem::UnknownElement))
    }

    /// Gives an element to its parent, or back when it is the root.
    fn close(&mut self, mut element: Element) -> Option<Element> {
        // Most have one or two, and a list that grew has room for four.
        element.children.shrink_to_fit();
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(element);
                None
            }
            None => Some(element),
        }
    }

    fn end(mut self, root: Element) -> Result<Element, ParseError> {
        self.token = self.at;
        if self.at < self.bytes.len() {
            return Err(self.error(Problem::TrailingContent));
        }
        Ok(root)
    }

    /// The text at hand, which ends with a NUL.
    fn inline(&mut self) -> Result<&'a [u8], ParseError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.iter().position(|byte| *byte == 0) {
            Some(len) => {
                self.at = self.at.saturating_add(len).saturating_add(1);
                Ok(rest.get(..len).unwrap_or_default())
            }
            None => Err(self.error(Problem::Truncated)),
        }
    }

    /// The text that begins there in the string table; it may be the end of a longer one.
    fn interned(&self, offset: u32) -> Result<&'a [u8], ParseError> {
        usize::try_from(offset)
            .ok()
            .and_then(|offset| self.table.get(offset..))
            .and_then(|rest| rest.split_at_checked(rest.iter().position(|byte| *byte == 0)?))
            .map(|(text, _)| text)
            .ok_or_else(|| self.error(Problem::StringTable))
    }

    fn text(&mut self, token: u8, text: &[u8]) -> Result<(), ParseError> {
        self.count(text.len())?;
        let text = std::str::from_utf8(text).map_err(|_not_utf8| self.error(Problem::NotUtf8))?;
        if let Some(character) = text.chars().find(|character| !is_xml_char(*character)) {
            return Err(self.error(Problem::ForbiddenCharacter(character.into())));
        }
        match self.open.last_mut().map(|element| &mut element.text) {
            Some(Text::Chars(chars)) => {
                chars.push_str(text);
                Ok(())
            }
            Some(Text::Opaque(_) | Text::Base64(_)) => Err(self.error(Problem::Mixed)),
            None => Err(self.error(Problem::Token(token))),
        }
    }

    fn entity(&mut self, token: u8) -> Result<(), ParseError> {
        let number = self.number()?;
        match char::from_u32(number) {
            Some(character) => self.text(token, character.encode_utf8(&mut [0; 4]).as_bytes()),
            None => Err(self.error(Problem::ForbiddenCharacter(number))),
        }
    }

    fn opaque(&mut self, token: u8, octets: &[u8]) -> Result<(), ParseError> {
        self.count(octets.len())?;
        match self.open.last_mut().map(|element| &mut element.text) {
            Some(text) if text.is_empty() => {
                *text = Text::Opaque(octets.to_vec());
                Ok(())
            }
            Some(_) => Err(self.error(Problem::Mixed)),
            None => Err(self.error(Problem::Token(token))),
        }
    }

    fn count(&mut self, octets: usize) -> Result<(), ParseError> {
        self.octets = self.octets.saturating_add(octets);
        if self.octets > MAX_MESSAGE_LEN {
            return Err(self.error(Problem::TooLong));
        }
        Ok(())
    }
}
