//! A week: for each day and function, what holds from which minute to which.

use cardwarden_policy::{Function, Ruling};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use super::super::simulation::{Simulation, State, Stretch, shown, spares, why};
use crate::failure::Failure;

/// Minutes that a day has on a clock.
pub(super) const DAY: u16 = 24 * 60;

/// A week.
#[derive(Serialize)]
pub(super) struct Week {
    /// Whose policy it is.
    pub(super) organisation: Option<String>,
    /// The zone of its clock.
    pub(super) zone: String,
    /// Its Monday.
    pub(super) monday: Date,
    /// What the policy asks for and is not known.
    pub(super) unknown: Vec<&'static str>,
    /// The functions of which the same holds all week.
    pub(super) steady: Vec<Steady>,
    /// Seven days, with the functions that change during the week.
    pub(super) days: Vec<Day>,
}

/// A function of which the same holds all week.
#[derive(Serialize)]
pub(super) struct Steady {
    pub(super) function: Function,
    pub(super) state: State,
    pub(super) why: String,
}

/// A day.
#[derive(Serialize)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) rows: Vec<Row>,
}

/// A function on a day.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) function: Function,
    pub(super) bars: Vec<Bar>,
}

/// What holds from one minute of a day to another, by its clock.
#[derive(Serialize)]
pub(super) struct Bar {
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) state: State,
    pub(super) why: String,
}

/// The Monday of a day's week.
pub(super) fn monday(day: Date) -> Option<Date> {
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(since.days()).ok()
}

impl Week {
    /// The week that begins on a Monday.
    pub(super) fn of(
        simulation: &Simulation,
        monday: Date,
        unknown: Vec<&'static str>,
    ) -> Result<Self, Failure> {
        let zone = simulation.zone();
        let beyond = |error| Failure::because("the calendar ends in that week", &error);
        let dates = (0_i64..7)
            .map(|days| monday.checked_add(days.days()))
            .collect::<Result<Vec<Date>, _>>()
            .map_err(beyond)?;
        // A clock that goes back, or that another zone is ahead of, never takes more than a day.
        let edge = |days: i64| monday.checked_add(days.days()).map(DateTime::from);
        let instant = |civil| zone.to_ambiguous_timestamp(civil).compatible();
        let from = edge(0).and_then(instant).map_err(beyond)?;
        let to = edge(8).and_then(instant).map_err(beyond)?;
        let stretches = simulation.timeline(from, to);
        let clock: Vec<Vec<usize>> = dates
            .iter()
            .map(|date| minutes(*date, &zone, &stretches))
            .collect();
        let mut week = Self {
            organisation: simulation.policy().organisation.clone(),
            zone: zone.iana_name().unwrap_or("local time").to_owned(),
            monday,
            unknown,
            steady: Vec::new(),
            days: dates
                .into_iter()
                .map(|date| Day {
                    date,
                    rows: Vec::new(),
                })
                .collect(),
        };
        let ruling = |at: usize, function| stretches.get(at)?.decision.rulings.get(&function);
        let is_same = |one, other| {
            (0..stretches.len())
                .all(|at| ruling(at, one).map(plain) == ruling(at, other).map(plain))
        };
        for function in shown(is_same) {
            let spares = ruling(0, function)
                .is_some_and(|first| spares(simulation.policy(), function, first));
            let exception = if spares { ", with exceptions" } else { "" };
            week.add(function, &clock, &|at| ruling(at, function), exception);
        }
        Ok(week)
    }

    fn add<'r>(
        &mut self,
        function: Function,
        clock: &[Vec<usize>],
        ruling: &impl Fn(usize) -> Option<&'r Ruling>,
        exception: &str,
    ) {
        let rows: Vec<Vec<Bar>> = clock.iter().map(|minutes| bars(minutes, ruling)).collect();
        let mut all = rows.iter().flatten();
        if let Some(first) = all.next()
            && all.all(|bar| (bar.state, &bar.why) == (first.state, &first.why))
        {
            self.steady.push(Steady {
                function,
                state: first.state,
                why: format!("{}{exception}", first.why),
            });
            return;
        }
        for (day, bars) in self.days.iter_mut().zip(rows) {
            day.rows.push(Row { function, bars });
        }
    }
}

fn plain(ruling: &Ruling) -> (State, String) {
    (State::of(ruling), why(ruling))
}

