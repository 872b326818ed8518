//! The status as programs get it.

use std::collections::BTreeMap;

use cardwarden_dbus::{Function, Pending, PinWanted, Problem, Snapshot};
use jiff::Timestamp;
use serde::Serialize;

use super::{instant, some};

/// `status --json`. Fields are only ever added. Instants are RFC 3339, `null` for none; durations
/// are microseconds.
#[derive(Serialize)]
pub(crate) struct Status<'a> {
    generation: u64,
    settled: bool,
    guard: &'a str,
    posture: &'a str,
    version: &'a str,
    device: &'a str,
    association_id: &'a str,
    /// The first of `associations`.
    association: Option<Association<'a>>,
    associations: Vec<Association<'a>>,
    functions: BTreeMap<&'a str, FunctionStatus<'a>>,
    card: Card<'a>,
    server: Server<'a>,
    problems: Vec<ProblemStatus<'a>>,
    timings: &'a BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Association<'a> {
    id: &'a str,
    company: &'a str,
    version: u64,
    group: &'a str,
    contact: Option<&'a str>,
    since: Option<Timestamp>,
    signer: &'a str,
    proof: &'a str,
    ends: Option<Timestamp>,
}

/// A card that waits for consent.
#[derive(Serialize)]
struct Waiting<'a> {
    reader: &'a str,
    company: &'a str,
    fingerprint: &'a str,
    signer: &'a str,
    version: u64,
    group: &'a str,
    restricts: &'a [String],
    proof: &'a str,
}

/// A PIN that is wanted.
#[derive(Serialize)]
struct PinStatus<'a> {
    reader: &'a str,
    company: Option<&'a str>,
    group: Option<&'a str>,
    state: Option<&'a str>,
    wrong: u32,
    tries_left: Option<u32>,
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
    company: Option<&'a str>,
    audited: &'a [String],
}

#[derive(Serialize)]
struct Card<'a> {
    reader: Option<&'a str>,
    readers: &'a [String],
    pending: Vec<Waiting<'a>>,
    pin: Option<PinStatus<'a>>,
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
        let problem = |problem: &'a Problem| ProblemStatus {
            code: &problem.code,
            text: &problem.text,
            at: instant(problem.at),
        };
        Self {
            generation: agent.generation,
            settled: agent.settled,
            guard: &agent.guard,
            posture: &agent.posture,
            version: &agent.version,
            device: &agent.device,
            association_id: &agent.association_id,
            association: agent.associations.first().map(Into::into),
            associations: agent.associations.iter().map(Into::into).collect(),
            functions: functions
                .values()
                .map(|function| (function.name.as_str(), function.into()))
                .collect(),
            card: Card {
                reader: some(&agent.reader),
                readers: &agent.readers,
                pending: agent.pending.iter().map(Into::into).collect(),
                pin: pin(&agent.pin_wanted),
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

impl<'a> From<&'a cardwarden_dbus::Association> for Association<'a> {
    fn from(known: &'a cardwarden_dbus::Association) -> Self {
        Self {
            id: &known.id,
            company: &known.company,
            version: known.version,
            group: &known.group,
            contact: some(&known.contact),
            since: instant(known.since),
            signer: &known.signer,
            proof: &known.proof,
            ends: instant(known.ends),
        }
    }
}

impl<'a> From<&'a Pending> for Waiting<'a> {
    fn from(card: &'a Pending) -> Self {
        Self {
            reader: &card.reader,
            company: &card.company,
            fingerprint: &card.fingerprint,
            signer: &card.signer,
            version: card.version,
            group: &card.group,
            restricts: &card.restricts,
            proof: &card.proof,
        }
    }
}

fn pin(wanted: &PinWanted) -> Option<PinStatus<'_>> {
    Some(PinStatus {
        reader: wanted.reader.as_deref()?,
        company: wanted.company.as_deref(),
        group: wanted.group.as_deref(),
        state: wanted.state.as_deref(),
        wrong: wanted.wrong.unwrap_or_default(),
        tries_left: wanted.tries_left,
    })
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
            company: some(&function.company),
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
