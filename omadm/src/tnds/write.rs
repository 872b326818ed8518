//! A tree as elements, in the order of the DTD.

use super::{Content, Format, Kind, Node, Properties, VER_DTD, doubled};
use crate::Payload;
use crate::schema::{Element, EncodeError, Tag, Text};

/// A document of the DDF's DTD.
pub(crate) fn tree_element<T>(
    manufacturer: Option<&String>,
    model: Option<&String>,
    nodes: &[T],
    node: impl Fn(&T) -> Result<Element, EncodeError>,
) -> Result<Element, EncodeError> {
    let mut root = Element::new(Tag::MgmtTree, 0);
    if nodes.is_empty() {
        return Err(EncodeError::Lacks {
            element: Tag::MgmtTree.name(),
            child: Tag::Node.name(),
        });
    }
    root.text(Tag::TreeVersion, VER_DTD);
    root.optional(Tag::Man, manufacturer);
    root.optional(Tag::Mod, model);
    for child in nodes {
        root.children.push(node(child)?);
    }
    Ok(root)
}

pub(super) fn distinct(nodes: &[Node]) -> Result<(), EncodeError> {
    match doubled(nodes) {
        None => Ok(()),
        Some(second) => Err(EncodeError::SameName {
            name: second.name.clone(),
        }),
    }
}

pub(super) fn node(node: &Node) -> Result<Element, EncodeError> {
    let mut element = Element::new(Tag::Node, 0);
    element.node_name(&node.name)?;
    element.optional(Tag::Path, node.path.as_ref());
    let properties = run_time(node.properties(), &node.content);
    if !properties.children.is_empty() {
        element.children.push(properties);
    }
    match &node.content {
        Content::Children(children) => {
            distinct(children)?;
            for child in children {
                element.children.push(self::node(child)?);
            }
        }
        Content::Leaf { format, value } => {
            if let Some(value) = value {
                element.content(Tag::Value, text(*format, value)?);
            }
        }
    }
    Ok(element)
}

impl Element {
    /// The DTD demands the name, even an empty one.
    pub(crate) fn node_name(&mut self, name: &str) -> Result<(), EncodeError> {
        if name.contains('/') {
            let name = name.to_owned();
            return Err(EncodeError::NodeName { name });
        }
        self.text(Tag::NodeName, name);
        Ok(())
    }
}

fn text(format: Format, value: &Payload) -> Result<Text, EncodeError> {
    if format == Format::Bin {
        return Ok(Text::Base64(value.as_bytes().to_vec()));
    }
    match value.as_text() {
        Some(text) => Ok(Text::Chars(text.to_owned())),
        None => Err(EncodeError::Octets {
            element: Tag::Value.name(),
        }),
    }
}

/// The order of the DTD: ACL, Format, Name, Size, Title, TStamp, Type, VerNo.
fn run_time(properties: &Properties, content: &Content) -> Element {
    let mut element = Element::new(Tag::RtProperties, 0);
    element.optional(Tag::Acl, properties.acl.as_ref());
    match content {
        Content::Leaf {
            format: Format::Chr,
            value: Some(_),
        }
        | Content::Children(_) => {}
        Content::Leaf { format, .. } => element
            .children
            .push(wrapped(Tag::NodeFormat, Element::new(format.tag(), 0))),
    }
    element.optional(Tag::Name, properties.name.as_ref());
    element.optional(Tag::NodeSize, properties.size);
    element.optional(Tag::Title, properties.title.as_ref());
    element.optional(Tag::TStamp, properties.changed.as_ref());
    if let Some(kind) = &properties.kind {
        element.children.push(kind_element(kind));
    }
    element.optional(Tag::VerNo, properties.version);
    element
}

fn kind_element(kind: &Kind) -> Element {
    let mut element = Element::new(Tag::NodeType, 0);
    match kind {
        Kind::Mime(mime) => element.text(Tag::Mime, mime),
        Kind::Object(identifier) => element.text(Tag::DdfName, identifier),
    }
    element
}

/// An element that holds one other.
pub(crate) fn wrapped(tag: Tag, child: Element) -> Element {
    let mut element = Element::new(tag, 0);
    element.children.push(child);
    element
}
