//! Descriptions of management objects (OMA DM 1.2 *Tree and Description*, the DDF).
//!
//! A [`Document`] says which nodes a management object may hold, of which format, and how often.
//! [`Document::check`] holds a [tree](crate::tnds) against it.
//!
//! ```
//! use omadm::ddf::{Document, Node, Occurrence};
//! use omadm::tnds;
//!
//! let description = Document::of([Node::object("urn:oma:mo:oma-dcmo:1.0", [
//!     Node::leaf("Enabled", tnds::Format::Bool),
//!     Node::leaf("Property", tnds::Format::Chr).occurs(Occurrence::ZeroOrOne),
//! ])]);
//! let mut camera = tnds::Node::interior("Camera", [
//!     tnds::Node::leaf("Enabled", tnds::Format::Bool, "false"),
//! ]);
//! description.check(&camera)?;
//! camera.content = tnds::Content::default();
//! let violation = description.check(&camera).unwrap_err();
//! assert_eq!(violation.to_string(), "Camera: Enabled is missing");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod read;
mod write;

pub use check::{Violation, What};

use crate::schema::{Dialect, Element, EncodeError, Read};
use crate::tnds::Format;
use crate::{wbxml, xml};
use std::collections::BTreeSet;

/// `MgmtTree`: one or more descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Document {
    /// `Man`: the device's manufacturer.
    pub manufacturer: Option<String>,
    /// `Mod`: the device's model.
    pub model: Option<String>,
    /// One or more nodes.
    pub nodes: Vec<Node>,
}

/// `Node`: what one node, or any number of like nodes, may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// `NodeName`. Empty: the node has whatever name it is given when it is made.
    pub name: String,
    /// `Path`: the address of the node's parent.
    pub path: Option<String>,
    /// `DFProperties`, except the format, which [`Content`] says.
    pub properties: Properties,
    /// Children or a value.
    pub content: Content,
}

/// What a node may hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// These and no other children.
    Children(Vec<Node>),
    /// A value of this format.
    Leaf(Format),
}

/// `DFProperties`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Properties {
    /// `AccessType`: the commands that the node takes.
    pub access: BTreeSet<Access>,
    /// `DefaultValue`.
    pub default: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `Occurrence`: how many such nodes there may be under one parent. None means one.
    pub occurrence: Option<Occurrence>,
    /// `Scope`.
    pub scope: Option<Scope>,
    /// `DFTitle`.
    pub title: Option<String>,
    /// `DFType`.
    pub kind: Kind,
    /// `CaseSense`: whether upper and lower case make different names. None means they do.
    pub case: Option<Case>,
}

/// A command that a node may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `Add`.
    Add,
    /// `Copy`.
    Copy,
    /// `Delete`.
    Delete,
    /// `Exec`.
    Exec,
    /// `Get`.
    Get,
    /// `Replace`.
    Replace,
}

/// How many nodes there may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Occurrence {
    /// Exactly one.
    #[default]
    One,
    /// One or none.
    ZeroOrOne,
    /// Any number.
    ZeroOrMore,
    /// At least one.
    OneOrMore,
    /// At most this many.
    ZeroOrN(u32),
    /// At least one and at most this many.
    OneOrN(u32),
}

/// Whether nodes come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Only the device makes and removes the node.
    Permanent,
    /// Servers may.
    Dynamic,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `MIME`: the media types that a leaf may have; none means any.
    Mime(Vec<String>),
    /// `DDFName`: the identifier of the management object; empty when the node is no root of one.
    Object(String),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Mime(Vec::new())
    }
}

/// Whether case matters in names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// `CS`.
    Sensitive,
    /// `CIS`: ASCII letters only.
    Insensitive,
}

impl Access {
    /// All commands.
    pub const ALL: [Self; 6] = [
        Self::Add,
        Self::Copy,
        Self::Delete,
        Self::Exec,
        Self::Get,
        Self::Replace,
    ];
}

