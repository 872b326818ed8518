//! The thread's loop: waits for readers and cards, and reads each card once.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardwarden_card::{Connection, Prepared, Presence};
use pcsc::{Context, PNP_NOTIFICATION, ReaderState, State};
use tokio::sync::{mpsc, watch};

use super::attempt::{Why, attempt};
use super::reading::Reader;
use super::service::{self, Call};
use super::slot::{Look, Slot};
use super::{CardEvent, Expectation, Order};

/// A service that goes away sooner is not reached for again at once.
const STEADY: Duration = Duration::from_secs(2);

/// As good as without end, and better than PC/SC's own word for that, at which libpcsclite 1.9
/// wakes every minute (`winscard_clnt.c`, `SCardGetStatusChange`). poll(2) could wait 24 days.
const LONG: Duration = Duration::from_hours(24 * 20);

/// The thread.
pub(super) struct Watch {
    expectation: watch::Receiver<Expectation>,
    events: mpsc::Sender<CardEvent>,
    call: Arc<Call>,
    /// How many cards were put in so far.
    insertions: Cell<u64>,
    /// What the next card is met with, made ahead of it.
    ready: Cell<Option<Prepared>>,
}

/// Why waiting ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The thread is to end, or nobody listens any more.
    #[error("the thread is to end")]
    Stopped,
    /// The service went away.
    #[error("pcscd failed")]
    Service(#[from] pcsc::Error),
}

/// Readers as PC/SC wants them, and what is known of each. The first is no reader, but PC/SC's
/// word for readers that come and go.
struct Readers {
    states: Vec<ReaderState>,
    slots: Vec<Slot>,
    /// Cards in the readers of the first look were there before.
    is_first_look: bool,
}

impl Watch {
    pub(super) fn new(
        expectation: watch::Receiver<Expectation>,
        events: mpsc::Sender<CardEvent>,
        call: Arc<Call>,
    ) -> Self {
        Self {
            expectation,
            events,
            call,
            insertions: Cell::new(0),
            ready: Cell::new(None),
        }
    }

