//! Periods of the calendar, and the times of tasks.

use cardwarden_policy::condition::Condition;
use cardwarden_policy::document::At;
use chrono::{Datelike as _, Days, Months, NaiveDate};
use chrono_tz::Tz;
use serde_json::json;

use crate::oracle::{
    DAY, Minute, WallClock, compare_edges, compare_minutes, minute_of, timestamp, walk_around, year,
};

const ZONES: [Tz; 6] = [
    chrono_tz::Europe::Berlin,
    chrono_tz::America::Santiago,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Antarctica::Troll,
    chrono_tz::Asia::Kathmandu,
];

/// Civil times of which some are skipped, and some come twice.
const TIMES: [&str; 5] = ["00:00", "00:30", "01:45", "02:30", "12:00"];

fn clock(time: &str) -> Minute {
    minute_of(&format!("1970-01-01T{time}"))
}

fn first_minute(date: NaiveDate) -> Minute {
    Minute::from(date.to_epoch_days()) * DAY
}

#[test]
fn a_period_begins_and_ends_when_the_wall_clock_says() {
    for zone in ZONES {
        let minutes = year(2025);
        let walk = walk_around(zone, &minutes);
        let changes = walk.jumps();
        let middle = minutes.start + 100 * DAY;
        for around in changes.iter().copied().chain([middle]) {
            let day = crate::oracle::civil(zone, around).div_euclid(DAY);
            let date = NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
            let next = date.checked_add_days(Days::new(1)).unwrap();
            for time in TIMES {
                let said = json!({ "from": format!("{date}T{time}"), "to": next.to_string() });
                let start = walk.due(day * DAY + clock(time)).unwrap();
                let end = walk.due((day + 2) * DAY).unwrap();
                period(zone, said, start..end);
                let said = json!({ "from": date.to_string(), "to": format!("{next}T{time}") });
                let start = walk.due(day * DAY).unwrap();
                let end = walk.due((day + 1) * DAY + clock(time)).unwrap();
                period(zone, said, start..end);
            }
        }
    }
}

fn period(zone: Tz, mut said: serde_json::Value, span: std::ops::Range<Minute>) {
    said["zone"] = json!(zone.name());
    let what = said.to_string();
    let condition: Condition = serde_json::from_value(json!({ "period": said })).unwrap();
    let minutes = span.start - DAY..span.end + DAY;
    compare_minutes(&what, &condition, std::slice::from_ref(&span), &minutes);
    compare_edges(&what, &condition, std::slice::from_ref(&span), &minutes);
}

/// Compares the runs of a task in a year.
fn runs(what: &str, at: &At, expected: impl Iterator<Item = Minute>) {
    let minutes = year(2025);
    let mut expected: Vec<Minute> = expected.filter(|run| minutes.contains(run)).collect();
    expected.sort_unstable();
    expected.dedup();
    assert!(!expected.is_empty(), "{what}");
    let mut now = timestamp(minutes.start - 1);
    for run in expected {
        assert_eq!(
            at.next(None, now),
            Some(timestamp(run)),
            "{what} after {now}"
        );
        now = timestamp(run);
    }
    let next = at.next(None, now);
    let is_later = next.is_none_or(|next| next >= timestamp(minutes.end));
    assert!(is_later, "{what} after {now}: {next:?}");
}

fn each(zone: Tz, then: impl Fn(&WallClock, &str)) {
    let walk = walk_around(zone, &year(2025));
    for time in TIMES {
        then(&walk, time);
    }
}

#[test]
fn a_weekly_task_runs_when_the_wall_clock_says() {
    for zone in ZONES {
        each(zone, |walk, time| {
            let said = json!({ "weekly": {
                "days": ["wed", "sat-sun"], "time": time, "zone": zone.name(),
            }});
            let at: At = serde_json::from_value(said.clone()).unwrap();
            let runs_at = walk
                .days()
                .filter(|(date, _)| [2, 5, 6].contains(&date.weekday().num_days_from_monday()))
                .filter_map(|(_, begin)| walk.due(begin + clock(time)));
            runs(&said.to_string(), &at, runs_at);
        });
    }
}

#[test]
fn a_monthly_task_runs_on_its_day_or_the_last_of_the_month() {
    let first = NaiveDate::from_ymd_opt(2024, 12, 1).unwrap();
    for zone in ZONES {
        each(zone, |walk, time| {
            for day in [1_u32, 9, 29, 30, 31] {
                let said = json!({ "monthly": { "day": day, "time": time, "zone": zone.name() }});
                let at: At = serde_json::from_value(said.clone()).unwrap();
                let runs_at = (0..14).filter_map(|month| {
                    let month = first.checked_add_months(Months::new(month))?;
                    let date = (1..=day).rev().find_map(|day| month.with_day(day))?;
                    walk.due(first_minute(date) + clock(time))
                });
                runs(&said.to_string(), &at, runs_at);
            }
        });
    }
}

#[test]
fn a_task_that_runs_once_runs_when_the_wall_clock_says() {
    for zone in ZONES {
        each(zone, |walk, time| {
            let changes = walk.jumps();
            let middle = year(2025).start + 100 * DAY;
            let inside = year(2025);
            for around in changes.iter().copied().chain([middle]) {
                let day = crate::oracle::civil(zone, around).div_euclid(DAY);
                let due = walk.due(day * DAY + clock(time)).unwrap();
                if inside.contains(&due) {
                    let date = NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
                    let said = json!({ "once": {
                        "date": format!("{date}T{time}"), "zone": zone.name(),
                    }});
                    let at: At = serde_json::from_value(said.clone()).unwrap();
                    runs(&said.to_string(), &at, std::iter::once(due));
                }
            }
        });
    }
}
