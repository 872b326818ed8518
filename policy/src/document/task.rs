//! Tasks: operations at set times, without a server (P7 of the use case).

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Notice, Switch, is_default};
use crate::condition::{ClockTime, Days, Moment, Zone};
use crate::function::Function;
use crate::span::Span;

/// One task.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Task {
    /// The name by which it is given as a reason and reported; unique in its policy.
    pub id: String,
    /// What it switches.
    pub functions: BTreeSet<Function>,
    /// How.
    pub action: Switch,
    /// When.
    pub at: At,
    /// For how long; until another task switches the function, when not given.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
    /// What becomes of runs that came while the device was off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub missed: Missed,
    /// What the person at the device is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notice>,
}

/// When a task runs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// Once.
    Once(Once),
    /// On some days of every week.
    Weekly(WeeklyAt),
    /// On one day of every month.
    Monthly(Monthly),
}

/// A minute of the calendar.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Once {
    /// The minute, such as `2026-12-24T18:00`; a day alone means its first minute.
    pub date: Moment,
    /// The zone whose wall clock counts; the policy's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A time on some days of every week.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyAt {
    /// The days.
    pub days: Days,
    /// The time.
    pub time: ClockTime,
    /// The zone whose wall clock counts; the policy's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A time on one day of every month.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monthly {
    /// The day, 1 to 31; in a month that is shorter, its last.
    pub day: u8,
    /// The time.
    pub time: ClockTime,
    /// The zone whose wall clock counts; the policy's when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// What becomes of runs that came while the device was off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Each is run as soon as can be, in order.
    #[default]
    RunLate,
    /// None is run.
    Skip,
    /// The latest alone is run as soon as can be.
    LatestOnly,
}

impl At {
    pub(crate) const fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Once(once) => once.zone.as_ref(),
            Self::Weekly(weekly) => weekly.zone.as_ref(),
            Self::Monthly(monthly) => monthly.zone.as_ref(),
        }
    }

    /// The first run after an instant. `zone` is the policy's.
    pub fn next(&self, zone: Option<&Zone>, after: Timestamp) -> Option<Timestamp> {
        let zone = self.zone().or(zone)?;
        let later = |instant: &Timestamp| *instant > after;
        match self {
            Self::Once(once) => once.date.begin(zone).filter(later),
            Self::Weekly(weekly) => (-1_i32..=8)
                .filter_map(|days| zone.date(after).checked_add(days_of(days)).ok())
                .filter(|date| weekly.days.contains(date.weekday().into()))
                .filter_map(|date| zone.instant(date, weekly.time))
                .find(later),
            Self::Monthly(monthly) => {
                let this = zone.date(after).first_of_month();
                (-1_i32..=2)
                    .filter_map(|months| {
                        this.checked_add(jiff::Span::new().try_months(months).ok()?)
                            .ok()
                    })
                    .filter_map(|month| monthly.date(month))
                    .filter_map(|date| zone.instant(date, monthly.time))
                    .find(later)
            }
        }
    }
}

fn days_of(count: i32) -> jiff::Span {
    jiff::Span::new().try_days(count).unwrap_or_default()
}

impl Monthly {
    /// The day in a month that is given by its first.
    fn date(&self, month: Date) -> Option<Date> {
        let last = month.last_of_month().day();
        let day = i8::try_from(self.day).ok()?.min(last);
        Date::new(month.year(), month.month(), day).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &str, from: &str, count: usize) -> Vec<String> {
        let at: At = toml::from_str(text).unwrap();
        let mut now: Timestamp = from.parse().unwrap();
        let mut runs = Vec::new();
        while let Some(next) = at.next(None, now).filter(|_| runs.len() < count) {
            runs.push(next.to_string());
            now = next;
        }
        runs
    }

    #[test]
    fn a_short_month_has_its_run_on_its_last_day() {
        let text = r#"monthly = { day = 31, time = "08:00", zone = "UTC" }"#;
        assert_eq!(
            runs(text, "2027-01-31T08:00:00Z", 3),
            [
                "2027-02-28T08:00:00Z",
                "2027-03-31T08:00:00Z",
                "2027-04-30T08:00:00Z"
            ]
        );
    }

    #[test]
    fn a_weekly_run_keeps_its_wall_clock_time_across_daylight_saving() {
        let text = r#"weekly = { days = "sun", time = "08:00", zone = "Europe/Berlin" }"#;
        assert_eq!(
            runs(text, "2026-10-18T06:00:00Z", 2),
            ["2026-10-25T07:00:00Z", "2026-11-01T07:00:00Z"]
        );
    }

    #[test]
    fn what_runs_once_runs_once() {
        let text = r#"once = { date = "2026-12-24T18:00", zone = "Europe/Berlin" }"#;
        assert_eq!(
            runs(text, "2026-01-01T00:00:00Z", 3),
            ["2026-12-24T17:00:00Z"]
        );
    }
}
