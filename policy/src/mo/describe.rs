//! The Policy object's description, for servers (`policy/policy.ddf`).

use omadm::ddf::{Access, Document, Node, Occurrence};
use omadm::tnds::Format;

use super::shape::{self, Field, Shape};
use super::{POLICY, POLICY_ROOT};

/// The Policy object as a device description framework document. The repository ships it as
/// `policy/policy.ddf`.
pub fn description() -> Document {
    let root = Node::object(POLICY, nodes(shape::POLICY))
        .described("What a company allows on a device of Cardwarden.")
        .takes([Access::Get, Access::Replace]);
    Document::of([Node {
        name: POLICY_ROOT.to_owned(),
        ..root
    }])
}

fn nodes(fields: &[Field]) -> impl Iterator<Item = Node> {
    fields.iter().map(|field| {
        let node = match &field.shape {
            Shape::Text | Shape::Words | Shape::Toml => Node::leaf(field.name, Format::Chr),
            Shape::Notice(fields) | Shape::Table(fields) => {
                Node::interior(field.name, nodes(fields))
            }
            Shape::List(fields) => {
                Node::interior(field.name, [item(Node::interior("", nodes(fields)))])
            }
            Shape::Names => Node::interior(field.name, [item(Node::leaf("", Format::Chr))]),
        };
        let about = match &field.shape {
            Shape::Words => format!("{} Words with spaces between them.", field.about),
            Shape::Toml => format!("{} A value in TOML.", field.about),
            Shape::Text | Shape::Notice(_) | Shape::Table(_) | Shape::List(_) | Shape::Names => {
                field.about.to_owned()
            }
        };
        let occurrence = if field.is_needed {
            Occurrence::One
        } else {
            Occurrence::ZeroOrOne
        };
        let mut node = node
            .described(about)
            .occurs(occurrence)
            .takes([Access::Get, Access::Replace]);
        node.properties.default = field.default.map(str::to_owned);
        node
    })
}

fn item(node: Node) -> Node {
    node.occurs(Occurrence::ZeroOrMore).takes([
        Access::Add,
        Access::Delete,
        Access::Get,
        Access::Replace,
    ])
}
