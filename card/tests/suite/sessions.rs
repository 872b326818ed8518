//! Conversations with cards, as data: what is sent, what the card answers, and what comes of it.
//!
//! A file is `extended` with the longest APDU where extended ones are taken, `do` with an action,
//! then commands (`>`) and answers (`<`) in hexadecimal digits, then `expect` with the bytes that
//! result, or `fails` with the error's code. Every command has to come, and no other.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use cardwarden_card::apdu::Channel;
use cardwarden_card::piv::Piv;
use cardwarden_card::reader::Error;
use cardwarden_card::{Authority, Lengths, ManagementKey, Pin, Profile, READING_TIME, Transport};
use cardwarden_policy::{CardIdentity, Endorsement, GroupEntry, Proof};
use sha2::{Digest as _, Sha256};

/// What the card is to sign.
fn endorsement() -> Endorsement {
    Endorsement {
        device: "urn:uuid:1".to_owned(),
        association: uuid::Uuid::nil(),
        device_key: vec![1],
        nonce: vec![2],
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(endorsement().to_signed_bytes()).into();
    let digest = format!("{digest:02X?}").replace(['[', ',', ']'], "");
    let digits: Vec<u32> = text
        .replace("DIGEST", &digest)
        .replace("LONG", &"A5".repeat(257))
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap_or_else(|| panic!("{text}")))
        .collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

/// A card that plays its part.
struct Script<'a> {
    exchanges: &'a mut VecDeque<(Vec<u8>, String)>,
    lengths: Lengths,
}

impl Transport for Script<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let (expected, answer) = self
            .exchanges
            .pop_front()
            .unwrap_or_else(|| panic!("one too many: {command:02X?}"));
        assert_eq!(command, expected, "{command:02X?}");
        let reader = "test".to_owned();
        match answer.as_str() {
            "removed" => Err(Error::Removed { reader }),
            "reset" => Err(Error::Reset { reader }),
            bytes => Ok(hex(bytes)),
        }
    }

    fn lengths(&self) -> Lengths {
        self.lengths
    }
}

fn act(
    profile: &mut dyn Profile,
    action: &str,
) -> Result<Vec<u8>, cardwarden_card::profile::Error> {
    let mut words = action.split(' ');
    match words.next().unwrap() {
        "manifest" => profile.read_manifest(),
        "sign" => {
            let card = CardIdentity::Key(vec![4; 65]);
            profile
                .prove(&card, &endorsement())
                .map(|proof| match proof {
                    Proof::Signature(signature) => signature,
                    Proof::Serial(_) => panic!("a key signs"),
                })
        }
        "tries" => profile.pin_tries().map(|tries| tries.into_iter().collect()),
        "pin" => {
            let pin = Pin::new(words.next().unwrap().into()).unwrap();
            profile.verify_pin(&pin).map(|()| Vec::new())
        }
        "authenticate" => {
            let key = ManagementKey::from_hex(words.next().unwrap()).unwrap();
            profile
                .authenticate(&Authority::ManagementKey(key))
                .map(|()| Vec::new())
        }
        "group" => {
            let containers = words
                .map(|tag| u32::from_str_radix(tag, 16).unwrap())
                .collect::<Vec<_>>();
            let bytes = vec![0; (containers.len() - 1) * 1893 + 1];
            profile.read_group(&GroupEntry::describing(1, "group", &bytes, containers))
        }
        other => panic!("{other}"),
    }
}

fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut action, mut end, mut commands, mut exchanges) =
        (String::new(), None, Vec::new(), VecDeque::new());
    let mut lengths = Lengths::Short;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "do" => rest.clone_into(&mut action),
            "extended" => {
                let most = rest.parse().unwrap();
                lengths = Lengths::extended(most, most);
            }
            ">" => commands.push(hex(rest)),
            "<" => exchanges.push_back((commands.pop().unwrap(), rest.to_owned())),
            "expect" => end = Some(Ok(hex(rest))),
            "fails" => end = Some(Err(rest.to_owned())),
            other => panic!("{other}"),
        }
    }
    let script = Script {
        exchanges: &mut exchanges,
        lengths,
    };
    let result = Piv::select(Channel::new(script, Instant::now() + READING_TIME))
        .and_then(|mut profile| act(&mut profile, &action))
        .map_err(|error| error.code().to_owned());
    assert_eq!(Some(result), end, "{}", path.display());
    assert!(
        exchanges.is_empty(),
        "{}: {exchanges:02X?} did not come",
        path.display()
    );
}

#[test]
fn every_conversation_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/sessions");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 35);
    for path in &paths {
        play(path);
    }
}
