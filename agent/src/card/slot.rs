//! What one reader's state means: pure, since PC/SC tells states, not happenings. Two cards may
//! have come and gone between two looks; the event count tells.

use std::time::Duration;

use cardwarden_card::Presence;

/// First pause before a card that another program keeps for itself is tried again. PC/SC tells
/// nobody when that ends.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// One look at a reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Look {
    /// What is in it.
    pub(super) presence: Presence,
    /// How many cards came or went since pcscd started.
    pub(super) count: u32,
}

/// What was last known of a reader.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Slot {
    /// The event count of the card in it.
    card: Option<u32>,
    /// How often the card could not be read because another program had it.
    owed: u32,
    /// Which insertion of a card this is.
    insertion: u64,
    /// Whether the card was there when pcscd was reached.
    was_inside: bool,
    /// Whether the card wants a PIN, and none was tried since it said so.
    wants_pin: bool,
}

/// What a look leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Step {
    /// The card that was known is gone.
    pub(super) removed: bool,
    /// A card is to be read.
    pub(super) read: bool,
}

impl Slot {
    /// Takes a look into account.
    pub(super) fn see(&mut self, look: Look) -> Step {
        if look.presence != Presence::Empty && self.card == Some(look.count) {
            return Step {
                removed: false,
                read: false,
            };
        }
        self.owed = 0;
        self.wants_pin = false;
        let card = (look.presence != Presence::Empty).then_some(look.count);
        let removed = std::mem::replace(&mut self.card, card).is_some();
        Step {
            removed,
            read: card.is_some(),
        }
    }

    /// Numbers the insertion of the card that is in it now.
    pub(super) const fn begin(&mut self, insertion: u64, was_inside: bool) {
        self.insertion = insertion;
        self.was_inside = was_inside;
    }

    /// Whether the card was there when pcscd was reached, rather than put in since.
    pub(super) const fn was_inside(&self) -> bool {
        self.was_inside
    }

    /// Which insertion of a card this is.
    pub(super) const fn insertion(&self) -> u64 {
        self.insertion
    }

    /// The card wants a PIN.
    pub(super) const fn want_pin(&mut self) {
        self.wants_pin = true;
    }

    /// Whether a PIN for this insertion may be shown to the card. After one is, no other may before
    /// the card asks again.
    pub(super) fn take_pin(&mut self, insertion: u64) -> bool {
        insertion == self.insertion && std::mem::take(&mut self.wants_pin)
    }

    /// The card could not be read because another program had it: it is to be tried again.
    /// Whether this is news.
    pub(super) fn owe(&mut self) -> bool {
        self.owed = self.owed.saturating_add(1);
        self.owed == 1
    }

    /// The card was read, or never will be.
    pub(super) fn settle(&mut self) {
        self.owed = 0;
    }

    /// How long to wait before the card is tried again, when it is to be.
    pub(super) fn pause(&self) -> Option<Duration> {
        let doublings = self.owed.checked_sub(1)?;
        let factor = 2_u32.saturating_pow(doublings);
        Some(FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE))
    }

    /// Whether a card is known to be in it.
    pub(super) fn holds_card(&self) -> bool {
        self.card.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Look = Look {
        presence: Presence::Empty,
        count: 2,
    };
    const NOTHING: Step = Step {
        removed: false,
        read: false,
    };
    const READ: Step = Step {
        removed: false,
        read: true,
    };

    fn card(count: u32) -> Look {
        Look {
            presence: Presence::Card,
            count,
        }
    }

    #[test]
    fn a_card_is_read_once_however_often_its_state_changes() {
        let mut slot = Slot::default();
        assert_eq!(slot.see(card(1)), READ);
        assert_eq!(slot.see(card(1)), NOTHING);
        assert_eq!(
            slot.see(EMPTY),
            Step {
                removed: true,
                read: false
            }
        );
        assert_eq!(slot.see(EMPTY), NOTHING);
    }

    #[test]
    fn a_card_that_was_swapped_between_two_looks_is_read() {
        let mut slot = Slot::default();
        slot.see(card(1));
        assert_eq!(
            slot.see(card(3)),
            Step {
                removed: true,
                read: true
            }
        );
    }

    #[test]
    fn a_pin_is_shown_once_and_only_to_the_card_that_asked() {
        let mut slot = Slot::default();
        slot.see(card(1));
        slot.begin(7, false);
        assert!(!slot.take_pin(7), "nobody asked");
        slot.want_pin();
        assert!(!slot.take_pin(6));
        assert!(slot.take_pin(7));
        assert!(!slot.take_pin(7));
        slot.want_pin();
        slot.see(card(3));
        slot.begin(8, false);
        assert!(!slot.take_pin(7) && !slot.take_pin(8));
    }

    #[test]
    fn a_card_that_another_program_holds_is_tried_ever_more_rarely_until_it_is_gone() {
        let mut slot = Slot::default();
        slot.see(card(1));
        assert_eq!(slot.pause(), None);
        assert!(slot.owe());
        assert_eq!(slot.pause(), Some(FIRST_PAUSE));
        for _ in 0..100 {
            assert!(!slot.owe());
        }
        assert_eq!(slot.pause(), Some(LONGEST_PAUSE));
        slot.see(EMPTY);
        assert_eq!(slot.pause(), None);
    }
}
