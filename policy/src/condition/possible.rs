//! Whether a condition can hold at all. Time is tried out at every edge of some weeks that stand for
//! all; the other atoms are tried in every combination that the world allows.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{CardIs, Condition, PowerIs, Surroundings, Truth, Zone};
use crate::facts::Facts;

/// A Monday from which weekly windows are tried out.
const REFERENCE: Timestamp = Timestamp::constant(1_767_571_200, 0);
/// Two weeks and a day, from the reference, from the edges of each period, and from the changes of
/// a zone's clock in the year after the reference.
const TRIED: SignedDuration = SignedDuration::from_hours(24 * 15);
const YEAR: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Most edges that are tried from one start; a week of many windows has some hundred.
const MAX_EDGES: usize = 4000;
/// Most atoms other than time; beyond, the condition is taken for possible.
const MAX_ATOMS: usize = 8;

/// Whether the condition can hold: `false` only when it surely cannot.
pub(super) fn can_hold(condition: &Condition, zone: Option<&Zone>) -> bool {
    if is_plain(condition) {
        return true;
    }
    let mut others: Vec<&Condition> = Vec::new();
    for atom in condition.atoms() {
        if !is_of_time(atom) && !others.contains(&atom) {
            others.push(atom);
        }
    }
    if others.len() > MAX_ATOMS {
        return true;
    }
    let facts = Facts::default();
    instants(condition, zone, &facts).into_iter().any(|now| {
        let around = Surroundings {
            now: Some(now),
            facts: &facts,
            zone,
        };
        (0_u32..1 << others.len()).any(|chosen| {
            is_consistent(&others, chosen)
                && condition.answer(
                    &|atom| match others.iter().position(|other| *other == atom) {
                        Some(position) => Truth::from(chosen & (1 << position) != 0),
                        None => atom.atom_truth(around),
                    },
                ) == Truth::Holds
        })
    })
}

/// An atom, or any of atoms: each can hold by itself.
fn is_plain(condition: &Condition) -> bool {
    match condition {
        Condition::All(_) | Condition::Not(_) => false,
        Condition::Any(parts) => parts.iter().all(is_plain),
        Condition::Weekly(_)
        | Condition::Period(_)
        | Condition::Network(_)
        | Condition::Place(_)
        | Condition::Card(_)
        | Condition::Session(_)
        | Condition::Power(_)
        | Condition::Server(_) => true,
    }
}

fn is_of_time(atom: &Condition) -> bool {
    matches!(atom, Condition::Weekly(_) | Condition::Period(_))
}

/// Every instant at which the answer may be another one, within what is tried, and one before
/// all of them.
fn instants(condition: &Condition, zone: Option<&Zone>, facts: &Facts) -> BTreeSet<Timestamp> {
    let mut starts = BTreeSet::from([REFERENCE]);
    for atom in condition.atoms() {
        if let Condition::Period(period) = atom
            && let Some(zone) = period.zone.as_ref().or(zone)
        {
            let (start, end) = period.edges(zone);
            let before = |edge: Timestamp| edge.checked_sub(SignedDuration::from_secs(1)).ok();
            starts.extend([start, end].into_iter().flatten());
            starts.extend([start, end].into_iter().flatten().filter_map(before));
        }
        starts.extend(clock_changes(atom, zone));
    }
    let around = Surroundings {
        now: None,
        facts,
        zone,
    };
    let mut instants = starts.clone();
    for start in starts {
        let last = start.checked_add(TRIED).unwrap_or(Timestamp::MAX);
        let mut now = start;
        for _ in 0..MAX_EDGES {
            match condition.next_change(around, now) {
                Some(next) if next <= last => now = next,
                Some(_) | None => break,
            }
            // What an earlier start has tried is not tried again.
            if !instants.insert(now) {
                break;
            }
        }
    }
    instants
}

