//! The ruling on one function, and on one USB device, at one instant.

use std::collections::BTreeMap;

use super::answers::Answers;
use super::{Access, DeviceRuling, Ruling, Source};
use crate::compiled::{Peers, Speakers};
use crate::document::{Action, Storage, Switch};
use crate::function::{Function, Verdict};
use crate::operation::{Operation, Origin, standing};
use crate::usb::Device;

/// Everything that a ruling is made from.
pub(super) struct Bench<'a> {
    pub(super) operations: &'a [Operation],
    pub(super) answers: Answers<'a>,
}

/// A rule that holds, and whether only because something is unknown.
#[derive(Clone, Copy)]
struct Holding {
    rule: u32,
    unknown: bool,
}

/// The first rules, in the order of the document, that disable, leave to be read, and enable.
#[derive(Default)]
struct Spoken {
    disabling: Option<Holding>,
    read_only: Option<Holding>,
    enabling: Option<Holding>,
}

/// The rules that name a device, and those that spare it.
#[derive(Default)]
struct About {
    named: Vec<u32>,
    spared: Vec<u32>,
}

fn earlier(one: Option<Holding>, other: Option<Holding>) -> Option<Holding> {
    match (one, other) {
        (Some(one), Some(other)) if other.rule < one.rule => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

impl Bench<'_> {
    /// Whether anything but the baseline says something of a function.
    pub(super) fn is_spoken_of(&self, function: Function) -> bool {
        let of_rules = self
            .answers
            .policy()
            .speakers(function)
            .is_some_and(|speakers| !speakers.is_empty());
        of_rules || self.operations.iter().any(|one| one.concerns(function))
    }

    /// The ruling at this instant, without its end.
    pub(super) fn rule_on(&self, function: Function) -> Ruling {
        let speakers = self.answers.policy().speakers(function);
        let spoken = speakers.map_or_else(Spoken::default, |all| self.spoken(all, &[]));
        let (access, source) = self.weigh(function, &spoken);
        Ruling {
            verdict: match access {
                Access::Refused => Verdict::Disabled,
                Access::ReadOnly | Access::Full => Verdict::Enabled,
            },
            source,
            read_only: access == Access::ReadOnly,
            until: None,
            audited: speakers.map_or_else(Vec::new, |all| self.audited(all, &[])),
        }
    }

    /// Whether a rule holds that may refuse a device though its functions are enabled.
    pub(super) fn names_devices(&self) -> bool {
        let naming = self.answers.policy().naming().iter();
        naming
            .map(|(action, peers)| self.answers.hold(peers, *action))
            .any(|holds| holds.is_some())
    }

    /// The ruling on a device: the tightest of those on the functions that it has, and which of
    /// these may be used more.
    pub(super) fn rule_on_device(&self, device: &Device) -> DeviceRuling {
        let (named, spared) = self.answers.policy().about_device(device);
        let about = About { named, spared };
        let mut audited = Vec::new();
        let mut parts = BTreeMap::new();
        let mut tightest: Option<(Access, Source)> = None;
        let mut is_named = false;
        for function in device.classes() {
            let speakers = self.answers.policy().speakers(function);
            let mut spoken =
                speakers.map_or_else(Spoken::default, |all| self.spoken(all, &about.spared));
            if let Some(speakers) = speakers {
                audited.extend(self.audited(speakers, &about.spared));
            }
            let disables = self.add_named(function, &about, &mut spoken, &mut audited);
            let (access, source) = self.weigh(function, &spoken);
            is_named |= disables && access == Access::Refused;
            parts.insert(function, access);
            if tightest.as_ref().is_none_or(|(known, _)| access < *known) {
                tightest = Some((access, source));
            }
        }
        audited.sort_unstable();
        audited.dedup();
        let (access, source) = tightest.unwrap_or((Access::Full, Source::Baseline));
        parts.retain(|_, more| *more > access && !is_named);
        DeviceRuling {
            access,
            source,
            parts,
            audited,
        }
    }

    /// The rules about the whole function that hold, but for those that spare the device.
    fn spoken(&self, speakers: &Speakers, spared: &[u32]) -> Spoken {
        Spoken {
            disabling: self.first(&speakers.disabling, Action::Disable, spared),
            read_only: self.first(&speakers.read_only, Action::Disable, spared),
            enabling: self.first(&speakers.enabling, Action::Enable, spared),
        }
    }

    fn first(&self, all: &[Peers], action: Action, spared: &[u32]) -> Option<Holding> {
        let mut first: Option<Holding> = None;
        // Peers stand in the order of their first rules.
        for peers in all {
            let Some(begin) = peers.rules.first() else {
                continue;
            };
            if first.is_some_and(|known| known.rule < *begin) {
                break;
            }
            let rule = peers.rules.iter().find(|rule| !spared.contains(rule));
            if let Some(rule) = rule
                && let Some(unknown) = self.answers.hold(peers, action)
            {
                let rule = *rule;
                first = earlier(first, Some(Holding { rule, unknown }));
            }
        }
        first
    }

    fn audited(&self, speakers: &Speakers, spared: &[u32]) -> Vec<String> {
        let mut rules: Vec<u32> = speakers
            .auditing
            .iter()
            .filter(|peers| self.answers.hold(peers, Action::Audit).is_some())
            .flat_map(|peers| peers.rules.iter().copied())
            .filter(|rule| !spared.contains(rule))
            .collect();
        rules.sort_unstable();
        rules
            .into_iter()
            .filter_map(|rule| self.answers.policy().rule(rule))
            .map(|rule| rule.id.clone())
            .collect()
    }

    /// Adds the rules that name the device itself; whether one of them disables.
    fn add_named(
        &self,
        function: Function,
        about: &About,
        spoken: &mut Spoken,
        audited: &mut Vec<String>,
    ) -> bool {
        let policy = self.answers.policy();
        let mut disables = false;
        for number in about
            .named
            .iter()
            .filter(|rule| !about.spared.contains(rule))
        {
            let Some(rule) = policy.rule(*number) else {
                continue;
            };
            if !rule.functions.iter().any(|named| named.covers(function)) {
                continue;
            }
            let condition = policy.condition_of(*number);
            let Some(unknown) = self.answers.holds(condition, rule.action, rule.on_unknown) else {
                continue;
            };
            let holding = Some(Holding {
                rule: *number,
                unknown,
            });
            let leaves_storage =
                function == Function::UsbStorage && rule.storage == Some(Storage::ReadOnly);
            match rule.action {
                Action::Disable if leaves_storage => {
                    spoken.read_only = earlier(spoken.read_only, holding);
                }
                Action::Disable => {
                    disables = true;
                    spoken.disabling = earlier(spoken.disabling, holding);
                }
                Action::Enable => spoken.enabling = earlier(spoken.enabling, holding),
                Action::Audit => audited.push(rule.id.clone()),
            }
        }
        disables
    }

    /// What counts of everything that was said.
    fn weigh(&self, function: Function, spoken: &Spoken) -> (Access, Source) {
        let remote = self.answers.policy().remote;
        let now = self.answers.around().now;
        let going = |operation: &&Operation| !operation.has_ended(remote, now);
        let of = |is_of_side: fn(&Origin) -> bool| {
            standing(self.operations, function, is_of_side).filter(going)
        };
        let server = of(|origin| matches!(origin, Origin::Server(_)));
        let task = of(|origin| matches!(origin, Origin::Task(_)));
        if let Some(loosening) = server.filter(|operation| operation.may_loosen(remote)) {
            return (Access::Full, source_of(loosening));
        }
        if let Some(holding) = spoken.disabling {
            return (Access::Refused, self.source(holding));
        }
        let disables = |operation: &&Operation| operation.action == Switch::Disable;
        if let Some(operation) = server.filter(disables).or_else(|| task.filter(disables)) {
            return (Access::Refused, source_of(operation));
        }
        if let Some(holding) = spoken.read_only {
            return (Access::ReadOnly, self.source(holding));
        }
        if let Some(holding) = spoken.enabling {
            return (Access::Full, self.source(holding));
        }
        if let Some(operation) = task {
            return (Access::Full, source_of(operation));
        }
        (self.baseline(function), Source::Baseline)
    }

    fn baseline(&self, function: Function) -> Access {
        let baseline = &self.answers.policy().baseline;
        let of_whole = || function.whole().and_then(|whole| baseline.get(&whole));
        match baseline.get(&function).or_else(of_whole) {
            Some(Switch::Disable) => Access::Refused,
            Some(Switch::Enable) | None => Access::Full,
        }
    }

    fn source(&self, holding: Holding) -> Source {
        let policy = self.answers.policy();
        let rule = policy.rule(holding.rule);
        Source::Rule {
            id: rule.map_or_else(String::new, |rule| rule.id.clone()),
            index: policy.counter(holding.rule),
            unknown: holding.unknown,
            notify: rule
                .and_then(|rule| rule.notify.as_ref())
                .map(ToString::to_string),
        }
    }
}

fn source_of(operation: &Operation) -> Source {
    let notify = operation.notify.as_ref().map(ToString::to_string);
    match &operation.origin {
        Origin::Server(id) => Source::Server {
            id: id.clone(),
            notify,
        },
        Origin::Task(id) => Source::Task {
            id: id.clone(),
            notify,
        },
    }
}
