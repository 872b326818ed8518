//! When a rule holds. A condition has three answers, since a device does not always know: early
//! in a boot its clock may still stand at the year of its making.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Deepest nesting of `all`, `any` and `not`.
pub const MAX_DEPTH: usize = 8;
/// Most parts of one `all` or `any`.
pub const MAX_PARTS: usize = 64;
/// Minutes in a civil day.
const DAY: u16 = 24 * 60;

/// When a rule holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
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
}

/// A window on some days of every week, in the wall-clock time of a named zone. A window whose
/// end is not after its start runs across midnight into the next day.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// The days on which the window starts.
    pub days: BTreeSet<Day>,
    /// When it starts.
    pub from: ClockTime,
    /// When it ends; that minute is no longer part of it.
    pub to: ClockTime,
    /// The zone whose wall clock counts, by its IANA name.
    pub zone: Zone,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of the days say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// A time of day, `HH:MM`, in minutes from midnight: 0 to 1440 (`24:00`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

/// The text is no time of day.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no time of day; write HH:MM, from 00:00 to 24:00")]
pub struct NoClockTime(String);

impl TryFrom<String> for ClockTime {
    type Error = NoClockTime;

    fn try_from(text: String) -> Result<Self, NoClockTime> {
        let two_digits = |part: &str| -> Option<u16> {
            (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
        };
        text.split_once(':')
            .and_then(|(hours, minutes)| Some((two_digits(hours)?, two_digits(minutes)?)))
            .filter(|(_, minutes)| *minutes < 60)
            .map(|(hours, minutes)| hours.saturating_mul(60).saturating_add(minutes))
            .filter(|total| *total <= DAY)
            .map(Self)
            .ok_or(NoClockTime(text))
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

/// A time zone of the IANA database. The database is compiled in, so that the same policy means
/// the same on every device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The name is not in the IANA database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no time zone of the IANA database; write for example Europe/Berlin")]
pub struct UnknownZone(String);

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        match jiff::tz::TimeZoneDatabase::bundled().get(&name) {
            Ok(rules) => Ok(Self { name, rules }),
            Err(_unknown) => Err(UnknownZone(name)),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
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

/// A condition that cannot be meant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// Start and end are one minute.
    #[error("the window starts and ends at {0}; it has no length")]
    NoLength(String),
    /// No day is named.
    #[error("the window names no day; it could never hold")]
    NoDay,
    /// `all` or `any` of nothing, or of more than [`MAX_PARTS`].
    #[error("`all` and `any` take 1 to {MAX_PARTS} conditions, not {0}")]
    Parts(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("conditions are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl Condition {
    /// Refuses what no condition can mean.
    pub fn check(&self) -> Result<(), Impossible> {
        self.check_at(0)
    }

    fn check_at(&self, depth: usize) -> Result<(), Impossible> {
        if depth >= MAX_DEPTH {
            return Err(Impossible::TooDeep);
        }
        match self {
            Self::All(parts) | Self::Any(parts) => {
                if parts.is_empty() || parts.len() > MAX_PARTS {
                    return Err(Impossible::Parts(parts.len()));
                }
                parts
                    .iter()
                    .try_for_each(|part| part.check_at(depth.saturating_add(1)))
            }
            Self::Not(part) => part.check_at(depth.saturating_add(1)),
            Self::Weekly(window) => window.check(),
        }
    }

    /// Whether it holds at `now`; `None` when the time is not known.
    pub fn truth(&self, now: Option<Timestamp>) -> Truth {
        match self {
            Self::All(parts) => fold(parts, now, Truth::Holds, Truth::Fails),
            Self::Any(parts) => fold(parts, now, Truth::Fails, Truth::Holds),
            Self::Not(part) => match part.truth(now) {
                Truth::Holds => Truth::Fails,
                Truth::Fails => Truth::Holds,
                Truth::Unknown => Truth::Unknown,
            },
            Self::Weekly(window) => match now {
                None => Truth::Unknown,
                Some(now) if window.contains(now) => Truth::Holds,
                Some(_) => Truth::Fails,
            },
        }
    }

    /// The first instant after `now` at which time alone may change the answer.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().filter_map(|part| part.next_change(now)).min()
            }
            Self::Not(part) => part.next_change(now),
            Self::Weekly(window) => window.next_change(now),
        }
    }
}

/// Three-valued `all` (`neutral` holds) and `any` (`neutral` fails).
fn fold(parts: &[Condition], now: Option<Timestamp>, neutral: Truth, decisive: Truth) -> Truth {
    let mut result = neutral;
    for part in parts {
        let truth = part.truth(now);
        if truth == decisive {
            return decisive;
        }
        if truth == Truth::Unknown {
            result = Truth::Unknown;
        }
    }
    result
}

impl Weekly {
    fn check(&self) -> Result<(), Impossible> {
        if self.days.is_empty() {
            return Err(Impossible::NoDay);
        }
        if self.from.0 % DAY == self.to.0 % DAY && !self.is_whole_day() {
            return Err(Impossible::NoLength(self.from.into()));
        }
        Ok(())
    }

    fn is_whole_day(&self) -> bool {
        self.from.0 == 0 && self.to.0 == DAY
    }

    fn contains(&self, now: Timestamp) -> bool {
        self.windows(now)
            .any(|(start, end)| start <= now && now < end)
    }

    fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.windows(now)
            .flat_map(|(start, end)| [start, end])
            .filter(|edge| *edge > now)
            .min()
    }

    /// The windows that start from two days before `now` to eight days after it. One that runs
    /// across midnight and a zone's largest jump started at most two days ago; one that is to
    /// come starts within a week.
    fn windows(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.rules.to_datetime(now).date();
        (-2_i32..=8).filter_map(move |offset| {
            let date = today.checked_add(offset.days()).ok()?;
            if !self.days.contains(&Day::from(date.weekday())) {
                return None;
            }
            let last = if self.to > self.from {
                date
            } else {
                date.tomorrow().ok()?
            };
            Some((self.instant(date, self.from)?, self.instant(last, self.to)?))
        })
    }

    /// A wall-clock time that a zone skips is taken as if the clock had not jumped; of one that
    /// comes twice, the first (RFC 5545, 3.3.5).
    fn instant(&self, date: Date, time: ClockTime) -> Option<Timestamp> {
        let midnight: DateTime = date.to_datetime(jiff::civil::Time::midnight());
        let civil = midnight.checked_add(i64::from(time.0).minutes()).ok()?;
        self.zone
            .rules
            .to_ambiguous_timestamp(civil)
            .compatible()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str) -> Weekly {
        Weekly {
            days: days.iter().copied().collect(),
            from: from.to_owned().try_into().unwrap(),
            to: to.to_owned().try_into().unwrap(),
            zone: "Europe/Berlin".to_owned().try_into().unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_holds_from_its_first_minute_to_before_its_last() {
        let office = window(&[Day::Mon], "08:00", "18:00");
        // 2026-11-23 is a Monday; Berlin is one hour ahead of UTC in November.
        assert!(!office.contains(at("2026-11-23T06:59:59Z")));
        assert!(office.contains(at("2026-11-23T07:00:00Z")));
        assert!(office.contains(at("2026-11-23T16:59:59Z")));
        assert!(!office.contains(at("2026-11-23T17:00:00Z")));
        assert!(!office.contains(at("2026-11-24T08:00:00Z")));
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_starts_on() {
        let night = window(&[Day::Sun], "22:00", "06:00");
        assert!(night.contains(at("2026-11-22T21:30:00Z")));
        assert!(night.contains(at("2026-11-23T04:59:00Z")));
        assert!(!night.contains(at("2026-11-23T05:00:00Z")));
        assert!(!night.contains(at("2026-11-23T21:30:00Z")));
    }

    #[test]
    fn the_next_change_is_an_edge_and_follows_daylight_saving() {
        let office = window(&[Day::Sun, Day::Mon], "08:00", "18:00");
        // The clocks go back on 2026-10-25, at 01:00 UTC.
        assert_eq!(
            office.next_change(at("2026-10-24T20:00:00Z")),
            Some(at("2026-10-25T07:00:00Z"))
        );
        assert_eq!(
            office.next_change(at("2026-10-25T07:00:00Z")),
            Some(at("2026-10-25T17:00:00Z"))
        );
    }

    #[test]
    fn an_unknown_time_is_unknown_unless_another_part_settles_it() {
        let weekly = Condition::Weekly(window(&[Day::Mon], "08:00", "18:00"));
        let never = Condition::All(vec![
            weekly.clone(),
            Condition::Not(Box::new(Condition::Any(vec![weekly.clone()]))),
        ]);
        assert_eq!(weekly.truth(None), Truth::Unknown);
        assert_eq!(never.truth(None), Truth::Unknown);
        assert_eq!(never.truth(Some(at("2026-11-23T09:00:00Z"))), Truth::Fails);
    }
}