/// The days before the changes of an atom's clock.
fn clock_changes(atom: &Condition, zone: Option<&Zone>) -> Vec<Timestamp> {
    let Condition::Weekly(window) = atom else {
        return Vec::new();
    };
    let Some(zone) = window.zone.as_ref().or(zone) else {
        return Vec::new();
    };
    let last = REFERENCE.checked_add(YEAR).unwrap_or(Timestamp::MAX);
    let day_before = |at: Timestamp| at.checked_sub(SignedDuration::from_hours(24)).ok();
    zone.rules()
        .following(REFERENCE)
        .map(|change| change.timestamp())
        .take_while(|change| *change < last)
        .filter_map(day_before)
        .collect()
}

/// Whether the chosen atoms can hold together, and the others fail together.
fn is_consistent(atoms: &[&Condition], chosen: u32) -> bool {
    let holds = |wanted: &dyn Fn(&Condition) -> bool, answer: bool| {
        atoms
            .iter()
            .enumerate()
            .any(|(position, atom)| (chosen & (1 << position) != 0) == answer && wanted(atom))
    };
    let is_absent = |atom: &Condition| matches!(atom, Condition::Card(CardIs::Absent));
    let is_present = |atom: &Condition| matches!(atom, Condition::Card(CardIs::Present));
    let is_which = |atom: &Condition| matches!(atom, Condition::Card(CardIs::Which(_)));
    let fed_by = |source| move |atom: &Condition| matches!(atom, Condition::Power(PowerIs { source: Some(is), .. }) if *is == source);
    let only_fed_by = |source| {
        move |atom: &Condition| {
            *atom
                == Condition::Power(PowerIs {
                    source: Some(source),
                    below: None,
                })
        }
    };
    let mains = crate::facts::PowerSource::Mains;
    let battery = crate::facts::PowerSource::Battery;
    let card = holds(&is_present, true) || holds(&is_which, true) || holds(&is_absent, false);
    let no_card = holds(&is_absent, true) || holds(&is_present, false);
    let on_mains = holds(&fed_by(mains), true) || holds(&only_fed_by(battery), false);
    let on_battery = holds(&fed_by(battery), true) || holds(&only_fed_by(mains), false);
    !(card && no_card || on_mains && on_battery)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn can(text: &str) -> bool {
        let condition: Condition = toml::from_str(text).unwrap();
        let zone: Zone = "Europe/Berlin".to_owned().try_into().unwrap();
        can_hold(&condition, Some(&zone))
    }

    #[test]
    fn what_excludes_itself_can_never_hold() {
        for text in [
            r#"all = [{ card = "present" }, { card = "absent" }]"#,
            r#"all = [{ card = "present" }, { not = { card = "present" } }]"#,
            r#"all = [{ power.source = "mains" }, { power = { source = "battery", below = 20 } }]"#,
            r#"all = [{ weekly = { days = "mon", from = "08:00", to = "12:00" } }, { weekly = { days = "mon", from = "12:00", to = "13:00" } }]"#,
            r#"all = [{ period = { to = "2026-01-01" } }, { period = { from = "2026-01-02" } }]"#,
            r#"all = [{ weekly = { days = "mon", from = "00:00", to = "24:00" } }, { period = { from = "2026-11-24", to = "2026-11-29" } }]"#,
        ] {
            assert!(!can(text), "{text}");
        }
    }

    #[test]
    fn what_can_hold_some_day_is_let_be() {
        for text in [
            r#"all = [{ card = "present" }, { not = { session.locked = true } }]"#,
            r#"all = [{ weekly = { days = "mon", from = "08:00", to = "12:01" } }, { weekly = { days = "mon", from = "12:00", to = "13:00" } }]"#,
            r#"all = [{ weekly = { days = "sun", from = "22:00", to = "06:00" } }, { weekly = { days = "mon", from = "05:00", to = "07:00" } }]"#,
            r#"all = [{ weekly = { days = "mon", from = "00:00", to = "24:00" } }, { period = { from = "2031-11-24", to = "2031-11-24" } }]"#,
            r#"not = { weekly = { days = "mon-sat", from = "00:00", to = "24:00" } }"#,
            r#"not = { period = { from = "2026-11-24" } }"#,
            r#"all = [{ power.source = "battery" }, { power.below = 20 }]"#,
        ] {
            assert!(can(text), "{text}");
        }
    }
}
