//! PINs: the user's before guarded groups, the officer's before writing.

use cardwarden_card::{
    Authority, NotTaken, Pin, WRITING_TIME, issue, open, pkcs15, profile::Error, read_selected,
};
use cardwarden_iso_card::card::{Card, Content, Habits};
use cardwarden_policy::{Anchors, Properties};

use crate::lab;

/// A card with files behind the PIN, as its maker made them.
pub(crate) fn guarded() -> Card {
    let mut card = lab::prepared(Habits::SIM);
    let directory = card.find(&[0x5015]).unwrap();
    for fid in 0x4559..=0x455B {
        let place = card.add(directory, fid, Content::Bytes(vec![0; 2048]));
        card.files[place].is_guarded = true;
    }
    card
}

pub(crate) fn pin(digits: &str) -> Pin {
    Pin::new(digits.into()).unwrap()
}

pub(crate) fn write(card: &mut Card, version: u64, user: Option<&str>) -> Result<(), String> {
    let mut profile = open(card, WRITING_TIME).unwrap();
    let mut content = lab::content(version, 0);
    content.groups[0].pin = true;
    if let Some(user) = user {
        profile.verify_pin(&pin(user)).unwrap();
    }
    let sign = |manifest: &_| lab::company().sign(manifest);
    issue(profile.as_mut(), &Authority::None, &content, sign)
        .map(drop)
        .map_err(|error| error.code().to_owned())
}

#[test]
fn a_group_behind_the_pin_is_read_after_it_and_never_tried_twice() {
    let mut card = guarded();
    assert_eq!(write(&mut card, 1, None), Err("pin-needed".to_owned()));
    card.reset();
    write(&mut card, 1, Some("1234")).unwrap();
    card.reset();
    let error = lab::read(&mut card).unwrap_err();
    assert!(matches!(
        error,
        NotTaken::Card(Error::PinNeeded { tries: Some(3) })
    ));
    card.reset();
    let anchors = Anchors::from_iter([lab::company().anchor().unwrap()]);
    let device = Properties {
        kind: "laptop".to_owned(),
        ..Properties::default()
    };
    let mut profile = open(&mut card, WRITING_TIME).unwrap();
    assert!(matches!(
        profile.verify_pin(&pin("9999")),
        Err(Error::WrongPin { tries: Some(2) })
    ));
    assert_eq!(profile.pin_tries().unwrap(), Some(2));
    assert!(profile.verify_pin(&pin("123456789")).is_err());
    assert_eq!(profile.pin_tries().unwrap(), Some(2));
    profile.verify_pin(&pin("1234")).unwrap();
    let selected = read_selected(profile.as_mut(), &anchors, &device, None).unwrap();
    assert_eq!(selected.mandate.version, 1);
    for left in (0..3).rev() {
        let error = profile.verify_pin(&pin("0000")).unwrap_err();
        assert_eq!(matches!(error, Error::PinBlocked), left == 0, "{error:?}");
    }
    assert_eq!(profile.pin_tries().unwrap(), Some(0));
}

#[test]
fn without_files_behind_the_pin_nothing_pretends_to_be() {
    let mut card = lab::prepared(Habits::SIM);
    assert_eq!(write(&mut card, 1, None), Err("card-full".to_owned()));
    // A file of that number that anybody reads is none.
    let directory = card.find(&[0x5015]).unwrap();
    card.add(directory, 0x4559, Content::Bytes(vec![0; 2048]));
    card.reset();
    assert_eq!(write(&mut card, 1, None), Err("card-full".to_owned()));
}

#[test]
fn the_officers_pin_opens_the_card_for_writing() {
    let mut card = lab::prepared(Habits::TOKEN);
    card.habits.needs_officer = true;
    assert_eq!(
        lab::write(&mut card, 1, 0).unwrap_err().code(),
        "card-fault"
    );
    card.reset();
    let mut profile = open(&mut card, WRITING_TIME).unwrap();
    let wrong = profile.authenticate(&Authority::AdminPin(pin("00000000")));
    assert_eq!(wrong.unwrap_err().code(), "admin-pin");
    let right = Authority::AdminPin(pin("87654321"));
    let sign = |manifest: &_| lab::company().sign(manifest);
    issue(profile.as_mut(), &right, &lab::content(1, 0), sign).unwrap();
    drop(profile);
    card.reset();
    assert_eq!(lab::read(&mut card).unwrap().mandate.version, 1);
}

#[test]
fn a_card_is_initialised_with_the_officers_pin_and_a_second_time_changes_nothing() {
    let mut card = Card::new(Habits {
        needs_officer: true,
        ..Habits::TOKEN
    });
    assert!(lab::initialise(&mut card).is_err());
    card.reset();
    let right = Authority::AdminPin(pin("87654321"));
    pkcs15::initialise(&mut card, WRITING_TIME, &right).unwrap();
    let before = card.files.clone();
    card.reset();
    pkcs15::initialise(&mut card, WRITING_TIME, &right).unwrap();
    assert_eq!(card.files, before);
}
