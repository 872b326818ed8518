//! One attempt at a card: it is read, its slot remembers what came of it, and what is news is told.

use std::time::Instant;

use cardwarden_card::Pin;
use cardwarden_policy::explain::chain;

use super::reading::{self, Source, Told};
use super::slot::Slot;
use super::{CardEvent, Expectation};

/// Why a card is read.
pub(super) enum Why {
    /// It is owed: it was put in, or could not be had.
    Owed,
    /// Somebody wants it read again.
    Again,
    /// Its user gave the PIN.
    Pin(Pin),
}

/// Reads a card; nothing where it still cannot be had, which was told already.
pub(super) fn attempt(
    source: &mut impl Source,
    slot: &mut Slot,
    expectation: &Expectation,
    (event_at, why): (Instant, &Why),
) -> Option<CardEvent> {
    let (was_inside, pin) = match why {
        Why::Owed => (slot.was_inside(), None),
        Why::Again => (true, None),
        Why::Pin(pin) => (slot.was_inside(), Some(pin)),
    };
    let told = Told {
        event_at,
        was_inside,
        insertion: slot.insertion(),
    };
    let refusal = match reading::read(source, expectation, told, pin) {
        Ok(event) => {
            slot.settle();
            if matches!(event, CardEvent::PinNeeded(_)) {
                slot.want_pin();
            }
            return Some(event);
        }
        Err(refusal) => refusal,
    };
    let is_news = if refusal.passes() {
        slot.owe()
    } else {
        slot.settle();
        true
    };
    is_news.then(|| CardEvent::Fault {
        reader: source.name(),
        code: refusal.code(),
        problem: chain(&refusal),
    })
}
