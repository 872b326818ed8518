//! Cards, as the rest of the agent may know them: a thread of its own waits for PC/SC, reads each
//! inserted card once, and says what it found. It decides nothing, and nothing of it polls: it
//! sleeps in the kernel until a reader, a card or the service changes.
//!
//! ```text
//!            ┌── no pcscd: inotify on its socket ◄───────────┐
//!            ▼                                               │ service gone
//!      Service(true) ──► SCardGetStatusChange, without end ──┘ Service(false)
//!                          ├─ readers came or went ─► Readers
//!                          ├─ a card came ─► read, verify, challenge ─► Reading, Release,
//!                          │        ▲                                   PinNeeded or Fault
//!                          │        └── Order: again, or with a PIN
//!                          └─ a card went ─► Removed
//! ```
//!
//! Where the settings name a modem, another thread does the same for the SIM in it: it sleeps until
//! the modem comes or goes, and its events bear the modem's name for the reader's.

mod attempt;
mod reading;
mod service;
mod sim;
mod slot;
mod watch;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cardwarden_card::Pin;
use cardwarden_card::modem::Place;
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::{
    Anchors, Authenticity, Endorsement, KeyId, Manifest, Proof, Properties, Verified,
};
use tokio::sync::{mpsc, watch as channel};
use uuid::Uuid;

use self::service::Call;
use self::sim::Sim;

/// What a card is measured by. A change counts from the next insertion, or from the next
/// [`Order::ReadAgain`].
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    /// What this device says of itself when it chooses a group.
    pub(crate) properties: Properties,
    /// The association that the card of a company without a bond would begin.
    pub(crate) association: Uuid,
    /// The companies that have a say already.
    pub(crate) bonds: Vec<Bond>,
    /// The device's public key, `SubjectPublicKeyInfo` in DER, which the card is to endorse.
    pub(crate) device_key: Vec<u8>,
    /// The companies that this device trusts.
    pub(crate) anchors: Arc<Anchors>,
}

/// A company that has a say already.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bond {
    /// Its key.
    pub(crate) signer: KeyId,
    /// The association.
    pub(crate) association: Uuid,
    /// The group that its server asked for, by name.
    pub(crate) group: Option<String>,
}

impl Expectation {
    /// The association that a card of this company belongs to, and how the device chooses its
    /// group.
    pub(crate) fn of(&self, signer: KeyId) -> (Uuid, Properties) {
        let mut properties = self.properties.clone();
        match self.bonds.iter().find(|bond| bond.signer == signer) {
            Some(bond) => {
                properties.group = bond.group.clone().or(properties.group);
                (bond.association, properties)
            }
            None => (self.association, properties),
        }
    }
}

/// What happened in the readers.
#[derive(Debug)]
pub(crate) enum CardEvent {
    /// Whether pcscd answers.
    Service(bool),
    /// The readers that there are now.
    Readers(Vec<String>),
    /// A card answered, and is being read.
    Met,
    /// A card was read and believed.
    Reading(Box<CardReading>),
    /// A card carries a signed release for this device.
    Release {
        /// The reader.
        reader: String,
        /// The card's directory, believed or a stranger's.
        directory: Box<Verified<Manifest>>,
        /// The signed statement, not yet believed.
        statement: Vec<u8>,
    },
    /// A card gives its group only after its user's PIN.
    PinNeeded(PinNeeded),
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

/// A card that wants a PIN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PinNeeded {
    /// The reader.
    pub(crate) reader: String,
    /// Which insertion of a card this is, counted from the thread's start.
    pub(crate) insertion: u64,
    /// The company's name, as the card says.
    pub(crate) company: String,
    /// The group that wants it.
    pub(crate) group: String,
    /// How many wrong PINs the card takes before it blocks, where it says so; 0 when it is blocked.
    pub(crate) tries: Option<u8>,
    /// Whether a PIN was just wrong.
    pub(crate) wrong: bool,
}

/// A card that was read and believed, and has shown that it is the one that its company issued.
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
    /// The company's key, `SubjectPublicKeyInfo`, when nobody here trusts it: the card introduced
    /// it, so all of this counts only once a person agrees.
    pub(crate) stranger: Option<Vec<u8>>,
    /// What the card said of this device's key.
    pub(crate) endorsement: Endorsement,
    /// With what it showed that it is no copy.
    pub(crate) proof: Proof,
    /// How well that is known.
    pub(crate) authenticity: Authenticity,
    /// Whether the card was found in the reader when pcscd was reached, or was read again, rather
    /// than put in just now.
    pub(crate) was_inside: bool,
    /// When PC/SC told of the card.
    pub(crate) event_at: Instant,
    /// From PC/SC's word to the first command.
    pub(crate) first: Duration,
    /// How long card and reader took to answer, all commands together.
    pub(crate) exchange: Duration,
    /// Exchanges with the card.
    pub(crate) apdus: u32,
    /// How long the exchanges took.
    pub(crate) read: Duration,
    /// How long believing took.
    pub(crate) verify: Duration,
}

/// What a thread may be asked to do beside waiting.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read every card that is in a reader again.
    ReadAgain,
    /// Read a card that wanted a PIN, once, with this one.
    Pin {
        /// The reader.
        reader: String,
        /// The insertion that it is meant for ([`PinNeeded::insertion`]); no other card sees it.
        insertion: u64,
        /// The PIN.
        pin: Pin,
    },
}

/// The threads, as their owner sees them. They end when this is dropped, as soon as they can, and
/// are not waited for: an exchange with a card that hangs ends when the reader's driver says so.
pub(crate) struct Threads {
    call: Arc<Call>,
    sim: Option<Sim>,
}

impl Threads {
    /// Has a card's thread do something, as soon as it is done with what it does now.
    pub(crate) fn order(&self, order: Order) {
        let sim = self.sim.as_ref();
        match &order {
            Order::ReadAgain => {
                if let Some(sim) = sim {
                    sim.order(Order::ReadAgain);
                }
            }
            Order::Pin { reader, .. } => {
                if let Some(sim) = sim.filter(|sim| sim.name() == reader) {
                    sim.order(order);
                    return;
                }
            }
        }
        Call::order(&self.call, order);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.call.stop();
    }
}

/// Starts the threads: one for all readers, and one for the SIM in a modem where there is one. They
/// end with what is returned, or when nobody takes their events any more.
pub(crate) fn spawn(
    modem: Option<Place>,
    expectation: channel::Receiver<Expectation>,
    events: mpsc::Sender<CardEvent>,
) -> io::Result<Threads> {
    let sim = modem
        .map(|modem| Sim::spawn(modem, expectation.clone(), events.clone()))
        .transpose()?;
    let call = Arc::new(Call::new()?);
    let watch = watch::Watch::new(expectation, events, Arc::clone(&call));
    thread::Builder::new()
        .name("card reader".to_owned())
        .spawn(move || watch.run())?;
    Ok(Threads { call, sim })
}
