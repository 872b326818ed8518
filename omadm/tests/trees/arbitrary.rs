//! Arbitrary trees and descriptions, within what both encodings can say.

use omadm::Payload;
use omadm::ddf::{self, Access, Case, Occurrence, Scope};
use omadm::tnds::{Content, Document, Format, Kind, Node, Properties};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Any text that XML can hold, with what it finds hard well represented.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        prop::char::range('a', 'z'),
        prop::sample::select(vec![
            '<', '>', '&', '"', '\'', ']', ' ', '\t', '\n', '\r', '/'
        ]),
        prop::char::range('\u{A0}', '\u{D7FF}'),
        prop::char::range('\u{10000}', '\u{10FFFF}'),
    ];
    vec(character, 0..10).prop_map(String::from_iter)
}

/// A segment of an address; few enough that names and values repeat.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,2}",
        Just("Enabled".to_owned()),
        text().prop_map(|text| text.replace('/', "")),
    ]
}

/// Children get names that differ, by number; nameless ones may be several.
fn distinct(mut nodes: Vec<Node>) -> Vec<Node> {
    let mut seen = BTreeSet::new();
    for (number, node) in nodes.iter_mut().enumerate() {
        if !node.name.is_empty() && !seen.insert(node.name.clone()) {
            node.name = format!("#{number}");
            seen.insert(node.name.clone());
        }
    }
    nodes
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![text().prop_map(Kind::Mime), text().prop_map(Kind::Object)]
}

fn properties() -> BoxedStrategy<Properties> {
    let some = (
        option::of(text()),
        option::of(text()),
        option::of(any::<u64>()),
        option::of(text()),
        option::of(text()),
        option::of(kind()),
        option::of(any::<u16>()),
    );
    let some = some.prop_map(
        |(acl, name, size, title, changed, kind, version)| Properties {
            acl,
            name,
            size,
            title,
            changed,
            kind,
            version,
        },
    );
    prop_oneof![Just(Properties::default()), some].boxed()
}

fn leaf() -> impl Strategy<Value = Content> {
    let octets = vec(any::<u8>(), 0..20).prop_map(Payload::from);
    prop_oneof![
        option::of(octets).prop_map(|value| Content::Leaf {
            format: Format::Bin,
            value
        }),
        (
            prop::sample::select(Format::ALL.to_vec()),
            option::of(text())
        )
            .prop_map(|(format, value)| Content::Leaf {
                format,
                value: value.map(Payload::from)
            }),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let whole = |content: BoxedStrategy<Content>| {
        (name(), option::of(text()), properties(), content).prop_map(
            |(name, path, properties, content)| Node {
                name,
                path,
                properties: (properties != Properties::default()).then(|| Box::new(properties)),
                content,
            },
        )
    };
    let leaf = whole(leaf().boxed());
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let children = vec(inner, 0..4).prop_map(|nodes| Content::Children(distinct(nodes)));
        whole(children.boxed())
    })
}

pub(crate) fn tree() -> impl Strategy<Value = Document> {
    (option::of(text()), option::of(text()), vec(node(), 1..4)).prop_map(
        |(manufacturer, model, nodes)| Document {
            manufacturer,
            model,
            nodes: distinct(nodes),
        },
    )
}

fn occurrence() -> impl Strategy<Value = Occurrence> {
    prop_oneof![
        Just(Occurrence::One),
        Just(Occurrence::ZeroOrOne),
        Just(Occurrence::ZeroOrMore),
        Just(Occurrence::OneOrMore),
        any::<u32>().prop_map(Occurrence::ZeroOrN),
        any::<u32>().prop_map(Occurrence::OneOrN),
    ]
}

