//! When a rule holds. A condition has three answers, since a device does not always know: early
//! in a boot its clock may still stand at the year of its making.

mod around;
pub mod clock_time;
mod place;
mod possible;
mod weekly;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::around::{CardIs, OnNetwork, PowerIs, Reached, ServerIs, SessionIs};
pub use self::clock_time::{ClockTime, Day, Days, Zone};
pub use self::place::{Circle, MAX_CORNERS, MAX_RADIUS, Place};
pub use self::weekly::{Moment, NoMoment, Period, Weekly};
use crate::diagnosis::{Fault, Path};
use crate::facts::Facts;

/// Deepest nesting of `all`, `any` and `not`.
pub const MAX_DEPTH: usize = 8;
/// Most parts of one `all` or `any`.
pub const MAX_PARTS: usize = 64;

/// When a rule holds.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Every part holds.
    All(Vec<Self>),
    /// At least one part holds.
    Any(Vec<Self>),
    /// The part does not hold.
    Not(Box<Self>),
    /// The time lies in a window that comes back every week.
    Weekly(Weekly),
    /// The time lies in a period of the calendar.
    Period(Period),
    /// The device is on such a network.
    Network(OnNetwork),
    /// The device is inside such an area.
    Place(Place),
    /// The company's card is in a reader, or is not.
    Card(CardIs),
    /// Somebody is logged in of whom this is so.
    Session(SessionIs),
    /// Where the power comes from.
    Power(PowerIs),
    /// The company's server has been silent.
    Server(ServerIs),
}

/// The answer of a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// What it depends on is not known.
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

/// All that conditions ask.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The time; `None` when it is not known.
    pub now: Option<Timestamp>,
    /// What else is known.
    pub facts: &'a Facts,
    /// The zone of windows and periods that name none.
    pub zone: Option<&'a Zone>,
}

/// A condition that cannot be meant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Impossible {
    #[error("the window starts and ends at {0}; it has no length")]
    NoLength(String),
    #[error("the window names no day; it could never hold")]
    NoDay,
    #[error("`all` and `any` take 1 to {MAX_PARTS} conditions, not {0}")]
    Parts(usize),
    #[error("conditions are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the period has neither `from` nor `to`")]
    Endless,
    #[error("the period ends at {to}, which is not after its start at {from}")]
    Backwards { from: String, to: String },
    #[error(
        "no zone is given, neither here nor for the whole policy; add zone = \"Europe/Berlin\""
    )]
    NoZone,
    #[error("`{0}` is empty, so it says nothing; name what it is to look at")]
    Nothing(&'static str),
    #[error("`{0}` is no address of a server; write host:port")]
    Address(String),
    #[error("a place is either a `circle` or a `polygon`")]
    Area,
    #[error("a polygon has 3 to {MAX_CORNERS} corners, not {0}")]
    Corners(usize),
    #[error("the corners lie on one line; there is nothing inside them")]
    Flat,
    #[error("a radius is 1 to {MAX_RADIUS} metres, not {0}")]
    Radius(u32),
    #[error("no fix is accurate to 0 metres; it could never hold")]
    Accuracy,
    #[error("a charge is 1 to 100 percent, not {0}")]
    Percent(u8),
    #[error("this can never hold: its parts exclude each other")]
    Never,
}

impl Condition {
    /// Refuses what no condition can mean. `zone` is the policy's.
    pub(crate) fn check(&self, zone: Option<&Zone>, at: &Path) -> Result<(), Fault> {
        self.check_at(zone, at, 0)
    }

    /// Refuses what can never hold.
    pub(crate) fn check_sense(&self, zone: Option<&Zone>, at: &Path) -> Result<(), Fault> {
        if possible::can_hold(self, zone) {
            Ok(())
        } else {
            Err(at.fault(Impossible::Never))
        }
    }

