//! From one rule to the entries that mean the same devices, or to the reason why there are none.

use super::report::{Note, Why};
use super::rule::{Attribute, Key, Line, Operator, Target};
use crate::usb::{ClassPattern, Connection, IdPattern, InterfaceSet, MAX_TEXT, Match, PortPattern};

/// Most entries that one line becomes.
const MAX_ENTRIES: usize = 64;

/// A rule in our words.
#[derive(Clone, Debug)]
pub(super) struct Rule<'a> {
    pub(super) line: u32,
    pub(super) text: &'a str,
    pub(super) target: Target,
    /// The devices that it applies to, in any of the entries; more than those when it is lost.
    pub(super) entries: Vec<Match>,
    /// Whether it could not be carried over.
    pub(super) lost: bool,
}

/// What an attribute becomes.
enum Part {
    /// One of these fields.
    Fields(Vec<Field>),
    /// One of these fields, which is less.
    Less(Vec<Field>),
    /// Nothing; it does not say which device.
    Nothing(Why),
    /// No device has it.
    Never(Why),
    /// It cannot be said.
    Lost(Why),
}

#[derive(Clone)]
enum Field {
    Id(IdPattern),
    Name(Box<str>),
    Serial(Box<str>),
    Port(PortPattern),
    Connection(Connection),
    Interfaces(InterfaceSet),
}

impl Field {
    fn put(self, entry: &mut Match) {
        match self {
            Self::Id(id) => entry.id = Some(id),
            Self::Name(text) => entry.name = Some(text),
            Self::Serial(text) => entry.serial = Some(text),
            Self::Port(port) => entry.port = Some(port),
            Self::Connection(kind) => entry.connection = Some(kind),
            Self::Interfaces(set) => entry.interfaces = Some(Box::new(set)),
        }
    }
}

/// Carries a rule over; `None` when it never applies. What there is to know goes to the report.
pub(super) fn carry<'a>(line: &Line<'a>, report: &mut Vec<Note>) -> Option<Rule<'a>> {
    let mut note = |why| {
        report.push(Note {
            line: line.number,
            text: line.text.into(),
            why,
        });
    };
    let mut rule = Rule {
        line: line.number,
        text: line.text,
        target: line.target,
        entries: vec![Match::default()],
        lost: line.target == Target::Other,
    };
    let mut whys = Vec::new();
    for attribute in &line.attributes {
        match part(attribute, &mut whys) {
            Part::Fields(fields) => rule.widen(&fields, &mut whys),
            Part::Less(fields) if line.target == Target::Allow => {
                rule.widen(&fields, &mut whys);
                whys.push(Why::NarrowEquals);
            }
            Part::Less(_) => rule.lose(Why::WideEquals, &mut whys),
            Part::Nothing(why) => whys.push(why),
            Part::Never(why) => {
                note(why);
                return None;
            }
            Part::Lost(why) => rule.lose(why, &mut whys),
        }
    }
    if line.target == Target::Other {
        whys.push(Why::Target);
    }
    for entry in rule
        .entries
        .iter_mut()
        .filter(|entry| **entry == Match::default())
    {
        entry.id = Some(IdPattern::ANY);
    }
    whys.into_iter().for_each(note);
    Some(rule)
}

impl Rule<'_> {
    /// Whether it applies to every device.
    pub(super) fn is_for_all(&self) -> bool {
        let all = Match {
            id: Some(IdPattern::ANY),
            ..Match::default()
        };
        !self.lost && self.entries.contains(&all)
    }

    /// Whether there can be a device that both apply to.
    pub(super) fn can_meet(&self, other: &Self) -> bool {
        let mut pairs = self
            .entries
            .iter()
            .flat_map(|mine| other.entries.iter().map(move |theirs| (mine, theirs)));
        pairs.any(|(mine, theirs)| mine.can_meet(theirs))
    }

    fn lose(&mut self, why: Why, whys: &mut Vec<Why>) {
        self.lost = true;
        whys.push(why);
    }

    /// Adds one of the fields to each entry, in every combination.
    fn widen(&mut self, fields: &[Field], whys: &mut Vec<Why>) {
        if self.entries.len().saturating_mul(fields.len()) > MAX_ENTRIES {
            self.lose(Why::TooMany, whys);
            return;
        }
        self.entries = self
            .entries
            .iter()
            .flat_map(|entry| {
                fields
                    .iter()
                    .map(move |field| (entry.clone(), field.clone()))
            })
            .map(|(mut entry, field)| {
                field.put(&mut entry);
                entry
            })
            .collect();
    }
}

fn part(attribute: &Attribute, whys: &mut Vec<Why>) -> Part {
    let key = attribute.key;
    match key {
        Key::Hash => Part::Lost(Why::Hash),
        Key::ParentHash => Part::Lost(Why::ParentHash),
        Key::If => Part::Lost(Why::Condition),
        Key::Label => Part::Nothing(Why::Label),
        Key::Id => id(attribute, whys),
        Key::WithInterface => interfaces(attribute),
        Key::Name => single(attribute, |text| described(key, text).map(Field::Name)),
        Key::Serial => single(attribute, |text| described(key, text).map(Field::Serial)),
        Key::ViaPort => single(attribute, |text| port(text).map(Field::Port)),
        Key::WithConnectType => single(attribute, |text| connection(text).map(Field::Connection)),
    }
}

