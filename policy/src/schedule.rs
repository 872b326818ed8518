//! Which tasks are due: pure, from the policy, the time, and a ledger of the runs so far. A device
//! that was off catches up as each task says.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::document::{Missed, Policy, Task};
use crate::operation::{self, Operation};

/// A run that begins so much after its time was not missed: the device was busy.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// Most missed runs of one task that are run late; of more, the latest.
const MAX_LATE: usize = 100;

/// Up to when the runs of each task are dealt with. A task that is not in it is looked at from
/// when the policy came into force.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, Timestamp>);

/// A run whose time has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run<'a> {
    /// The task.
    pub task: &'a Task,
    /// When it was to run.
    pub scheduled: Timestamp,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a run whose time has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It runs in time.
    Ran,
    /// It was missed, and runs now.
    RanLate,
    /// It was missed, and does not run.
    Skipped,
}

impl Fate {
    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::RanLate => "ran-late",
            Self::Skipped => "skipped",
        }
    }
}

impl Ledger {
    /// The runs that are due at `now` and not dealt with yet, in the order of their times. `since`
    /// is when the policy came into force.
    pub fn due<'a>(&self, policy: &'a Policy, since: Timestamp, now: Timestamp) -> Vec<Run<'a>> {
        let mut due: Vec<Run<'a>> = policy
            .tasks
            .iter()
            .flat_map(|task| self.due_of(task, policy, since, now))
            .collect();
        due.sort_by_key(|run| run.scheduled);
        due
    }

    fn due_of<'a>(
        &self,
        task: &'a Task,
        policy: &Policy,
        since: Timestamp,
        now: Timestamp,
    ) -> Vec<Run<'a>> {
        let mut at = self.0.get(&task.id).copied().unwrap_or(since);
        let mut times = std::collections::VecDeque::new();
        while let Some(next) = task
            .at
            .next(policy.zone.as_ref(), at)
            .filter(|next| *next <= now)
        {
            if times.len() == MAX_LATE {
                times.pop_front();
            }
            times.push_back(next);
            at = next;
        }
        let latest = times.back().copied();
        times
            .into_iter()
            .map(|scheduled| Run {
                task,
                scheduled,
                fate: fate(task.missed, scheduled, latest, now),
            })
            .collect()
    }

    /// Notes that everything up to `now` is dealt with, and forgets the tasks of other policies. A
    /// clock that was set back brings no run a second time.
    pub fn settle(&mut self, policy: &Policy, now: Timestamp) {
        self.0 = policy
            .tasks
            .iter()
            .map(|task| {
                let known = self.0.get(&task.id).copied().unwrap_or(now);
                (task.id.clone(), known.max(now))
            })
            .collect();
    }
}

fn fate(missed: Missed, scheduled: Timestamp, latest: Option<Timestamp>, now: Timestamp) -> Fate {
    let in_time = scheduled
        .checked_add(GRACE)
        .is_ok_and(|latest_begin| now <= latest_begin);
    if in_time {
        return Fate::Ran;
    }
    match missed {
        Missed::RunLate => Fate::RanLate,
        Missed::LatestOnly if latest == Some(scheduled) => Fate::RanLate,
        Missed::Skip | Missed::LatestOnly => Fate::Skipped,
    }
}

/// When the next task of a policy is to run.
pub fn next(policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    policy
        .tasks
        .iter()
        .filter_map(|task| task.at.next(policy.zone.as_ref(), now))
        .min()
}

/// The operations that stand at an instant on a device that was never off since `since`: what a
/// simulation goes by.
pub fn simulate(policy: &Policy, since: Timestamp, now: Timestamp) -> Vec<Operation> {
    let mut operations = Vec::new();
    for run in Ledger::default().due(policy, since, now) {
        let operation = Operation::of_task(run.task, run.scheduled);
        operation::begin(&mut operations, operation, policy.remote, now);
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(missed: &str) -> Policy {
        Policy::from_toml(&format!(
            "zone = \"UTC\"\n[[tasks]]\nid = \"nightly\"\nfunctions = [\"usb.storage\"]\n\
             action = \"disable\"\nfor = \"8h\"\nmissed = \"{missed}\"\n\
             at.weekly = {{ days = \"mon-sun\", time = \"22:00\" }}\n"
        ))
        .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn fates(missed: &str, now: &str) -> Vec<(String, &'static str)> {
        let policy = policy(missed);
        Ledger::default()
            .due(&policy, at("2026-11-20T12:00:00Z"), at(now))
            .into_iter()
            .map(|run| (run.scheduled.to_string(), run.fate.name()))
            .collect()
    }

    #[test]
    fn missed_runs_are_run_late_skipped_or_only_the_latest_is_run() {
        let now = "2026-11-23T12:00:00Z";
        let fates_of = |missed| -> Vec<&str> {
            fates(missed, now)
                .into_iter()
                .map(|(_, fate)| fate)
                .collect()
        };
        assert_eq!(fates_of("run-late"), ["ran-late"; 3]);
        assert_eq!(fates_of("skip"), ["skipped"; 3]);
        assert_eq!(fates_of("latest-only"), ["skipped", "skipped", "ran-late"]);
    }

    #[test]
    fn a_run_that_is_dealt_with_is_not_due_again() {
        let policy = policy("run-late");
        let now = at("2026-11-20T22:00:00Z");
        let mut ledger = Ledger::default();
        assert_eq!(
            ledger.due(&policy, at("2026-11-20T12:00:00Z"), now).len(),
            1
        );
        ledger.settle(&policy, now);
        assert!(
            ledger
                .due(&policy, at("2026-11-20T12:00:00Z"), now)
                .is_empty()
        );
        assert_eq!(next(&policy, now), Some(at("2026-11-21T22:00:00Z")));
    }

    #[test]
    fn a_simulated_operation_stands_until_its_end() {
        let policy = policy("skip");
        let since = at("2026-11-20T12:00:00Z");
        assert_eq!(
            simulate(&policy, since, at("2026-11-20T23:00:00Z")).len(),
            1
        );
        let later = simulate(&policy, since, at("2026-11-21T06:30:00Z"));
        assert!(
            later
                .iter()
                .all(|one| one.has_ended(policy.remote, Some(at("2026-11-21T06:30:00Z"))))
        );
    }
}
