//! Management trees as documents (OMA DM 1.2 *Tree and Description Serialization*).
//!
//! A [`Document`] is what `Get …?list=TNDS` answers, what an `Add` below `./Inbox` brings, and what a
//! card may hold. Reading drops nothing: a property is there or it is not, and what this model cannot
//! hold is refused. Writing leaves out what a reader assumes: the format `chr` of a leaf with a value
//! and the format `node` of all others.
//!
//! ```
//! use omadm::tnds::{Document, Format, Node};
//!
//! let camera = Node::interior("Camera", [Node::leaf("Enabled", Format::Bool, "false")])
//!     .of_kind("urn:oma:mo:oma-dcmo:1.0");
//! let document = Document::of([camera]);
//! let bytes = document.to_wbxml()?;
//! assert!(bytes.len() < document.to_xml()?.len() / 3);
//! let read = Document::from_wbxml(&bytes)?;
//! assert_eq!(read, document);
//! assert_eq!(read.at("Camera/Enabled").and_then(Node::text), Some("false"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod format;
mod read;
mod write;

pub use format::Format;

pub(crate) use read::{Shape, format, tree};
pub(crate) use write::{tree_element, wrapped};

use crate::schema::{Dialect, Element, EncodeError, Read};
use crate::{Payload, wbxml, xml};

/// `VerDTD` of trees and of their descriptions.
pub const VER_DTD: &str = "1.2";

/// `MgmtTree`: one or more sub-trees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Document {
    /// `Man`: the device's manufacturer.
    pub manufacturer: Option<String>,
    /// `Mod`: the device's model.
    pub model: Option<String>,
    /// One or more nodes; no two with the same path and the same name, unless they have no name.
    pub nodes: Vec<Node>,
}

/// `Node`: a node and all below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Node {
    /// `NodeName`, one segment of an address, without `/`. Empty: the receiver derives it from the
    /// node's type.
    pub name: String,
    /// `Path`: the address of the node's parent, in the topmost nodes of a document.
    pub path: Option<String>,
    /// What else is known of it; `None` when that is nothing, as of most nodes of a large tree.
    pub properties: Option<Box<Properties>>,
    /// What it holds.
    pub content: Content,
}

/// `RTProperties`, except the format, which [`Content`] says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Properties {
    /// `ACL`, such as `Get=*&Replace=acme-dm`. None means the parent's, empty means none.
    pub acl: Option<String>,
    /// `Name`.
    pub name: Option<String>,
    /// `Size` of the value, in octets.
    pub size: Option<u64>,
    /// `Title`, for people.
    pub title: Option<String>,
    /// `TStamp`: when the node last changed, ISO 8601.
    pub changed: Option<String>,
    /// `Type`.
    pub kind: Option<Kind>,
    /// `VerNo`: counts changes, and wraps.
    pub version: Option<u16>,
}

/// Of a node of which nothing is known.
static UNKNOWN: Properties = Properties {
    acl: None,
    name: None,
    size: None,
    title: None,
    changed: None,
    kind: None,
    version: None,
};

impl Properties {
    /// As a node has them.
    pub(crate) fn known(self) -> Option<Box<Self>> {
        (self != UNKNOWN).then(|| Box::new(self))
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `MIME`: the media type of a leaf; none means `text/plain`.
    Mime(String),
    /// `DDFName`: the identifier of the management object of which an interior node is the root;
    /// empty when it is none.
    Object(String),
}

/// Children or a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// An interior node; no two children with the same name, unless they have no name.
    Children(Vec<Node>),
    /// A leaf.
    Leaf {
        /// How the value is to be read.
        format: Format,
        /// `Value`; octets only in the format `bin`. None when the document does not say it.
        value: Option<Payload>,
    },
}

impl Default for Content {
    fn default() -> Self {
        Self::Children(Vec::new())
    }
}

impl Node {
    /// An interior node with these children.
    pub fn interior(name: impl Into<String>, children: impl IntoIterator<Item = Self>) -> Self {
        Self {
            name: name.into(),
            content: Content::Children(children.into_iter().collect()),
            ..Self::default()
        }
    }

    /// A leaf with this value.
    pub fn leaf(name: impl Into<String>, format: Format, value: impl Into<Payload>) -> Self {
        Self {
            name: name.into(),
            content: Content::Leaf {
                format,
                value: Some(value.into()),
            },
            ..Self::default()
        }
    }

    /// The node as the root of the management object with this identifier.
    #[must_use]
    pub fn of_kind(mut self, identifier: impl Into<String>) -> Self {
        self.properties.get_or_insert_default().kind = Some(Kind::Object(identifier.into()));
        self
    }

