//! How many APDUs a card costs, and that every kind of card is read.

use std::time::{Duration, Instant};

use cardwarden_card::apdu::Channel;
use cardwarden_card::pkcs15::Pkcs15;
use cardwarden_card::{Lengths, Profile as _, Transport, WRITING_TIME, Wanted};
use cardwarden_iso_card::card::{Card, Habits};
use cardwarden_policy::manifest::GroupEntry;

use crate::lab;

fn profile(card: &mut Card) -> Pkcs15<'_> {
    let end = Instant::now() + Duration::from_mins(1);
    Pkcs15::select(Channel::new(card, end)).unwrap()
}

/// Writes a manifest of 500 bytes and groups of 1,500; the APDUs that reading the second takes.
fn exchanges(habits: Habits) -> u32 {
    let mut card = lab::prepared(habits);
    let groups: Vec<Vec<u8>> = (1..=3).map(|number| vec![number; 1500]).collect();
    let mut writing = profile(&mut card);
    let wanted = [Wanted {
        length: 1500,
        pin: false,
    }; 3];
    let placement = writing.place(&wanted).unwrap();
    writing.write(&placement, &[9; 500], &groups).unwrap();
    drop(writing);
    card.reset();
    let entry = GroupEntry::describing(2, "two", &groups[1], placement.groups[1].clone());
    let mut reading = profile(&mut card);
    assert_eq!(reading.read_manifest().unwrap(), [9; 500]);
    assert_eq!(reading.read_group(&entry).unwrap(), groups[1]);
    reading.exchanges()
}

#[test]
fn a_manifest_and_one_group_take_at_most_eleven_short_apdus_and_seven_extended() {
    let short = exchanges(Habits::TOKEN);
    let sim = exchanges(Habits::SIM);
    let extended = exchanges(Habits {
        lengths: Lengths::extended(2048, 2048),
        ..Habits::TOKEN
    });
    println!("short {short}, on a SIM {sim}, extended {extended}");
    assert!(short <= 11 && sim <= 11 && extended <= 7);
}

#[test]
fn other_groups_are_not_read() {
    let mut card = lab::prepared(Habits::TOKEN);
    lab::write(&mut card, 1, 5).unwrap();
    card.reset();
    let selected = lab::read(&mut card).unwrap();
    let used = selected.verified.groups.last().unwrap().containers[0];
    let short = u8::try_from(used & 0x1F).unwrap();
    let groups: Vec<u8> = card
        .log
        .iter()
        .filter(|header| header[1] == 0xB0 && header[2] & 0x80 != 0)
        .map(|header| header[2] & 0x1F)
        .filter(|short| *short >= 5 && *short != 17)
        .collect();
    assert_eq!(groups, [short]);
}

#[test]
fn every_kind_of_card_is_read_and_issued_again() {
    let kinds = [
        Habits::TOKEN,
        Habits::SIM,
        Habits {
            has_short_ids: false,
            ..Habits::TOKEN
        },
        Habits {
            has_short_ids: false,
            ..Habits::SIM
        },
        Habits {
            lengths: Lengths::extended(1000, 700),
            ..Habits::TOKEN
        },
    ];
    let cards = kinds
        .into_iter()
        .map(lab::prepared)
        .chain([lab::nameless_sim()]);
    for mut card in cards {
        for version in 1..=4 {
            lab::write(&mut card, version, 4).unwrap();
            card.reset();
            let selected = lab::read(&mut card).unwrap();
            assert_eq!(selected.mandate.version, version, "{:?}", card.habits);
            card.reset();
        }
    }
}

/// A card that knows no instruction.
struct Nothing;

impl Transport for Nothing {
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, cardwarden_card::reader::Error> {
        Ok(vec![0x6D, 0x00])
    }
}

#[test]
fn a_card_without_files_is_none_of_ours() {
    let mut card = Card::new(Habits::TOKEN);
    assert_eq!(lab::read(&mut card).unwrap_err().code(), "not-ours");
    let error = cardwarden_card::open(Nothing, WRITING_TIME).map(drop);
    assert_eq!(error.unwrap_err().code(), "not-ours");
}
