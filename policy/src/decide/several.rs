//! Several companies on one device: for each function the stricter verdict wins, and each company's
//! own decision stays as it would be without the others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Context, Decision, DeviceRuling, Ruling, Source, Standing, decide};
use crate::function::{Function, Verdict};
use crate::operation::Operation;

/// What one company brings.
#[derive(Clone, Copy, Debug)]
pub struct Say<'a> {
    /// What the device may rely on of it.
    pub standing: &'a Standing,
    /// What its server and tasks switched.
    pub operations: &'a [Operation],
    /// What is known beside the time. Its card and its server are no other company's.
    pub context: &'a Context,
}

/// What is to hold for several companies together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Joint {
    /// What is to hold.
    pub decision: Decision,
    /// Whose ruling each function's is, as a place in [`Joint::each`]; empty without companies.
    pub by: BTreeMap<Function, usize>,
    /// What each company alone would have; nobody but it is told.
    pub each: Vec<Decision>,
}

/// Decides for several companies, none included; `context` is for when there is none. Of equal
/// rulings the first company's is the reason.
pub fn decide_all(companies: &[Say<'_>], context: &Context, now: Option<Timestamp>) -> Joint {
    let each: Vec<Decision> = companies
        .iter()
        .map(|say| decide(say.standing, say.operations, say.context, now))
        .collect();
    let Some((first, others)) = each.split_first() else {
        return Joint {
            decision: decide(&Standing::Absent, &[], context, now),
            by: BTreeMap::new(),
            each,
        };
    };
    let mut decision = first.clone();
    let mut by: BTreeMap<Function, usize> = decision
        .rulings
        .keys()
        .map(|function| (*function, 0))
        .collect();
    for (place, other) in (1..).zip(others) {
        decision.until = earlier(decision.until, other.until);
        decision.names_devices |= other.names_devices;
        for (function, ruling) in &other.rulings {
            if join(decision.rulings.entry(*function), ruling) {
                by.insert(*function, place);
            }
        }
        for (port, ruling) in &other.devices {
            join_device(decision.devices.entry(port.clone()), ruling);
        }
    }
    Joint { decision, by, each }
}

/// Lets the stricter of two rulings stand; whether it is the other.
fn join<K: Ord>(entry: Entry<'_, K, Ruling>, other: &Ruling) -> bool {
    let held = match entry {
        Entry::Vacant(free) => {
            free.insert(other.clone());
            return true;
        }
        Entry::Occupied(held) => held.into_mut(),
    };
    let is_stricter = strictness(other) > strictness(held);
    // A refusal stands until it ends, whatever companies after it say; what is allowed, and a
    // reason that an earlier company may replace, can change with either.
    let until = match (held.verdict, is_stricter) {
        (Verdict::Disabled, false) => held.until,
        (Verdict::Disabled | Verdict::Enabled, _) => earlier(held.until, other.until),
    };
    let mut audited = held.audited.clone();
    audited.extend(other.audited.iter().cloned());
    if is_stricter {
        *held = Ruling {
            source: uncounted(&other.source),
            ..other.clone()
        };
    }
    held.until = until;
    held.audited = audited;
    is_stricter
}

fn join_device<K: Ord>(entry: Entry<'_, K, DeviceRuling>, other: &DeviceRuling) {
    match entry {
        Entry::Vacant(free) => {
            free.insert(other.clone());
        }
        Entry::Occupied(held) => {
            let held = held.into_mut();
            held.audited.extend(other.audited.iter().cloned());
            let functions: BTreeSet<Function> = held
                .parts
                .keys()
                .chain(other.parts.keys())
                .copied()
                .collect();
            let parts = functions
                .into_iter()
                .map(|part| (part, held.access_to(part).min(other.access_to(part))));
            let access = held.access.min(other.access);
            held.parts = parts.filter(|(_, more)| *more > access).collect();
            if other.access < held.access {
                held.access = other.access;
                held.source = uncounted(&other.source);
            }
        }
    }
}

/// How much a ruling takes away.
const fn strictness(ruling: &Ruling) -> u8 {
    match (ruling.verdict, ruling.read_only) {
        (Verdict::Enabled, false) => 0,
        (Verdict::Enabled, true) => 1,
        (Verdict::Disabled, _) => 2,
    }
}

/// A rule's counter is its place in the first company's policy; the rules of all others share the
/// last counter, to which [`crate::plan`] takes every higher place.
fn uncounted(source: &Source) -> Source {
    match source {
        Source::Rule {
            id,
            unknown,
            notify,
            index: _,
        } => Source::Rule {
            id: id.clone(),
            index: u16::MAX,
            unknown: *unknown,
            notify: notify.clone(),
        },
        Source::Unmanaged
        | Source::Unproven { .. }
        | Source::Baseline
        | Source::Server { .. }
        | Source::Task { .. } => source.clone(),
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
