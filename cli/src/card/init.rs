//! `cardwarden card init`: makes a card ready, and says who it is and how much it can hold.

use cardwarden_card::pkcs15::initialise;
use cardwarden_card::{Holds, READING_TIME, Room, WRITING_TIME};
use cardwarden_policy::manifest::{CardIdentity, MAX_GROUP, MAX_GROUPS, MAX_MANIFEST};
use serde::Serialize;

use super::args::Init;
use super::authority::Asking;
use super::reach::{Source, Trouble, kind, with_card, with_transport};
use super::shown::{container, hex, identity};
use crate::failure::Failure;
use crate::output::{Lines, Output, harmless};

/// `card init --json`.
#[derive(Serialize)]
struct Ready {
    reader: String,
    profile: &'static str,
    /// `own-key`, or `copyable`.
    identity: &'static str,
    /// The card's fingerprint.
    card: String,
    /// The number that a card without a key says.
    serial: Option<String>,
    containers: Vec<Place>,
    /// Bytes that groups can have now, all together.
    free: usize,
    /// The same behind the card's PIN.
    free_with_pin: usize,
    /// Most bytes of one group.
    largest_group: usize,
    most_groups: usize,
    /// Most bytes of the signed manifest.
    largest_manifest: usize,
    apdus: u32,
    #[serde(skip)]
    described: String,
}

/// A container.
#[derive(Serialize)]
struct Place {
    container: String,
    /// Most bytes of content.
    room: usize,
    /// Whether it is read with the PIN only.
    pin: bool,
    /// `nothing`, `ours`, `foreign`, or `hidden` behind the PIN.
    holds: &'static str,
}

/// Makes a card ready.
pub(super) fn init(arguments: &Init) -> Result<Output, Failure> {
    let mut asking = Asking::new(&arguments.authorities)?;
    let source = arguments.at.source();
    make_application(&asking, source)?;
    let ready = asking.with(source, "making the card ready", |card, authority| {
        card.profile.authenticate(authority)?;
        let identity = card.profile.ensure_identity()?;
        let rooms = card.profile.room()?;
        Ok(Ready::of(
            card.reader,
            card.profile.name(),
            &identity,
            &rooms,
            card.profile.exchanges(),
        ))
    })?;
    if arguments.at.json {
        return Output::json(&ready);
    }
    Ok(Output::text(ready.describe()))
}

/// Makes the PKCS#15 application on a card with a file system that has no application at all; on
/// any other card, nothing.
fn make_application(asking: &Asking, source: Source<'_>) -> Result<(), Trouble> {
    match with_card(source, READING_TIME, "looking at the card", |_card| Ok(())) {
        Ok(()) => return Ok(()),
        // What an opening fails with for this reason alone.
        Err(trouble) if trouble.code == "not-ours" => {}
        Err(trouble) => return Err(trouble),
    }
    let authority = asking.officer();
    with_transport(source, "making the PKCS#15 application", |transport| {
        initialise(transport, WRITING_TIME, &authority)
    })
}

impl Ready {
    fn of(
        reader: &str,
        profile: &'static str,
        card: &CardIdentity,
        rooms: &[Room],
        apdus: u32,
    ) -> Self {
        let free = |pin: bool| {
            rooms
                .iter()
                .filter(|room| room.pin == pin && room.holds == Holds::Nothing)
                .map(|room| room.capacity)
                .sum()
        };
        Self {
            reader: reader.to_owned(),
            profile,
            identity: match card {
                CardIdentity::Key(_) => "own-key",
                CardIdentity::Serial { .. } => "copyable",
            },
            card: hex(&card.fingerprint().0),
            serial: match card {
                CardIdentity::Key(_) => None,
                CardIdentity::Serial { serial, .. } => Some(hex(serial)),
            },
            containers: rooms
                .iter()
                .map(|room| Place {
                    container: container(room.id),
                    room: room.capacity,
                    pin: room.pin,
                    holds: room.holds.name(),
                })
                .collect(),
            free: free(false),
            free_with_pin: free(true),
            largest_group: MAX_GROUP,
            most_groups: MAX_GROUPS,
            largest_manifest: MAX_MANIFEST,
            apdus,
            described: identity(card),
        }
    }

    fn describe(&self) -> String {
        let mut lines = Lines::default();
        lines.pair("Reader", &harmless(&self.reader));
        lines.pair("Card", kind(self.profile));
        lines.pair("Known by", &self.described);
        for (name, pin, free) in [
            ("Room", false, self.free),
            ("With PIN", true, self.free_with_pin),
        ] {
            let places: Vec<&Place> = self
                .containers
                .iter()
                .filter(|one| one.pin == pin)
                .collect();
            if places.is_empty() {
                continue;
            }
            let count = |holds: &str| places.iter().filter(|one| one.holds == holds).count();
            let mut room = format!(
                "{free} bytes free in {} of {} containers; {} hold ours, {} something of others",
                count("nothing"),
                places.len(),
                count("ours"),
                count("foreign")
            );
            if count("hidden") > 0 {
                room.push_str("; the others are seen with the PIN (--pin-file)");
            }
            lines.pair(name, &room);
        }
        for place in &self.containers {
            let pin = if place.pin { ", PIN" } else { "" };
            lines.pair(
                "",
                &format!(
                    "{}  {:>6} bytes{pin}  {}",
                    place.container, place.room, place.holds
                ),
            );
        }
        lines.pair(
            "Limits",
            &format!(
                "{} groups of at most {} bytes, a manifest of at most {} bytes",
                self.most_groups, self.largest_group, self.largest_manifest
            ),
        );
        lines.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_card_says_who_it_is_and_what_it_can_hold() {
        let room = |id, pin, holds| Room {
            id,
            capacity: 1000,
            pin,
            holds,
        };
        let card = CardIdentity::Serial {
            profile: "openpgp".to_owned(),
            serial: vec![1, 2],
        };
        let rooms = [
            room(1, false, Holds::Ours),
            room(2, false, Holds::Nothing),
            room(3, true, Holds::Nothing),
            room(4, false, Holds::Foreign),
        ];
        let ready = Ready::of("Reader", "openpgp", &card, &rooms, 5);
        assert_eq!((ready.free, ready.free_with_pin), (1000, 1000));
        let text = ready.describe();
        for line in [
            "Known by copyable card, serial number 0102",
            "Room     1000 bytes free in 1 of 3 containers; 1 hold ours, 1 something of others",
            "With PIN 1000 bytes free in 1 of 1 containers; 0 hold ours, 0 something of others",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{text}");
        }
    }
}
