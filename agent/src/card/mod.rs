//! Cards, as the rest of the agent may know them: a thread of its own waits for PC/SC, reads each
//! inserted card once, and says what it found. It decides nothing, and nothing of it polls: it
//! sleeps in the kernel until a reader, a card or the service changes.
//!
//! ```text
//!            ┌── no pcscd: inotify on its socket ◄───────────┐
//!            ▼                                               │ service gone
//!      Service(true) ──► SCardGetStatusChange, without end ──┘ Service(false)
//!                          ├─ readers came or went ─► Readers
//!                          ├─ a card came ─► read, verify, challenge ─► Reading or Fault
//!                          └─ a card went ─► Removed
//! ```

mod reading;
mod service;
mod slot;
mod watch;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::{Anchors, Endorsement, Verified};
use tokio::sync::{mpsc, watch as channel};
use uuid::Uuid;

use self::service::Stop;

/// What a card is measured by. A change counts from the next insertion.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    /// This device, `urn:uuid:…`.
    pub(crate) device: String,
    /// The association now, or the one that the next card begins.
    pub(crate) association: Uuid,
    /// The device's public key, `SubjectPublicKeyInfo` in DER, which the card is to endorse.
    pub(crate) device_key: Vec<u8>,
    /// The kind of device, which selects the group.
    pub(crate) kind: String,
    /// The companies that this device trusts.
    pub(crate) anchors: Arc<Anchors>,
}

/// What happened in the readers.
#[derive(Debug)]
pub(crate) enum CardEvent {
    /// Whether pcscd answers.
    Service(bool),
    /// The readers that there are now.
    Readers(Vec<String>),
    /// A card was read and believed.
    Reading(Box<CardReading>),
    /// A card was not read or not believed.
    Fault {
        /// The reader.
        reader: String,
        /// A stable word for the reason.
        code: &'static str,
        /// The reason and its causes, one sentence.
        problem: String,
    },
    /// The card in a reader is gone, whatever it was.
    Removed {
        /// The reader.
        reader: String,
    },
}

/// A card that was read and believed, and has proved that it is no copy.
#[derive(Debug)]
pub(crate) struct CardReading {
    /// The reader.
    pub(crate) reader: String,
    /// The signed directory, as it lies on the card.
    pub(crate) manifest: Vec<u8>,
    /// The group for this device, as it lies on the card.
    pub(crate) group: Vec<u8>,
    /// The group, believed.
    pub(crate) mandate: Verified<Mandate>,
    /// What the card signed.
    pub(crate) endorsement: Endorsement,
    /// Its signature, DER.
    pub(crate) signature: Vec<u8>,
    /// Whether the card was found in the reader when pcscd was reached, rather than put in since.
    pub(crate) present_at_start: bool,
    /// When PC/SC told of the card.
    pub(crate) event_at: Instant,
    /// Exchanges with the card.
    pub(crate) apdus: u32,
    /// How long the exchanges took.
    pub(crate) read: Duration,
    /// How long believing took.
    pub(crate) verify: Duration,
}

/// The reader thread, as its owner sees it.
pub(crate) struct Reader {
    stop: Arc<Stop>,
}

impl Reader {
    /// Lets the thread end as soon as it can. It is not waited for: an exchange with a card that
    /// hangs ends when the reader's driver says so.
    pub(crate) fn stop(&self) {
        self.stop.stop();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the thread. It ends by [`Reader::stop`], or when nobody takes its events any more.
pub(crate) fn spawn(
    expectation: channel::Receiver<Expectation>,
    events: mpsc::Sender<CardEvent>,
) -> io::Result<Reader> {
    let stop = Arc::new(Stop::new()?);
    let watch = watch::Watch::new(expectation, events, Arc::clone(&stop));
    thread::Builder::new()
        .name("card reader".to_owned())
        .spawn(move || watch.run())?;
    Ok(Reader { stop })
}