impl Node {
    /// A leaf that occurs once, can be read, and is plain text by its media type.
    pub fn leaf(name: impl Into<String>, format: Format) -> Self {
        let kind = Kind::Mime(vec![crate::code::mime::TEXT.to_owned()]);
        Self::new(name.into(), kind, Content::Leaf(format))
    }

    /// An interior node that occurs once and can be read.
    pub fn interior(name: impl Into<String>, children: impl IntoIterator<Item = Self>) -> Self {
        let content = Content::Children(children.into_iter().collect());
        Self::new(name.into(), Kind::Object(String::new()), content)
    }

    /// The root of a management object, without a name of its own.
    pub fn object(identifier: impl Into<String>, children: impl IntoIterator<Item = Self>) -> Self {
        let content = Content::Children(children.into_iter().collect());
        Self::new(String::new(), Kind::Object(identifier.into()), content)
    }

    fn new(name: String, kind: Kind, content: Content) -> Self {
        let properties = Properties {
            access: BTreeSet::from([Access::Get]),
            occurrence: Some(Occurrence::One),
            kind,
            ..Properties::default()
        };
        Self {
            name,
            path: None,
            properties,
            content,
        }
    }

    /// The same with another occurrence.
    #[must_use]
    pub const fn occurs(mut self, occurrence: Occurrence) -> Self {
        self.properties.occurrence = Some(occurrence);
        self
    }

    /// The same with a scope.
    #[must_use]
    pub const fn scoped(mut self, scope: Scope) -> Self {
        self.properties.scope = Some(scope);
        self
    }

    /// The same with a description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.properties.description = Some(description.into());
        self
    }

    /// The same with these commands.
    #[must_use]
    pub fn takes(mut self, access: impl IntoIterator<Item = Access>) -> Self {
        self.properties.access = access.into_iter().collect();
        self
    }

    /// The descriptions of the children; a leaf has none.
    pub fn children(&self) -> &[Self] {
        match &self.content {
            Content::Children(children) => children,
            Content::Leaf(_) => &[],
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

    /// Whether the tree is as the document describes it: the topmost description of its name, or the
    /// first without one, must fit.
    pub fn check(&self, tree: &crate::tnds::Node) -> Result<(), Violation> {
        check::topmost(&self.nodes, tree)
    }

    /// Reads `application/vnd.syncml.dmddf+xml`.
    pub fn from_xml(bytes: &[u8]) -> Result<Self, xml::ParseError> {
        Ok(Self::from_element(xml::read(Dialect::Tree, bytes)?)?)
    }

    /// Reads `application/vnd.syncml.dmddf+wbxml`.
    pub fn from_wbxml(bytes: &[u8]) -> Result<Self, wbxml::ParseError> {
        Ok(Self::from_element(wbxml::read(Dialect::Tree, bytes)?)?)
    }

    /// Writes `application/vnd.syncml.dmddf+xml`.
    pub fn to_xml(&self) -> Result<Vec<u8>, EncodeError> {
        xml::write(Dialect::Tree, &self.to_element()?)
    }

    /// Writes `application/vnd.syncml.dmddf+wbxml` as short as can be: the document does not say of
    /// which kind it is, and whoever reads it must know.
    pub fn to_wbxml(&self) -> Result<Vec<u8>, EncodeError> {
        wbxml::write(wbxml::PublicId::Unsaid, &self.to_element()?)
    }

    /// The same for a peer: the document says of which kind it is, which makes it 28 octets longer.
    pub fn to_named_wbxml(&self) -> Result<Vec<u8>, EncodeError> {
        wbxml::write(wbxml::PublicId::Tree, &self.to_element()?)
    }

    fn from_element(root: Element) -> Read<Self> {
        let (manufacturer, model, nodes) = crate::tnds::tree(root, read::node)?;
        Ok(Self {
            manufacturer,
            model,
            nodes,
        })
    }

    fn to_element(&self) -> Result<Element, EncodeError> {
        let (manufacturer, model) = (self.manufacturer.as_ref(), self.model.as_ref());
        crate::tnds::tree_element(manufacturer, model, &self.nodes, write::node)
    }
}
