//! A policy, made ready for being asked often: who asks about a function or a device finds the few
//! rules that speak of it, however many there are.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;

use crate::condition::Condition;
use crate::document::{Action, MAX_RULES, OnUnknown, Policy, Rule, Storage};
use crate::function::Function;
use crate::usb::{Device, Index, Match};

/// A policy with its lookups. Read-only: whoever changes the policy compiles it anew.
#[derive(Clone, Debug)]
pub struct Compiled {
    policy: Policy,
    /// For each function, the rules that speak of all of it, by [`Function::index`].
    functions: Vec<Speakers>,
    /// For each rule, its place in `conditions`; `None` when it always holds.
    condition_of: Vec<Option<u32>>,
    /// For each distinct condition, a rule that has it.
    conditions: Vec<u32>,
    /// The conditions of rules that speak of whole functions.
    timed: Vec<u32>,
    /// For each rule, the number of its refusal counter.
    counters: Vec<u16>,
    /// The rules that may refuse devices of their own: one for each condition.
    naming: Vec<(Action, Peers)>,
    /// The matches of all rules.
    devices: Index,
    /// Where each match of the index stands.
    places: Vec<Place>,
}

/// The rules that speak of all of a function, by what they do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speakers {
    pub(crate) disabling: Vec<Peers>,
    pub(crate) read_only: Vec<Peers>,
    pub(crate) enabling: Vec<Peers>,
    pub(crate) auditing: Vec<Peers>,
}

/// Rules that hold together, in the order of the document. They end with the first that leaves out
/// no device: what comes after it is never the reason.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    pub(crate) condition: Option<u32>,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) rules: Vec<u32>,
}

/// Where a match stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    rule: u32,
    side: Side,
    position: u32,
}

/// On which side of its rule a match stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    /// The rule is about it.
    Named,
    /// The rule leaves it out.
    Spared,
}

impl Deref for Compiled {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// The lookups follow from the policy.
impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy
    }
}

impl Eq for Compiled {}

impl From<Policy> for Compiled {
    fn from(policy: Policy) -> Self {
        let (condition_of, conditions) = intern(&policy.rules);
        let functions = Function::ALL
            .into_iter()
            .map(|function| Speakers::about(function, &policy.rules, &condition_of))
            .collect();
        let timed = timed(&policy.rules, &condition_of, &conditions);
        let mut places = Vec::new();
        let mut matches = Vec::new();
        for (rule, of) in (0_u32..).zip(&policy.rules) {
            let (named, spared) = of.scope();
            for (side, list) in [(Side::Named, named), (Side::Spared, spared)] {
                places.extend((0_u32..).zip(list).map(|(position, _)| Place {
                    rule,
                    side,
                    position,
                }));
                matches.extend(list);
            }
        }
        Self {
            functions,
            counters: counters(&policy.rules),
            naming: naming(&policy.rules, &condition_of),
            condition_of,
            conditions,
            timed,
            devices: Index::new((0_u32..).zip(matches)),
            places,
            policy,
        }
    }
}

fn rule_at(rules: &[Rule], number: u32) -> Option<&Rule> {
    rules.get(usize::try_from(number).ok()?)
}

/// The distinct conditions, and which each rule has.
fn intern(rules: &[Rule]) -> (Vec<Option<u32>>, Vec<u32>) {
    let mut known: HashMap<&Condition, u32> = HashMap::new();
    let mut conditions = Vec::new();
    let of = (0_u32..)
        .zip(rules)
        .map(|(number, rule)| {
            rule.when.as_deref().map(|when| {
                *known.entry(when).or_insert_with(|| {
                    conditions.push(number);
                    u32::try_from(conditions.len().saturating_sub(1)).unwrap_or(u32::MAX)
                })
            })
        })
        .collect();
    (of, conditions)
}

/// The conditions of rules about whole functions that time alone may change.
fn timed(rules: &[Rule], condition_of: &[Option<u32>], conditions: &[u32]) -> Vec<u32> {
    let of_functions: HashSet<u32> = rules
        .iter()
        .zip(condition_of)
        .filter(|(rule, _)| rule.scope().0.is_empty())
        .filter_map(|(_, condition)| *condition)
        .collect();
    (0_u32..)
        .zip(conditions)
        .filter(|(condition, rule)| {
            let when = rule_at(rules, **rule).and_then(|rule| rule.when.as_deref());
            of_functions.contains(condition) && when.is_some_and(may_change_by_time)
        })
        .map(|(condition, _)| condition)
        .collect()
}

fn may_change_by_time(condition: &Condition) -> bool {
    condition.atoms().into_iter().any(|atom| {
        matches!(
            atom,
            Condition::Weekly(_) | Condition::Period(_) | Condition::Server(_)
        )
    })
}

/// Rules about other functions than USB are numbered in order; the rest share the last number.
fn counters(rules: &[Rule]) -> Vec<u16> {
    let last = u16::try_from(MAX_RULES).unwrap_or(u16::MAX);
    let mut next: u16 = 0;
    rules
        .iter()
        .map(|rule| {
            if rule.is_of_usb_alone() {
                return last;
            }
            let counter = next;
            next = last.min(counter.saturating_add(1));
            counter
        })
        .collect()
}

