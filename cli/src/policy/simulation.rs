//! A device that is only thought of: what a policy decides on it, by the same [`decide`] that a
//! device asks. Tasks run as on a device that was never off.

use cardwarden_policy::trust::{Anchors, SignedPolicy, sign};
use cardwarden_policy::{
    Context, Decision, Function, Group, Policy, Ruling, SigningKey, Source, Standing, Verdict,
    decide, schedule,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::failure::Failure;

/// For how long the policy was in force before: tasks that ran since still count.
const BEFORE: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Most runs of tasks that are looked at for the end of a ruling.
const MAX_RUNS: usize = 64;
/// How often it is looked again for the end of a ruling: about a year of two windows a day.
const MAX_LOOKS: usize = 16;
/// Most stretches of a timeline; a week of many windows has some hundred.
const MAX_STRETCHES: usize = 10_000;

/// A policy on a device in some surroundings.
pub(super) struct Simulation {
    standing: Standing,
    policy: Policy,
    context: Context,
    since: Timestamp,
}

/// What holds from an instant on.
pub(super) struct Stretch {
    pub(super) from: Timestamp,
    pub(super) decision: Decision,
}

/// How a function is, for tables and pictures.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// It may be used.
    On,
    /// It may be read, not written.
    ReadOnly,
    /// It must not be used, since something is not known.
    OffUnknown,
    /// It must not be used.
    Off,
}

impl State {
    /// Every state, loosest first.
    pub(super) const ALL: [Self; 4] = [Self::On, Self::ReadOnly, Self::OffUnknown, Self::Off];

    /// The state that a ruling brings.
    pub(super) const fn of(ruling: &Ruling) -> Self {
        match (ruling.verdict, &ruling.source) {
            (Verdict::Enabled, _) if ruling.read_only => Self::ReadOnly,
            (Verdict::Enabled, _) => Self::On,
            (Verdict::Disabled, Source::Rule { unknown: true, .. }) => Self::OffUnknown,
            (
                Verdict::Disabled,
                Source::Unmanaged
                | Source::Unproven { .. }
                | Source::Baseline
                | Source::Rule { .. }
                | Source::Server { .. }
                | Source::Task { .. },
            ) => Self::Off,
        }
    }

    /// The words for it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::ReadOnly => "on for reading",
            Self::OffUnknown => "off while facts are not known",
            Self::Off => "off",
        }
    }
}

impl Simulation {
    /// A policy in surroundings, in force since a year before `at`.
    pub(super) fn new(policy: Policy, context: Context, at: Timestamp) -> Result<Self, Failure> {
        Ok(Self {
            standing: standing(&policy)?,
            policy,
            context,
            since: at.checked_sub(BEFORE).unwrap_or(Timestamp::MIN),
        })
    }

    pub(super) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The zone in which times are shown: the policy's, or this computer's.
    pub(super) fn zone(&self) -> TimeZone {
        zone(&self.policy)
    }

    /// What holds at an instant.
    pub(super) fn decide(&self, at: Timestamp) -> Decision {
        let operations = schedule::simulate(&self.policy, self.since, at);
        decide(&self.standing, &operations, &self.context, Some(at))
    }

    /// The same, with the ends that tasks bring.
    pub(super) fn decide_with_ends(&self, at: Timestamp) -> Decision {
        let mut decision = self.decide(at);
        let mut now = at;
        for _ in 0..MAX_RUNS {
            let Some(next) = schedule::next(&self.policy, now) else {
                break;
            };
            now = next;
            let later = self.decide(next);
            let rulings = decision.rulings.iter_mut();
            for ((_, ruling), (_, changed)) in rulings.zip(&later.rulings) {
                let is_open = ruling.until.is_none_or(|until| until > next);
                if is_open && !is_as(ruling, changed) {
                    ruling.until = Some(next);
                }
            }
        }
        for (function, ruling) in &mut decision.rulings {
            ruling.until = self.end(*function, ruling);
        }
        decision.until = decision
            .rulings
            .values()
            .filter_map(|ruling| ruling.until)
            .chain(decision.until)
            .min();
        decision
    }

    /// The instant at which a ruling ends. A decision that has too much to look at names one at
    /// which it looks again.
    fn end(&self, function: Function, ruling: &Ruling) -> Option<Timestamp> {
        let mut until = ruling.until?;
        for _ in 0..MAX_LOOKS {
            let later = self.decide(until);
            let later = later.rulings.get(&function)?;
            if !is_as(ruling, later) {
                return Some(until);
            }
            until = later.until?;
        }
        None
    }

    /// What holds from one instant to another, in order.
    pub(super) fn timeline(&self, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        let mut now = Some(from);
        while let Some(from) = now.filter(|now| *now < to && stretches.len() < MAX_STRETCHES) {
            let decision = self.decide(from);
            now = [decision.until, schedule::next(&self.policy, from)]
                .into_iter()
                .flatten()
                .min();
            stretches.push(Stretch { from, decision });
        }
        stretches
    }
}

