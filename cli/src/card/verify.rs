//! `cardwarden card verify`: whether a card is believed here, is no copy, and what a device would
//! take from it. Nothing is associated by it: the card endorses no device's key.

use std::path::Path;

use cardwarden_card::{READING_TIME, profile};
use cardwarden_policy::manifest::Manifest;
use cardwarden_policy::{Authenticity, Endorsement, GroupEntry, Properties, Verified};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::args::Verify;
use super::manifest::Directory;
use super::pin;
use super::reach::{Reached, Trouble, kind, with_card};
use super::shown::Problem;
use super::this_device;
use crate::failure::{Exit, Failure};
use crate::key;
use crate::output::{Lines, Output, harmless};

/// Bytes of a challenge.
const NONCE: usize = 32;

/// `card verify --json`.
#[derive(Serialize)]
struct Verdict {
    /// Whether all is well: believed, proven, whole, and of use for the device.
    good: bool,
    reader: String,
    profile: &'static str,
    #[serde(flatten)]
    directory: Directory,
    /// How well it is known that the card is no copy: `own-key`, or `copyable`.
    proof: Option<&'static str>,
    /// Why the card is not taken for the one that the manifest is for.
    proof_problem: Option<Problem>,
    /// The device in question.
    device: Properties,
    /// The group that it would take.
    chosen: Option<String>,
    /// Whether the card brings a release for the device.
    release: bool,
    checked: Vec<Checked>,
    apdus: u32,
}

/// Whether a group is the one that was signed.
#[derive(Serialize)]
struct Checked {
    name: String,
    /// Nothing when it could not be read without the PIN.
    fits: Option<bool>,
    problem: Option<Problem>,
}

/// Verifies a card.
pub(super) fn verify(arguments: &Verify) -> Result<Output, Failure> {
    let anchors = key::anchors(&arguments.trust)?;
    let device = properties(arguments);
    let source = arguments.at.source();
    let pin_file = arguments.pin_file.as_deref();
    let verdict = with_card(source, READING_TIME, "checking the card", |card| {
        let (directory, believed) = match card.profile.read_manifest() {
            Ok(bytes) => {
                let (directory, believed) = Directory::read(&bytes, &anchors, Timestamp::now());
                (directory, believed.ok())
            }
            Err(error @ (profile::Error::NoManifest | profile::Error::Torn { .. })) => {
                (Directory::unread(Problem::of_card(&error)), None)
            }
            Err(error) => return Err(card.blame(&error)),
        };
        let mut verdict = Verdict {
            good: false,
            reader: card.reader.to_owned(),
            profile: card.profile.name(),
            directory,
            proof: None,
            proof_problem: None,
            chosen: None,
            release: false,
            checked: Vec::new(),
            device,
            apdus: 0,
        };
        if let Some(manifest) = believed {
            verdict.judge(card, &manifest, pin_file)?;
        }
        verdict.apdus = card.profile.exchanges();
        Ok(verdict)
    })?;
    let output = if arguments.at.json {
        Output::json(&verdict)?
    } else {
        Output::text(verdict.describe())
    };
    Ok(if verdict.good {
        output
    } else {
        output.exiting(Exit::Refused)
    })
}

fn properties(arguments: &Verify) -> Properties {
    let is_named = arguments.kind.is_some()
        || arguments.model.is_some()
        || arguments.serial.is_some()
        || arguments.device.is_some()
        || !arguments.labels.is_empty()
        || !arguments.functions.is_empty();
    if !is_named {
        return Properties {
            group: arguments.group.clone(),
            ..this_device::properties()
        };
    }
    Properties {
        kind: arguments.kind.clone().unwrap_or_default(),
        model: arguments.model.clone().unwrap_or_default(),
        serial: arguments.serial.clone().unwrap_or_default(),
        device: arguments.device.clone().unwrap_or_default(),
        functions: arguments.functions.iter().copied().collect(),
        labels: arguments.labels.iter().cloned().collect(),
        group: arguments.group.clone(),
    }
}