/// The rules that disable what they name, or enable all but some; of each condition the first.
fn naming(rules: &[Rule], condition_of: &[Option<u32>]) -> Vec<(Action, Peers)> {
    let mut known = HashSet::new();
    (0_u32..)
        .zip(rules.iter().zip(condition_of))
        .filter(|(_, (rule, _))| match (rule.action, rule.scope()) {
            (Action::Disable, (named, _)) => !named.is_empty(),
            (Action::Enable, (_, spared)) => !spared.is_empty(),
            (Action::Audit, _) => false,
        })
        .filter(|(_, (rule, condition))| {
            known.insert((**condition, rule.on_unknown, rule.action == Action::Disable))
        })
        .map(|(number, (rule, condition))| {
            let peers = Peers {
                condition: *condition,
                on_unknown: rule.on_unknown,
                rules: vec![number],
            };
            (rule.action, peers)
        })
        .collect()
}

impl Speakers {
    pub(crate) const fn is_empty(&self) -> bool {
        self.disabling.is_empty()
            && self.read_only.is_empty()
            && self.enabling.is_empty()
            && self.auditing.is_empty()
    }

    fn about(function: Function, rules: &[Rule], condition_of: &[Option<u32>]) -> Self {
        let mut speakers = Self::default();
        let mut places: HashMap<(u8, Option<u32>, OnUnknown), usize> = HashMap::new();
        for (number, (rule, condition)) in (0_u32..).zip(rules.iter().zip(condition_of)) {
            let speaks = rule.functions.iter().any(|named| named.covers(function));
            if !speaks || !rule.scope().0.is_empty() {
                continue;
            }
            let leaves_storage =
                function == Function::UsbStorage && rule.storage == Some(Storage::ReadOnly);
            let (kind, list) = match rule.action {
                Action::Disable if leaves_storage => (0, &mut speakers.read_only),
                Action::Disable => (1, &mut speakers.disabling),
                Action::Enable => (2, &mut speakers.enabling),
                Action::Audit => (3, &mut speakers.auditing),
            };
            let place = *places
                .entry((kind, *condition, rule.on_unknown))
                .or_insert_with(|| {
                    list.push(Peers {
                        condition: *condition,
                        on_unknown: rule.on_unknown,
                        rules: Vec::new(),
                    });
                    list.len().saturating_sub(1)
                });
            if let Some(peers) = list.get_mut(place) {
                let is_shadowed = rule.action != Action::Audit
                    && peers
                        .rules
                        .last()
                        .and_then(|last| rule_at(rules, *last))
                        .is_some_and(|last| last.scope().1.is_empty());
                if !is_shadowed {
                    peers.rules.push(number);
                }
            }
        }
        speakers
    }
}

impl Compiled {
    /// The policy without its lookups.
    pub fn into_policy(self) -> Policy {
        self.policy
    }

    /// Whether any rule asks for a text that a USB device says of itself: serial number, maker or name.
    /// Where none does, a device is decided on alike whatever its texts are.
    pub fn asks_texts(&self) -> bool {
        self.devices.asks_texts()
    }

    pub(crate) fn rule(&self, number: u32) -> Option<&Rule> {
        rule_at(&self.policy.rules, number)
    }

    pub(crate) fn speakers(&self, function: Function) -> Option<&Speakers> {
        self.functions.get(usize::from(function.index()))
    }

    pub(crate) fn condition(&self, condition: u32) -> Option<&Condition> {
        let rule = self.conditions.get(usize::try_from(condition).ok()?)?;
        self.rule(*rule)?.when.as_deref()
    }

    pub(crate) fn condition_of(&self, rule: u32) -> Option<u32> {
        *self.condition_of.get(usize::try_from(rule).ok()?)?
    }

    pub(crate) const fn condition_count(&self) -> usize {
        self.conditions.len()
    }

    /// The conditions of rules about whole functions that time alone may change.
    pub(crate) fn timed(&self) -> impl Iterator<Item = &Condition> {
        self.timed
            .iter()
            .filter_map(|condition| self.condition(*condition))
    }

    /// The rules that disable what they name, or enable all but some; of each condition the first.
    pub(crate) fn naming(&self) -> &[(Action, Peers)] {
        &self.naming
    }

    pub(crate) fn counter(&self, rule: u32) -> u16 {
        usize::try_from(rule)
            .ok()
            .and_then(|rule| self.counters.get(rule).copied())
            .unwrap_or(u16::MAX)
    }

    fn place(&self, entry: u32) -> Option<&Place> {
        self.places.get(usize::try_from(entry).ok()?)
    }

    fn match_at(&self, entry: u32) -> Option<&Match> {
        let place = self.place(entry)?;
        let (named, spared) = self.rule(place.rule)?.scope();
        let list = match place.side {
            Side::Named => named,
            Side::Spared => spared,
        };
        list.get(usize::try_from(place.position).ok()?)
    }

    /// The rules that name a device, and those that spare it, each in the order of the document.
    pub(crate) fn about_device(&self, device: &Device) -> (Vec<u32>, Vec<u32>) {
        let mut named = Vec::new();
        let mut spared = Vec::new();
        for entry in self.devices.matching(device, |entry| self.match_at(entry)) {
            match self.place(entry) {
                Some(Place { rule, side, .. }) if *side == Side::Named => named.push(*rule),
                Some(Place { rule, .. }) => spared.push(*rule),
                None => {}
            }
        }
        named.dedup();
        spared.dedup();
        (named, spared)
    }
}