/// The zone of a policy's times, or this computer's.
pub(super) fn zone(policy: &Policy) -> TimeZone {
    policy
        .zone
        .as_ref()
        .map_or_else(TimeZone::system, |zone| zone.rules().clone())
}

fn is_as(one: &Ruling, other: &Ruling) -> bool {
    (one.verdict, one.read_only, &one.source) == (other.verdict, other.read_only, &other.source)
}

/// The policy as a device believes it: signed, with a key that nothing else trusts.
fn standing(policy: &Policy) -> Result<Standing, Failure> {
    let failed =
        |error: &dyn std::error::Error| Failure::because("the policy cannot be tried out", error);
    let key = SigningKey::ed25519_from_seed(&[0; 32]);
    let group = Group {
        policy: policy.clone(),
        account: None,
    };
    let company = policy.organisation.clone();
    let company = company.filter(|name| name.len() <= cardwarden_policy::manifest::MAX_NAME);
    let statement = SignedPolicy::new(
        company.unwrap_or_else(|| "the company".to_owned()),
        1,
        Timestamp::UNIX_EPOCH,
        &group,
    )
    .map_err(|error| failed(&error))?;
    let bytes = sign(&key, &statement).map_err(|error| failed(&error))?;
    let anchor = key.anchor().map_err(|error| failed(&error))?;
    let anchors: Anchors = [anchor].into_iter().collect();
    let mandate = anchors
        .verify::<SignedPolicy>(&bytes)
        .and_then(|signed| signed.mandate())
        .map_err(|error| failed(&error))?;
    Ok(Standing::Proven(Box::new(mandate)))
}

/// Why a function is as it is, in few words.
pub(super) fn why(ruling: &Ruling) -> String {
    match &ruling.source {
        Source::Rule { id, .. } => format!("rule “{id}”"),
        Source::Task { id, .. } => format!("task “{id}”"),
        source @ (Source::Unmanaged
        | Source::Unproven { .. }
        | Source::Baseline
        | Source::Server { .. }) => source.name().to_owned(),
    }
}

/// Whether the rule that gave a ruling leaves some devices out.
pub(super) fn spares(policy: &Policy, function: Function, ruling: &Ruling) -> bool {
    let mut rules = policy.rules.iter();
    matches!(ruling.source, Source::Rule { .. })
        && function.is_usb()
        && ruling.verdict == Verdict::Disabled
        && rules.any(|rule| ruling.source.id() == Some(&rule.id) && !rule.allow.is_empty())
}

/// The functions, without the parts of `usb` of which nothing else is so than of `usb`.
pub(super) fn shown(is_same: impl Fn(Function, Function) -> bool) -> Vec<Function> {
    Function::ALL
        .into_iter()
        .filter(|function| {
            function
                .whole()
                .is_none_or(|whole| !is_same(*function, whole))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHTLY: &str = "zone = \"UTC\"\n[[tasks]]\nid = \"nightly\"\nfunctions = [\"camera\"]\n\
        action = \"disable\"\nfor = \"8h\"\nat.weekly = { days = \"mon-sun\", time = \"22:00\" }\n";

    fn simulation(text: &str, at: Timestamp) -> Simulation {
        Simulation::new(Policy::from_toml(text).unwrap(), Context::default(), at).unwrap()
    }

    #[test]
    fn a_task_that_is_to_run_ends_what_holds() {
        let at: Timestamp = "2027-01-11T12:00:00Z".parse().unwrap();
        let simulation = simulation(NIGHTLY, at);
        let decision = simulation.decide_with_ends(at);
        let camera = &decision.rulings[&Function::Camera];
        assert_eq!(State::of(camera), State::On);
        assert_eq!(camera.until, Some("2027-01-11T22:00:00Z".parse().unwrap()));
        assert_eq!(decision.rulings[&Function::Nfc].until, None);
    }

    #[test]
    fn a_timeline_changes_where_tasks_begin_and_end() {
        let from: Timestamp = "2027-01-11T12:00:00Z".parse().unwrap();
        let to = "2027-01-12T12:00:00Z".parse().unwrap();
        let edges: Vec<String> = simulation(NIGHTLY, from)
            .timeline(from, to)
            .iter()
            .map(|stretch| {
                let camera = &stretch.decision.rulings[&Function::Camera];
                format!("{} {}", stretch.from, State::of(camera).words())
            })
            .collect();
        assert_eq!(
            edges,
            [
                "2027-01-11T12:00:00Z on",
                "2027-01-11T22:00:00Z off",
                "2027-01-12T06:00:00Z on"
            ]
        );
    }
}
