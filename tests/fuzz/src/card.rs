//! What a card says.

use cardwarden_card::reader::Error;
use cardwarden_card::{READING_TIME, Transport, open, read_selected, tlv};
use cardwarden_policy::Properties;

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
