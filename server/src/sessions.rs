//! The DM sessions that are under way: one for each device, for a while, and not more than fits.
//! Losing one loses no report: the device begins a new session with all that was not acknowledged.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omadm::SessionId;
use omadm::server::Session;

/// How long a device may think between two messages.
const LIFE: Duration = Duration::from_mins(5);
/// Most sessions at once. One holds its last reply: some KiB, so 4,096 are some tens of MiB at worst.
const MAX_SESSIONS: usize = 4096;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By device.
    sessions: HashMap<String, Kept>,
    /// The same, oldest first; also entries that have been replaced since.
    order: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    conversation: Conversation,
}

/// A session, and what the device was asked in it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// The session.
    pub(crate) session: Session,
    /// The numbers of the commands that were given.
    pub(crate) given: BTreeSet<i64>,
}

impl Sessions {
    /// The session of a device, if it has this id.
    pub(crate) fn find(&self, device: &str, id: &SessionId) -> Option<Conversation> {
        let table = self.table();
        let kept = table.sessions.get(device)?;
        let is_it = kept.conversation.session.id() == id;
        is_it.then(|| kept.conversation.clone())
    }

    /// Keeps a session in place of the device's last one.
    pub(crate) fn put(&self, conversation: Conversation, now: Instant) {
        let mut table = self.table();
        table.forget(|table, since| {
            table.order.len() >= MAX_SESSIONS || now.saturating_duration_since(since) >= LIFE
        });
        let device = conversation.session.device().to_owned();
        table.order.push_back((now, device.clone()));
        table.sessions.insert(
            device,
            Kept {
                since: now,
                conversation,
            },
        );
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere leaves the table whole: each change of it is a single insertion.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Drops the oldest for as long as `is_due`.
    fn forget(&mut self, is_due: impl Fn(&Self, Instant) -> bool) {
        while let Some((since, _)) = self.order.front()
            && is_due(self, *since)
        {
            let Some((since, device)) = self.order.pop_front() else {
                return;
            };
            if self
                .sessions
                .get(&device)
                .is_some_and(|kept| kept.since == since)
            {
                self.sessions.remove(&device);
            }
        }
    }
}
