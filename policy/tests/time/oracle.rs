//! The oracle: a wall clock that is walked minute by minute. Nothing in here knows offsets or
//! rules; it only looks at what the clock shows.
//!
//! An appointment at some civil minute is due when the wall clock first shows it. Where the clock
//! jumps forward, somebody who did not notice goes on counting from what it last showed: the
//! minutes that it never showed are due when that count reaches them.

use std::collections::BTreeSet;
use std::ops::Range;

use cardwarden_policy::condition::{Condition, Surroundings, Truth};
use cardwarden_policy::facts::Facts;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use jiff::{SignedDuration, Timestamp};

/// Minutes since 1970, of UTC or of a wall clock.
pub(crate) type Minute = i64;

/// Minutes of a day.
pub(crate) const DAY: Minute = 1440;

/// What a zone's wall clock shows in some minutes of UTC.
pub(crate) struct WallClock {
    first: Minute,
    shown: Vec<Minute>,
    /// The first civil minute that `due` knows, and the minute of UTC at which each is due.
    first_civil: Minute,
    due: Vec<Option<Minute>>,
}

/// A count of minutes as a place in a list.
fn place(minutes: Minute) -> usize {
    usize::try_from(minutes).unwrap()
}

/// What the wall clock shows at a minute of UTC.
pub(crate) fn civil(zone: Tz, minute: Minute) -> Minute {
    let utc = DateTime::from_timestamp(minute * 60, 0).unwrap();
    utc.with_timezone(&zone).naive_local().and_utc().timestamp() / 60
}

impl WallClock {
    /// Walks a zone's clock.
    pub(crate) fn walk(zone: Tz, minutes: Range<Minute>) -> Self {
        let shown: Vec<Minute> = minutes.clone().map(|minute| civil(zone, minute)).collect();
        let first_civil = *shown.iter().min().unwrap();
        let last_civil = *shown.iter().max().unwrap();
        let mut due = vec![None; place(last_civil - first_civil + 1)];
        let at = |civil: Minute| place(civil - first_civil);
        for (minute, now) in minutes.clone().zip(&shown) {
            due[at(*now)].get_or_insert(minute);
        }
        for (minute, pair) in minutes.clone().skip(1).zip(shown.windows(2)) {
            for (counted, skipped) in (minute..).zip(pair[0] + 1..pair[1]) {
                due[at(skipped)].get_or_insert(counted);
            }
        }
        Self {
            first: minutes.start,
            shown,
            first_civil,
            due,
        }
    }

    /// The minutes of UTC at which the clock does not go on by one minute.
    pub(crate) fn jumps(&self) -> Vec<Minute> {
        (self.first + 1..)
            .zip(self.shown.windows(2))
            .filter(|(_, pair)| pair[1] != pair[0] + 1)
            .map(|(minute, _)| minute)
            .collect()
    }

    /// When a civil minute is due, where this walk shows it.
    pub(crate) fn due(&self, civil: Minute) -> Option<Minute> {
        *self
            .due
            .get(usize::try_from(civil - self.first_civil).ok()?)?
    }

    /// The days that begin within the walk, each with its first civil minute.
    pub(crate) fn days(&self) -> impl Iterator<Item = (NaiveDate, Minute)> {
        let last = self.first_civil + Minute::try_from(self.due.len()).unwrap();
        (self.first_civil.div_euclid(DAY)..last.div_euclid(DAY)).map(|day| {
            let date = NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
            (date, day * DAY)
        })
    }
}

/// A weekly window as the oracle knows it: the days from Monday, and minutes of the day.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) zone: Tz,
    pub(crate) days: [bool; 7],
    pub(crate) from: Minute,
    pub(crate) to: Minute,
}

impl Window {
    /// The same as a policy says it.
    pub(crate) fn condition(&self) -> Condition {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<&str> = NAMES
            .into_iter()
            .zip(self.days)
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
            .collect();
        let clock = |minute: Minute| format!("{:02}:{:02}", minute / 60, minute % 60);
        serde_json::from_value(serde_json::json!({ "weekly": {
            "days": days, "from": clock(self.from), "to": clock(self.to), "zone": self.zone.name(),
        }}))
        .unwrap()
    }

