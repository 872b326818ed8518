//! How many APDUs a device needs for what it takes from a card: the manifest and one group.

use std::time::Instant;

use cardwarden_card::apdu::Channel;
use cardwarden_card::pkcs15::{self, Pkcs15};
use cardwarden_card::{Authority, Lengths, Profile as _, WRITING_TIME, Wanted};
use cardwarden_policy::GroupEntry;

use crate::card::{Card, Habits};

/// Bytes of the manifest: two answers of 256 bytes, less our header.
const MANIFEST: usize = 500;
/// Bytes of a group.
const GROUP: usize = 1500;

/// Issues a fresh card with three groups of [`GROUP`] bytes, and reads its manifest and the second.
/// The APDUs that reading takes; in words what failed.
pub fn count(is_extended: bool) -> Result<u32, String> {
    let habits = Habits {
        lengths: if is_extended {
            Lengths::extended(2048, 2048)
        } else {
            Lengths::Short
        },
        ..Habits::TOKEN
    };
    let mut card = Card::new(habits);
    let told = |error: cardwarden_card::profile::Error| format!("{error:?}");
    pkcs15::initialise(&mut card, WRITING_TIME, &Authority::None).map_err(told)?;
    card.reset();
    let groups = [1, 2, 3].map(|byte| vec![byte; GROUP]);
    let wanted = [Wanted {
        length: GROUP,
        pin: false,
    }; 3];
    let mut writing = select(&mut card).map_err(told)?;
    let placement = writing.place(&wanted).map_err(told)?;
    writing
        .write(&placement, &[9; MANIFEST], &groups)
        .map_err(told)?;
    drop(writing);
    card.reset();
    let [_, group, _] = &groups;
    let containers = placement.groups.get(1).cloned().unwrap_or_default();
    let entry = GroupEntry::describing(2, "two", group, containers);
    let mut reading = select(&mut card).map_err(told)?;
    let manifest = reading.read_manifest().map_err(told)?;
    let read = reading.read_group(&entry).map_err(told)?;
    if manifest == [9; MANIFEST] && read == *group {
        Ok(reading.exchanges())
    } else {
        Err("the card gives other bytes than were written".to_owned())
    }
}

fn select(card: &mut Card) -> Result<Pkcs15<'_>, cardwarden_card::profile::Error> {
    let now = Instant::now();
    let end = now.checked_add(WRITING_TIME).unwrap_or(now);
    Pkcs15::select(Channel::new(card, end))
}
