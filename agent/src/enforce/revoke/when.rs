//! When it is worth looking for who has something open.

use std::time::{Duration, Instant};

use super::closed::Closed;

/// The wait before holders that were found are looked for again. While the kernel refuses them the use
/// of what they have, it doubles up to [`LONGEST`]; else it stays, since they could start again.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// The last look.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// What was closed then.
    pub(super) closed: Closed,
    /// Whether anybody had something of it open.
    pub(super) was_held: bool,
    /// When it was taken.
    pub(super) at: Instant,
    /// Whether the kernel has refused the use of all that they had since.
    pub(super) is_use_refused: bool,
    /// How long to wait before the next, if somebody had.
    pub(super) wait: Duration,
}

/// Whether to look now: when something became tighter, at the start with something closed, and,
/// while somebody had something open at the last look, again and again, ever more rarely.
pub(super) fn is_due(last: Option<&Look>, closed: &Closed, now: Instant) -> bool {
    if closed.is_empty() {
        return false;
    }
    last.is_none_or(|last| {
        let waited = now.saturating_duration_since(last.at);
        closed.exceeds(&last.closed) || (last.was_held && waited >= last.wait)
    })
}

/// How long to wait after a look at what is closed.
pub(super) fn wait(last: Option<&Look>, closed: &Closed) -> Duration {
    match last {
        Some(last) if last.was_held && last.is_use_refused && !closed.exceeds(&last.closed) => {
            last.wait.saturating_mul(2).min(LONGEST)
        }
        Some(_) | None => FIRST,
    }
}
