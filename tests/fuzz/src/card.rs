//! What a card says.

use cardwarden_card::reader::{Error, atr, features};
use cardwarden_card::{READING_TIME, Transport, open, read_selected, tlv};
use cardwarden_policy::manifest::{MAX_GROUP, MAX_MANIFEST};
use cardwarden_policy::{GroupEntry, Properties};

use crate::company::COMPANY;
use crate::signed::genuine;
use crate::{QUICK, SLOW, Target};

/// Data objects lie within their bytes, and are read again as they are written.
pub(crate) const TLV: Target = Target {
    name: "card-objects",
    check: |bytes| {
        let objects: Vec<tlv::Tlv<'_>> = tlv::objects(bytes).flatten().collect();
        assert!(
            objects
                .iter()
                .map(|object| object.value.len())
                .sum::<usize>()
                <= bytes.len()
        );
        let mut written = Vec::new();
        for object in &objects {
            tlv::push(&mut written, object.tag, object.value);
        }
        let again: Vec<tlv::Tlv<'_>> = tlv::objects(&written).flatten().collect();
        assert_eq!(again, objects);
        for tag in [0x53, 0x7C, 0x7F49] {
            assert!(
                tlv::begin(bytes, tag).is_err()
                    || tlv::begin(bytes, tag).unwrap().len() < bytes.len()
            );
        }
    },
    seeds: || {
        vec![
            tlv::encode(0x53, &tlv::encode(0x7F49, &[0xA5; 200])),
            vec![0x61, 0, 0x1F, 0x81, 1, 1, 9],
        ]
    },
    words: &[],
    inputs: QUICK,
    longest: 512,
};

/// Most APDUs of reading a card: SELECT, four objects of the manifest and as many of the group as there are
/// containers, each of at most 66 exchanges.
const MOST_EXCHANGES: usize = 26 * 66;

/// Whatever a card answers, reading it ends after a bounded number of exchanges, and nothing is taken from it that
/// the company did not sign.
pub(crate) const ANSWERS: Target = Target {
    name: "card-answers",
    check: |bytes| {
        let mut card = Parrot {
            answers: answers(bytes),
            count: 0,
        };
        if card.answers.is_empty() {
            return;
        }
        if let Ok(mut profile) = open(&mut card, READING_TIME)
            && let Ok(selected) = read_selected(
                profile.as_mut(),
                &COMPANY.anchors,
                &Properties {
                    kind: "laptop".to_owned(),
                    ..Properties::default()
                },
                None,
            )
        {
            assert_eq!(*selected.verified, COMPANY.manifest);
            assert_eq!(selected.group, COMPANY.group);
        }
        assert!(card.count <= MOST_EXCHANGES, "{} exchanges", card.count);
    },
    seeds: || {
        let select = [&[0x61, 0x02, 0x4F, 0x00][..], &[0x90, 0]].concat();
        let manifest = genuine().swap_remove(0);
        let directory = object(b'M', &manifest);
        let group = object(b'G', &COMPANY.group);
        vec![
            spelled(&[select.clone(), directory.clone(), group.clone()]),
            spelled(&[select.clone(), pieces(&directory).concat(), group]),
            spelled(&[&[select], pieces(&directory).as_slice()].concat()),
        ]
    },
    words: &["CWMO\u{1}M", "CWMO\u{1}G"],
    inputs: SLOW,
    longest: 4096,
};

/// A card that gives these answers over and over.
struct Parrot {
    answers: Vec<Vec<u8>>,
    count: usize,
}

impl Transport for Parrot {
    fn transmit(&mut self, _command: &[u8]) -> Result<Vec<u8>, Error> {
        let answer = self
            .answers
            .iter()
            .cycle()
            .nth(self.count % self.answers.len());
        self.count = self.count.saturating_add(1);
        Ok(answer.cloned().unwrap_or_default())
    }
}

/// The answers that bytes spell: before each its length, in two bytes.
fn answers(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (answer, rest) = rest.split_at(rest.len().min(u16::from_be_bytes(*length).into()));
        answers.push(answer.to_vec());
        bytes = rest;
    }
    answers
}

fn spelled(answers: &[Vec<u8>]) -> Vec<u8> {
    let spell = |answer: &Vec<u8>| {
        let length = u16::try_from(answer.len()).unwrap();
        [&length.to_be_bytes()[..], answer].concat()
    };
    answers.iter().flat_map(spell).collect()
}

/// The answer that brings the only object of this content (`card/src/shelf/header.rs`).
fn object(kind: u8, content: &[u8]) -> Vec<u8> {
    let header = [b"CWMO\x01", &[kind][..], &[0], &[0, 0, 0, 1], &[0]].concat();
    [
        tlv::encode(0x53, &[&header, content].concat()),
        vec![0x90, 0],
    ]
    .concat()
}

