//! How many machines run at once: two, since each keeps two processors busy while it starts.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::place;

/// The right to run one of the two machines that may run at once; released on drop.
#[derive(Debug)]
pub struct Slot {
    _lock: Flock<std::fs::File>,
}

impl Slot {
    /// Waits for a free place.
    pub fn take() -> Result<Self> {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let dir = place::lab("locks")?;
        let open = |name: &str| {
            std::fs::File::create(dir.join(name)).with_context(|| format!("open {name}"))
        };
        for name in ["slot-0", "slot-1"] {
            if let Ok(lock) = Flock::lock(open(name)?, FlockArg::LockExclusiveNonblock) {
                return Ok(Self { _lock: lock });
            }
        }
        // Both are taken: wait for one of them, not always the same.
        let name = if TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            "slot-0"
        } else {
            "slot-1"
        };
        Flock::lock(open(name)?, FlockArg::LockExclusive)
            .map(|lock| Self { _lock: lock })
            .map_err(|(_, errno)| errno)
            .context("wait for a running machine to end")
    }
}
