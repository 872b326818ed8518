//! Which profile a card is spoken to in, and what errors tell.

use std::cell::RefCell;
use std::error::Error as _;

use cardwarden_card::reader::Error;
use cardwarden_card::{READING_TIME, Transport, open};

/// The begin of the PIV application's name.
const PIV: [u8; 5] = [0xA0, 0, 0, 3, 8];

/// A card that has some applications, by the begin of their names, with nothing in them.
struct Empty<'a> {
    applications: &'a [&'a [u8]],
    is_shared: bool,
    commands: &'a RefCell<Vec<Vec<u8>>>,
}

impl Transport for Empty<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.commands.borrow_mut().push(command.to_vec());
        let is_there = |name: &&[u8]| command.get(5..).is_some_and(|data| data.starts_with(name));
        let selects = command.get(1..3) == Some(&[0xA4, 4]);
        let is_taken = selects && self.applications.iter().any(is_there);
        Ok(if is_taken {
            vec![0x90, 0]
        } else {
            vec![0x6A, 0x82]
        })
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }
}

/// What opening such a card comes to, and what it was told.
fn opened(
    applications: &[&[u8]],
    is_shared: bool,
) -> (Result<&'static str, &'static str>, Vec<Vec<u8>>) {
    let commands = RefCell::default();
    let card = Empty {
        applications,
        is_shared,
        commands: &commands,
    };
    let name = open(card, READING_TIME)
        .map(|profile| profile.name())
        .map_err(|error| error.code());
    (name, commands.into_inner())
}

#[test]
fn of_empty_profiles_the_first_is_taken_after_all_were_looked_into() {
    let (name, commands) = opened(&[&PIV], false);
    assert_eq!(name, Ok("piv"));
    let selects = |name: &[u8]| {
        let selection =
            |command: &&Vec<u8>| command.get(5..).is_some_and(|data| data.starts_with(name));
        commands.iter().filter(selection).count()
    };
    assert_eq!(selects(&PIV), 2);
    // OpenPGP and PKCS#15 were asked for between.
    assert_eq!(selects(&[0xD2, 0x76, 0, 1, 0x24, 1]), 1);
    assert!(selects(b"\xA0\0\0\0cPKCS-15") >= 1);
    assert!(commands.last().unwrap()[5..].starts_with(&PIV));
}

#[test]
fn a_card_without_any_profile_is_none_of_ours() {
    assert_eq!(opened(&[], false).0, Err("not-ours"));
}

#[test]
fn nobody_elses_channel_is_used() {
    let (name, commands) = opened(&[&PIV], true);
    assert_eq!(name.map_err(|code| !code.is_empty()), Err(true));
    for command in commands {
        assert!(
            command[0] & 0x43 != 0 || command[1] == 0x70,
            "{command:02X?}"
        );
    }
}

#[test]
fn a_refusal_names_the_application_the_command_and_the_status_in_words() {
    struct Refusing;
    impl Transport for Refusing {
        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(match command {
                [_, 0xA4, ..] => vec![0x90, 0],
                _other => vec![0x65, 0x81],
            })
        }
    }
    let channel =
        cardwarden_card::apdu::Channel::new(Refusing, std::time::Instant::now() + READING_TIME);
    let mut piv = cardwarden_card::piv::Piv::select(channel).unwrap();
    let error = cardwarden_card::Profile::read_manifest(&mut piv).unwrap_err();
    assert_eq!(error.to_string(), "reading object 5FC120 failed");
    assert_eq!(
        error.source().unwrap().to_string(),
        "the card's PIV application answered command 00 CB 3F FF with 6581 (the card's memory failed)"
    );
}
