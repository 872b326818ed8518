//! What time it is for a policy. The wall clock can be set by people; the time since the boot
//! cannot. From both, and from what the device saw before, follows a time that no setting back of
//! the clock makes earlier.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A clock that is no more behind than this is taken for right: by so much it is set back by what
/// keeps it right (NTP steps, leap seconds).
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// What the device's clocks show at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The wall clock. It is read first, so that a mark is never ahead of the clocks it was made from.
    pub wall: Timestamp,
    /// The time since the boot, sleep included (`CLOCK_BOOTTIME`).
    pub since_boot: SignedDuration,
    /// Which boot (`/proc/sys/kernel/random/boot_id`).
    pub boot: Uuid,
}

/// The latest time that the device has seen, and when.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighWater {
    /// That time.
    time: Timestamp,
    /// Whether it was that time, rather than at least that.
    is_exact: bool,
    /// The time since the boot at that moment.
    since_boot: SignedDuration,
    /// Which boot.
    boot: Uuid,
}

impl HighWater {
    /// The first mark.
    pub fn at(reading: Reading) -> Self {
        Self::seen(reading.wall, reading, true)
    }

    fn seen(time: Timestamp, reading: Reading, is_exact: bool) -> Self {
        Self {
            time,
            is_exact,
            since_boot: reading.since_boot,
            boot: reading.boot,
        }
    }

    /// The time, and the mark from now on.
    ///
    /// Within one boot the time goes on from the mark as fast as the time since the boot: a clock that
    /// is set back counts for nothing. After another boot nobody knows how long the device was off,
    /// and of a mark that is only the least nobody knows how much later it is: a wall clock before
    /// it is wrong, and the time is not known.
    pub fn read(self, reading: Reading) -> (Option<Timestamp>, Self) {
        let passed = self.passed(reading);
        let least = passed.unwrap_or(self.time);
        let is_near = least.duration_until(reading.wall) >= -TOLERANCE;
        let is_counted = passed.is_some() && self.is_exact;
        if !is_near && !is_counted {
            return (None, self);
        }
        let time = reading.wall.max(least);
        (Some(time), Self::seen(time, reading, true))
    }

    /// The latest time that the device has seen.
    pub const fn time(self) -> Timestamp {
        self.time
    }

    /// What became of the mark since, where that is known.
    fn passed(self, reading: Reading) -> Option<Timestamp> {
        if self.boot != reading.boot {
            return None;
        }
        let passed = reading.since_boot.checked_sub(self.since_boot)?;
        self.time.checked_add(passed.max(SignedDuration::ZERO)).ok()
    }

    /// The mark after the company's server said what time it is. It never falls.
    #[must_use]
    pub fn told(self, time: Timestamp, reading: Reading) -> Self {
        self.raised(time, reading, true)
    }

    /// The mark after something that was signed at a time: it is not earlier now.
    #[must_use]
    pub fn at_least(self, time: Timestamp, reading: Reading) -> Self {
        self.raised(time, reading, false)
    }

    fn raised(self, time: Timestamp, reading: Reading, is_exact: bool) -> Self {
        if time > self.passed(reading).unwrap_or(self.time) {
            Self::seen(time, reading, is_exact)
        } else {
            self
        }
    }

    /// Whether so much has changed since `kept` that it is worth being kept anew: a crash may
    /// forget as much.
    pub fn is_newer_than(self, kept: Option<Self>) -> bool {
        kept.is_none_or(|kept| {
            kept.boot != self.boot
                || kept.time.duration_until(self.time).abs() >= SignedDuration::from_mins(5)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: &str, minutes: i64, boot: u128) -> Reading {
        Reading {
            wall: wall.parse().unwrap(),
            since_boot: SignedDuration::from_mins(minutes),
            boot: Uuid::from_u128(boot),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_that_is_set_back_counts_for_nothing() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, mark) = mark.read(reading("2026-11-22T09:00:00Z", 20, 1));
        assert_eq!(time.unwrap(), at("2026-11-23T14:20:00Z"));
        let (time, _) = mark.read(reading("2026-11-22T09:20:00Z", 40, 1));
        assert_eq!(time.unwrap(), at("2026-11-23T14:40:00Z"));
    }

    #[test]
    fn a_clock_before_the_mark_after_a_boot_is_not_known() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, kept) = mark.read(reading("2026-11-23T14:09:00Z", 0, 2));
        assert_eq!((time, kept), (None, mark));
        let (time, _) = mark.read(reading("2026-11-23T14:11:00Z", 1, 2));
        assert_eq!(time.unwrap(), at("2026-11-23T14:11:00Z"));
    }

    #[test]
    fn a_clock_that_goes_on_is_followed_to_the_nanosecond() {
        let first = reading("2026-11-23T14:10:00.9Z", 10, 1);
        let mut mark = HighWater::at(first);
        for step in 1..2000_i64 {
            let passed = SignedDuration::from_nanos(step * 37_777_777);
            let now = Reading {
                wall: first.wall + passed,
                since_boot: first.since_boot + passed,
                ..first
            };
            let (time, next) = mark.read(now);
            assert_eq!(time, Some(now.wall));
            mark = next;
        }
    }

    #[test]
    fn a_small_step_back_is_no_error_and_brings_no_time_back() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, _) = mark.read(reading("2026-11-23T14:19:59Z", 20, 1));
        assert_eq!(time.unwrap(), at("2026-11-23T14:20:00Z"));
        let (time, _) = mark.read(reading("2026-11-23T14:09:59Z", 0, 2));
        assert_eq!(time.unwrap(), at("2026-11-23T14:10:00Z"));
    }

    #[test]
    fn a_clock_before_a_signature_is_not_known() {
        let now = reading("1970-01-01T00:01:00Z", 1, 1);
        let mark = HighWater::at(now).at_least("2026-11-23T14:10:00Z".parse().unwrap(), now);
        assert_eq!(mark.read(reading("1970-01-01T01:00:00Z", 60, 1)).0, None);
        let set = reading("2026-11-25T08:00:00Z", 61, 1);
        assert_eq!(mark.read(set).0.unwrap(), at("2026-11-25T08:00:00Z"));
    }

    #[test]
    fn whoever_can_be_believed_raises_the_mark_and_never_lowers_it() {
        let now = reading("2020-01-01T00:00:00Z", 1, 1);
        let mark = HighWater::at(now).told("2026-11-23T14:10:00Z".parse().unwrap(), now);
        assert_eq!(mark.read(now).0.unwrap(), at("2026-11-23T14:10:00Z"));
        let lower = mark.told("2025-01-01T00:00:00Z".parse().unwrap(), now);
        assert_eq!(lower, mark);
    }
}
