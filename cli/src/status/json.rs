//! The status as programs get it.

use std::collections::BTreeMap;

use cardwarden_dbus::{Function, Problem, Snapshot};
use jiff::Timestamp;
use serde::Serialize;

use super::{instant, some};

/// `status --json`. Fields are only ever added. Instants are RFC 3339, `null` for none; durations
/// are microseconds.
#[derive(Serialize)]
pub(crate) struct Status<'a> {
    generation: u64,
    settled: bool,
    posture: &'a str,
    version: &'a str,
    device: &'a str,
    association_id: &'a str,
    association: Option<Association<'a>>,
    functions: BTreeMap<&'a str, FunctionStatus<'a>>,
    card: Card<'a>,
    server: Server<'a>,
    problems: Vec<ProblemStatus<'a>>,
    timings: &'a BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Association<'a> {
    company: &'a str,
    version: u64,
    group: &'a str,
    contact: Option<&'a str>,
    since: Option<Timestamp>,
    signer: &'a str,
}

/// One function, as `status --json` and `why --json` show it.
#[derive(Serialize)]
pub(crate) struct FunctionStatus<'a> {
    verdict: &'a str,
    source: &'a str,
    reason: &'a str,
    rule: Option<&'a str>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    achieved: &'a str,
    tier: &'a str,
    enforcers: &'a [String],
    proof: &'a str,
    denials: u64,
    sentence: &'a str,
    audited: &'a [String],
}

#[derive(Serialize)]
struct Card<'a> {
    reader: Option<&'a str>,
    readers: &'a [String],
}

#[derive(Serialize)]
struct Server<'a> {
    url: Option<&'a str>,
    enrolled: bool,
    pending: u64,
    last_contact: Option<Timestamp>,
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct ProblemStatus<'a> {
    code: &'a str,
    text: &'a str,
    at: Option<Timestamp>,
}

impl<'a> From<&'a Snapshot> for Status<'a> {
    fn from(Snapshot { agent, functions }: &'a Snapshot) -> Self {
        let association = some(&agent.company).map(|company| Association {
            company,
            version: agent.policy_version,
            group: &agent.group,
            contact: some(&agent.contact),
            since: instant(agent.since),
            signer: &agent.signer,
        });
        let problem = |problem: &'a Problem| ProblemStatus {
            code: &problem.code,
            text: &problem.text,
            at: instant(problem.at),
        };
        Self {
            generation: agent.generation,
            settled: agent.settled,
            posture: &agent.posture,
            version: &agent.version,
            device: &agent.device,
            association_id: &agent.association_id,
            association,
            functions: functions
                .values()
                .map(|function| (function.name.as_str(), function.into()))
                .collect(),
            card: Card {
                reader: some(&agent.reader),
                readers: &agent.readers,
            },
            server: Server {
                url: some(&agent.server_url),
                enrolled: agent.server_enrolled,
                pending: agent.server_pending,
                last_contact: instant(agent.server_last_contact),
                problem: some(&agent.server_problem),
            },
            problems: agent.problems.iter().map(problem).collect(),
            timings: &agent.timings,
        }
    }
}

impl<'a> From<&'a Function> for FunctionStatus<'a> {
    fn from(function: &'a Function) -> Self {
        Self {
            verdict: &function.verdict,
            source: &function.source,
            reason: &function.reason,
            rule: some(&function.rule),
            since: instant(function.since),
            until: instant(function.until),
            achieved: &function.achieved,
            tier: &function.tier,
            enforcers: &function.enforcers,
            proof: &function.proof,
            denials: function.denials,
            sentence: &function.sentence,
            audited: &function.audited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::snapshot;
    use super::*;

    #[test]
    fn programs_get_fields_that_stay() {
        let json = serde_json::to_value(Status::from(&snapshot())).unwrap();
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("sample.json")).unwrap();
        assert_eq!(json, expected);
    }
}