/// For each minute of a day's clock, the stretch that it lies in.
fn minutes(date: Date, zone: &TimeZone, stretches: &[Stretch]) -> Vec<usize> {
    let midnight = DateTime::from(date);
    (0..DAY)
        .map(|minute| {
            let instant = midnight
                .checked_add(i64::from(minute).minutes())
                .and_then(|civil| zone.to_ambiguous_timestamp(civil).compatible())
                .unwrap_or(Timestamp::MAX);
            stretches
                .partition_point(|stretch| stretch.from <= instant)
                .saturating_sub(1)
        })
        .collect()
}

fn bars<'r>(minutes: &[usize], ruling: &impl Fn(usize) -> Option<&'r Ruling>) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut last = None;
    for (minute, at) in (0_u16..).zip(minutes) {
        if last == Some(at) {
            if let Some(bar) = bars.last_mut() {
                bar.to = minute.saturating_add(1);
            }
            continue;
        }
        last = Some(at);
        let Some((state, why)) = ruling(*at).map(plain) else {
            continue;
        };
        match bars.last_mut() {
            Some(bar) if (bar.state, &bar.why) == (state, &why) => {
                bar.to = minute.saturating_add(1);
            }
            Some(_) | None => bars.push(Bar {
                from: minute,
                to: minute.saturating_add(1),
                state,
                why,
            }),
        }
    }
    bars
}

impl Row {
    /// The tightest state from one minute to another.
    pub(super) fn tightest(&self, from: u16, to: u16) -> State {
        self.bars
            .iter()
            .filter(|bar| bar.from < to && from < bar.to)
            .map(|bar| bar.state)
            .max()
            .unwrap_or(State::On)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use cardwarden_policy::{Context, Policy};

    /// A week with a window of an odd length, one across midnight, and a day of the calendar.
    pub(in super::super) fn week(monday: &str) -> Week {
        let policy = Policy::from_toml(include_str!("../../../tests/expected/week.toml")).unwrap();
        let monday: Date = monday.parse().unwrap();
        let begin = super::super::zone(&policy)
            .to_ambiguous_timestamp(monday.into())
            .compatible()
            .unwrap();
        let simulation = Simulation::new(policy, Context::default(), begin).unwrap();
        Week::of(&simulation, monday, vec!["network"]).unwrap()
    }

    fn spans(week: &Week, day: usize, function: Function) -> Vec<(u16, u16, State)> {
        let row = week.days[day].rows.iter();
        let row = row.clone().find(|row| row.function == function).unwrap();
        row.bars
            .iter()
            .map(|bar| (bar.from, bar.to, bar.state))
            .collect()
    }

    #[test]
    fn a_window_is_drawn_to_the_minute_and_across_midnight() {
        let week = week("2027-01-11");
        assert_eq!(
            spans(&week, 0, Function::Camera),
            [
                (0, 480, State::On),
                (480, 1087, State::Off),
                (1087, DAY, State::On)
            ]
        );
        assert_eq!(
            spans(&week, 1, Function::UsbStorage),
            [
                (0, 360, State::ReadOnly),
                (360, 1320, State::On),
                (1320, DAY, State::ReadOnly)
            ]
        );
    }

    #[test]
    fn what_never_changes_is_not_drawn_for_each_day() {
        let week = week("2027-01-11");
        let nfc = week.steady.iter().find(|one| one.function == Function::Nfc);
        assert_eq!(nfc.unwrap().state, State::Off);
        assert!(
            week.days[0]
                .rows
                .iter()
                .all(|row| row.function != Function::Nfc)
        );
    }

    #[test]
    fn a_day_of_23_hours_still_has_24_on_its_clock() {
        // The clocks of Berlin go forward on Sunday 2027-03-28.
        let week = week("2027-03-22");
        let last = spans(&week, 6, Function::UsbStorage);
        assert_eq!(last.first().unwrap().1, 360);
        assert_eq!(last.last().unwrap().1, DAY);
    }

    #[test]
    fn a_week_begins_on_its_monday() {
        for day in ["2027-01-11", "2027-01-13", "2027-01-17"] {
            let monday = monday(day.parse().unwrap()).unwrap();
            assert_eq!(monday.to_string(), "2027-01-11");
        }
    }
}