    /// From when to when it holds, by the wall clock, each time that it does.
    pub(crate) fn spans(&self, clock: &WallClock) -> Vec<Range<Minute>> {
        let last = if self.to > self.from { 0 } else { DAY };
        clock
            .days()
            .filter(|(date, _)| self.days[place(date.weekday().num_days_from_monday().into())])
            .filter_map(|(_, begin)| {
                let start = clock.due(begin + self.from)?;
                let end = clock.due(begin + last + self.to)?;
                Some(start..end)
            })
            .filter(|span| !span.is_empty())
            .collect()
    }
}

/// Every minute of a walk in which one of the spans holds.
pub(crate) fn held(spans: &[Range<Minute>], minutes: &Range<Minute>) -> Vec<bool> {
    let mut held = vec![false; place(minutes.end - minutes.start)];
    for span in spans {
        let begin = span.start.clamp(minutes.start, minutes.end) - minutes.start;
        let end = span.end.clamp(minutes.start, minutes.end) - minutes.start;
        held[place(begin)..place(end)].fill(true);
    }
    held
}

/// Every edge of the spans after the first of some minutes, and not after the last.
pub(crate) fn edges(spans: &[Range<Minute>], minutes: &Range<Minute>) -> BTreeSet<Minute> {
    spans
        .iter()
        .flat_map(|span| [span.start, span.end])
        .filter(|edge| minutes.start < *edge && *edge <= minutes.end)
        .collect()
}

pub(crate) fn timestamp(minute: Minute) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

pub(crate) fn minute_of(date: &str) -> Minute {
    NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H:%M")
        .unwrap()
        .and_utc()
        .timestamp()
        / 60
}

/// The year's minutes of UTC.
pub(crate) fn year(year: i32) -> Range<Minute> {
    minute_of(&format!("{year}-01-01T00:00"))..minute_of(&format!("{}-01-01T00:00", year + 1))
}

/// A walk with enough around some minutes to know the windows that reach into them.
pub(crate) fn walk_around(zone: Tz, minutes: &Range<Minute>) -> WallClock {
    WallClock::walk(zone, minutes.start - 4 * DAY..minutes.end + 12 * DAY)
}

/// Whether a condition holds at an instant.
pub(crate) fn holds(condition: &Condition, now: Timestamp) -> bool {
    let facts = Facts::default();
    let around = Surroundings {
        now: Some(now),
        facts: &facts,
        zone: None,
    };
    match condition.truth(around) {
        Truth::Holds => true,
        Truth::Fails => false,
        Truth::Unknown => panic!("at a known time, a time is known"),
    }
}

/// The next change that a condition tells.
pub(crate) fn next_change(condition: &Condition, now: Timestamp) -> Option<Timestamp> {
    let facts = Facts::default();
    let around = Surroundings {
        now: Some(now),
        facts: &facts,
        zone: None,
    };
    condition.next_change(around, now)
}

/// Compares every minute.
pub(crate) fn compare_minutes(
    what: &str,
    condition: &Condition,
    spans: &[Range<Minute>],
    minutes: &Range<Minute>,
) {
    for (minute, is_held) in minutes.clone().zip(held(spans, minutes)) {
        let now = timestamp(minute);
        assert_eq!(holds(condition, now), is_held, "{what} at {now}");
    }
}

/// Compares the chain of changes with the edges, and what holds around each of them.
pub(crate) fn compare_edges(
    what: &str,
    condition: &Condition,
    spans: &[Range<Minute>],
    minutes: &Range<Minute>,
) {
    let mut now = timestamp(minutes.start);
    let held = held(spans, &(minutes.start..minutes.end + 1));
    let is_held = |minute: Minute| held[place(minute - minutes.start)];
    for edge in edges(spans, minutes) {
        let next = next_change(condition, now);
        assert_eq!(
            next,
            Some(timestamp(edge)),
            "{what}: the change after {now}"
        );
        now = timestamp(edge);
        let before = now - SignedDuration::from_secs(1);
        assert_eq!(
            holds(condition, before),
            is_held(edge - 1),
            "{what} before {now}"
        );
        assert_eq!(holds(condition, now), is_held(edge), "{what} at {now}");
    }
    let next = next_change(condition, now);
    assert!(
        next.is_none_or(|next| next > timestamp(minutes.end)),
        "{what}: {next:?} is no edge"
    );
}
