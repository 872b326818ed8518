//! The next card of a box: one that was put in after the last one was done with.

use std::collections::BTreeMap;

use cardwarden_card::{Presence, Sighting, Watch};

use crate::card::reach::{Trouble, unreachable};

/// Cards as they come.
pub(super) struct Queue {
    watch: Watch,
    turns: Turns,
}

impl Queue {
    /// Cards in the reader of this name, or in any.
    pub(super) fn open(reader: Option<&str>) -> Result<Self, Trouble> {
        Ok(Self {
            watch: Watch::open().map_err(|error| unreachable(&error))?,
            turns: Turns {
                reader: reader.map(str::to_owned),
                ..Turns::default()
            },
        })
    }

    /// Waits for the next card; returns its reader. It counts as done with from then on.
    pub(super) fn next(&mut self) -> Result<String, Trouble> {
        loop {
            if let Some(reader) = self.turns.take() {
                return Ok(reader);
            }
            let seen = self.watch.wait().map_err(|error| unreachable(&error))?;
            self.turns.see(seen);
        }
    }
}

/// Which readers hold a card that nobody has looked at.
#[derive(Debug, Default)]
struct Turns {
    /// The only reader that counts.
    reader: Option<String>,
    seen: Vec<Sighting>,
    /// The count of a reader at which its card was taken.
    taken: BTreeMap<String, u32>,
}

impl Turns {
    fn see(&mut self, seen: Vec<Sighting>) {
        // A reader that went away may come back under its name, and count anew.
        self.taken
            .retain(|reader, _| seen.iter().any(|one| one.reader == *reader));
        self.seen = seen;
    }

    fn take(&mut self) -> Option<String> {
        let next = self.seen.iter().find(|one| {
            // One that does not answer is for the person to turn round.
            one.presence != Presence::Empty
                && self.reader.as_ref().is_none_or(|only| *only == one.reader)
                && self.taken.get(&one.reader) != Some(&one.count)
        })?;
        self.taken.insert(next.reader.clone(), next.count);
        Some(next.reader.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(reader: &str, presence: Presence, count: u32) -> Sighting {
        Sighting {
            reader: reader.to_owned(),
            presence,
            count,
        }
    }

    #[test]
    fn no_card_is_taken_twice_without_being_taken_out() {
        let mut turns = Turns::default();
        let card = seen("a", Presence::Card, 1);
        turns.see(vec![card.clone()]);
        assert_eq!(turns.take().as_deref(), Some("a"));
        assert_eq!(turns.take(), None);
        turns.see(vec![card, seen("b", Presence::Empty, 0)]);
        assert_eq!(turns.take(), None);
        turns.see(vec![seen("a", Presence::Empty, 2)]);
        assert_eq!(turns.take(), None);
        turns.see(vec![seen("a", Presence::Card, 3)]);
        assert_eq!(turns.take().as_deref(), Some("a"));
        // Out and in again between two looks.
        turns.see(vec![seen("a", Presence::Card, 5)]);
        assert_eq!(turns.take().as_deref(), Some("a"));
    }

    #[test]
    fn several_readers_take_turns_and_one_that_is_named_is_the_only_one() {
        let both = || vec![seen("a", Presence::Card, 1), seen("b", Presence::Card, 1)];
        let mut turns = Turns::default();
        turns.see(both());
        let taken = [turns.take(), turns.take(), turns.take()];
        assert_eq!(taken, [Some("a".to_owned()), Some("b".to_owned()), None]);
        let mut turns = Turns {
            reader: Some("b".to_owned()),
            ..Turns::default()
        };
        turns.see(both());
        assert_eq!(turns.take().as_deref(), Some("b"));
        assert_eq!(turns.take(), None);
    }

    #[test]
    fn a_reader_that_was_plugged_in_again_counts_anew() {
        let mut turns = Turns::default();
        turns.see(vec![seen("a", Presence::Card, 1)]);
        assert!(turns.take().is_some());
        turns.see(vec![]);
        turns.see(vec![seen("a", Presence::Card, 1)]);
        assert!(turns.take().is_some());
    }

    #[test]
    fn a_card_that_does_not_answer_is_taken_so_that_the_person_hears_of_it() {
        let mut turns = Turns::default();
        turns.see(vec![seen("a", Presence::Mute, 3)]);
        assert!(turns.take().is_some());
    }
}
