//! How many APDUs a device needs for what it takes from a card: the manifest and one group.

use anyhow::{Context as _, bail, ensure};
use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, READING_TIME, Transport, WRITING_TIME, Wanted, open};
use cardwarden_policy::manifest::{CardIdentity, LAYOUT, MAX_NAME};
use cardwarden_policy::{Anchors, GroupEntry, Manifest, SigningKey, Verified};
use jiff::Timestamp;
use serde::Serialize;

use crate::firmware::{Model, fresh_seed, power};
use crate::provision::authority;

/// Bytes of the group that is read.
pub const GROUP: usize = 1500;
/// Most bytes of the manifest: two answers of 256 bytes, less a PIV object's tag and length and our
/// header.
pub const MANIFEST: usize = 496;

/// What reading took.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Count {
    /// APDUs from the selection of the card's application on. Each application that was asked for
    /// before and is not there took one more.
    pub apdus: u32,
    /// APDUs before that.
    pub apdus_before: u32,
    /// Bytes of the manifest.
    pub manifest_bytes: usize,
    /// Bytes of the group.
    pub group_bytes: usize,
}

/// Issues a fresh card with a group of [`GROUP`] bytes and a manifest of nearly [`MANIFEST`], and
/// reads both, without the proof.
pub fn count(model: Model) -> anyhow::Result<Count> {
    let folder = tempfile::tempdir().context("no folder for the card")?;
    let image = folder.path().join("card");
    let key = SigningKey::p256_from_seed(&fresh_seed()?)?;
    let anchors = Anchors::from_iter([key.anchor()?]);
    let group = vec![0x5A; GROUP];
    let manifest = power(&image, model, |card| write(card, model, &key, &group))??;
    power(&image, model, |card| {
        read(card, &anchors, &manifest, &group)
    })?
}

/// Writes the card; the manifest.
fn write(
    card: &mut dyn Transport,
    model: Model,
    key: &SigningKey,
    group: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let mut profile = open(card, WRITING_TIME)?;
    profile.authenticate(&authority(model.profile)?)?;
    let wanted = Wanted {
        length: group.len(),
        pin: false,
    };
    let placement = profile.place(&[wanted])?;
    let card = profile.ensure_identity()?;
    let containers = placement.groups.concat();
    let manifest = largest(
        key,
        &card,
        &GroupEntry::describing(1, "g", group, containers),
    )?;
    profile.write(&placement, &manifest, &[group.to_vec()])?;
    Ok(manifest)
}

/// The largest manifest that is not longer than [`MANIFEST`], by the length of names in it.
fn largest(key: &SigningKey, card: &CardIdentity, group: &GroupEntry) -> anyhow::Result<Vec<u8>> {
    let name = |length: usize| "n".repeat(length.clamp(1, MAX_NAME));
    for length in (1..=MAX_NAME.saturating_mul(2)).rev() {
        let manifest = Manifest {
            layout: LAYOUT,
            company: name(length),
            version: 1,
            issued: Timestamp::now(),
            card: card.clone(),
            groups: vec![GroupEntry {
                name: name(length.saturating_sub(MAX_NAME)),
                ..group.clone()
            }],
        };
        let signed = key.sign(&manifest)?;
        if signed.len() <= MANIFEST {
            return Ok(signed);
        }
    }
    bail!("no manifest is short enough")
}

/// Reads the card as a device does.
fn read(
    card: &mut dyn Transport,
    anchors: &Anchors,
    manifest: &[u8],
    group: &[u8],
) -> anyhow::Result<Count> {
    let mut counted = Counted {
        card,
        all: 0,
        since_selected: 0,
    };
    let mut profile = open(&mut counted, READING_TIME)?;
    let signed = profile.read_manifest()?;
    let verified: Verified<Manifest> = anchors.verify(&signed)?;
    let entry = verified.groups.first().context("the card has no group")?;
    let bytes = profile.read_group(entry)?;
    drop(profile);
    ensure!(
        bytes == group && signed == manifest,
        "the card holds something else than was written"
    );
    Ok(Count {
        apdus: counted.since_selected,
        apdus_before: counted.all.saturating_sub(counted.since_selected),
        manifest_bytes: signed.len(),
        group_bytes: bytes.len(),
    })
}

/// Counts what goes to a card.
struct Counted<'a> {
    card: &'a mut dyn Transport,
    all: u32,
    /// From the last selection of an application on, which is the one that is used.
    since_selected: u32,
}

impl Transport for Counted<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        if matches!(command, [_, 0xA4, 0x04, ..]) {
            self.since_selected = 0;
        }
        self.all = self.all.saturating_add(1);
        self.since_selected = self.since_selected.saturating_add(1);
        self.card.transmit(command)
    }

    fn lengths(&self) -> Lengths {
        self.card.lengths()
    }

    fn reach(&self) -> Lengths {
        self.card.reach()
    }
}
