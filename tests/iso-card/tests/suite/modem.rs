//! SIMs behind modems: the AT commands, and the SIM's own ways.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use cardwarden_card::modem::{Failure, Port, Sim, Terminal};
use cardwarden_card::reader::Error;
use cardwarden_iso_card::card::{Card, Habits};
use cardwarden_iso_card::modem::{Manners, start};

use crate::lab;

/// Every combination of manners.
fn manners() -> impl Iterator<Item = Manners> {
    (0..32_u8).map(|bits| Manners {
        has_sessions: bits & 1 != 0,
        is_terse: bits & 2 != 0,
        echoes: bits & 4 != 0,
        chatters: bits & 8 != 0,
        stutters: bits & 16 != 0,
        ..Manners::default()
    })
}

#[test]
fn a_sim_is_issued_and_read_through_every_modem_and_its_channel_is_given_back() {
    for manners in manners() {
        let (line, modem) = start(lab::prepared(Habits::SIM), manners).unwrap();
        let mut port = Port::greet(line).unwrap();
        let sim = Sim::open(&mut port, "test").unwrap();
        lab::write(sim, 1, 1).unwrap();
        let sim = Sim::open(&mut port, "test").unwrap();
        let selected = lab::read(sim).unwrap();
        assert_eq!(selected.mandate.version, 1, "{manners:?}");
        drop(port);
        let card = modem.join().unwrap();
        assert_eq!(card.open_channels(), 0, "{manners:?}");
        let basic = |header: &&[u8; 4]| header[0] & 0x43 == 0 && header[1] != 0x70;
        assert_eq!(
            card.log.iter().find(basic),
            None,
            "the basic channel is the modem's"
        );
    }
}

#[test]
fn a_sim_that_does_not_know_the_name_is_read_by_its_directory() {
    for manners in manners().take(2) {
        let (line, modem) = start(lab::nameless_sim(), manners).unwrap();
        let mut port = Port::greet(line).unwrap();
        lab::write(Sim::open(&mut port, "test").unwrap(), 1, 0).unwrap();
        let selected = lab::read(Sim::open(&mut port, "test").unwrap()).unwrap();
        assert_eq!(selected.mandate.version, 1);
        drop(port);
        assert_eq!(modem.join().unwrap().open_channels(), 0);
    }
}

#[test]
fn a_sim_without_a_free_channel_is_not_touched() {
    let mut card = Card::new(Habits {
        channels: 0,
        ..Habits::SIM
    });
    card.reset();
    let (line, modem) = start(card, Manners::default()).unwrap();
    let port = Port::greet(line).unwrap();
    let error = Sim::open(port, "test").unwrap_err();
    assert_eq!(error.code(), "in-use");
    assert!(matches!(
        error,
        Error::Modem {
            source: Failure::NoChannel { status: 0x6881 },
            ..
        }
    ));
    assert_eq!(modem.join().unwrap().log, [[0, 0x70, 0, 0]]);
}

/// Plays a script: `> ` what has to come, `< ` a piece of the answer (`\r`, `\n` and `\xFF` as
/// written), `x` hang up. Returns whether all that came was expected.
fn play(script: &str, mut line: UnixStream) -> bool {
    for step in script.lines() {
        if let Some(expected) = step.strip_prefix("> ") {
            let mut came = vec![0; expected.len() + 1];
            if line.read_exact(&mut came).is_err() || came != format!("{expected}\r").as_bytes() {
                return false;
            }
        } else if let Some(piece) = step.strip_prefix("< ") {
            let mut bytes = Vec::new();
            let mut rest = piece;
            while let Some((before, after)) = rest.split_once('\\') {
                bytes.extend(before.as_bytes());
                let (byte, length) = match after.as_bytes() {
                    [b'r', ..] => (b'\r', 1),
                    [b'n', ..] => (b'\n', 1),
                    [b'x', high, low, ..] => {
                        let digits = [*high, *low];
                        let digits = std::str::from_utf8(&digits).unwrap();
                        (u8::from_str_radix(digits, 16).unwrap(), 3)
                    }
                    other => panic!("{other:?}"),
                };
                bytes.push(byte);
                rest = after.get(length..).unwrap();
            }
            bytes.extend(rest.as_bytes());
            if line.write_all(&bytes).is_err() {
                return false;
            }
        } else if step == "x" {
            return true;
        }
    }
    // Whoever is silent waits for the other to go.
    line.read_to_end(&mut Vec::new()).is_ok()
}

/// What comes of a script, in one word.
fn outcome(line: UnixStream) -> String {
    let mut port = match Port::greet(line) {
        Ok(port) => port,
        Err(failure) => return word(&failure),
    };
    match port.command(
        "AT+CSIM=10,\"0070000001\"",
        "AT+CSIM",
        "+CSIM",
        Duration::from_millis(200),
    ) {
        Ok(answers) => answers.first().map_or("nothing".to_owned(), |answer| {
            cardwarden_card::modem::answer::bytes(answer)
                .map_or("garbled".to_owned(), |bytes| format!("{bytes:02X?}"))
        }),
        Err(failure @ Failure::Silent { .. }) => {
            // From then on nothing that comes is believed.
            let next = port.command("AT", "AT", "", Duration::from_millis(200));
            assert!(matches!(next, Err(Failure::Lost)));
            word(&failure)
        }
        Err(failure) => word(&failure),
    }
}

fn word(failure: &Failure) -> String {
    match failure {
        Failure::Silent { .. } => "silent".to_owned(),
        Failure::Refused { reason, .. } => format!("refused: {reason}"),
        Failure::Gone => "gone".to_owned(),
        Failure::Garbled { .. } => "garbled".to_owned(),
        other @ (Failure::Line { .. }
        | Failure::Lost
        | Failure::NoChannel { .. }
        | Failure::NoRuntime(_)
        | Failure::NoService(_)
        | Failure::NotAllowed
        | Failure::Modems { .. }
        | Failure::Setting { .. }) => format!("{other}"),
    }
}

#[test]
fn every_script_comes_to_what_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/modems");
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(folder)).unwrap() {
        let path = entry.unwrap().path();
        let script = std::fs::read_to_string(&path).unwrap();
        let expected = script
            .lines()
            .find_map(|line| line.strip_prefix("= "))
            .unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let modem = std::thread::spawn({
            let script = script.clone();
            move || play(&script, theirs)
        });
        assert_eq!(outcome(ours), expected, "{}", path.display());
        assert!(modem.join().unwrap(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 10, "{count} scripts");
}
