//! What time it is for a policy. The wall clock can be set by people; the time since the boot
//! cannot. From both, and from what the device saw before, follows a time that no setting back of
//! the clock makes earlier.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A clock may be set back so far by what keeps it right (NTP steps, leap seconds).
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// What the device's clocks show at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The wall clock.
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
    /// The time since the boot at that moment, in seconds.
    since_boot: i64,
    /// Which boot.
    boot: Uuid,
}

impl HighWater {
    /// The first mark.
    pub fn at(reading: Reading) -> Self {
        Self::seen(reading.wall, reading)
    }

    fn seen(time: Timestamp, reading: Reading) -> Self {
        Self {
            time,
            since_boot: reading.since_boot.as_secs(),
            boot: reading.boot,
        }
    }

    /// The time, and the mark from now on.
    ///
    /// Within one boot the time goes on from the mark at least as fast as the time since the boot:
    /// a clock that is set back counts for nothing. After another boot nobody knows how long the
    /// device was off; a wall clock before the mark is wrong, and the time is not known.
    pub fn read(self, reading: Reading) -> (Option<Timestamp>, Self) {
        match self.least(reading) {
            None if reading.wall < self.time => (None, self),
            None => (Some(reading.wall), Self::at(reading)),
            Some(least) => {
                let behind = least.duration_until(reading.wall) < -TOLERANCE;
                let time = if behind { least } else { reading.wall };
                (Some(time), Self::seen(time.max(self.time), reading))
            }
        }
    }

    /// The earliest that it can be, where that is known.
    fn least(self, reading: Reading) -> Option<Timestamp> {
        if self.boot != reading.boot {
            return None;
        }
        let passed = reading
            .since_boot
            .checked_sub(SignedDuration::from_secs(self.since_boot))?;
        self.time.checked_add(passed.max(SignedDuration::ZERO)).ok()
    }

    /// The mark after somebody who can be believed said what time it is: a signature is not older
    /// than its date, and the company's server knows the time. It never falls.
    #[must_use]
    pub fn told(self, time: Timestamp, reading: Reading) -> Self {
        let known = self.least(reading).unwrap_or(self.time);
        if time > known {
            Self::seen(time, reading)
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

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_clock_that_is_set_back_counts_for_nothing() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, mark) = mark.read(reading("2026-11-22T09:00:00Z", 20, 1));
        assert_eq!(time, at("2026-11-23T14:20:00Z"));
        let (time, _) = mark.read(reading("2026-11-22T09:20:00Z", 40, 1));
        assert_eq!(time, at("2026-11-23T14:40:00Z"));
    }

    #[test]
    fn a_clock_before_the_mark_after_a_boot_is_not_known() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, kept) = mark.read(reading("2026-11-23T14:09:00Z", 0, 2));
        assert_eq!((time, kept), (None, mark));
        let (time, _) = mark.read(reading("2026-11-23T14:11:00Z", 1, 2));
        assert_eq!(time, at("2026-11-23T14:11:00Z"));
    }

    #[test]
    fn a_small_step_back_is_followed() {
        let mark = HighWater::at(reading("2026-11-23T14:10:00Z", 10, 1));
        let (time, _) = mark.read(reading("2026-11-23T14:19:59Z", 20, 1));
        assert_eq!(time, at("2026-11-23T14:19:59Z"));
    }

    #[test]
    fn whoever_can_be_believed_raises_the_mark_and_never_lowers_it() {
        let now = reading("2020-01-01T00:00:00Z", 1, 1);
        let mark = HighWater::at(now).told("2026-11-23T14:10:00Z".parse().unwrap(), now);
        assert_eq!(mark.read(now).0, at("2026-11-23T14:10:00Z"));
        let lower = mark.told("2025-01-01T00:00:00Z".parse().unwrap(), now);
        assert_eq!(lower, mark);
    }
}