impl Verdict {
    fn judge(
        &mut self,
        card: &mut Reached<'_>,
        manifest: &Verified<Manifest>,
        pin_file: Option<&Path>,
    ) -> Result<(), Trouble> {
        match prove(card, manifest)? {
            Ok(authenticity) => self.proof = Some(authenticity.name()),
            Err(problem) => self.proof_problem = Some(problem),
        }
        if let Some(file) = pin_file {
            let pin = pin::ask("the card's PIN", Some(file), "--pin-file")?;
            card.profile
                .verify_pin(&pin)
                .map_err(|error| card.blame(&error))?;
        }
        self.chosen = manifest
            .select(&self.device)
            .map(|entry| entry.name.clone());
        self.release = manifest.release_for(&self.device.device).is_some();
        self.checked = manifest
            .groups
            .iter()
            .map(|entry| check(card, manifest, entry))
            .collect();
        self.good = self.proof.is_some()
            && (self.chosen.is_some() || self.release)
            && self.checked.iter().all(|group| group.fits != Some(false));
        Ok(())
    }

    fn describe(&self) -> String {
        let mut lines = Lines::default();
        lines.pair("Reader", &harmless(&self.reader));
        lines.pair("Card", kind(self.profile));
        self.directory.describe(&mut lines);
        let mut line = |name: &str, what: &str| lines.pair(name, &harmless(what));
        match (self.proof, &self.proof_problem) {
            (Some("copyable"), _) => {
                line("Proof", "the right serial number: a copyable card");
            }
            (Some(_own_key), _) => line("Proof", "it holds its own key: no copy"),
            (None, Some(Problem { code, text })) => line("Proof", &format!("{text} ({code})")),
            (None, None) => {}
        }
        for group in &self.checked {
            let state = match (group.fits, &group.problem) {
                (Some(true), _) => "as it was signed".to_owned(),
                (_, Some(Problem { code, text })) => format!("{text} ({code})"),
                (_, None) => "not read".to_owned(),
            };
            line("Checked", &format!("“{}”: {state}", group.name));
        }
        if self.directory.verified {
            let takes = match &self.chosen {
                Some(name) => format!("“{name}”"),
                None => "no group of this card".to_owned(),
            };
            let release = if self.release {
                ", and its release"
            } else {
                ""
            };
            line(
                "Device",
                &format!(
                    "{} takes {takes}{release}",
                    this_device::named(&self.device)
                ),
            );
        }
        line("Verdict", if self.good { "good" } else { "refused" });
        lines.into_text()
    }
}

/// Has the card prove itself. The inner problem is one of trust: the card answers, and is another.
fn prove(
    card: &mut Reached<'_>,
    manifest: &Verified<Manifest>,
) -> Result<Result<Authenticity, Problem>, Trouble> {
    let mut nonce = vec![0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|error| Failure::new(format!("no challenge can be made: {error}")))?;
    // No key is in it, so that what the card signs endorses nobody.
    let endorsement = Endorsement {
        device: String::new(),
        association: Uuid::nil(),
        device_key: Vec::new(),
        nonce,
    };
    match card.profile.prove(&manifest.card, &endorsement) {
        Ok(proof) => Ok(endorsement
            .verify(manifest, &proof)
            .map_err(|rejected| Problem::of_trust(&rejected))),
        Err(error @ (profile::Error::NoKey | profile::Error::OtherKey)) => {
            Ok(Err(Problem::of_card(&error)))
        }
        Err(error) => Err(card.blame(&error)),
    }
}

fn check(card: &mut Reached<'_>, manifest: &Verified<Manifest>, entry: &GroupEntry) -> Checked {
    let problem = match card.profile.read_group(entry) {
        Ok(bytes) if entry.is_release() => manifest
            .release(entry, &bytes)
            .err()
            .map(|rejected| Problem::of_trust(&rejected)),
        Ok(bytes) => manifest
            .group(entry, &bytes)
            .err()
            .map(|rejected| Problem::of_trust(&rejected)),
        Err(error @ profile::Error::PinNeeded { .. }) => {
            return Checked {
                name: entry.name.clone(),
                fits: None,
                problem: Some(Problem::of_card(&error)),
            };
        }
        Err(error) => Some(Problem::of_card(&error)),
    };
    Checked {
        name: entry.name.clone(),
        fits: Some(problem.is_none()),
        problem,
    }
}
