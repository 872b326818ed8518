//! What only `OpenPGP` cards have: private use objects, three certificates, small cards, cards with
//! one certificate, hashed PINs.

use std::path::Path;

use cardwarden_card::apdu::{Answer, Channel, Command, Header};
use cardwarden_card::reader::Error;
use cardwarden_card::room::Holds;
use cardwarden_card::{Authority, Pin, Transport, WRITING_TIME, open};
use cardwarden_lab_card::firmware::power;

use crate::lab::{self, OPENPGP, read, write};

/// Somebody else's certificate, as far as anybody can tell from its begin.
const CERTIFICATE: &[u8] = &[0x30, 0x82, 0x02, 0x00, 0x30, 0x82, 0x01, 0xA6];

/// Writes an object (and which of several) as the card's owner would, with both PINs given.
fn put(image: &Path, tag: u16, instance: Option<u8>, value: &[u8]) {
    let run = |channel: &mut Channel<'_>, header: Header, data: &[u8]| {
        let command = Command::new(header, data.to_vec(), Answer::Status);
        channel.send(&command).unwrap();
    };
    power(image, OPENPGP, |card| {
        let mut channel = Channel::new(card, std::time::Instant::now() + WRITING_TIME);
        let aid = [0xD2, 0x76, 0x00, 0x01, 0x24, 0x01];
        run(&mut channel, Header::new(0xA4, 4, 0), &aid);
        run(&mut channel, Header::new(0x20, 0, 0x82), b"123456");
        run(&mut channel, Header::new(0x20, 0, 0x83), b"12345678");
        if let Some(instance) = instance {
            let data = [0x60, 0x04, 0x5C, 0x02, 0x7F, 0x21];
            run(&mut channel, Header::new(0xA5, instance, 4), &data);
        }
        let [p1, p2] = tag.to_be_bytes();
        run(&mut channel, Header::new(0xDA, p1, p2), value);
    })
    .unwrap();
}

/// What the containers hold, the manifest's first.
fn room(image: &Path) -> Vec<(u32, Holds)> {
    power(image, OPENPGP, |card| {
        let room = open(card, WRITING_TIME).unwrap().room().unwrap();
        room.iter().map(|room| (room.id, room.holds)).collect()
    })
    .unwrap()
}

/// A card that is less than the firmware is.
struct Lesser<'a> {
    card: &'a mut dyn Transport,
    /// Most bytes of its private use objects.
    special: u16,
    /// Whether it has one certificate only.
    has_one: bool,
    /// Bytes of a chained command so far.
    chained: usize,
}

impl Transport for Lesser<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        if self.has_one && command[1] == 0xA5 {
            return Ok(vec![0x6D, 0x00]);
        }
        let chained = std::mem::take(&mut self.chained);
        if matches!(command, [_, 0xDA, 0x01, _, _, ..]) {
            let length = chained + usize::from(command[4]);
            if length > usize::from(self.special) {
                return Ok(vec![0x67, 0x00]);
            }
            self.chained = length * usize::from(command[0] >> 4);
        }
        let mut answer = self.card.transmit(command)?;
        // The extended capabilities: most bytes of a certificate, of a special object.
        let capabilities = [0xC0, 0x0A, 0x3F, 0x00, 0x10, 0x00, 0x10, 0x00, 0x10, 0x00];
        let found = answer.windows(10).position(|window| window == capabilities);
        if let (true, Some(at)) = (matches!(command, [_, 0xCA, 0x00, 0x6E, ..]), found) {
            answer[at + 6..at + 8].copy_from_slice(&2048_u16.to_be_bytes());
            answer[at + 8..at + 10].copy_from_slice(&self.special.to_be_bytes());
        }
        Ok(answer)
    }
}

