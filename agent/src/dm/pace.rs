//! How long to wait before a server that is away is asked again.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(15);

/// Waits that double, with a random half, so that a fleet does not ask in step.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
}

impl Pace {
    /// It went well.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed once more: how long to wait.
    pub(super) fn next(&mut self) -> Duration {
        let mut random = [0; 1];
        // Without random numbers the wait is as long as it may be.
        let share = getrandom::fill(&mut random).map_or(u8::MAX, |()| {
            let [share] = random;
            share
        });
        self.next_with(share)
    }

    /// From half the wait to all of it, by `share` of 255.
    fn next_with(&mut self, share: u8) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let wait = FIRST.saturating_mul(factor).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = wait / 2;
        half + half * u32::from(share) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let mut pace = Pace::default();
        let waits: Vec<u64> = (0..12).map(|_| pace.next_with(u8::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        pace.failures = u32::MAX;
        assert_eq!(pace.next_with(u8::MAX), LONGEST);
        pace.reset();
        assert_eq!(pace.next_with(0), FIRST / 2);
    }
}
