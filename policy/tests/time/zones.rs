//! Every zone of the database, on the days on which its clock changes.

use chrono_tz::Tz;

use crate::oracle::{DAY, Minute, WallClock, Window, civil, compare_edges, compare_minutes, year};

/// The year of which the days are looked at.
const YEAR: i32 = 2025;

/// The hours of a year after which a clock does not show an hour more.
fn changes(zone: Tz) -> Vec<Minute> {
    let hours: Vec<Minute> = year(YEAR).step_by(60).collect();
    hours
        .windows(2)
        .filter(|pair| civil(zone, pair[1]) != civil(zone, pair[0]) + 60)
        .map(|pair| pair[0])
        .collect()
}

#[test]
fn every_zone_changes_its_clock_when_the_oracle_does() {
    let (mut zones, mut seen) = (0, 0);
    for zone in chrono_tz::TZ_VARIANTS {
        let window = Window {
            zone,
            days: [true; 7],
            from: 90,
            to: 150,
        };
        let condition = window.condition();
        zones += 1;
        // A zone that changes nothing has half a day looked at all the same.
        let changes = changes(zone);
        let middle = year(YEAR).start + 200 * DAY;
        for around in changes.iter().copied().chain([middle]) {
            let minutes = around - DAY / 4..around + DAY / 4;
            let clock = WallClock::walk(zone, minutes.start - 4 * DAY..minutes.end + 9 * DAY);
            let spans = window.spans(&clock);
            let what = format!("{window:?}");
            compare_minutes(&what, &condition, &spans, &minutes);
            compare_edges(&what, &condition, &spans, &minutes);
            seen += clock.jumps().len();
        }
    }
    assert!(zones > 500, "{zones} zones");
    assert!(seen > 300, "{seen} changes");
}
