//! What holds for every message and for all bytes.

use crate::arbitrary::message;
use omadm::limits::MAX_MESSAGE_LEN;
use omadm::xml::{encode, parse};
use proptest::prelude::*;

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_message(message in message()) {
        let bytes = encode(&message).unwrap();
        prop_assert!(bytes.len() <= MAX_MESSAGE_LEN);
        prop_assert_eq!(parse(&bytes).unwrap(), message);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        if let Err(error) = parse(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
    }

    #[test]
    fn any_markup_is_read_or_refused(text in "[<>/&;#x! a\"'=?\\[\\]:-]{0,60}") {
        if let Err(error) = parse(text.as_bytes()) {
            prop_assert!(error.at <= text.len());
        }
    }

    /// What a damaged message still says, if anything, can be said again.
    #[test]
    fn a_damaged_message_is_read_or_refused(
        message in message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
    ) {
        let mut bytes = encode(&message).unwrap();
        for (place, damage) in damage {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match damage {
                Damage::Change(byte) => bytes[place] = byte,
                Damage::Insert(text) => drop(bytes.splice(place..place, text.bytes())),
                Damage::Remove(count) => drop(bytes.drain(place..bytes.len().min(place + count))),
                Damage::Truncate => bytes.truncate(place.max(1)),
                Damage::Repeat(count) => {
                    let piece = bytes[place..bytes.len().min(place + count)].to_vec();
                    drop(bytes.splice(place..place, piece));
                }
            }
        }
        match parse(&bytes) {
            Err(error) => prop_assert!(error.at <= bytes.len()),
            Ok(message) => prop_assert_eq!(parse(&encode(&message).unwrap()).unwrap(), message),
        }
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Change(u8),
    Insert(&'static str),
    Remove(usize),
    Truncate,
    Repeat(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let texts = [
        "<",
        ">",
        "&",
        "&lt;",
        "&x;",
        "&#0;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE a>",
        "<?a?>",
        "<Item>",
        "</Item>",
        "<Final/>",
        "<CmdID>",
        " xmlns=\"a\"",
        "xmlns:a='b' ",
        "\"",
        "-1",
        "\u{0}",
        "\u{FFFE}",
    ];
    prop_oneof![
        any::<u8>().prop_map(Damage::Change),
        prop::sample::select(texts.to_vec()).prop_map(Damage::Insert),
        (1_usize..40).prop_map(Damage::Remove),
        Just(Damage::Truncate),
        (1_usize..200).prop_map(Damage::Repeat),
    ]
}