    /// What is known of it beside its content.
    pub fn properties(&self) -> &Properties {
        self.properties.as_deref().unwrap_or(&UNKNOWN)
    }

    /// The children; a leaf has none.
    pub fn children(&self) -> &[Self] {
        match &self.content {
            Content::Children(children) => children,
            Content::Leaf { .. } => &[],
        }
    }

    /// The child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        named(self.children(), name)
    }

    /// The node at this address below, such as `Ext/Tier`; the node itself when it is empty.
    pub fn at(&self, path: &str) -> Option<&Self> {
        let mut segments = path.split('/').filter(|_| !path.is_empty());
        segments.try_fold(self, |node, name| node.child(name))
    }

    /// How the value of a leaf is to be read; `None` for an interior node.
    pub const fn format(&self) -> Option<Format> {
        match &self.content {
            Content::Leaf { format, .. } => Some(*format),
            Content::Children(_) => None,
        }
    }

    /// The value of a leaf, if the document says it.
    pub const fn value(&self) -> Option<&Payload> {
        match &self.content {
            Content::Leaf { value, .. } => value.as_ref(),
            Content::Children(_) => None,
        }
    }

    /// The value of a leaf, if it is text.
    pub fn text(&self) -> Option<&str> {
        self.value().and_then(Payload::as_text)
    }

    /// The identifier of the management object of which this is the root.
    pub fn object(&self) -> Option<&str> {
        match &self.properties().kind {
            Some(Kind::Object(identifier)) => Some(identifier),
            Some(Kind::Mime(_)) | None => None,
        }
    }
}

impl Document {
    /// A document of these nodes.
    pub fn of(nodes: impl IntoIterator<Item = Node>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The topmost node of this name.
    pub fn child(&self, name: &str) -> Option<&Node> {
        named(&self.nodes, name)
    }

    /// The node at this address, whose first segment is the name of a topmost node.
    pub fn at(&self, path: &str) -> Option<&Node> {
        match path.split_once('/') {
            None => self.child(path),
            Some((name, below)) => self.child(name)?.at(below),
        }
    }

    /// Reads `application/vnd.syncml.dmtnds+xml`.
    pub fn from_xml(bytes: &[u8]) -> Result<Self, xml::ParseError> {
        Ok(Self::from_element(xml::read(Dialect::Tree, bytes)?)?)
    }

    /// Reads `application/vnd.syncml.dmtnds+wbxml`.
    pub fn from_wbxml(bytes: &[u8]) -> Result<Self, wbxml::ParseError> {
        Ok(Self::from_element(wbxml::read(Dialect::Tree, bytes)?)?)
    }

    /// Writes `application/vnd.syncml.dmtnds+xml`.
    pub fn to_xml(&self) -> Result<Vec<u8>, EncodeError> {
        xml::write(Dialect::Tree, &self.to_element()?)
    }

    /// Writes `application/vnd.syncml.dmtnds+wbxml` as short as can be: the document does not say of
    /// which kind it is, and whoever reads it must know.
    pub fn to_wbxml(&self) -> Result<Vec<u8>, EncodeError> {
        wbxml::write(wbxml::PublicId::Unsaid, &self.to_element()?)
    }

    /// The same for a peer: the document says of which kind it is, which makes it 28 octets longer.
    pub fn to_named_wbxml(&self) -> Result<Vec<u8>, EncodeError> {
        wbxml::write(wbxml::PublicId::Tree, &self.to_element()?)
    }

    fn from_element(root: Element) -> Read<Self> {
        let (manufacturer, model, nodes) = tree(root, read::node)?;
        read::distinct(&nodes)?;
        Ok(Self {
            manufacturer,
            model,
            nodes: nodes.into_iter().map(|(_, node)| node).collect(),
        })
    }

    fn to_element(&self) -> Result<Element, EncodeError> {
        write::distinct(&self.nodes)?;
        let (manufacturer, model) = (self.manufacturer.as_ref(), self.model.as_ref());
        tree_element(manufacturer, model, &self.nodes, write::node)
    }
}

fn named<'a>(nodes: &'a [Node], name: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| node.name == name)
}

/// The first name that stands twice, paths and nameless nodes aside.
fn doubled<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Option<&'a Node> {
    let mut seen = std::collections::HashSet::new();
    nodes
        .into_iter()
        .filter(|node| !node.name.is_empty())
        .find(|node| !seen.insert((&node.path, &node.name)))
}
