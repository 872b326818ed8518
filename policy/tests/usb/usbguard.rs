//! `USBGuard` itself, in small: what its rules mean for a device (`Rule::Attribute::appliesTo`
//! and `RuleSet::getFirstMatchingRule` in its source), and rules to try it on.

use std::fmt;

use cardwarden_policy::usb::{Connection, Device};
use proptest::prelude::*;

use crate::devices::{PORTS, text};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operator {
    AllOf,
    OneOf,
    NoneOf,
    Equals,
    EqualsOrdered,
    MatchAll,
}

const OPERATORS: [(Operator, &str); 6] = [
    (Operator::AllOf, "all-of"),
    (Operator::OneOf, "one-of"),
    (Operator::NoneOf, "none-of"),
    (Operator::Equals, "equals"),
    (Operator::EqualsOrdered, "equals-ordered"),
    (Operator::MatchAll, "match-all"),
];

#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    key: &'static str,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    target: &'static str,
    attributes: Vec<Attribute>,
    /// Whether its condition is met, when it has one.
    met: Option<bool>,
}

/// What `USBGuard` knows of a device and we do not.
#[derive(Clone, Debug)]
pub(crate) struct Beyond {
    pub(crate) hash: String,
    pub(crate) connect_type: &'static str,
}

/// Quoted, with what a rule has to escape, and one byte that it may.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('A', "\\x41");
    format!("\"{escaped}\"")
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = matches!(self.key, "id" | "with-interface");
        let value = |text: &String| if plain { text.clone() } else { quoted(text) };
        let values: Vec<String> = self.values.iter().map(value).collect();
        let (_, word) = OPERATORS
            .iter()
            .find(|(one, _)| *one == self.operator)
            .unwrap();
        match (self.operator, values.as_slice()) {
            (Operator::Equals, [only]) => write!(f, "{} {only}", self.key),
            (Operator::Equals, _) => write!(f, "{} {{ {} }}", self.key, values.join(" ")),
            (_, _) => write!(f, "{} {word} {{{}}}", self.key, values.join("\t")),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.target)?;
        for attribute in &self.attributes {
            write!(f, " {attribute}")?;
        }
        match self.met {
            Some(met) => write!(
                f,
                " if {}localtime(08:00-18:00)",
                if met { "" } else { "!" }
            ),
            None => Ok(()),
        }
    }
}

/// `Predicates::isSubsetOf`: a number for a number, or `*`.
fn subset(rule: &str, device: &str) -> bool {
    let mut pairs = rule.split(':').zip(device.split(':'));
    pairs.all(|(mine, theirs)| mine == "*" || mine == theirs)
}

impl Attribute {
    fn applies(&self, device: &Device, beyond: &Beyond) -> bool {
        let text = |text: &Option<String>| vec![text.clone().unwrap_or_default()];
        let has = match self.key {
            "id" => vec![format!("{:04x}:{:04x}", device.vendor, device.product)],
            "serial" => text(&device.serial),
            "name" => text(&device.name),
            "via-port" => vec![device.port.clone()],
            "with-connect-type" => vec![beyond.connect_type.to_owned()],
            "hash" | "parent-hash" => vec![beyond.hash.clone()],
            "with-interface" => device.interfaces.iter().map(ToString::to_string).collect(),
            _ => return true,
        };
        let patterned = matches!(self.key, "id" | "with-interface");
        let fits = |rule: &String, device: &String| {
            if patterned {
                subset(rule, device)
            } else {
                rule == device
            }
        };
        let found = |value: &String| has.iter().any(|one| fits(value, one));
        let values = &self.values;
        match self.operator {
            Operator::AllOf => values.iter().all(found),
            Operator::OneOf => values.iter().any(found),
            Operator::NoneOf => !values.iter().any(found),
            Operator::Equals => values.len() == has.len() && values.iter().all(found),
            Operator::EqualsOrdered => {
                values.len() == has.len()
                    && values.iter().zip(&has).all(|(one, two)| fits(one, two))
            }
            // For strings the predicate is not implemented and always true; an id is asked the
            // other way round.
            Operator::MatchAll => match self.key {
                "with-interface" => has
                    .iter()
                    .all(|one| values.iter().any(|value| fits(value, one))),
                "id" => has.iter().all(|one| values.contains(one)),
                _ => true,
            },
        }
    }
}

