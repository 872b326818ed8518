//! `cardwarden doctor`: what this machine has to hold a policy with, what is missing, what that
//! costs, and how to mend it.

mod evidence;
mod findings;

use std::collections::BTreeMap;
use std::path::Path;

use cardwarden_dbus::Snapshot;
use cardwarden_policy::Function;
use cardwarden_policy::outcome::Tier;
use serde::Serialize;

use self::evidence::Evidence;
use self::findings::{Finding, Reach, Standing, findings, reach};
use crate::agent;
use crate::failure::{Exit, Failure};
use crate::output::{Lines, Output, Paint, harmless};

/// What the agent says of itself.
#[derive(Debug, Serialize)]
struct Agent {
    /// Whether it answers.
    answers: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What is off and held worse than this machine allows, by function.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    short: BTreeMap<String, String>,
}

/// `doctor --json`.
#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    findings: Vec<Finding>,
    functions: BTreeMap<Function, Reach>,
    agent: Agent,
}

/// Looks at this machine, and asks the agent what it holds. Ends with exit status 1 when something
/// is missing, or held worse than it could be.
pub(crate) fn run(json: bool, paint: Paint) -> Result<Output, Failure> {
    let has = Evidence::gather(Path::new("/"));
    let functions = reach(&has);
    let report = Report {
        findings: findings(&has),
        agent: ask(),
        functions,
        kernel: has.release,
    };
    let output = if json {
        Output::json(&report)?
    } else {
        Output::text(report.text(paint))
    };
    Ok(if report.is_well() {
        output
    } else {
        output.exiting(Exit::Failed)
    })
}

fn ask() -> Agent {
    match agent::ask(async |bus| Snapshot::read(&bus).await.map_err(Failure::from)) {
        Ok(snapshot) => {
            let off = snapshot.functions.values();
            let short = off.filter(|one| one.verdict == "disabled" && one.achieved != "enforced");
            Agent {
                answers: true,
                problem: None,
                short: short
                    .map(|one| (one.name.clone(), format!("{}: {}", one.achieved, one.proof)))
                    .collect(),
            }
        }
        Err(failure) => Agent {
            answers: false,
            problem: Some(failure.text),
            short: BTreeMap::new(),
        },
    }
}

impl Report {
    fn is_well(&self) -> bool {
        let is_missing = |one: &Finding| one.standing == Standing::Missing;
        self.agent.answers && self.agent.short.is_empty() && !self.findings.iter().any(is_missing)
    }

    fn text(&self, paint: Paint) -> String {
        let mut lines = Lines::default();
        for finding in &self.findings {
            let mark = match finding.standing {
                Standing::Fine => "ok",
                Standing::Missing => "missing",
                Standing::Unknown => "unknown",
            };
            lines.add(&format!(
                "{mark:<9}{:<12}{}",
                finding.id,
                harmless(&finding.found)
            ));
            if !finding.cost.is_empty() {
                lines.add(&format!("{:21}so {}", "", finding.cost));
            }
            if !finding.remedy.is_empty() {
                lines.add(&format!("{:21}→ {}", "", harmless(&finding.remedy)));
            }
        }
        match &self.agent.problem {
            None => lines.add(&format!("{:<9}{:<12}answers", "ok", "agent")),
            Some(problem) => lines.add(&format!(
                "{:<9}{:<12}{}",
                "missing",
                "agent",
                harmless(problem)
            )),
        }
        lines.add("");
        lines.add(&paint.strong("How well each function can be held here"));
        for (function, reach) in &self.functions {
            let open = match reach.tier {
                Tier::None => "nothing here holds it",
                _ if reach.stops_what_is_open => "what is open already is stopped too",
                Tier::Kernel | Tier::KernelOpen | Tier::Device | Tier::Node => {
                    "what is open already stays open"
                }
            };
            lines.add(&format!(
                "  {:<14}{:<13}{open}",
                function.name(),
                reach.tier.name()
            ));
        }
        if !self.agent.short.is_empty() {
            lines.add("");
            lines.add(&paint.strong("Off, and not wholly held now"));
            for (function, how) in &self.agent.short {
                lines.add(&format!("  {function:<14}{}", harmless(how)));
            }
        }
        lines.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(agent: Agent) -> Report {
        let has = Evidence::default();
        Report {
            kernel: String::new(),
            findings: findings(&has),
            functions: reach(&has),
            agent,
        }
    }

    #[test]
    fn a_machine_that_lacks_something_is_not_well_and_the_text_says_what_to_do() {
        let report = report(Agent {
            answers: false,
            problem: Some("the agent does not answer".to_owned()),
            short: BTreeMap::new(),
        });
        assert!(!report.is_well());
        let text = report.text(Paint::Plain);
        for word in [
            "missing  pcscd",
            "→ install pcscd",
            "agent       the agent does not answer",
        ] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn what_the_agent_holds_only_in_part_is_shown() {
        let text = report(Agent {
            answers: true,
            problem: None,
            short: [("nfc".to_owned(), "partly: netlink stays open".to_owned())].into(),
        })
        .text(Paint::Plain);
        assert!(
            text.contains("  nfc           partly: netlink stays open"),
            "{text}"
        );
    }
}