    fn check_at(&self, zone: Option<&Zone>, at: &Path, depth: usize) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            return Err(at.fault(Impossible::TooDeep));
        }
        let at = at.key(self.name());
        let fault = |problem| at.fault(problem);
        let zoned = |own: &Option<Zone>| {
            if own.is_none() && zone.is_none() {
                Err(fault(Impossible::NoZone))
            } else {
                Ok(())
            }
        };
        match self {
            Self::All(parts) | Self::Any(parts) => {
                if parts.is_empty() || parts.len() > MAX_PARTS {
                    return Err(fault(Impossible::Parts(parts.len())));
                }
                parts.iter().enumerate().try_for_each(|(index, part)| {
                    part.check_at(zone, &at.index(index), depth.saturating_add(1))
                })
            }
            Self::Not(part) => part.check_at(zone, &at, depth.saturating_add(1)),
            Self::Weekly(window) => window.check().map_err(fault).and(zoned(&window.zone)),
            Self::Period(period) => period.check().map_err(fault).and(zoned(&period.zone)),
            Self::Network(network) => network.check().map_err(fault),
            Self::Place(place) => place.check().map_err(fault),
            Self::Card(card) => card.check().map_err(fault),
            Self::Session(session) => session.check().map_err(fault),
            Self::Power(power) => power.check().map_err(fault),
            Self::Server(_) => Ok(()),
        }
    }

    /// The word by which it is written.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
            Self::Weekly(_) => "weekly",
            Self::Period(_) => "period",
            Self::Network(_) => "network",
            Self::Place(_) => "place",
            Self::Card(_) => "card",
            Self::Session(_) => "session",
            Self::Power(_) => "power",
            Self::Server(_) => "server",
        }
    }

    /// Every atom in it: everything that is not `all`, `any` or `not`.
    pub fn atoms(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::atoms).collect(),
            Self::Not(part) => part.atoms(),
            Self::Weekly(_)
            | Self::Period(_)
            | Self::Network(_)
            | Self::Place(_)
            | Self::Card(_)
            | Self::Session(_)
            | Self::Power(_)
            | Self::Server(_) => vec![self],
        }
    }

    /// Whether it holds.
    pub fn truth(&self, around: Surroundings<'_>) -> Truth {
        self.answer(&|atom| atom.atom_truth(around))
    }

    /// Whether it holds, given the answers of its atoms.
    fn answer(&self, of: &impl Fn(&Self) -> Truth) -> Truth {
        match self {
            Self::All(parts) => fold(parts, of, Truth::Holds, Truth::Fails),
            Self::Any(parts) => fold(parts, of, Truth::Fails, Truth::Holds),
            Self::Not(part) => match part.answer(of) {
                Truth::Holds => Truth::Fails,
                Truth::Fails => Truth::Holds,
                Truth::Unknown => Truth::Unknown,
            },
            Self::Weekly(_)
            | Self::Period(_)
            | Self::Network(_)
            | Self::Place(_)
            | Self::Card(_)
            | Self::Session(_)
            | Self::Power(_)
            | Self::Server(_) => of(self),
        }
    }

    fn atom_truth(&self, around: Surroundings<'_>) -> Truth {
        let facts = around.facts;
        let zoned = |own: &'_ Option<Zone>, ask: &dyn Fn(&Zone, Timestamp) -> Truth| match (
            own.as_ref().or(around.zone),
            around.now,
        ) {
            (Some(zone), Some(now)) => ask(zone, now),
            (None, _) | (_, None) => Truth::Unknown,
        };
        match self {
            Self::Weekly(window) => zoned(&window.zone, &|zone, now| window.truth(zone, now)),
            Self::Period(period) => zoned(&period.zone, &|zone, now| period.truth(zone, now)),
            Self::Network(network) => network.truth(facts.network.as_ref()),
            Self::Place(place) => place.truth(facts.place),
            Self::Card(card) => card.truth(facts.card.as_ref()),
            Self::Session(session) => session.truth(facts.sessions.as_deref()),
            Self::Power(power) => power.truth(facts.power),
            Self::Server(server) => server.truth(facts.contact, around.now),
            Self::All(_) | Self::Any(_) | Self::Not(_) => self.truth(around),
        }
    }

    /// The first instant after `now` at which time alone may change the answer.
    pub fn next_change(&self, around: Surroundings<'_>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts
                .iter()
                .filter_map(|part| part.next_change(around, now))
                .min(),
            Self::Not(part) => part.next_change(around, now),
            Self::Weekly(window) => window.next_change(window.zone.as_ref().or(around.zone)?, now),
            Self::Period(period) => period.next_change(period.zone.as_ref().or(around.zone)?, now),
            Self::Server(server) => server.next_change(around.facts.contact, now),
            Self::Network(_)
            | Self::Place(_)
            | Self::Card(_)
            | Self::Session(_)
            | Self::Power(_) => None,
        }
    }
}

/// Three-valued `all` (`neutral` holds) and `any` (`neutral` fails).
fn fold(
    parts: &[Condition],
    of: &impl Fn(&Condition) -> Truth,
    neutral: Truth,
    decisive: Truth,
) -> Truth {
    let mut result = neutral;
    for part in parts {
        let truth = part.answer(of);
        if truth == decisive {
            return decisive;
        }
        if truth == Truth::Unknown {
            result = Truth::Unknown;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_time_is_unknown_unless_another_part_settles_it() {
        let text = r#"all = [{ weekly = { days = "mon", from = "08:00", to = "18:00", zone = "UTC" } }, { not = { card = "present" } }]"#;
        let both: Condition = toml::from_str(text).unwrap();
        let mut facts = Facts::default();
        let ask = |facts: &Facts, now: Option<&str>| {
            both.truth(Surroundings {
                now: now.map(|now| now.parse().unwrap()),
                facts,
                zone: None,
            })
        };
        assert_eq!(ask(&facts, None), Truth::Unknown);
        assert_eq!(ask(&facts, Some("2026-11-23T09:00:00Z")), Truth::Unknown);
        assert_eq!(ask(&facts, Some("2026-11-24T09:00:00Z")), Truth::Fails);
        facts.card = Some(crate::facts::CardPresence::Absent);
        assert_eq!(ask(&facts, Some("2026-11-23T09:00:00Z")), Truth::Holds);
        assert_eq!(ask(&facts, None), Truth::Unknown);
    }
}
