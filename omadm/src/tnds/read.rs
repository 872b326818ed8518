//! Elements as a tree. The order of an element's children does not matter.

use super::{Content, Format, Kind, Node, Properties, VER_DTD, doubled};
use crate::Payload;
use crate::schema::{Element, Fields, Read, Tag, Text, Violation, number, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// `Man`, `Mod` and the nodes, each with where it starts, of a document of the DDF's DTD.
pub(crate) type Parts<T> = (Option<String>, Option<String>, Vec<T>);

pub(crate) fn tree<T>(root: Element, node: impl Fn(Element) -> Read<T>) -> Read<Parts<T>> {
    if root.tag != Tag::MgmtTree {
        let element = root.tag.name();
        let parent = "document";
        return Err((root.at, Violation::Misplaced { element, parent }));
    }
    let mut fields = Fields::of(root)?;
    fields.parsed(Tag::TreeVersion, |text| (text == VER_DTD).then_some(()))?;
    let manufacturer = fields.optional_text(Tag::Man)?;
    let model = fields.optional_text(Tag::Mod)?;
    let nodes = fields.many(Tag::Node);
    if nodes.is_empty() {
        let (element, parent) = (Tag::Node.name(), Tag::MgmtTree.name());
        return Err((fields.at, Violation::Missing { element, parent }));
    }
    fields.end()?;
    let nodes = nodes.into_iter().map(node).collect::<Read<_>>()?;
    Ok((manufacturer, model, nodes))
}

/// Names are found again by the position of their node.
pub(super) fn distinct(nodes: &[(usize, Node)]) -> Read<()> {
    let Some(second) = doubled(nodes.iter().map(|(_, node)| node)) else {
        return Ok(());
    };
    let at = nodes
        .iter()
        .rev()
        .find(|(_, node)| node.name == second.name)
        .map_or(0, |(at, _)| *at);
    let name = second.name.clone();
    Err((at, Violation::SameName { name }))
}

pub(super) fn node(element: Element) -> Read<(usize, Node)> {
    let at = element.at;
    let mut fields = Fields::of(element)?;
    let name = fields.node_name()?;
    let path = fields.optional_text(Tag::Path)?;
    let (format, properties) = match fields.optional(Tag::RtProperties)? {
        Some(element) => run_time(element)?,
        None => (None, Properties::default()),
    };
    let children = fields.many(Tag::Node);
    let value = fields.optional(Tag::Value)?;
    fields.end()?;
    let content = content(format, children, value)?;
    let node = Node {
        name,
        path,
        properties: properties.known(),
        content,
    };
    Ok((at, node))
}

impl Fields {
    /// `NodeName`; absent and empty are the same.
    pub(crate) fn node_name(&mut self) -> Read<String> {
        let Some(element) = self.optional(Tag::NodeName)? else {
            return Ok(String::new());
        };
        let at = element.at;
        let name = text(element)?;
        if name.contains('/') {
            let element = Tag::NodeName.name();
            return Err((at, Violation::Value { element }));
        }
        Ok(name)
    }
}

fn content(format: Option<Shape>, children: Vec<Element>, value: Option<Element>) -> Read<Content> {
    let misplaced = |element: &Element| {
        let (at, parent) = (element.at, Tag::Node.name());
        let element = element.tag.name();
        Err((at, Violation::Misplaced { element, parent }))
    };
    let shape = format.unwrap_or(match value {
        // What a node without a format is, its content says.
        Some(_) => Shape::Leaf(Format::Chr),
        None => Shape::Interior,
    });
    match (shape, children.first(), value) {
        (Shape::Interior, _, None) => {
            let nodes: Vec<_> = children.into_iter().map(node).collect::<Read<_>>()?;
            distinct(&nodes)?;
            let nodes = nodes.into_iter().map(|(_, node)| node).collect();
            Ok(Content::Children(nodes))
        }
        (Shape::Interior, _, Some(value)) => misplaced(&value),
        (Shape::Leaf(_), Some(child), _) => misplaced(child),
        (Shape::Leaf(format), None, value) => Ok(Content::Leaf {
            format,
            value: value.map(|element| payload(format, element)).transpose()?,
        }),
    }
}

fn payload(format: Format, element: Element) -> Read<Payload> {
    let (at, name) = (element.at, element.tag.name());
    if format != Format::Bin {
        return text(element).map(Payload::from);
    }
    match crate::schema::leaf(element)? {
        Text::Opaque(octets) | Text::Base64(octets) => Ok(octets.into()),
        // Octets as XML has them. Lines of base64 may be broken.
        Text::Chars(chars) => {
            let digits: String = chars.split_ascii_whitespace().collect();
            STANDARD
                .decode(digits)
                .map(Payload::from)
                .map_err(|_not_base64| (at, Violation::Value { element: name }))
        }
    }
}

fn run_time(element: Element) -> Read<(Option<Shape>, Properties)> {
    let mut fields = Fields::of(element)?;
    let format = fields.optional(Tag::NodeFormat)?.map(format).transpose()?;
    let properties = Properties {
        acl: fields.optional_text(Tag::Acl)?,
        name: fields.optional_text(Tag::Name)?,
        size: fields.optional_parsed(Tag::NodeSize, number)?,
        title: fields.optional_text(Tag::Title)?,
        changed: fields.optional_text(Tag::TStamp)?,
        kind: fields.optional(Tag::NodeType)?.map(kind).transpose()?,
        version: fields.optional_parsed(Tag::VerNo, number)?,
    };
    fields.end()?;
    Ok((format, properties))
}

/// What `Format` and `DFFormat` say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// `node`.
    Interior,
    Leaf(Format),
}

/// `Format` and `DFFormat`: one element that is the name.
pub(crate) fn format(element: Element) -> Read<Shape> {
    let (at, name) = (element.at, element.tag.name());
    let mut fields = Fields::of(element)?;
    let is_interior = fields.flag(Tag::Interior)?;
    let mut found = is_interior.then_some(Shape::Interior);
    for format in Format::ALL {
        if fields.flag(format.tag())? && found.replace(Shape::Leaf(format)).is_some() {
            return Err((at, Violation::Value { element: name }));
        }
    }
    fields.end()?;
    found.ok_or((at, Violation::Value { element: name }))
}

/// `Type`: one media type or one identifier.
fn kind(element: Element) -> Read<Kind> {
    let (at, name) = (element.at, element.tag.name());
    let mut fields = Fields::of(element)?;
    let mime = fields.optional_text(Tag::Mime)?;
    let object = fields.optional_text(Tag::DdfName)?;
    fields.end()?;
    match (mime, object) {
        (Some(mime), None) => Ok(Kind::Mime(mime)),
        (None, Some(object)) => Ok(Kind::Object(object)),
        (Some(_), Some(_)) | (None, None) => Err((at, Violation::Value { element: name })),
    }
}
