//! Copying a card, as a thief could who has it for a minute: everything that the card gives out
//! without a PIN, written to another card. Its key stays behind.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cardwarden_card::apdu::{Answer, Channel, Command, Header, Status};
use cardwarden_card::{ManagementKey, Transport, WRITING_TIME, open, tlv};
use serde_json::json;

use crate::firmware::power;

/// Retired key certificates 1 to 20 (SP 800-73-4 part 1, table 3).
const OBJECTS: std::ops::RangeInclusive<u32> = 0x005F_C10D..=0x005F_C120;
/// Content of a data object.
const CONTENT: u32 = 0x53;
/// How long a conversation may last.
const TIME: Duration = Duration::from_mins(1);

/// Copies the data objects of one card to another, which gets a key of its own.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<serde_json::Value> {
    let objects = power(from, |card| read(card))??;
    power(to, |card| write(card, &objects))??;
    let names: Vec<String> = objects
        .iter()
        .map(|(tag, _bytes)| format!("{tag:06X}"))
        .collect();
    Ok(json!({ "from": from, "to": to, "objects": names }))
}

fn read(card: &mut dyn Transport) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    open(&mut *card, TIME).context("the card to copy")?;
    let mut channel = channel(card);
    let mut objects = Vec::new();
    for tag in OBJECTS {
        let command = Command::new(Header::new(0xCB, 0x3F, 0xFF), name(tag), Answer::Bytes);
        match channel.send(&command) {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => objects.push((tag, bytes)),
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => {}
            Err(failure) => return Err(failure).with_context(|| format!("object {tag:06X}")),
        }
    }
    objects.retain(|(_tag, bytes)| tlv::find(bytes, CONTENT).is_ok_and(|value| !value.is_empty()));
    Ok(objects)
}

fn write(card: &mut dyn Transport, objects: &[(u32, Vec<u8>)]) -> anyhow::Result<()> {
    let mut profile = open(&mut *card, WRITING_TIME).context("the card to copy to")?;
    profile.authenticate(&ManagementKey::factory())?;
    profile.ensure_card_key()?;
    drop(profile);
    let mut channel = channel(card);
    for (tag, bytes) in objects {
        let data = [name(*tag), bytes.clone()].concat();
        let command = Command::new(Header::new(0xDB, 0x3F, 0xFF), data, Answer::Status);
        channel
            .send(&command)
            .with_context(|| format!("object {tag:06X}"))?;
    }
    Ok(())
}

fn channel(card: &mut dyn Transport) -> Channel<'_> {
    let now = Instant::now();
    Channel::new(card, now.checked_add(TIME).unwrap_or(now))
}

fn name(tag: u32) -> Vec<u8> {
    let [_zero, name @ ..] = tag.to_be_bytes();
    tlv::encode(0x5C, &name)
}
