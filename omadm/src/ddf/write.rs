//! Descriptions as elements, in the order of the DTD.

use super::{Case, Content, Kind, Node, Occurrence, Properties, Scope};
use crate::schema::{Element, EncodeError, Tag};
use crate::tnds::{Format, wrapped};

pub(super) fn node(node: &Node) -> Result<Element, EncodeError> {
    let mut element = Element::new(Tag::Node, 0);
    element.node_name(&node.name)?;
    element.optional(Tag::Path, node.path.as_ref());
    let format = match &node.content {
        Content::Children(_) => Tag::Interior,
        Content::Leaf(format) => Format::tag(*format),
    };
    element.children.push(framework(&node.properties, format));
    for child in node.children() {
        element.children.push(self::node(child)?);
    }
    Ok(element)
}

fn framework(properties: &Properties, format: Tag) -> Element {
    let mut element = Element::new(Tag::DfProperties, 0);
    let mut access = Element::new(Tag::AccessType, 0);
    for command in &properties.access {
        access.flag(command.tag(), true);
    }
    element.children.push(access);
    element.optional(Tag::DefaultValue, properties.default.as_ref());
    element.optional(Tag::Description, properties.description.as_ref());
    let format = wrapped(Tag::DfFormat, Element::new(format, 0));
    element.children.push(format);
    if let Some(occurrence) = properties.occurrence {
        let occurrence = wrapped(Tag::Occurrence, occurrence_element(occurrence));
        element.children.push(occurrence);
    }
    if let Some(scope) = properties.scope {
        let tag = match scope {
            Scope::Permanent => Tag::Permanent,
            Scope::Dynamic => Tag::Dynamic,
        };
        let scope = wrapped(Tag::Scope, Element::new(tag, 0));
        element.children.push(scope);
    }
    element.optional(Tag::DfTitle, properties.title.as_ref());
    element.children.push(kind(&properties.kind));
    if let Some(case) = properties.case {
        let tag = match case {
            Case::Sensitive => Tag::Cs,
            Case::Insensitive => Tag::Cis,
        };
        let case = wrapped(Tag::CaseSense, Element::new(tag, 0));
        element.children.push(case);
    }
    element
}

fn occurrence_element(occurrence: Occurrence) -> Element {
    let (tag, bound) = match occurrence {
        Occurrence::One => (Tag::One, None),
        Occurrence::ZeroOrOne => (Tag::ZeroOrOne, None),
        Occurrence::ZeroOrMore => (Tag::ZeroOrMore, None),
        Occurrence::OneOrMore => (Tag::OneOrMore, None),
        Occurrence::ZeroOrN(bound) => (Tag::ZeroOrN, Some(bound)),
        Occurrence::OneOrN(bound) => (Tag::OneOrN, Some(bound)),
    };
    let mut element = Element::new(tag, 0);
    if let Some(bound) = bound {
        element.text = crate::schema::Text::Chars(bound.to_string());
    }
    element
}

fn kind(kind: &Kind) -> Element {
    let mut element = Element::new(Tag::DfType, 0);
    match kind {
        Kind::Mime(media) => {
            for mime in media {
                element.text(Tag::Mime, mime);
            }
        }
        Kind::Object(identifier) => element.text(Tag::DdfName, identifier),
    }
    element
}
