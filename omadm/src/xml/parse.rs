//! From bytes to elements.

use super::MAX_ATTRIBUTES;
use crate::code::{NAMESPACE_DDF, NAMESPACE_METINF, NAMESPACE_SYNCML};
use crate::message::Message;
use crate::schema::{
    self, Dialect, Element, MAX_ELEMENTS, MAX_MESSAGE_LEN, Tag, Text, Violation, Vocabulary,
    is_xml_char,
};
use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Bytes that are no document of the kind that was asked for, or none that this crate takes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("refused at byte {at}")]
pub struct ParseError {
    /// Where: the offset of the markup concerned, from 0.
    pub at: usize,
    /// Why.
    #[source]
    pub problem: Problem,
}

/// Why bytes are refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Problem {
    /// Larger than [`MAX_MESSAGE_LEN`].
    #[error("longer than {MAX_MESSAGE_LEN} octets")]
    TooLong,
    /// Not UTF-8, or declared to be something else.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not well-formed XML 1.0.
    #[error("not well-formed XML")]
    Syntax(#[source] Syntax),
    /// The input ends within an element, or before the first.
    #[error("ends too early")]
    Truncated,
    /// There is something after the root element.
    #[error("goes on after its end")]
    TrailingContent,
    /// A document type declaration: DM messages have none, and entities hide in it.
    #[error("document type declaration")]
    DocumentType,
    /// A processing instruction.
    #[error("processing instruction")]
    ProcessingInstruction,
    /// An XML declaration that is not the first thing, or of another version than 1.0.
    #[error("XML declaration out of place or of another version than 1.0")]
    Declaration,
    /// A reference to an entity other than `lt`, `gt`, `amp`, `apos` and `quot`.
    #[error("reference to an unknown entity")]
    UnknownEntity,
    /// A character that XML 1.0 does not allow, literal or as a reference.
    #[error("character U+{0:04X} is not allowed in XML")]
    ForbiddenCharacter(u32),
    /// An attribute that is no namespace declaration, or more than [`MAX_ATTRIBUTES`].
    #[error("attribute that is no namespace declaration, or too many")]
    Attribute,
    /// An element outside the namespaces of this kind of document.
    #[error("element outside the namespaces of SyncML 1.2")]
    Namespace,
    /// An element that device management does not use.
    #[error("unknown element")]
    UnknownElement,
    /// Elements nested deeper than [`MAX_DEPTH`](crate::limits::MAX_DEPTH) in a message or
    /// [`MAX_TREE_DEPTH`](crate::limits::MAX_TREE_DEPTH) in a tree.
    #[error("nested too deeply")]
    TooDeep,
    /// The elements do not make a document of this kind.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// What the XML reader found wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Syntax(quick_xml::Error);

/// Reads one message.
///
/// ```
/// let bytes = br#"<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr>
///   <VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>7C</SessionID><MsgID>1</MsgID>
///   <Target><LocURI>urn:uuid:5e9f</LocURI></Target>
///   <Source><LocURI>https://dm.example.test/dm</LocURI></Source>
/// </SyncHdr><SyncBody><Final/></SyncBody></SyncML>"#;
/// let message = omadm::xml::parse(bytes)?;
/// assert_eq!(message.header.session.as_str(), "7C");
/// assert!(message.is_final);
/// # Ok::<(), omadm::xml::ParseError>(())
/// ```
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
    if bytes.len() > MAX_MESSAGE_LEN {
        return Err(ParseError {
            at: MAX_MESSAGE_LEN,
            problem: Problem::TooLong,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ParseError {
        at: error.valid_up_to(),
        problem: Problem::NotUtf8,
    })?;
    Parser::new(dialect, text).document()
}

/// Builds the element tree.
struct Parser<'a> {
    dialect: Dialect,
    reader: NsReader<&'a [u8]>,
    /// Start of the event at hand.
    at: usize,
    /// The elements that are open, outermost first.
    open: Vec<Element>,
    elements: usize,
    root: Option<Element>,
}

impl<'a> Parser<'a> {
    fn new(dialect: Dialect, text: &'a str) -> Self {
        let mut reader = NsReader::from_str(text);
        reader
            .resolver_mut()
            .set_max_namespace_bindings(MAX_ATTRIBUTES.saturating_mul(dialect.max_depth()));
        Self {
            dialect,
            reader,
            at: 0,
            open: Vec::new(),
            elements: 0,
            root: None,
        }
    }

    const fn error(&self, problem: Problem) -> ParseError {
        ParseError {
            at: self.at,
            problem,
        }
    }

    fn document(mut self) -> Result<Element, ParseError> {
        let dialect = self.dialect;
        loop {
            self.at = position(self.reader.buffer_position());
            let (namespace, event) = match self.reader.read_resolved_event() {
                Ok((namespace, event)) => (Self::vocabulary(dialect, &namespace), event),
                Err(error) => {
                    let at = position(self.reader.error_position()).max(self.at);
                    return Err(ParseError {
                        at,
                        problem: Problem::Syntax(Syntax(error)),
                    });
                }
            };
            match event {
                Event::Start(start) => self.start(namespace, &start)?,
                Event::Empty(start) => {
                    self.start(namespace, &start)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.cdata(&text.xml10_content())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::Comment(_) => {}
                Event::Decl(declaration) => self.declaration(&declaration)?,
                Event::PI(_) => return Err(self.error(Problem::ProcessingInstruction)),
                Event::DocType(_) => return Err(self.error(Problem::DocumentType)),
                Event::Eof => {
                    let at = self.at;
                    let root = if self.open.is_empty() {
                        self.root
                    } else {
                        None
                    };
                    return root.ok_or(ParseError {
                        at,
                        problem: Problem::Truncated,
                    });
                }
            }
        }
    }

    fn start(
        &mut self,
        namespace: Option<Vocabulary>,
        start: &BytesStart<'_>,
    ) -> Result<(), ParseError> {
        if self.root.is_some() {
            return Err(self.error(Problem::TrailingContent));
        }
        if self.open.len() >= self.dialect.max_depth() {
            return Err(self.error(Problem::TooDeep));
        }
        self.elements = self.elements.saturating_add(1);
        if self.elements > MAX_ELEMENTS {
            let limit = MAX_ELEMENTS;
            return Err(self.error(
                Violation::TooMany {
                    what: "elements",
                    limit,
                }
                .into(),
            ));
        }
        self.attributes(start)?;
        let Some(namespace) = namespace else {
            return Err(self.error(Problem::Namespace));
        };
        let Some(tag) = Tag::in_namespace(namespace, start.local_name().as_ref()) else {
            return Err(self.error(Problem::UnknownElement));
        };
        self.open.push(Element::new(tag, self.at));
        Ok(())
    }

    fn attributes(&self, start: &BytesStart<'_>) -> Result<(), ParseError> {
        for (count, attribute) in start.attributes().enumerate() {
            let attribute =
                attribute.map_err(|error| self.error(Problem::Syntax(Syntax(error.into()))))?;
            if count >= MAX_ATTRIBUTES || attribute.key.as_namespace_binding().is_none() {
                return Err(self.error(Problem::Attribute));
            }
        }
        Ok(())
    }

    /// Documents of the DDF's DTD often name no namespace.
    fn vocabulary(dialect: Dialect, namespace: &ResolveResult<'_>) -> Option<Vocabulary> {
        let vocabulary = match namespace {
            ResolveResult::Bound(name) if name.0 == NAMESPACE_SYNCML => Vocabulary::SyncMl,
            ResolveResult::Bound(name) if name.0 == NAMESPACE_METINF => Vocabulary::MetInf,
            ResolveResult::Bound(name) if name.0 == NAMESPACE_DDF => Vocabulary::Ddf,
            ResolveResult::Unbound => Vocabulary::Ddf,
            ResolveResult::Bound(_) | ResolveResult::Unknown(_) => return None,
        };
        dialect.speaks(vocabulary).then_some(vocabulary)
    }

    /// The reader has checked that the name fits, so there is an open element.
    fn end(&mut self) {
        if let Some(element) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => self.root = Some(element),
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<(), ParseError> {
        if let Some(character) = text.chars().find(|character| !is_xml_char(*character)) {
            return Err(self.error(Problem::ForbiddenCharacter(character.into())));
        }
        match self.open.last_mut() {
            Some(element) => {
                if let Text::Chars(chars) = &mut element.text {
                    chars.push_str(text);
                }
                Ok(())
            }
            None if text.trim_ascii().is_empty() => Ok(()),
            None if self.root.is_some() => Err(self.error(Problem::TrailingContent)),
            None => Err(self.error(
                Violation::Text {
                    element: "document",
                }
                .into(),
            )),
        }
    }

    fn cdata(&mut self, text: &str) -> Result<(), ParseError> {
        if self.open.is_empty() {
            return Err(self.error(
                Violation::Text {
                    element: "document",
                }
                .into(),
            ));
        }
        self.text(text)
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), ParseError> {
        if self.open.is_empty() {
            return Err(self.error(
                Violation::Text {
                    element: "document",
                }
                .into(),
            ));
        }
        let character = reference
            .resolve_char_ref()
            .map_err(|error| self.error(Problem::Syntax(Syntax(error))))?;
        if let Some(character) = character {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        match resolve_xml_entity(reference) {
            Some(text) => self.text(text),
            None => Err(self.error(Problem::UnknownEntity)),
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), ParseError> {
        if self.at != 0 {
            return Err(self.error(Problem::Declaration));
        }
        let version = declaration
            .xml_version()
            .map_err(|error| self.error(Problem::Syntax(Syntax(error))))?;
        if version != XmlVersion::Explicit1_0 {
            return Err(self.error(Problem::Declaration));
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
            Some(Ok(name)) if name.eq_ignore_ascii_case("us-ascii") => Ok(()),
            Some(Ok(_)) => Err(self.error(Problem::NotUtf8)),
            Some(Err(error)) => Err(self.error(Problem::Syntax(Syntax(error.into())))),
        }
    }
}

/// The reader counts in `u64`; what it counts is in memory.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
