//! A refusal that the kernel reported.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::enforce::bpf::refusals::Tried;

/// The time in which a process is told of once for a function: some ask again as fast as they can.
const PAUSE: Duration = Duration::from_secs(1);
/// Most processes that are remembered; beyond, some are told of more often.
const MOST: usize = 256;

/// Somebody tried to use what is disabled, or to undo what is in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Denial {
    /// Which function; `guard` for what would have undone something.
    pub(crate) function: &'static str,
    /// `rule:<id>`, `baseline` or `unproven`; of the guard the act's word.
    pub(crate) reason: String,
    /// The program's name (`comm`, at most 15 bytes).
    pub(crate) program: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its user.
    pub(crate) uid: u32,
    /// When.
    pub(crate) at: Timestamp,
}

/// Folds refusals of the same kind into one.
#[derive(Debug, Default)]
pub(crate) struct Fold(BTreeMap<Kind, (Instant, u64)>);

/// What is of the same kind: what was tried, process, and whether it was only told of.
type Kind = (Tried, u32, bool);

impl Fold {
    /// Whether to tell of one more, and how many were not told of since the last.
    pub(crate) fn tell(&mut self, kind: Kind, now: Instant) -> Option<u64> {
        if self.0.len() >= MOST && !self.0.contains_key(&kind) {
            self.0
                .retain(|_, (told, _)| now.saturating_duration_since(*told) < PAUSE);
        }
        if self.0.len() >= MOST && !self.0.contains_key(&kind) {
            return Some(0);
        }
        let is_new = !self.0.contains_key(&kind);
        let (told, folded) = self.0.entry(kind).or_insert((now, 0));
        if !is_new && now.saturating_duration_since(*told) < PAUSE {
            *folded = folded.saturating_add(1);
            return None;
        }
        *told = now;
        Some(std::mem::take(folded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwarden_policy::Function;

    const CAMERA: Tried = Tried::Function(Function::Camera);
    const NFC: Tried = Tried::Function(Function::Nfc);

    #[test]
    fn who_asks_again_and_again_is_told_of_once_in_a_while_with_the_number() {
        let mut fold = Fold::default();
        let start = Instant::now();
        let kind = (CAMERA, 7, false);
        assert_eq!(fold.tell(kind, start), Some(0));
        for _ in 0..1000 {
            assert_eq!(fold.tell(kind, start), None);
        }
        assert_eq!(fold.tell((NFC, 7, false), start), Some(0));
        assert_eq!(fold.tell((CAMERA, 8, false), start), Some(0));
        assert_eq!(fold.tell(kind, start + PAUSE), Some(1000));
        assert_eq!(fold.tell(kind, start + PAUSE), None);
        assert_eq!(fold.tell(kind, start + PAUSE + PAUSE), Some(1));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_nobody_is_left_out() {
        let mut fold = Fold::default();
        let start = Instant::now();
        for pid in 0..10_000 {
            assert_eq!(fold.tell((CAMERA, pid, false), start), Some(0));
            assert!(fold.0.len() <= MOST);
        }
        assert_eq!(fold.tell((CAMERA, 99_999, false), start + PAUSE), Some(0));
        assert_eq!(fold.0.len(), 1);
    }
}
