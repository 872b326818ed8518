//! Whether a tree is as it is described.

use super::{Case, Content, Kind, Node, Occurrence};
use crate::tnds::{self, Format};
use std::fmt;

/// Where and how a tree differs from its description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Violation {
    /// The node concerned: names from the tree's own root on, joined by `/`.
    pub path: String,
    /// What is wrong with it.
    pub what: What,
}

/// How a node differs from its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing describes such a node.
    Unknown,
    /// The node has another format; `None` is `node`.
    Format {
        /// As described.
        expected: Option<Format>,
        /// As it is.
        found: Option<Format>,
    },
    /// The value is none of the node's format.
    Value(Format),
    /// The node says that it is something else: another media type or management object.
    Kind,
    /// A child that must be there is not.
    Missing {
        /// Its name; empty when it may have any.
        child: String,
    },
    /// There are more children of this description than may be.
    TooMany {
        /// Their name; empty when they may have any.
        child: String,
        /// How many may be.
        limit: u32,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |format: &Option<Format>| format.map_or("node", Format::name);
        let called = |child: &String| match child.as_str() {
            "" => "child".to_owned(),
            name => name.to_owned(),
        };
        match self {
            Self::Unknown => f.write_str("not described"),
            Self::Format { expected, found } => {
                write!(f, "format is {}, not {}", name(found), name(expected))
            }
            Self::Value(format) => write!(f, "the value is no {format}"),
            Self::Kind => f.write_str("type is not the one described"),
            Self::Missing { child } => write!(f, "{} is missing", called(child)),
            Self::TooMany { child, limit } => {
                write!(f, "{} occurs more than {limit} times", called(child))
            }
        }
    }
}

pub(super) fn topmost(nodes: &[Node], tree: &tnds::Node) -> Result<(), Violation> {
    let mut path = Vec::new();
    match describing(nodes, tree).and_then(|place| nodes.get(place)) {
        Some(description) => fits(description, tree, &mut path),
        None => Err(at(&path, tree, What::Unknown)),
    }
}

/// The place of the description for a node: by its name, or else the first without one.
fn describing(nodes: &[Node], node: &tnds::Node) -> Option<usize> {
    let named = |description: &Node| match description.properties.case {
        Some(Case::Insensitive) => description.name.eq_ignore_ascii_case(&node.name),
        Some(Case::Sensitive) | None => description.name == node.name,
    };
    let nameless = || nodes.iter().position(|node| node.name.is_empty());
    nodes.iter().position(named).or_else(nameless)
}

fn at(path: &[&str], node: &tnds::Node, what: What) -> Violation {
    let mut names = path.to_vec();
    names.push(&node.name);
    Violation {
        path: names.join("/"),
        what,
    }
}

fn fits<'a>(
    description: &Node,
    node: &'a tnds::Node,
    path: &mut Vec<&'a str>,
) -> Result<(), Violation> {
    let expected = match &description.content {
        Content::Children(_) => None,
        Content::Leaf(format) => Some(*format),
    };
    let found = node.format();
    if expected != found {
        return Err(at(path, node, What::Format { expected, found }));
    }
    if let (Some(format), Some(value)) = (found, node.value())
        && !format.admits(value)
    {
        return Err(at(path, node, What::Value(format)));
    }
    if !is_of_kind(&description.properties.kind, node) {
        return Err(at(path, node, What::Kind));
    }
    let descriptions = description.children();
    let mut counts = vec![0_u32; descriptions.len()];
    path.push(&node.name);
    for child in node.children() {
        let place = describing(descriptions, child);
        let known =
            place.and_then(|place| Some((descriptions.get(place)?, counts.get_mut(place)?)));
        let Some((description, count)) = known else {
            return Err(at(path, child, What::Unknown));
        };
        *count = count.saturating_add(1);
        fits(description, child, path)?;
    }
    path.pop();
    let mut counted = descriptions.iter().zip(counts);
    match counted.find_map(|(description, count)| miscounted(description, count)) {
        Some(what) => Err(at(path, node, what)),
        None => Ok(()),
    }
}

/// A node that does not say what it is, is what its description says.
fn is_of_kind(kind: &Kind, node: &tnds::Node) -> bool {
    match (kind, &node.properties().kind) {
        (_, None) => true,
        (Kind::Mime(known), Some(tnds::Kind::Mime(mime))) => {
            known.is_empty() || known.contains(mime)
        }
        (Kind::Object(known), Some(tnds::Kind::Object(object))) => known == object,
        (Kind::Mime(known), Some(tnds::Kind::Object(object))) => {
            known.is_empty() && object.is_empty()
        }
        (Kind::Object(_), Some(tnds::Kind::Mime(_))) => false,
    }
}

fn miscounted(description: &Node, count: u32) -> Option<What> {
    let (least, most) = match description.properties.occurrence.unwrap_or_default() {
        Occurrence::One => (1, Some(1)),
        Occurrence::ZeroOrOne => (0, Some(1)),
        Occurrence::ZeroOrMore => (0, None),
        Occurrence::OneOrMore => (1, None),
        Occurrence::ZeroOrN(most) => (0, Some(most)),
        Occurrence::OneOrN(most) => (1, Some(most)),
    };
    let child = description.name.clone();
    match most {
        _ if count < least => Some(What::Missing { child }),
        Some(limit) if count > limit => Some(What::TooMany { child, limit }),
        Some(_) | None => None,
    }
}
