//! Elements as descriptions. The order of an element's children does not matter.

use super::{Access, Case, Content, Kind, Node, Occurrence, Properties, Scope};
use crate::schema::{Element, Fields, Read, Tag, Violation, number, text};
use crate::tnds::{self, Shape};
use std::collections::BTreeSet;

pub(super) fn node(element: Element) -> Read<Node> {
    let mut fields = Fields::of(element)?;
    let name = fields.node_name()?;
    let path = fields.optional_text(Tag::Path)?;
    let (format, properties) = framework(fields.required(Tag::DfProperties)?)?;
    let children = fields.many(Tag::Node);
    fields.end()?;
    let content = match (format, children.first()) {
        (Shape::Interior, _) => {
            Content::Children(children.into_iter().map(node).collect::<Read<_>>()?)
        }
        (Shape::Leaf(format), None) => Content::Leaf(format),
        (Shape::Leaf(_), Some(child)) => {
            let (element, parent) = (child.tag.name(), Tag::Node.name());
            return Err((child.at, Violation::Misplaced { element, parent }));
        }
    };
    Ok(Node {
        name,
        path,
        properties,
        content,
    })
}

fn framework(element: Element) -> Read<(Shape, Properties)> {
    let mut fields = Fields::of(element)?;
    let format = tnds::format(fields.required(Tag::DfFormat)?)?;
    let properties = Properties {
        access: access(fields.required(Tag::AccessType)?)?,
        default: fields.optional_text(Tag::DefaultValue)?,
        description: fields.optional_text(Tag::Description)?,
        occurrence: fields
            .optional(Tag::Occurrence)?
            .map(occurrence)
            .transpose()?,
        scope: one_of(
            &mut fields,
            Tag::Scope,
            [
                (Tag::Permanent, Scope::Permanent),
                (Tag::Dynamic, Scope::Dynamic),
            ],
        )?,
        title: fields.optional_text(Tag::DfTitle)?,
        kind: kind(fields.required(Tag::DfType)?)?,
        case: one_of(
            &mut fields,
            Tag::CaseSense,
            [(Tag::Cs, Case::Sensitive), (Tag::Cis, Case::Insensitive)],
        )?,
    };
    fields.end()?;
    Ok((format, properties))
}

fn access(element: Element) -> Read<BTreeSet<Access>> {
    let mut fields = Fields::of(element)?;
    let mut access = BTreeSet::new();
    for command in Access::ALL {
        if fields.flag(command.tag())? {
            access.insert(command);
        }
    }
    fields.end()?;
    Ok(access)
}

impl Access {
    pub(super) const fn tag(self) -> Tag {
        match self {
            Self::Add => Tag::MayAdd,
            Self::Copy => Tag::MayCopy,
            Self::Delete => Tag::MayDelete,
            Self::Exec => Tag::MayExec,
            Self::Get => Tag::MayGet,
            Self::Replace => Tag::MayReplace,
        }
    }
}

/// The only child of an element.
fn only(element: Element) -> Read<Element> {
    let (at, name) = (element.at, element.tag.name());
    let mut children = Fields::of(element)?.rest.into_iter();
    match (children.next(), children.next()) {
        (Some(child), None) => Ok(child),
        (Some(_) | None, _) => Err((at, Violation::Value { element: name })),
    }
}

/// An element that may be there, and holds one of two names.
fn one_of<T>(fields: &mut Fields, tag: Tag, names: [(Tag, T); 2]) -> Read<Option<T>> {
    let Some(element) = fields.optional(tag)? else {
        return Ok(None);
    };
    let child = only(element)?;
    let (at, found) = (child.at, child.tag);
    Fields::of(child)?.end()?;
    let known = names.into_iter().find(|(tag, _)| *tag == found);
    let (element, parent) = (found.name(), tag.name());
    known
        .map(|(_, meaning)| Some(meaning))
        .ok_or((at, Violation::Misplaced { element, parent }))
}

fn occurrence(element: Element) -> Read<Occurrence> {
    let child = only(element)?;
    let (at, tag) = (child.at, child.tag);
    let content = text(child)?;
    let content = content.trim_ascii();
    let bound = number(content).unwrap_or_default();
    let has_bound = matches!(tag, Tag::ZeroOrN | Tag::OneOrN);
    let known = [
        (Tag::One, Occurrence::One),
        (Tag::ZeroOrOne, Occurrence::ZeroOrOne),
        (Tag::ZeroOrMore, Occurrence::ZeroOrMore),
        (Tag::OneOrMore, Occurrence::OneOrMore),
        (Tag::ZeroOrN, Occurrence::ZeroOrN(bound)),
        (Tag::OneOrN, Occurrence::OneOrN(bound)),
    ]
    .into_iter()
    .find(|(known, _)| *known == tag && has_bound == number::<u32>(content).is_some())
    .filter(|_| has_bound || content.is_empty())
    .map(|(_, occurrence)| occurrence);
    let element = tag.name();
    known.ok_or((at, Violation::Value { element }))
}

fn kind(element: Element) -> Read<Kind> {
    let (at, name) = (element.at, element.tag.name());
    let mut fields = Fields::of(element)?;
    let media = fields.texts(Tag::Mime)?;
    let object = fields.optional_text(Tag::DdfName)?;
    fields.end()?;
    match object {
        None => Ok(Kind::Mime(media)),
        Some(object) if media.is_empty() => Ok(Kind::Object(object)),
        Some(_) => Err((at, Violation::Value { element: name })),
    }
}