    /// Runs until it is told to end.
    pub(super) fn run(self) {
        let mut failures = 0_usize;
        loop {
            let context = match service::reach(&self.call, failures) {
                Ok(Some(context)) => context,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("cannot wait for pcscd, cards are not seen: {error}");
                    return;
                }
            };
            let reached = Instant::now();
            match self.attend(&context) {
                Ended::Stopped => return,
                Ended::Service(_) if self.call.is_wanted() => return,
                Ended::Service(error) => tracing::info!("pcscd is gone: {error}"),
            }
            let lasted = reached.elapsed() >= STEADY;
            failures = if lasted {
                0
            } else {
                failures.saturating_add(1)
            };
            self.call.forget();
            self.ready.set(None);
            if self.tell(CardEvent::Service(false)).is_err() {
                return;
            }
        }
    }

    /// Attends to the readers until pcscd goes away.
    fn attend(&self, context: &Context) -> Ended {
        let mut readers = Readers::new();
        let mut result = self.tell(CardEvent::Service(true));
        while result.is_ok() {
            result = self.turn(context, &mut readers);
        }
        // A card in a reader that cannot be seen any more has to be taken for gone.
        for reader in readers.with_cards() {
            if self.tell(CardEvent::Removed { reader }).is_err() {
                return Ended::Stopped;
            }
        }
        result.err().unwrap_or(Ended::Stopped)
    }

    /// Waits for a change, and follows it.
    fn turn(&self, context: &Context, readers: &mut Readers) -> Result<(), Ended> {
        self.list(context, readers)?;
        if self.call.is_wanted() {
            return Err(Ended::Stopped);
        }
        for order in self.call.take() {
            self.follow_order(readers, order)?;
        }
        if !readers.slots.is_empty() {
            self.prepare();
        }
        let pause = readers.slots.iter().filter_map(Slot::pause).min();
        match context.get_status_change(pause.unwrap_or(LONG), &mut readers.states) {
            Ok(()) => {}
            Err(pcsc::Error::Timeout) => return self.retry(readers),
            // A reader went between the list and the wait: list again. Or there is an order.
            Err(pcsc::Error::UnknownReader | pcsc::Error::Cancelled) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let at = Instant::now();
        let was_inside = std::mem::take(&mut readers.is_first_look);
        let Some((news, states)) = readers.states.split_first_mut() else {
            return Ok(());
        };
        news.sync_current_state();
        for (state, slot) in states.iter_mut().zip(&mut readers.slots) {
            if state.event_state().contains(State::CHANGED) {
                state.sync_current_state();
                self.follow(state, slot, (at, was_inside))?;
            }
        }
        Ok(())
    }

    /// Tries the cards again that another program kept for itself.
    fn retry(&self, readers: &mut Readers) -> Result<(), Ended> {
        let at = Instant::now();
        for (state, slot) in readers.states.iter().skip(1).zip(&mut readers.slots) {
            if slot.pause().is_some() {
                self.read(state.name(), slot, (at, &Why::Owed))?;
            }
        }
        Ok(())
    }

    /// Does what was asked.
    fn follow_order(&self, readers: &mut Readers, order: Order) -> Result<(), Ended> {
        let at = Instant::now();
        let slots = readers.states.iter().skip(1).zip(&mut readers.slots);
        match order {
            Order::ReadAgain => {
                for (state, slot) in slots.filter(|(_, slot)| slot.holds_card()) {
                    self.read(state.name(), slot, (at, &Why::Again))?;
                }
            }
            Order::Pin {
                reader,
                insertion,
                pin,
            } => {
                let mut asked = slots.filter(|(state, slot)| {
                    slot.holds_card() && state.name().to_string_lossy() == reader
                });
                if let Some((state, slot)) = asked.next()
                    && slot.take_pin(insertion)
                {
                    self.read(state.name(), slot, (at, &Why::Pin(pin)))?;
                }
            }
        }
        Ok(())
    }

    /// Brings the list of readers up to date.
    fn list(&self, context: &Context, readers: &mut Readers) -> Result<(), Ended> {
        let names = context.list_readers_owned()?;
        if readers.is_first_look || !readers.are(&names) {
            for reader in readers.replace(&names) {
                self.tell(CardEvent::Removed { reader })?;
            }
            let names = names.iter().map(|name| name.to_string_lossy().into_owned());
            self.tell(CardEvent::Readers(names.collect()))?;
        }
        Ok(())
    }

    /// Follows the change of one reader.
    fn follow(
        &self,
        state: &ReaderState,
        slot: &mut Slot,
        (at, was_inside): (Instant, bool),
    ) -> Result<(), Ended> {
        let presence = Presence::of(state.event_state());
        let step = slot.see(Look {
            presence,
            count: state.event_count(),
        });
        if step.removed {
            let reader = state.name().to_string_lossy().into_owned();
            self.tell(CardEvent::Removed { reader })?;
        }
        if step.read {
            let insertion = self.insertions.get().saturating_add(1);
            self.insertions.set(insertion);
            slot.begin(insertion, was_inside);
            self.read(state.name(), slot, (at, &Why::Owed))
        } else {
            Ok(())
        }
    }

    /// Makes ahead what the next card is met with, unless that is there.
    fn prepare(&self) {
        // Where it fails now, whoever needs it tries again and tells why not.
        let ready = self.ready.take().or_else(|| Connection::prepare().ok());
        self.ready.set(ready);
    }

    /// Reads a card, and tells what came of it.
    fn read(&self, name: &CStr, slot: &mut Slot, why: (Instant, &Why)) -> Result<(), Ended> {
        let expectation = self.expectation.borrow().clone();
        // That nobody listens, what is told next finds out, too.
        let met = || drop(self.tell(CardEvent::Met));
        let mut reader = Reader {
            name,
            ready: self.ready.take(),
            met: &met,
        };
        match attempt(&mut reader, slot, &expectation, why) {
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

impl Readers {
    fn new() -> Self {
        let news = ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE);
        Self {
            states: vec![news],
            slots: Vec::new(),
            is_first_look: true,
        }
    }

    fn are(&self, names: &[CString]) -> bool {
        let known = self.states.iter().skip(1).map(ReaderState::name);
        known.eq(names.iter().map(CString::as_c_str))
    }

    /// Takes over a new list; the readers that went with a card in them.
    fn replace(&mut self, names: &[CString]) -> Vec<String> {
        let mut known: Vec<(ReaderState, Slot)> =
            self.states.drain(1..).zip(self.slots.drain(..)).collect();
        for name in names {
            let position = known
                .iter()
                .position(|(state, _slot)| state.name() == name.as_c_str());
            let (state, slot) = match position {
                Some(position) => known.swap_remove(position),
                None => (
                    ReaderState::new(name.clone(), State::UNAWARE),
                    Slot::default(),
                ),
            };
            self.states.push(state);
            self.slots.push(slot);
        }
        with_cards(known.iter().map(|(state, slot)| (state, slot)))
    }

    fn with_cards(&self) -> Vec<String> {
        with_cards(self.states.iter().skip(1).zip(&self.slots))
    }
}

fn with_cards<'a>(readers: impl Iterator<Item = (&'a ReaderState, &'a Slot)>) -> Vec<String> {
    readers
        .filter(|(_state, slot)| slot.holds_card())
        .map(|(state, _slot)| state.name().to_string_lossy().into_owned())
        .collect()
}
