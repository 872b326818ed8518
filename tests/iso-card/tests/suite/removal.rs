//! Pulling the card out, at every moment.

use cardwarden_iso_card::card::{Card, Content, Habits};

use crate::lab::{self, Cut};

#[test]
fn a_card_that_is_pulled_out_half_way_holds_the_old_or_the_new_and_nothing_else() {
    for habits in [Habits::TOKEN, Habits::SIM] {
        let mut old = lab::prepared(habits);
        lab::write(&mut old, 1, 2).unwrap();
        lab::write(&mut old, 2, 2).unwrap();
        old.reset();
        let exchanges = lab::write(&mut old.clone(), 3, 2).unwrap().exchanges;
        println!("{exchanges} APDUs to issue again");
        let mut versions = Vec::new();
        for left in 0..=exchanges {
            let mut card = old.clone();
            let result = lab::write(
                Cut {
                    card: &mut card,
                    left,
                },
                3,
                2,
            );
            assert_eq!(result.is_ok(), left == exchanges);
            card.reset();
            versions.push(lab::read(&mut card).unwrap().mandate.version);
            // What was interrupted does not stand in the way.
            card.reset();
            lab::write(&mut card, 4, 2).unwrap();
            card.reset();
            assert_eq!(lab::read(&mut card).unwrap().mandate.version, 4);
        }
        assert!(versions.is_sorted() && versions[0] == 2 && versions.last() == Some(&3));
    }
}

#[test]
fn a_fresh_card_that_is_pulled_out_half_way_is_empty_or_whole_and_can_be_issued_again() {
    let make = |card: &mut Cut<&mut Card>| -> bool {
        lab::initialise(&mut *card).is_ok() && lab::write(&mut *card, 1, 1).is_ok()
    };
    for left in 0.. {
        let mut card = Card::new(Habits::TOKEN);
        let is_done = make(&mut Cut {
            card: &mut card,
            left,
        });
        card.reset();
        match lab::read(&mut card) {
            Ok(selected) => assert_eq!(selected.mandate.version, 1),
            Err(error) => assert_eq!(error.code(), "not-ours", "after {left}"),
        }
        card.reset();
        lab::initialise(&mut card).unwrap();
        lab::write(&mut card, 2, 1).unwrap();
        card.reset();
        assert_eq!(lab::read(&mut card).unwrap().mandate.version, 2);
        if is_done {
            println!("{left} APDUs to make and issue a card");
            return;
        }
    }
}

#[test]
fn a_card_that_is_pulled_out_while_it_is_read_gives_nothing() {
    let mut card = lab::prepared(Habits::TOKEN);
    lab::write(&mut card, 1, 2).unwrap();
    for left in 0.. {
        card.reset();
        let read = lab::read(Cut {
            card: &mut card,
            left,
        });
        match read {
            Ok(selected) => return assert_eq!(selected.mandate.version, 1),
            Err(error) => assert_eq!(error.code(), "removed", "after {left}"),
        }
    }
}

#[test]
fn an_erased_card_holds_nothing_of_ours_and_one_that_is_pulled_out_meanwhile_shows_all_or_nothing()
{
    let mut whole = lab::prepared(Habits::TOKEN);
    lab::write(&mut whole, 1, 2).unwrap();
    for left in 0.. {
        let mut card = whole.clone();
        card.reset();
        let transport = Cut {
            card: &mut card,
            left,
        };
        let erased = cardwarden_card::open(transport, cardwarden_card::WRITING_TIME)
            .and_then(|mut profile| profile.erase());
        card.reset();
        match lab::read(&mut card) {
            Ok(selected) => assert_eq!(selected.mandate.version, 1),
            Err(error) => assert_eq!(error.code(), "not-ours", "after {left}"),
        }
        if erased.is_ok() {
            let holds_ours = |file: &cardwarden_iso_card::card::File| match &file.content {
                Content::Bytes(bytes) => bytes.windows(4).any(|four| four == b"CWMO"),
                Content::Directory(_) | Content::Records(_) => false,
            };
            assert!(!card.files.iter().any(holds_ours));
            card.reset();
            assert_eq!(lab::read(&mut card).unwrap_err().code(), "not-ours");
            card.reset();
            lab::write(&mut card, 2, 0).unwrap();
            card.reset();
            assert_eq!(lab::read(&mut card).unwrap().mandate.version, 2);
            return;
        }
    }
}