fn framework() -> BoxedStrategy<ddf::Properties> {
    let kind = prop_oneof![
        vec(text(), 0..3).prop_map(ddf::Kind::Mime),
        text().prop_map(ddf::Kind::Object),
    ];
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    (
        btree_set(prop::sample::select(Access::ALL.to_vec()), 0..6),
        texts,
        option::of(occurrence()),
        option::of(prop::sample::select(vec![Scope::Permanent, Scope::Dynamic])),
        kind,
        option::of(prop::sample::select(vec![
            Case::Sensitive,
            Case::Insensitive,
        ])),
    )
        .prop_map(|(access, texts, occurrence, scope, kind, case)| {
            let (default, description, title) = texts;
            ddf::Properties {
                access,
                default,
                description,
                occurrence,
                scope,
                title,
                kind,
                case,
            }
        })
        .boxed()
}

fn described() -> impl Strategy<Value = ddf::Node> {
    let whole = |content: BoxedStrategy<ddf::Content>| {
        (name(), option::of(text()), framework(), content).prop_map(
            |(name, path, properties, content)| ddf::Node {
                name,
                path,
                properties,
                content,
            },
        )
    };
    let leaf = prop::sample::select(Format::ALL.to_vec()).prop_map(ddf::Content::Leaf);
    whole(leaf.boxed()).prop_recursive(4, 16, 4, move |inner| {
        whole(vec(inner, 0..4).prop_map(ddf::Content::Children).boxed())
    })
}

pub(crate) fn description() -> impl Strategy<Value = ddf::Document> {
    (
        option::of(text()),
        option::of(text()),
        vec(described(), 1..3),
    )
        .prop_map(|(manufacturer, model, nodes)| ddf::Document {
            manufacturer,
            model,
            nodes,
        })
}

/// A value that is one of its format.
fn value(format: Format) -> BoxedStrategy<Payload> {
    match format {
        Format::Bin => vec(any::<u8>(), 0..9).prop_map(Payload::from).boxed(),
        Format::Bool => any::<bool>()
            .prop_map(|value| value.to_string().into())
            .boxed(),
        Format::Int => any::<i32>()
            .prop_map(|value| value.to_string().into())
            .boxed(),
        Format::Float => any::<f32>()
            .prop_map(|value| value.to_string().into())
            .boxed(),
        Format::Null => Just(Payload::default()).boxed(),
        Format::B64 => prop::sample::select(vec!["", "AAEC", "/w=="])
            .prop_map(Payload::from)
            .boxed(),
        Format::Date => Just(Payload::from("2026-11-23")).boxed(),
        Format::Time => Just(Payload::from("14:00:00Z")).boxed(),
        Format::Chr | Format::Xml => text().prop_map(Payload::from).boxed(),
    }
}

/// A description whose nodes all have names of their own, and a tree that is as described.
pub(crate) fn described_tree() -> impl Strategy<Value = (ddf::Node, Node)> {
    let leaf = prop::sample::select(Format::ALL.to_vec()).prop_flat_map(|format| {
        value(format).prop_map(move |value| {
            (
                ddf::Node::leaf("leaf", format),
                Node::leaf("leaf", format, value),
            )
        })
    });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let children = vec((inner, occurrences()), 0..4);
        children.prop_map(|children| {
            let mut descriptions = Vec::new();
            let mut nodes = Vec::new();
            for (number, ((description, node), (occurrence, is_there))) in
                children.into_iter().enumerate()
            {
                let name = format!("n{number}");
                descriptions.push(
                    ddf::Node {
                        name: name.clone(),
                        ..description
                    }
                    .occurs(occurrence),
                );
                if is_there {
                    nodes.push(Node { name, ..node });
                }
            }
            (
                ddf::Node::interior("inner", descriptions),
                Node::interior("inner", nodes),
            )
        })
    })
}

/// An occurrence, and whether the node is there.
fn occurrences() -> impl Strategy<Value = (Occurrence, bool)> {
    prop::sample::select(vec![
        (Occurrence::One, true),
        (Occurrence::OneOrMore, true),
        (Occurrence::OneOrN(1), true),
        (Occurrence::ZeroOrOne, false),
        (Occurrence::ZeroOrMore, true),
        (Occurrence::ZeroOrN(0), false),
        (Occurrence::ZeroOrN(7), true),
    ])
}
