//! What the company's server hears of this device: enrolment, then OMA DM sessions that report
//! outcomes, each once.
//!
//! ```text
//!  reconciler ── append ──► Queue (disk) ──┐
//!             ── Link ────► Records (disk) ┼─► Exchange::turn (a blocking thread)
//!             ── nudge ──────────────────► │      enrol, where there is no certificate
//!                                          │      report, while outcomes wait
//!  ServerStatus ◄──────────────────────────┘      acknowledged: gone from the queue
//! ```
//!
//! Nothing to send: no timer, no thread, no connection, no TLS state. Something to send and no
//! server: a timer that backs off. What is on the disk is enough to go on after a crash at any
//! moment; the server knows by its id what it is sent twice.

mod enrol;
mod exchange;
mod https;
mod machine;
mod pace;
mod queue;
mod record;
mod session;
#[cfg(test)]
mod tests;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cardwarden_policy::{Account, Endorsement};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::identity::DeviceKey;
use crate::status::ServerStatus;
use exchange::{Exchange, Turn};
use pace::Pace;

pub(crate) use queue::{Queue, QueueError};

/// Whom to speak with, as whom, and by what right.
#[derive(Clone, Debug)]
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
    /// The card's signature over it, DER.
    pub(crate) signature: Vec<u8>,
}

/// What the maker of this machine calls it.
pub(crate) fn model() -> String {
    machine::Machine::look(std::path::Path::new("/")).model
}

/// Speaks with the server for as long as the agent runs.
pub(crate) async fn run(
    state: PathBuf,
    queue: Arc<Queue>,
    mut link: watch::Receiver<Option<Arc<Link>>>,
    nudge: Arc<Notify>,
    status: watch::Sender<ServerStatus>,
) {
    let exchange = Arc::new(Exchange::new(&state, queue, status));
    let mut pace = Pace::default();
    let mut is_nudged = false;
    loop {
        let current = link.borrow_and_update().clone();
        let turn = turn(&exchange, current, is_nudged).await;
        // A nudge that came to nothing still counts at the next try.
        let is_owed = is_nudged && turn == Turn::Failed;
        let pause = match turn {
            Turn::Done => {
                pace.reset();
                None
            }
            Turn::Failed => Some(pace.next()),
        };
        // Each arm is cancel-safe: a change of the link stays marked, a nudge stays stored, and a
        // pause that is cut short has served its purpose.
        is_nudged = tokio::select! {
            changed = link.changed() => {
                if changed.is_err() {
                    return;
                }
                is_owed
            }
            () = nudge.notified() => true,
            () = rest(pause) => is_owed,
        };
    }
}

/// One turn, away from the loop that enforces: it waits for disks and networks.
async fn turn(exchange: &Arc<Exchange>, link: Option<Arc<Link>>, is_nudged: bool) -> Turn {
    let exchange = Arc::clone(exchange);
    let turn = tokio::task::spawn_blocking(move || exchange.turn(link.as_deref(), is_nudged));
    match turn.await {
        Ok(turn) => turn,
        Err(error) => {
            tracing::error!("the exchange with the server broke down: {error}");
            Turn::Failed
        }
    }
}

async fn rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