/// The same answer, 200 bytes at a time.
fn pieces(answer: &[u8]) -> Vec<Vec<u8>> {
    let content = answer.strip_suffix(&[0x90, 0]).unwrap_or(answer);
    let last = content.len().div_ceil(200).saturating_sub(1);
    let piece = |(number, piece): (usize, &[u8])| {
        let status = if number == last {
            [0x90, 0]
        } else {
            [0x61, 200]
        };
        [piece, &status].concat()
    };
    content.chunks(200).enumerate().map(piece).collect()
}

/// What a card and its reader say of the length of APDUs: read within their bytes, and never less than every card
/// takes.
pub(crate) const LENGTHS: Target = Target {
    name: "card-lengths",
    check: |bytes| {
        if let Some(historical) = atr::historical(bytes) {
            assert!(historical.len() <= 15 && historical.len() <= bytes.len());
        }
        let said = atr::lengths(bytes);
        let carried = features::carried(bytes).unwrap_or_default();
        let both = said.both(carried);
        assert_eq!(both, carried.both(said));
        for lengths in [said, carried, both] {
            assert!((255..=65_535).contains(&lengths.command()));
            assert!((256..=65_536).contains(&lengths.answer()));
        }
        assert!(both.command() <= said.command().min(carried.command()));
        assert!(features::control_code(bytes).is_none() || bytes.len() >= 6);
    },
    seeds: || {
        vec![
            // The answers to reset of a YubiKey 5 and of vicc's card; a reader's features and properties.
            b"\x3B\xFD\x13\0\0\x81\x31\xFE\x15\x80\x73\xC0\x21\xC0\x57YubiKey\x40".to_vec(),
            b"\x3B\x95\x13\x81\x01\x80\x73\xFF\x01\0\x0B".to_vec(),
            vec![0x13, 4, 0x42, 0, 0, 1, 0x12, 4, 0x42, 0x33, 0, 0x12],
            vec![0x01, 2, 0, 0, 0x0A, 4, 0, 0, 1, 0],
        ]
    },
    words: &[],
    inputs: QUICK,
    longest: 64,
};

/// Containers of the card in memory: those of a PIV card.
const CONTAINERS: std::ops::RangeInclusive<u32> = 0x005F_C10D..=0x005F_C120;

/// Whatever lies in a card's containers, what is read of it is bounded, and is made of what lies there.
pub(crate) const CONTENTS: Target = Target {
    name: "card-contents",
    check: |bytes| {
        let mut card = Drawer {
            values: answers(bytes),
            waiting: Vec::new(),
            count: 0,
        };
        let total: usize = card.values.iter().map(Vec::len).sum();
        if let Ok(mut profile) = open(&mut card, READING_TIME) {
            if let Ok(manifest) = profile.read_manifest() {
                assert!(manifest.len() <= MAX_MANIFEST && manifest.len() <= total);
            }
            let containers = CONTAINERS.rev().skip(1).collect();
            let entry = GroupEntry::describing(1, "all", &[0; MAX_GROUP], containers);
            if let Ok(group) = profile.read_group(&entry) {
                assert!(group.len() <= MAX_GROUP && group.len() <= total);
            }
        }
        assert!(card.count <= MOST_EXCHANGES, "{} exchanges", card.count);
    },
    seeds: || {
        let part = |kind: u8, part: u8, next: u8| {
            let header = [b"CWMO\x01", &[kind, part][..], &[0, 0, 0, 1], &[next]].concat();
            [header, vec![part; 60]].concat()
        };
        vec![
            spelled(&[part(b'M', 0, 0x1F), part(b'M', 1, 0x1E), part(b'M', 2, 0)]),
            spelled(&[part(b'm', 0, 0x1F), part(b'm', 1, 0x1F)]),
            spelled(&[part(b'M', 0, 0), part(b'G', 0, 0x1E), part(b'G', 1, 0)]),
        ]
    },
    words: &["CWMO\u{1}M", "CWMO\u{1}m", "CWMO\u{1}G"],
    inputs: SLOW,
    longest: 4096,
};

/// A PIV card that only gives what it holds, from the last container downwards.
struct Drawer {
    values: Vec<Vec<u8>>,
    waiting: Vec<u8>,
    count: usize,
}

impl Transport for Drawer {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.count = self.count.saturating_add(1);
        self.waiting = match command {
            [0, 0xA4, 4, 0, _, 0xA0, 0, 0, 3, 8, ..] => vec![0x61, 0],
            [0, 0xC0, ..] => std::mem::take(&mut self.waiting),
            [0, 0xCB, .., low, _le] => {
                let at = usize::from(0x20_u8.wrapping_sub(*low));
                let Some(value) = self.values.get(at) else {
                    return Ok(vec![0x6A, 0x82]);
                };
                tlv::encode(0x53, value)
            }
            _other => return Ok(vec![0x6A, 0x82]),
        };
        let rest = self.waiting.split_off(self.waiting.len().min(256));
        let mut answer = std::mem::replace(&mut self.waiting, rest);
        let left = u8::try_from(self.waiting.len()).unwrap_or(0);
        answer.extend(if self.waiting.is_empty() {
            [0x90, 0]
        } else {
            [0x61, left]
        });
        Ok(answer)
    }
}