/// Whether `USBGuard` lets the device in, with its implicit target `block`.
pub(crate) fn allows(rules: &[Rule], device: &Device, beyond: &Beyond) -> bool {
    rules
        .iter()
        .find(|rule| {
            rule.met.unwrap_or(true)
                && rule
                    .attributes
                    .iter()
                    .all(|one| one.applies(device, beyond))
        })
        .is_some_and(|rule| rule.target == "allow")
}

/// Sets of one to three values, the single one most often.
fn values<S: Strategy<Value = String>>(one: S) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(one, 1..4).prop_map(|mut values| {
        if values.len() == 3 {
            values.truncate(1);
        }
        values
    })
}

fn one_of(texts: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let ids = one_of(&[
        "1d6b:046d",
        "1d6b:*",
        "046d:*",
        "046d:0002",
        "*:*",
        "1D6B:*",
        "0002:0002",
    ]);
    let interfaces = one_of(&[
        "03:01:01", "03:*:*", "03:01:*", "08:*:*", "08:06:50", "0b:00:00",
    ]);
    let kinds = one_of(&["hotplug", "hardwired", "unknown", "not used", ""]);
    let ports = one_of(&[&PORTS[..], &["1-1*", "front"]].concat());
    let key_and_values = prop_oneof![
        3 => values(ids).prop_map(|values| ("id", values)),
        2 => values(text()).prop_map(|values| ("serial", values)),
        2 => values(text()).prop_map(|values| ("name", values)),
        2 => values(ports).prop_map(|values| ("via-port", values)),
        4 => values(interfaces).prop_map(|values| ("with-interface", values)),
        2 => values(kinds).prop_map(|values| ("with-connect-type", values)),
        1 => values(one_of(&["h1", "h2"])).prop_map(|values| ("hash", values)),
        1 => values(one_of(&["h1", "h2"])).prop_map(|values| ("parent-hash", values)),
        1 => values(text()).prop_map(|values| ("label", values)),
    ];
    let operators = prop_oneof![
        4 => Just(Operator::Equals),
        4 => Just(Operator::OneOf),
        1 => prop::sample::select(OPERATORS.map(|(operator, _)| operator).to_vec()),
    ];
    (key_and_values, operators).prop_map(|((key, values), operator)| Attribute {
        key,
        operator,
        values,
    })
}

prop_compose! {
    fn rule()(
        target in prop::sample::select(vec!["allow", "allow", "block", "reject"]),
        attributes in prop_oneof![
            1 => Just(Vec::new()),
            9 => prop::collection::vec(attribute(), 1..3),
        ],
        met in prop_oneof![19 => Just(None), 1 => any::<bool>().prop_map(Some)],
    ) -> Rule {
        let mut kept: Vec<Attribute> = Vec::new();
        for attribute in attributes {
            if kept.iter().all(|other| other.key != attribute.key) {
                kept.push(attribute);
            }
        }
        Rule { target, attributes: kept, met }
    }
}

pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(rule(), 0..8)
}

prop_compose! {
    pub(crate) fn beyond(connection: Connection)(
        hash in one_of(&["h1", "h2", "h3"]),
        connect_type in prop::sample::select(match connection {
            Connection::BuiltIn => vec!["hardwired"],
            Connection::External => vec!["hotplug"],
            Connection::Unknown => vec!["unknown", "not used", ""],
        }),
    ) -> Beyond {
        Beyond { hash, connect_type }
    }
}

/// The file of the rules.
pub(crate) fn file(rules: &[Rule]) -> String {
    rules.iter().fold(String::new(), |mut text, rule| {
        text.push_str(&rule.to_string());
        text.push('\n');
        text
    })
}