/// An attribute of which every device has exactly one value.
fn single(attribute: &Attribute, field: impl Fn(&str) -> Result<Field, Why>) -> Part {
    let key = attribute.key;
    let values = match alternatives(attribute) {
        Ok(values) => values,
        Err(part) => return part,
    };
    let fields = values.iter().map(|value| {
        let text = std::str::from_utf8(value)
            .ok()
            .ok_or(Why::NoText(key.name()))?;
        field(text)
    });
    match fields.collect() {
        Ok(fields) => Part::Fields(fields),
        Err(why) => Part::Lost(why),
    }
}

/// The values of which a device must have one, for attributes of which it has exactly one value.
fn alternatives(attribute: &Attribute) -> Result<Vec<Vec<u8>>, Part> {
    let Attribute {
        key,
        operator,
        values,
    } = attribute;
    let mut distinct = values.clone();
    distinct.sort();
    distinct.dedup();
    let once = match operator {
        Operator::OneOf => return Ok(distinct),
        Operator::AllOf => distinct.len() == 1,
        // The number of values has to be the same, and a device has one.
        Operator::Equals | Operator::EqualsOrdered => values.len() == 1,
        // USBGuard's match-all finds every string (`Predicates::isSupersetOf`).
        Operator::NoneOf | Operator::MatchAll => {
            return Err(Part::Lost(Why::operator(*key, *operator)));
        }
    };
    if once {
        Ok(distinct)
    } else {
        Err(Part::Never(Why::Never(key.name())))
    }
}

fn id(attribute: &Attribute, whys: &mut Vec<Why>) -> Part {
    let small: Vec<&str> = attribute
        .values
        .iter()
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter(|text| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
        .collect();
    let patterns: Vec<IdPattern> = small.iter().filter_map(|text| text.parse().ok()).collect();
    let some_capital = patterns.len() < attribute.values.len();
    match attribute.operator {
        Operator::NoneOf | Operator::MatchAll => {
            Part::Lost(Why::operator(attribute.key, attribute.operator))
        }
        Operator::Equals | Operator::EqualsOrdered if attribute.values.len() > 1 => {
            Part::Never(Why::Never(attribute.key.name()))
        }
        Operator::OneOf if !patterns.is_empty() => {
            whys.extend(some_capital.then_some(Why::SomeCapitalId));
            Part::Fields(patterns.into_iter().map(Field::Id).collect())
        }
        _ if some_capital => Part::Never(Why::CapitalId),
        Operator::AllOf | Operator::OneOf | Operator::Equals | Operator::EqualsOrdered => patterns
            .into_iter()
            .try_fold(IdPattern::ANY, IdPattern::common)
            .map_or(Part::Never(Why::Never(attribute.key.name())), |id| {
                Part::Fields(vec![Field::Id(id)])
            }),
    }
}

fn interfaces(attribute: &Attribute) -> Part {
    let patterns: Vec<ClassPattern> = attribute
        .values
        .iter()
        .filter_map(|value| std::str::from_utf8(value).ok()?.parse().ok())
        .collect();
    let one = patterns.len() == 1;
    let apart = patterns.iter().enumerate().all(|(position, pattern)| {
        let mut others = patterns.iter().skip(position.saturating_add(1));
        !others.any(|other| other.meets(*pattern))
    });
    let mut set = InterfaceSet::default();
    match attribute.operator {
        Operator::AllOf => set.all_of = patterns,
        Operator::OneOf => set.one_of = patterns,
        Operator::NoneOf => set.none_of = patterns,
        Operator::Equals => set.equals = patterns,
        Operator::EqualsOrdered if one => set.equals = patterns,
        Operator::EqualsOrdered | Operator::MatchAll => {
            return Part::Lost(Why::operator(attribute.key, attribute.operator));
        }
    }
    let exact = apart || set.equals.is_empty();
    let fields = vec![Field::Interfaces(set)];
    if exact {
        Part::Fields(fields)
    } else {
        Part::Less(fields)
    }
}

fn described(key: Key, text: &str) -> Result<Box<str>, Why> {
    if text.len() > MAX_TEXT {
        return Err(Why::TooLong(key.name()));
    }
    Ok(text.into())
}

fn port(text: &str) -> Result<PortPattern, Why> {
    text.parse()
        .ok()
        .filter(|port: &PortPattern| port.beginning().is_none())
        .ok_or_else(|| Why::NoPort(text.into()))
}

/// The kernel's words (`connect_type_show`); “not used” and “unknown” are one to us.
fn connection(text: &str) -> Result<Connection, Why> {
    match text {
        "hardwired" => Ok(Connection::BuiltIn),
        "hotplug" => Ok(Connection::External),
        _ => Err(Why::ConnectType(text.into())),
    }
}
