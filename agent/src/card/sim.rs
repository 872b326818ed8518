//! The SIM in a modem: read when the agent starts and whenever the modem comes back. The thread
//! sleeps until the modem comes or goes, or somebody has an order for it.

use std::error::Error;
use std::io;
use std::thread;
use std::time::Instant;

use cardwarden_card::modem::{self, Lookout, Place, Woken};
use cardwarden_card::{Presence, Transport, reader};
use tokio::sync::{mpsc, watch};

use super::attempt::{Why, attempt};
use super::reading::Source;
use super::slot::{Look, Slot};
use super::{CardEvent, Expectation, Order};

/// Orders that may wait, while a modem takes its time.
const QUEUE: usize = 16;

/// The thread, as its owner sees it. It ends when this is dropped.
pub(super) struct Sim {
    modem: Place,
    orders: mpsc::Sender<Order>,
}

impl Sim {
    /// Starts the thread.
    pub(super) fn spawn(
        modem: Place,
        expectation: watch::Receiver<Expectation>,
        events: mpsc::Sender<CardEvent>,
    ) -> io::Result<Self> {
        let (sender, orders) = mpsc::channel(QUEUE);
        let watch = Watch {
            lookout: Lookout::new(&modem)?,
            modem: Modem(modem.clone()),
            expectation,
            events,
            orders,
            slot: Slot::default(),
            insertions: 0,
            is_first_look: true,
        };
        thread::Builder::new()
            .name("SIM".to_owned())
            .spawn(move || watch.run())?;
        Ok(Self {
            modem,
            orders: sender,
        })
    }

    /// By what its events name the SIM.
    pub(super) fn name(&self) -> &str {
        self.modem.as_str()
    }

    /// Gives an order.
    pub(super) fn order(&self, order: Order) {
        if let Err(error) = self.orders.try_send(order) {
            tracing::warn!("the SIM is read again only when its modem comes back: {error}");
        }
    }
}

/// A modem as a place where there is a card.
struct Modem(Place);

impl Source for Modem {
    fn name(&self) -> String {
        self.0.to_string()
    }

    fn meet<T>(
        &mut self,
        speak: impl FnOnce(&mut dyn Transport, &dyn Fn()) -> T,
    ) -> Result<T, reader::Error> {
        let mut sim = modem::open(&self.0)?;
        // A modem takes seconds: nothing is gained by what could be done meanwhile.
        Ok(speak(&mut sim, &|| {}))
    }
}

/// What a modem failed with, where it is at the root of an error.
pub(super) fn failure<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e modem::Failure> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// The thread.
struct Watch {
    lookout: Lookout,
    modem: Modem,
    expectation: watch::Receiver<Expectation>,
    events: mpsc::Sender<CardEvent>,
    orders: mpsc::Receiver<Order>,
    slot: Slot,
    /// How often a modem came so far.
    insertions: u64,
    /// The modem of the first look was there before.
    is_first_look: bool,
}

/// Why waiting ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The thread is to end, or nobody listens any more.
    #[error("the thread is to end")]
    Stopped,
    /// The system gives nothing to wait with.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl Watch {
    fn run(mut self) {
        loop {
            match self.turn() {
                Ok(()) => {}
                Err(Ended::Stopped) => return,
                Err(Ended::System(error)) => {
                    let modem = self.modem.name();
                    tracing::error!(
                        "cannot wait for the modem {modem}, its SIM is not seen: {error}"
                    );
                    return;
                }
            }
        }
    }

    /// Follows what changed, and waits for the next change.
    fn turn(&mut self) -> Result<(), Ended> {
        self.follow()?;
        match self.lookout.wait(self.orders.recv(), self.slot.pause())? {
            Woken::Stirred => Ok(()),
            Woken::Called(None) => Err(Ended::Stopped),
            Woken::Called(Some(order)) => self.obey(order),
            Woken::Late => self.read(&Why::Owed),
        }
    }

    /// Sees whether the modem came or went.
    fn follow(&mut self) -> Result<(), Ended> {
        let there = self.lookout.look()?;
        let was_inside = std::mem::take(&mut self.is_first_look);
        let step = self.slot.see(Look {
            presence: if there.is_some() {
                Presence::Card
            } else {
                Presence::Empty
            },
            count: there.unwrap_or_default(),
        });
        if step.removed {
            let reader = self.modem.name();
            self.tell(CardEvent::Removed { reader })?;
        }
        if !step.read {
            return Ok(());
        }
        self.insertions = self.insertions.saturating_add(1);
        self.slot.begin(self.insertions, was_inside);
        self.read(&Why::Owed)
    }

    /// Does what was asked.
    fn obey(&mut self, order: Order) -> Result<(), Ended> {
        match order {
            Order::ReadAgain if self.slot.holds_card() => self.read(&Why::Again),
            Order::Pin { insertion, pin, .. } if self.slot.take_pin(insertion) => {
                self.read(&Why::Pin(pin))
            }
            Order::ReadAgain | Order::Pin { .. } => Ok(()),
        }
    }

    /// Reads the SIM, and tells what came of it.
    fn read(&mut self, why: &Why) -> Result<(), Ended> {
        let expectation = self.expectation.borrow().clone();
        let now = Instant::now();
        match attempt(&mut self.modem, &mut self.slot, &expectation, (now, why)) {
            Some(event) => self.tell(event),
            None => Ok(()),
        }
    }

    fn tell(&self, event: CardEvent) -> Result<(), Ended> {
        self.events
            .blocking_send(event)
            .map_err(|_nobody_listens| Ended::Stopped)
    }
}
