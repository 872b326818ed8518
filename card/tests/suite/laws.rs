//! Whatever a card says, reading it ends: with bytes or with a reason, after a bounded number of
//! exchanges, and without a panic.

use cardwarden_card::reader::Error;
use cardwarden_card::tlv;
use cardwarden_card::{READING_TIME, Transport, open, read_selected};
use cardwarden_policy::{Anchors, Properties};
use proptest::collection::vec;
use proptest::prelude::*;

/// A card that gives these answers over and over.
struct Parrot<'a> {
    answers: &'a [Vec<u8>],
    count: &'a mut usize,
}

impl Transport for Parrot<'_> {
    fn transmit(&mut self, _command: &[u8]) -> Result<Vec<u8>, Error> {
        let answer = self.answers[*self.count % self.answers.len()].clone();
        *self.count += 1;
        Ok(answer)
    }
}

/// What a conversation comes to: its code when it failed, and how many exchanges it took.
fn converse(answers: &[Vec<u8>]) -> (Option<&'static str>, usize) {
    let mut count = 0;
    let code = match open(
        Parrot {
            answers,
            count: &mut count,
        },
        READING_TIME,
    ) {
        Ok(mut profile) => read_selected(
            profile.as_mut(),
            &Anchors::default(),
            &Properties::default(),
            None,
        )
        .err()
        .map(|reason| reason.code()),
        Err(error) => Some(error.code()),
    };
    (code, count)
}

/// Answers that look like a card's: content, then a status word that promises or ends.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        Just([0x90, 0x00]),
        any::<u8>().prop_map(|length| [0x61, length]),
        any::<u8>().prop_map(|length| [0x6C, length]),
        any::<[u8; 2]>(),
    ];
    let head = prop_oneof![
        Just(vec![]),
        Just(vec![
            0x53, 0x82, 0x07, 0x00, 0x43, 0x57, 0x4D, 0x4F, 0x01, 0x4D
        ]),
        vec(any::<u8>(), 0..8),
    ];
    (head, vec(any::<u8>(), 0..260), status)
        .prop_map(|(head, body, status)| [head, body, status.to_vec()].concat())
}

proptest! {
    #[test]
    fn data_objects_lie_within_their_bytes(bytes in vec(any::<u8>(), 0..600)) {
        let mut total = 0;
        for object in tlv::objects(&bytes).flatten() {
            total += object.value.len();
        }
        prop_assert!(total <= bytes.len());
        prop_assert!(tlv::begin(&bytes, 0x53).is_ok_and(|part| part.len() < bytes.len())
            || tlv::begin(&bytes, 0x53).is_err());
    }

    #[test]
    fn what_is_written_is_read(
        objects in vec((prop_oneof![0x01_u32..0x1F, Just(0x7F49), Just(0x005F_C120)], vec(any::<u8>(), 0..400)), 0..5)
    ) {
        let mut bytes = Vec::new();
        for (tag, value) in &objects {
            tlv::push(&mut bytes, *tag, value);
        }
        let read: Result<Vec<_>, _> = tlv::objects(&bytes).collect();
        let read: Vec<_> = read.unwrap().into_iter().map(|o| (o.tag, o.value.to_vec())).collect();
        prop_assert_eq!(read, objects);
    }

    #[test]
    fn a_truncated_object_is_refused_and_its_begin_is_found(
        value in vec(any::<u8>(), 1..400), cut in any::<prop::sample::Index>()
    ) {
        let bytes = tlv::encode(0x53, &value);
        let cut = cut.index(bytes.len());
        prop_assert!(tlv::find(&bytes[..cut], 0x53).is_err());
        if let Ok(begin) = tlv::begin(&bytes[..cut], 0x53) {
            prop_assert!(value.starts_with(begin));
        }
    }

    #[test]
    fn reading_any_card_ends(answers in vec(answer(), 1..8)) {
        let (_code, exchanges) = converse(&answers);
        // SELECT, four manifest objects, each of at most 66 exchanges.
        prop_assert!(exchanges <= 5 * 66, "{}", exchanges);
    }

    #[test]
    fn reading_noise_fails_with_a_word(answers in vec(vec(any::<u8>(), 0..260), 1..8)) {
        let (code, _exchanges) = converse(&answers);
        prop_assert!(code.is_some_and(|code| !code.is_empty()));
    }
}

#[test]
fn a_card_that_always_has_more_is_given_up() {
    let more = [vec![0x53; 16], vec![0x61, 0x10]].concat();
    let (code, exchanges) = converse(&[more]);
    assert_eq!(code, Some("card-fault"));
    assert!(exchanges <= 66, "{exchanges}");
}