#[test]
fn what_is_somebody_else_s_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    put(&image, 0x7F21, Some(1), CERTIFICATE);
    put(&image, 0x0101, None, b"mine");
    for version in 1..=3 {
        write(&image, OPENPGP, version, 0);
        assert_eq!(read(&image, OPENPGP).unwrap().mandate.version, version);
    }
    let room = room(&image);
    assert!(room.contains(&(0x007F_2111, Holds::Foreign)), "{room:X?}");
    assert!(room.contains(&(0x0101, Holds::Foreign)));
    assert_eq!(room[0], (0x0102, Holds::Ours));
}

#[test]
fn a_manifest_begins_elsewhere_when_its_object_is_somebody_else_s() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    put(&image, 0x0102, None, b"theirs");
    for version in 1..=3 {
        write(&image, OPENPGP, version, 0);
        assert_eq!(read(&image, OPENPGP).unwrap().mandate.version, version);
    }
    assert_eq!(room(&image)[0], (0x007F_2112, Holds::Ours));
    // And moves back when that is gone, in one step.
    put(&image, 0x0102, None, b"");
    write(&image, OPENPGP, 4, 0);
    assert_eq!(read(&image, OPENPGP).unwrap().mandate.version, 4);
    assert_eq!(room(&image)[0], (0x0102, Holds::Ours));
}

#[test]
fn a_card_that_is_full_of_somebody_else_s_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for instance in 0..3 {
        put(&image, 0x7F21, Some(instance), CERTIFICATE);
    }
    let refused = power(&image, OPENPGP, |card| {
        lab::issue_over(card, OPENPGP, 1, 0).unwrap_err().code()
    });
    assert_eq!(refused.unwrap(), "card-full");
}

#[test]
fn small_cards_and_cards_with_one_certificate_hold_a_group() {
    for (special, has_one, begin) in [
        (255, false, 0x007F_2112),
        (1024, true, 0x0102),
        (2048, true, 0x0102),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        for version in 1..=3 {
            let (shown, first) = power(&image, OPENPGP, |card| {
                let mut lesser = Lesser {
                    card,
                    special,
                    has_one,
                    chained: 0,
                };
                lab::issue_over(&mut lesser, OPENPGP, version, 0).unwrap();
                let selected = lab::read_over(&mut lesser).unwrap();
                let room = open(&mut lesser, WRITING_TIME).unwrap().room().unwrap();
                (selected.mandate.version, room[0].id)
            })
            .unwrap();
            assert_eq!((shown, first), (version, begin), "{special} {has_one}");
        }
    }
}

#[test]
fn hashed_pins_open_a_card_and_are_counted_when_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    hash_pins(&image);
    write(&image, OPENPGP, 1, 0);
    assert_eq!(read(&image, OPENPGP).unwrap().mandate.version, 1);
    let wrong = Authority::AdminPin(Pin::new(b"87654321".to_vec()).unwrap());
    let refused = power(&image, OPENPGP, |card| {
        open(card, WRITING_TIME).unwrap().authenticate(&wrong)
    });
    assert_eq!(
        refused.unwrap().unwrap_err().to_string(),
        "the administrator's PIN is wrong; 2 tries are left"
    );
}

/// Makes the card want its PINs hashed, as `kdf-setup` of gpg does: the example of the
/// specification (4.3.2), with the hash of 12345678.
fn hash_pins(image: &Path) {
    const HASH: &str = "2675d6164a0d4827d1d00c7eea620d015c00030a1cab38b4d0dd600b27dc9630";
    let object = b"\x81\x01\x03\x82\x01\x08\x83\x04\x00\x01\x86\xA0\
        \x84\x0801234567\x86\x08ABCDEFGH";
    put(image, 0x00F9, None, object);
    let hash: Vec<u8> = (0..HASH.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(HASH.get(at..at + 2).unwrap(), 16).unwrap())
        .collect();
    power(image, OPENPGP, |card| {
        let mut channel = Channel::new(card, std::time::Instant::now() + WRITING_TIME);
        let data = [b"12345678".as_slice(), &hash].concat();
        let change = Command::new(Header::new(0x24, 0, 0x83), data, Answer::Status);
        channel.send(&change).unwrap();
    })
    .unwrap();
}
