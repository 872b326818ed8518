//! What each company's server hears of this device: enrolment, then OMA DM sessions that report
//! outcomes, each once; and what the server asks of the device in them.
//!
//! ```text
//!  reconciler ── append ──► Queue (disk) ──┐    one talk for each association:
//!             ── Links ───► Records (disk) ┼─► Exchange::turn (a thread)
//!             ── nudge ──────────────────► │      enrol, where there is no certificate
//!                                          │      report, while outcomes wait
//!  ServerStatus ◄──── Board ◄──────────────┤      acknowledged: gone from the queue
//!  Request ◄────────── tree ◄──────────────┘      releases and groups that the server asks for
//! ```
//!
//! Nothing to send: no timer, no thread, no connection, no TLS state. Something to send and no
//! server: a timer that backs off, for that server alone. What is on the disk is enough to go on
//! after a crash at any moment; the server knows by its id what it is sent twice. A server gets
//! the outcomes of its own association, and hears nothing when another has something to report.

mod board;
mod enrol;
mod exchange;
mod https;
mod machine;
mod pace;
mod queue;
mod record;
mod session;
mod talk;
#[cfg(test)]
mod tests;
mod tls;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cardwarden_policy::{Account, Endorsement, Proof};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::identity::DeviceKey;
use crate::request::Request;
use crate::status::ServerStatus;
use exchange::Exchange;
use talk::Wish;

pub(crate) use queue::{Queue, QueueError};

/// Whom to speak with, as whom, and by what right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Link {
    /// The server.
    pub(crate) account: Account,
    /// `urn:uuid:…`.
    pub(crate) device: String,
    /// The association.
    pub(crate) association: Uuid,
    /// The device's key.
    pub(crate) device_key: DeviceKey,
    /// The card's manifest, as it lay on the card.
    pub(crate) manifest: Vec<u8>,
    /// What the card signed for the device's key.
    pub(crate) endorsement: Endorsement,
    /// With what the card showed that it is the one that the manifest is for.
    pub(crate) proof: Proof,
}

/// Wakes the exchange.
#[derive(Debug, Default)]
pub(crate) struct Nudge {
    outcomes: Notify,
    speak: Notify,
}

impl Nudge {
    /// Outcomes were put into the queue: those whom they concern are told.
    pub(crate) fn report(&self) {
        self.outcomes.notify_one();
    }

    /// Every server is to be spoken with, whether or not there is something to tell it.
    pub(crate) fn speak(&self) {
        self.speak.notify_one();
    }
}

/// Which nudge came.
#[derive(Clone, Copy, Debug)]
enum Nudged {
    Outcomes,
    Speak,
}

/// What the exchange is connected with.
#[derive(Debug)]
pub(crate) struct Ends {
    /// The servers, in the order of their associations.
    pub(crate) links: watch::Receiver<Vec<Arc<Link>>>,
    /// Wakes it.
    pub(crate) nudge: Arc<Nudge>,
    /// What servers ask of the device.
    pub(crate) requests: mpsc::Sender<Request>,
    /// How it stands with the servers.
    pub(crate) status: watch::Sender<ServerStatus>,
}

/// What the maker of this machine calls it.
pub(crate) fn model() -> String {
    machine::Machine::look(std::path::Path::new("/")).model
}

/// Speaks with the servers for as long as the agent runs.
pub(crate) async fn run(state: PathBuf, queue: Arc<Queue>, ends: Ends) {
    let Ends {
        mut links,
        nudge,
        requests,
        status,
    } = ends;
    let exchange = Arc::new(Exchange::new(&state, Arc::clone(&queue), requests, status));
    let mut talks = Talks::default();
    // What was left to say before this start.
    talks.begin(&exchange, exchange.remembered());
    let mut nudged = None;
    loop {
        let current = links.borrow_and_update().clone();
        talks.begin(&exchange, current.iter().map(|link| link.association));
        exchange.board.follow(talks.associations(), &current);
        talks.follow(&current);
        // A nudge is also for those whose links came together with it.
        match nudged.take() {
            Some(Nudged::Outcomes) => {
                talks.stir(|association| queue.count(&BTreeSet::from([association])) > 0);
            }
            Some(Nudged::Speak) => talks.speak(),
            None => {}
        }
        // Each arm is cancel-safe: a change of the links stays marked, a nudge stays stored, and a
        // talk that has ended stays in the set.
        tokio::select! {
            changed = links.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = nudge.outcomes.notified() => nudged = Some(Nudged::Outcomes),
            () = nudge.speak.notified() => nudged = Some(Nudged::Speak),
            Some(ended) = talks.running.join_next() => {
                if let Err(error) = ended {
                    tracing::error!("the exchange with a server broke down: {error}");
                }
                talks.tidy();
            }
        }
    }
}

/// One task for each association that there is something to say of.
#[derive(Default)]
struct Talks {
    wishes: BTreeMap<Uuid, watch::Sender<Wish>>,
    running: JoinSet<()>,
}

impl Talks {
    fn begin(&mut self, exchange: &Arc<Exchange>, associations: impl IntoIterator<Item = Uuid>) {
        for association in associations {
            self.wishes.entry(association).or_insert_with(|| {
                let (wish, wished) = watch::channel(Wish::default());
                let exchange = Arc::clone(exchange);
                self.running
                    .spawn(talk::talk(exchange, association, wished));
                wish
            });
        }
    }

    fn associations(&self) -> BTreeSet<Uuid> {
        self.wishes.keys().copied().collect()
    }

    /// Tells each talk whom to speak with.
    fn follow(&self, links: &[Arc<Link>]) {
        for (association, wish) in &self.wishes {
            let link = links.iter().find(|link| link.association == *association);
            wish.send_if_modified(|wish| {
                let is_same = wish.link.as_deref() == link.map(|link| &**link);
                if is_same && wish.is_followed != links.is_empty() {
                    return false;
                }
                wish.link = link.cloned();
                wish.is_followed = !links.is_empty();
                true
            });
        }
    }

    /// Wakes the talks of some associations.
    fn stir(&self, is_concerned: impl Fn(Uuid) -> bool) {
        for (association, wish) in &self.wishes {
            if is_concerned(*association) {
                wish.send_modify(|_same| {});
            }
        }
    }

    /// Has all speak.
    fn speak(&self) {
        for wish in self.wishes.values() {
            wish.send_modify(|wish| wish.spoken = wish.spoken.wrapping_add(1));
        }
    }

    /// Forgets the talks that have ended.
    fn tidy(&mut self) {
        self.wishes.retain(|_, wish| !wish.is_closed());
    }
}
