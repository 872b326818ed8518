//! What holds for every message and for all bytes.

use crate::arbitrary::{message, octets, text};
use omadm::client::{self, Settings, StartError};
use omadm::limits::MAX_MESSAGE_LEN;
use omadm::message::{Command, Format};
use omadm::{DevInfo, Encoding, GenericAlert, Payload, SessionId, wbxml, xml};
use proptest::prelude::*;

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_message(message in message()) {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let bytes = encoding.encode(&message).unwrap();
            prop_assert!(bytes.len() <= MAX_MESSAGE_LEN);
            prop_assert_eq!(&encoding.parse(&bytes).unwrap(), &message);
        }
    }

    #[test]
    fn wbxml_is_shorter(message in message()) {
        let bytes = wbxml::encode(&message).unwrap();
        prop_assert!(bytes.len() < xml::encode(&message).unwrap().len());
    }

    /// WBXML carries any value; XML carries it or says that it cannot.
    #[test]
    fn octets_survive_wbxml(mut message in message(), value in octets()) {
        let mut is_said = false;
        for command in &mut message.commands {
            if let Command::Replace(command) = command {
                command.items[0].data = Some(Payload::from(value.clone()));
                is_said = true;
            }
        }
        let bytes = wbxml::encode(&message).unwrap();
        prop_assert_eq!(&wbxml::parse(&bytes).unwrap(), &message);
        match xml::encode(&message) {
            Ok(bytes) => prop_assert_eq!(xml::parse(&bytes).unwrap(), message),
            Err(error) => prop_assert!(is_said, "{}", error),
        }
    }

    /// A client keeps to the longest message that its server takes, whatever a string table does.
    #[test]
    fn a_first_message_keeps_to_the_limit(
        reports in prop::collection::vec((text(), prop::option::of(text())), 0..12),
        limit in 300_usize..3_000,
    ) {
        let alert = |(data, source): (String, Option<String>)| GenericAlert {
            data,
            source,
            ..GenericAlert::new("org.example.report", Format::Chr)
        };
        let alerts: Vec<GenericAlert> = reports.into_iter().map(alert).collect();
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let settings = Settings {
                encoding,
                server_max_message: limit,
                ..Settings::new("https://dm.example.test", DevInfo::new("urn:x", "Man", "Mod"))
            };
            match client::start(&settings, SessionId::from_number(1), &alerts) {
                Ok(session) => prop_assert!(session.request().len() <= limit),
                Err(StartError::Package(_) | StartError::FirstAlert(_)) => {}
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        if let Err(error) = xml::parse(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
        if let Err(error) = wbxml::parse(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
    }

    #[test]
    fn any_markup_is_read_or_refused(text in "[<>/&;#x! a\"'=?\\[\\]:-]{0,60}") {
        if let Err(error) = xml::parse(text.as_bytes()) {
            prop_assert!(error.at <= text.len());
        }
    }

    /// Tokens in any order, after a head that is right.
    #[test]
    fn any_tokens_are_read_or_refused(
        tokens in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![0x00, 0x01, 0x02, 0x03, 0x83, 0xC3]),
                0x00_u8..0x40,
                0x45_u8..0x80,
            ],
            0..80,
        ),
    ) {
        let mut bytes = b"\x03\xA4\x01\x6A\x04abc\x00".to_vec();
        bytes.extend(tokens);
        if let Err(error) = wbxml::parse(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
    }

    /// What a damaged message still says, if anything, can be said again.
    #[test]
    fn a_damaged_message_is_read_or_refused(
        message in message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
    ) {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let mut bytes = encoding.encode(&message).unwrap();
            for (place, damage) in &damage {
                harm(&mut bytes, *place, damage);
            }
            match encoding.parse(&bytes) {
                Err(error) => prop_assert!(place_of(&error) <= bytes.len()),
                Ok(message) => {
                    let again = encoding.encode(&message).unwrap();
                    prop_assert_eq!(encoding.parse(&again).unwrap(), message);
                }
            }
        }
    }
}

/// Where the bytes were refused.
fn place_of(error: &omadm::ParseError) -> usize {
    match error {
        omadm::ParseError::Xml(error) => error.at,
        omadm::ParseError::Wbxml(error) => error.at,
    }
}

fn harm(bytes: &mut Vec<u8>, place: prop::sample::Index, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let place = place.index(bytes.len());
    match *damage {
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
        "\u{1}",
        "\u{3}x\u{0}",
        "\u{0}\u{1}",
    ];
    prop_oneof![
        any::<u8>().prop_map(Damage::Change),
        prop::sample::select(texts.to_vec()).prop_map(Damage::Insert),
        (1_usize..40).prop_map(Damage::Remove),
        Just(Damage::Truncate),
        (1_usize..200).prop_map(Damage::Repeat),
    ]
}
