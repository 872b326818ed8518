//! Windows that come back every week, and periods of the calendar.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Impossible, Truth};
use crate::condition::clock_time::{ClockTime, Day, Days, Zone};
use crate::spelt::spelt;

/// A window on some days of every week, in the wall-clock time of a named zone. A window whose
/// end is not after its start runs across midnight into the next day.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// The days on which the window starts.
    pub days: Days,
    /// When it starts.
    pub from: ClockTime,
    /// When it ends; that minute is no longer part of it.
    pub to: ClockTime,
    /// The zone whose wall clock counts, by its IANA name; the policy's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

impl Weekly {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        if self.days.is_empty() {
            return Err(Impossible::NoDay);
        }
        let is_whole_day = self.from < self.to;
        if self.from.is_same_as(self.to) && !is_whole_day {
            return Err(Impossible::NoLength(self.from.into()));
        }
        Ok(())
    }

    pub(super) fn truth(&self, zone: &Zone, now: Timestamp) -> Truth {
        let inside = self
            .windows(zone, now)
            .take_while(|(start, _)| *start <= now)
            .any(|(_, end)| now < end);
        Truth::from(inside)
    }

    /// The first edge after `now`. Windows come in the order of their starts, so the first that
    /// starts later ends the search.
    pub(super) fn next_change(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for (start, end) in self.windows(zone, now) {
            for edge in [start, end].into_iter().filter(|edge| *edge > now) {
                first = Some(first.map_or(edge, |known| known.min(edge)));
            }
            if start > now {
                break;
            }
        }
        first
    }

    /// The windows that start from two days before `now` to eight days after it. One that runs
    /// across midnight and a zone's largest jump started at most two days ago; one that is to
    /// come starts within a week. A window that a jump of the clock swallows is left out.
    fn windows(&self, zone: &Zone, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = zone.date(now);
        (-2_i32..=8).filter_map(move |offset| {
            let date = today.checked_add(offset.days()).ok()?;
            if !self.days.contains(Day::from(date.weekday())) {
                return None;
            }
            let last = if self.to > self.from {
                date
            } else {
                date.tomorrow().ok()?
            };
            let start = zone.instant(date, self.from)?;
            let end = zone.instant(last, self.to)?;
            (start < end).then_some((start, end))
        })
    }
}

/// Some time of the calendar, once. One end may be open.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first day or minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// The last day, which is part of it, or the minute at which it ends, which is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// The zone whose wall clock counts; the policy's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A day (`2026-12-24`), or a minute of one (`2026-12-24T18:00`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    /// A whole day.
    Day(Date),
    /// A minute.
    Minute(DateTime),
}

/// The text is no date.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no date; write for example 2026-12-24 or 2026-12-24T18:00")]
pub struct NoMoment(String);

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let wrong = || NoMoment(text.to_owned());
        if let Ok(date) = Date::strptime("%Y-%m-%d", text) {
            return Ok(Self::Day(date));
        }
        DateTime::strptime("%Y-%m-%dT%H:%M", text)
            .map(Self::Minute)
            .map_err(|_no_date| wrong())
    }
}

spelt!(Moment, NoMoment);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => write!(f, "{}", date.strftime("%Y-%m-%d")),
            Self::Minute(at) => write!(f, "{}", at.strftime("%Y-%m-%dT%H:%M")),
        }
    }
}

impl Moment {
    /// The instant at which it begins.
    pub(crate) fn begin(self, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Day(date) => zone.instant_of(date.into()),
            Self::Minute(at) => zone.instant_of(at),
        }
    }

    /// The instant at which a period ends whose last day or end it is.
    pub(crate) fn end(self, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Day(date) => zone.instant_of(date.tomorrow().ok()?.into()),
            Self::Minute(at) => zone.instant_of(at),
        }
    }

    /// The earliest civil time that it stands for, for comparing.
    fn first(self) -> DateTime {
        match self {
            Self::Day(date) => date.into(),
            Self::Minute(at) => at,
        }
    }

    /// The civil time after which a period ends whose last day or end it is.
    fn last(self) -> DateTime {
        match self {
            Self::Day(date) => date.at(23, 59, 59, 0),
            Self::Minute(at) => at,
        }
    }
}

