//! Times of day, days of the week, and zones.

use std::fmt;
use std::hash::{Hash, Hasher};

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneName};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::nearest::nearest;

/// Minutes in a civil day.
const DAY: u16 = 24 * 60;

/// A day of the week.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
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

impl Day {
    /// The week, as ISO 8601 has it.
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];

    /// The name used in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.name() == name)
    }
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

/// Some days of the week: one (`"mon"`), a run of them (`"mon-fri"`, `"sat-mon"`), or a list of
/// either.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(
    try_from = "crate::many::Many<String>",
    into = "crate::many::Many<String>"
)]
pub struct Days(u8);

/// The text names no day.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is no day; write mon, tue, wed, thu, fri, sat, sun, or a run such as mon-fri{help}"
)]
pub struct NoDays {
    text: String,
    help: String,
}

impl Days {
    /// Whether a day is one of them.
    pub fn contains(self, day: Day) -> bool {
        self.0 & bit(day) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Every one of them, from Monday.
    pub fn iter(self) -> impl Iterator<Item = Day> {
        Day::ALL.into_iter().filter(move |day| self.contains(*day))
    }
}

fn bit(day: Day) -> u8 {
    match day {
        Day::Mon => 1,
        Day::Tue => 2,
        Day::Wed => 4,
        Day::Thu => 8,
        Day::Fri => 16,
        Day::Sat => 32,
        Day::Sun => 64,
    }
}

impl FromIterator<Day> for Days {
    fn from_iter<I: IntoIterator<Item = Day>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |all, day| all | bit(day)))
    }
}

impl TryFrom<crate::many::Many<String>> for Days {
    type Error = NoDays;

    fn try_from(texts: crate::many::Many<String>) -> Result<Self, NoDays> {
        texts.iter().try_fold(Self(0), |all, text| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let named = |name: &str| {
                Day::from_name(name).ok_or_else(|| NoDays {
                    text: text.clone(),
                    help: nearest(name, &Day::ALL.map(Day::name)),
                })
            };
            let (first, last) = (named(first)?, named(last)?);
            let run = Day::ALL.into_iter().cycle().skip_while(|day| *day != first);
            let before = run.take_while(|day| *day != last);
            Ok(Self(
                before.fold(all.0 | bit(last), |all, day| all | bit(day)),
            ))
        })
    }
}

impl From<Days> for crate::many::Many<String> {
    /// Runs of three and more days are written as such.
    fn from(days: Days) -> Self {
        let mut texts = Vec::new();
        let mut rest = Day::ALL.as_slice();
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            if !days.contains(*first) {
                continue;
            }
            let length = others.iter().take_while(|day| days.contains(**day)).count();
            match others.get(length.saturating_sub(1)) {
                Some(last) if length >= 2 => {
                    texts.push(format!("{}-{}", first.name(), last.name()));
                    rest = others.get(length..).unwrap_or_default();
                }
                Some(_) | None => texts.push(first.name().to_owned()),
            }
        }
        texts.into_iter().collect()
    }
}

/// A time of day, `HH:MM`, in minutes from midnight: 0 to 1440 (`24:00`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

/// The text is no time of day.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no time of day; write HH:MM, from 00:00 to 24:00")]
pub struct NoClockTime(String);

impl ClockTime {
    /// The end of a day.
    pub const MIDNIGHT: Self = Self(DAY);

    /// Whether both are the same time of day; the end of a day is the start of the next.
    pub const fn is_same_as(self, other: Self) -> bool {
        self.0 % DAY == other.0 % DAY
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

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
        time.to_string()
    }
}

/// A time zone of the IANA database. The database is compiled in, so that the same policy means
/// the same on every device.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The name is not in the IANA database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{name}` is no time zone of the IANA database; write for example Europe/Berlin{help}")]
pub struct UnknownZone {
    name: String,
    help: String,
}

impl Zone {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules.
    pub const fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The day that its wall clock shows.
    pub(crate) fn date(&self, instant: Timestamp) -> Date {
        self.rules.to_datetime(instant).date()
    }

    /// The instant at which its wall clock shows a time. A time that the zone skips is taken as if
    /// the clock had not jumped; of one that comes twice, the first (RFC 5545, 3.3.5).
    pub(crate) fn instant(&self, date: Date, time: ClockTime) -> Option<Timestamp> {
        let midnight: DateTime = date.to_datetime(jiff::civil::Time::midnight());
        self.instant_of(midnight.checked_add(i64::from(time.0).minutes()).ok()?)
    }

    /// The same for a date with its time.
    pub(crate) fn instant_of(&self, civil: DateTime) -> Option<Timestamp> {
        self.rules.to_ambiguous_timestamp(civil).compatible().ok()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;

    fn try_from(name: String) -> Result<Self, UnknownZone> {
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        match zones.get(&name) {
            Ok(rules) => Ok(Self { name, rules }),
            Err(_unknown) => {
                let known: Vec<_> = zones.available().collect();
                let known: Vec<&str> = known.iter().map(TimeZoneName::as_str).collect();
                Err(UnknownZone {
                    help: nearest(&name, &known),
                    name,
                })
            }
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}
