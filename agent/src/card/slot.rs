//! What one reader's state means: pure, since PC/SC tells states, not happenings. Two cards may
//! have come and gone between two looks; the event count tells.

use cardwarden_card::Presence;
use pcsc::State;

/// One look at a reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Look {
    /// What is in it.
    pub(super) presence: Presence,
    /// Whether another program has the card for itself.
    pub(super) is_taken: bool,
    /// How many cards came or went since pcscd started.
    pub(super) count: u32,
}

impl Look {
    /// What PC/SC's state says.
    pub(super) fn of(state: State, count: u32) -> Self {
        Self {
            presence: Presence::of(state),
            is_taken: state.contains(State::EXCLUSIVE),
            count,
        }
    }
}

/// What was last known of a reader.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Slot {
    /// The event count of the card in it.
    card: Option<u32>,
    /// Whether the card could not be read because another program had it.
    owed: bool,
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
        if look.presence == Presence::Empty {
            let removed = self.card.take().is_some();
            self.owed = false;
            return Step {
                removed,
                read: false,
            };
        }
        if self.card == Some(look.count) {
            let read = self.owed && !look.is_taken;
            self.owed &= !read;
            return Step {
                removed: false,
                read,
            };
        }
        self.owed = false;
        Step {
            removed: self.card.replace(look.count).is_some(),
            read: true,
        }
    }

    /// The card could not be read because another program had it: it is read once that ends.
    pub(super) fn owe(&mut self) {
        self.owed = true;
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
        is_taken: false,
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
            is_taken: false,
            count,
        }
    }

    #[test]
    fn a_card_is_read_once_however_often_its_state_changes() {
        let mut slot = Slot::default();
        assert_eq!(slot.see(card(1)), READ);
        assert_eq!(slot.see(card(1)), NOTHING);
        assert_eq!(
            slot.see(Look {
                is_taken: true,
                ..card(1)
            }),
            NOTHING
        );
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
    fn a_card_that_another_program_held_is_read_when_it_lets_go() {
        let mut slot = Slot::default();
        let taken = Look {
            is_taken: true,
            ..card(1)
        };
        assert_eq!(slot.see(taken), READ);
        slot.owe();
        assert_eq!(slot.see(taken), NOTHING);
        assert_eq!(slot.see(card(1)), READ);
        assert_eq!(slot.see(card(1)), NOTHING);
    }
}