impl Period {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        match (self.from, self.to) {
            (None, None) => Err(Impossible::Endless),
            (Some(from), Some(to)) if from.first() >= to.last() => Err(Impossible::Backwards {
                from: from.to_string(),
                to: to.to_string(),
            }),
            (Some(_), _) | (_, Some(_)) => Ok(()),
        }
    }

    pub(super) fn truth(&self, zone: &Zone, now: Timestamp) -> Truth {
        let (start, end) = self.edges(zone);
        Truth::from(start.is_none_or(|start| start <= now) && end.is_none_or(|end| now < end))
    }

    pub(super) fn next_change(&self, zone: &Zone, now: Timestamp) -> Option<Timestamp> {
        let (start, end) = self.edges(zone);
        [start, end]
            .into_iter()
            .flatten()
            .filter(|edge| *edge > now)
            .min()
    }

    /// Its first instant, and the first after it.
    pub(super) fn edges(&self, zone: &Zone) -> (Option<Timestamp>, Option<Timestamp>) {
        (
            self.from.and_then(|from| from.begin(zone)),
            self.to.and_then(|to| to.end(zone)),
        )
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
            zone: None,
        }
    }

    fn berlin() -> Zone {
        "Europe/Berlin".to_owned().try_into().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn contains(window: &Weekly, now: &str) -> bool {
        window.truth(&berlin(), at(now)) == Truth::Holds
    }

    #[test]
    fn a_window_holds_from_its_first_minute_to_before_its_last() {
        let office = window(&[Day::Mon], "08:00", "18:00");
        // 2026-11-23 is a Monday; Berlin is one hour ahead of UTC in November.
        assert!(!contains(&office, "2026-11-23T06:59:59Z"));
        assert!(contains(&office, "2026-11-23T07:00:00Z"));
        assert!(contains(&office, "2026-11-23T16:59:59Z"));
        assert!(!contains(&office, "2026-11-23T17:00:00Z"));
        assert!(!contains(&office, "2026-11-24T08:00:00Z"));
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_starts_on() {
        let night = window(&[Day::Sun], "22:00", "06:00");
        assert!(contains(&night, "2026-11-22T21:30:00Z"));
        assert!(contains(&night, "2026-11-23T04:59:00Z"));
        assert!(!contains(&night, "2026-11-23T05:00:00Z"));
        assert!(!contains(&night, "2026-11-23T21:30:00Z"));
    }

    #[test]
    fn the_next_change_is_an_edge_and_follows_daylight_saving() {
        let office = window(&[Day::Sun, Day::Mon], "08:00", "18:00");
        // The clocks go back on 2026-10-25, at 01:00 UTC.
        assert_eq!(
            office.next_change(&berlin(), at("2026-10-24T20:00:00Z")),
            Some(at("2026-10-25T07:00:00Z"))
        );
        assert_eq!(
            office.next_change(&berlin(), at("2026-10-25T07:00:00Z")),
            Some(at("2026-10-25T17:00:00Z"))
        );
    }

    #[test]
    fn the_last_day_of_a_period_is_part_of_it_and_its_last_minute_is_not() {
        let holidays = Period {
            from: Some("2026-12-24".parse().unwrap()),
            to: Some("2027-01-06".parse().unwrap()),
            zone: None,
        };
        let holds = |now| holidays.truth(&berlin(), at(now)) == Truth::Holds;
        assert!(!holds("2026-12-23T22:59:59Z"));
        assert!(holds("2026-12-23T23:00:00Z"));
        assert!(holds("2027-01-06T22:59:59Z"));
        assert!(!holds("2027-01-06T23:00:00Z"));
        let meeting = Period {
            to: Some("2026-12-24T18:00".parse().unwrap()),
            ..holidays
        };
        assert_eq!(
            meeting.next_change(&berlin(), at("2026-12-24T16:00:00Z")),
            Some(at("2026-12-24T17:00:00Z"))
        );
    }
}
