//! Weekly windows over a whole year.

use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::oracle::{Minute, Window, compare_edges, compare_minutes, walk_around, year};

const EVERY: [bool; 7] = [true; 7];
const SUNDAY: [bool; 7] = [false, false, false, false, false, false, true];
const WORK: [bool; 7] = [true, true, true, true, true, false, false];

fn at(hour: Minute, minute: Minute) -> Minute {
    hour * 60 + minute
}

/// Windows of which something is unusual, and the year in which it is.
fn nasty() -> Vec<(Tz, i32, [bool; 7], Minute, Minute)> {
    use chrono_tz::{Africa, America, Antarctica, Asia, Australia, Europe, Pacific};
    vec![
        // Starts, ends and lies in the hour that is skipped, and in the one that comes twice.
        (Europe::Berlin, 2025, SUNDAY, at(2, 30), at(5, 0)),
        (Europe::Berlin, 2025, SUNDAY, at(1, 0), at(2, 30)),
        (Europe::Berlin, 2025, EVERY, at(2, 10), at(2, 50)),
        (Europe::Berlin, 2025, WORK, at(8, 0), at(18, 0)),
        // Across midnight on the day of the change, and the whole day.
        (America::New_York, 2025, EVERY, at(22, 0), at(2, 30)),
        (America::New_York, 2025, EVERY, at(0, 0), at(24, 0)),
        // The hour that is skipped begins at midnight.
        (America::Santiago, 2025, EVERY, at(0, 0), at(0, 30)),
        (America::Havana, 2025, SUNDAY, at(0, 15), at(23, 59)),
        // Half an hour; the date line; Ramadan; two hours; a quarter of an hour off.
        (Australia::Lord_Howe, 2025, EVERY, at(1, 45), at(2, 15)),
        (Pacific::Apia, 2011, EVERY, at(8, 0), at(18, 0)),
        (Pacific::Apia, 2011, EVERY, at(22, 0), at(6, 0)),
        (Africa::Casablanca, 2025, EVERY, at(2, 15), at(3, 15)),
        (Antarctica::Troll, 2025, EVERY, at(1, 30), at(2, 30)),
        (Asia::Kathmandu, 2025, WORK, at(23, 59), at(0, 1)),
    ]
}

#[test]
fn windows_at_unusual_times_hold_as_the_wall_clock_says() {
    for (zone, of, days, from, to) in nasty() {
        let window = Window {
            zone,
            days,
            from,
            to,
        };
        let minutes = year(of);
        let clock = walk_around(zone, &minutes);
        let spans = window.spans(&clock);
        let (what, condition) = (format!("{window:?}"), window.condition());
        assert!(spans.len() > 50, "{what}");
        compare_edges(&what, &condition, &spans, &minutes);
        let changes = clock.jumps();
        for change in changes
            .into_iter()
            .filter(|change| minutes.contains(change))
        {
            let begin = minutes.start.max(change - 10 * DAY_END);
            let end = minutes.end.min(change + 10 * DAY_END);
            compare_minutes(&what, &condition, &spans, &(begin..end));
        }
    }
}

#[test]
fn windows_hold_as_the_wall_clock_says_in_every_minute_of_a_year() {
    for (zone, of, days, from, to) in nasty().into_iter().step_by(4) {
        let window = Window {
            zone,
            days,
            from,
            to,
        };
        let minutes = year(of);
        let spans = window.spans(&walk_around(zone, &minutes));
        compare_minutes(
            &format!("{window:?}"),
            &window.condition(),
            &spans,
            &minutes,
        );
    }
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())
}

fn days() -> impl Strategy<Value = [bool; 7]> {
    prop::array::uniform7(any::<bool>()).prop_filter("some day", |days| days.contains(&true))
}

fn any_window() -> impl Strategy<Value = Window> {
    // Half of the windows are in the hours in which clocks change.
    let from = prop_oneof![0..DAY_END, 0..at(4, 0)];
    (zone(), days(), from, prop_oneof![1..DAY_END, 1..at(3, 0)]).prop_map(
        |(zone, days, from, length)| Window {
            zone,
            days,
            from,
            to: (from + length) % DAY_END,
        },
    )
}

const DAY_END: Minute = crate::oracle::DAY;

fn config(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(20_261_123),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn any_window_changes_at_the_edges_that_the_wall_clock_gives(
        window in any_window(), of in 2008_i32..2026,
    ) {
        let minutes = year(of);
        let spans = window.spans(&walk_around(window.zone, &minutes));
        let what = format!("{window:?} in {of}");
        compare_edges(&what, &window.condition(), &spans, &minutes);
    }
}

proptest! {
    #![proptest_config(config(2))]

    #[test]
    fn any_window_holds_as_the_wall_clock_says_in_every_minute(
        window in any_window(), of in 2008_i32..2026,
    ) {
        let minutes = year(of);
        let spans = window.spans(&walk_around(window.zone, &minutes));
        let what = format!("{window:?} in {of}");
        compare_minutes(&what, &window.condition(), &spans, &minutes);
    }
}
