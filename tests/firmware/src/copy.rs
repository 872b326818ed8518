//! Copying a card, as a thief could who has it for a minute: everything that the card gives out
//! without a PIN, written to another card. Its key and its serial number stay behind.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cardwarden_card::apdu::{Answer, Channel, Command, Header, Status};
use cardwarden_card::{Transport, WRITING_TIME, open, tlv};
use serde_json::json;

use crate::firmware::{Application, Model, power};
use crate::provision::authority;

/// Retired key certificates 1 to 20 (SP 800-73-4 part 1, table 3).
const PIV_OBJECTS: std::ops::RangeInclusive<u32> = 0x005F_C10D..=0x005F_C120;
/// Private use data objects that are read without a PIN (`OpenPGP` card 3.4, 4.4.1).
const PRIVATE_USE: [u32; 2] = [0x0101, 0x0102];
/// Cardholder certificate; there are three.
const CERTIFICATE: u32 = 0x7F21;
/// Content of a PIV data object.
const CONTENT: u32 = 0x53;
/// How long a conversation may last.
const TIME: Duration = Duration::from_mins(1);

/// A data object of a card.
#[derive(Clone, Copy)]
struct Object {
    application: Application,
    tag: u32,
    /// Which one, where there are several.
    instance: Option<u8>,
}

/// Copies the data objects of one card to another, which gets a key of its own.
pub fn copy(from: &Path, to: &Path, model: Model) -> anyhow::Result<serde_json::Value> {
    let contents = power(from, model, |card| read(card, model))??;
    power(to, model, |card| write(card, model, &contents))??;
    let names: Vec<String> = contents
        .iter()
        .map(|(object, _bytes)| object.name())
        .collect();
    Ok(json!({ "from": from, "to": to, "objects": names }))
}

fn read(card: &mut dyn Transport, model: Model) -> anyhow::Result<Vec<(Object, Vec<u8>)>> {
    drop(open(&mut *card, TIME).context("the card to copy")?);
    let mut channel = channel(card);
    let mut contents = Vec::new();
    for object in objects(model.profile) {
        object.reach(&mut channel)?;
        match channel.send(&object.get()) {
            Ok(bytes) => contents.push((object, bytes)),
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => {}
            Err(failure) => return Err(failure).with_context(|| object.name()),
        }
    }
    contents.retain(|(object, bytes)| !object.is_empty(bytes));
    Ok(contents)
}

fn write(
    card: &mut dyn Transport,
    model: Model,
    contents: &[(Object, Vec<u8>)],
) -> anyhow::Result<()> {
    let mut profile = open(&mut *card, WRITING_TIME).context("the card to copy to")?;
    profile.authenticate(&authority(model.profile)?)?;
    profile.ensure_identity()?;
    drop(profile);
    let mut channel = channel(card);
    for (object, bytes) in contents {
        object.reach(&mut channel)?;
        channel
            .send(&object.put(bytes))
            .with_context(|| object.name())?;
    }
    Ok(())
}

fn channel(card: &mut dyn Transport) -> Channel<'_> {
    let now = Instant::now();
    Channel::new(card, now.checked_add(TIME).unwrap_or(now))
}

/// Everything that may hold what a company wrote.
fn objects(application: Application) -> Vec<Object> {
    let object = |tag, instance| Object {
        application,
        tag,
        instance,
    };
    match application {
        Application::Piv => PIV_OBJECTS.map(|tag| object(tag, None)).collect(),
        Application::Openpgp => PRIVATE_USE
            .into_iter()
            .map(|tag| object(tag, None))
            .chain((0..3).map(|instance| object(CERTIFICATE, Some(instance))))
            .collect(),
    }
}

impl Object {
    fn name(self) -> String {
        match (self.application, self.instance) {
            (Application::Piv, _) => format!("{:06X}", self.tag),
            (Application::Openpgp, None) => format!("{:04X}", self.tag),
            (Application::Openpgp, Some(instance)) => format!("{:04X}[{instance}]", self.tag),
        }
    }

    /// Points the card at the instance, where there are several.
    fn reach(self, channel: &mut Channel<'_>) -> anyhow::Result<()> {
        let Some(instance) = self.instance else {
            return Ok(());
        };
        // SELECT DATA (`OpenPGP` card 3.4, 7.2.5).
        let [_, _, tag @ ..] = self.tag.to_be_bytes();
        let data = tlv::encode(0x60, &tlv::encode(0x5C, &tag));
        let command = Command::new(Header::new(0xA5, instance, 0x04), data, Answer::Status);
        channel
            .send(&command)
            .map(drop)
            .with_context(|| self.name())
    }

    fn get(self) -> Command {
        match self.application {
            Application::Piv => {
                Command::new(Header::new(0xCB, 0x3F, 0xFF), self.list(), Answer::Bytes)
            }
            Application::Openpgp => Command::new(self.header(0xCA), Vec::new(), Answer::Bytes),
        }
    }

    fn put(self, bytes: &[u8]) -> Command {
        match self.application {
            Application::Piv => {
                let data = [self.list().as_slice(), bytes].concat();
                Command::new(Header::new(0xDB, 0x3F, 0xFF), data, Answer::Status)
            }
            Application::Openpgp => Command::new(self.header(0xDA), bytes.to_vec(), Answer::Status),
        }
    }

    /// The tag list that names a PIV object.
    fn list(self) -> Vec<u8> {
        let [_zero, name @ ..] = self.tag.to_be_bytes();
        tlv::encode(0x5C, &name)
    }

    /// A command whose parameters name an `OpenPGP` object.
    fn header(self, ins: u8) -> Header {
        let [_, _, p1, p2] = self.tag.to_be_bytes();
        Header::new(ins, p1, p2)
    }

    fn is_empty(self, bytes: &[u8]) -> bool {
        match self.application {
            Application::Piv => !tlv::find(bytes, CONTENT).is_ok_and(|value| !value.is_empty()),
            Application::Openpgp => bytes.is_empty(),
        }
    }
}
