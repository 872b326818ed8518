//! How it stands with all servers, put together for the reconciler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Link, Queue};
use crate::status::ServerStatus;

/// What is known of each association's server.
#[derive(Debug)]
pub(super) struct Board {
    queue: Arc<Queue>,
    parts: Mutex<BTreeMap<Uuid, Part>>,
    status: watch::Sender<ServerStatus>,
}

/// One server.
#[derive(Debug, Default)]
struct Part {
    /// Its place among the links; none when the association has ended.
    place: Option<usize>,
    url: String,
    is_enrolled: bool,
    problem: Option<String>,
}

impl Board {
    pub(super) fn new(queue: Arc<Queue>, status: watch::Sender<ServerStatus>) -> Self {
        Self {
            queue,
            parts: Mutex::default(),
            status,
        }
    }

    /// Takes which associations there is something to say of, and which of them have links.
    pub(super) fn follow(&self, associations: BTreeSet<Uuid>, links: &[Arc<Link>]) {
        let mut parts = self.parts();
        parts.retain(|association, _| associations.contains(association));
        for association in associations {
            let part = parts.entry(association).or_default();
            part.place = links
                .iter()
                .position(|link| link.association == association);
            if let Some(link) = part.place.and_then(|place| links.get(place)) {
                part.url.clone_from(&link.account.server_url);
            }
        }
        self.publish(&parts, |status| {
            status
                .contacts
                .retain(|association, _| parts.contains_key(association));
        });
    }

    /// Whether a device has its certificate of a server.
    pub(super) fn enrolled(&self, association: Uuid, is_enrolled: bool) {
        self.change(association, |part| part.is_enrolled = is_enrolled);
    }

    /// What is wrong with a server, or that nothing is.
    pub(super) fn problem(&self, association: Uuid, problem: Option<String>) {
        self.change(association, |part| part.problem = problem);
    }

    /// A server answered; `time` is what it takes for the time.
    pub(super) fn contact(&self, association: Uuid, now: Timestamp, time: Option<Timestamp>) {
        let mut parts = self.parts();
        if let Some(part) = parts.get_mut(&association) {
            part.problem = None;
        }
        self.publish(&parts, |status| {
            status.last_contact = Some(now);
            status.contacts.insert(association, now);
            status.time = time;
        });
    }

    /// Something was put into the queue, or taken from it.
    pub(super) fn recount(&self) {
        self.publish(&self.parts(), |_same| {});
    }

    fn change(&self, association: Uuid, change: impl FnOnce(&mut Part)) {
        let mut parts = self.parts();
        if let Some(part) = parts.get_mut(&association) {
            change(part);
        }
        self.publish(&parts, |_same| {});
    }

    /// Publishes what has changed; in one order, since the parts are locked.
    fn publish(&self, parts: &BTreeMap<Uuid, Part>, change: impl FnOnce(&mut ServerStatus)) {
        let mut linked: Vec<&Part> = parts.values().collect();
        // The first company's server first; what is left of ended associations last.
        linked.sort_by_key(|part| (part.place.is_none(), part.place));
        let problems: Vec<&str> = linked
            .iter()
            .filter_map(|part| part.problem.as_deref())
            .collect();
        linked.retain(|part| part.place.is_some());
        let known = parts.keys().copied().collect();
        self.status.send_if_modified(|status| {
            let before = status.clone();
            status.pending = self.queue.count(&known);
            status.url = linked.first().map(|part| part.url.clone());
            status.enrolled = !linked.is_empty() && linked.iter().all(|part| part.is_enrolled);
            status.problem = (!problems.is_empty()).then(|| problems.join("; "));
            change(status);
            *status != before
        });
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Uuid, Part>> {
        // A panic elsewhere leaves the parts whole: each change of one is a single assignment.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
