//! `cardwarden why`: the reason for one function, then the chain from the rule to the proof.

use cardwarden_dbus::{Agent, Association, Function, Snapshot};
use cardwarden_policy::Function as Known;
use jiff::tz::TimeZone;
use serde::Serialize;
use zbus::Connection;

use crate::failure::Failure;
use crate::output::{Lines, Output, Paint, harmless};
use crate::status::{FunctionStatus, Screen};

/// Explains one function.
pub(crate) async fn show(
    bus: &Connection,
    known: Known,
    json: bool,
    paint: Paint,
) -> Result<Output, Failure> {
    let Snapshot { agent, functions } = Snapshot::read(bus).await?;
    let function = functions.get(known.name()).ok_or_else(|| {
        Failure::new(format!(
            "the agent has not decided on {known} yet; try `cardwarden wait --settled` first"
        ))
    })?;
    if json {
        return Output::json(&Why::of(&agent, function));
    }
    let screen = Screen {
        paint,
        zone: TimeZone::system(),
    };
    Ok(Output::text(explain(&screen, &agent, function)))
}

/// `why --json`: the function as in `status --json`, with its name and who has a say.
#[derive(Serialize)]
struct Why<'a> {
    function: &'a str,
    policy_version: Option<u64>,
    contact: Option<&'a str>,
    #[serde(flatten)]
    status: FunctionStatus<'a>,
}

impl<'a> Why<'a> {
    fn of(agent: &'a Agent, function: &'a Function) -> Self {
        let theirs = association_of(agent, function);
        Self {
            function: &function.name,
            policy_version: theirs.map(|known| known.version),
            contact: theirs
                .map(|known| known.contact.as_str())
                .filter(|contact| !contact.is_empty()),
            status: function.into(),
        }
    }
}

fn explain(screen: &Screen, agent: &Agent, function: &Function) -> String {
    let mut lines = Lines::default();
    lines.add(&screen.paint.strong(&harmless(&function.sentence)));
    lines.add("");
    let mut step = |name: &str, what: String| {
        lines.add(&format!("  {name:<11}{}", harmless(&what)));
    };
    step("rule", rule(agent, function));
    step("decision", decision(screen, function));
    let held = function.enforcers.join(", ");
    match (function.verdict.as_str(), held.as_str()) {
        ("enabled", "") => step("enforcers", "none needed".to_owned()),
        (_, "") => step("enforcers", format!("none ({})", tier(&function.tier))),
        _ => step("enforcers", format!("{held} ({})", tier(&function.tier))),
    }
    let proof = [function.achieved.as_str(), function.proof.as_str()];
    step(
        "proof",
        proof
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": "),
    );
    if function.denials > 0 {
        step(
            "refused",
            format!(
                "{} times since the policy came into force",
                function.denials
            ),
        );
    }
    if !function.audited.is_empty() {
        step(
            "watched by",
            format!("{} (would turn it off)", function.audited.join(", ")),
        );
    }
    lines.into_text()
}

fn rule(agent: &Agent, function: &Function) -> String {
    let theirs = association_of(agent, function);
    let policy = theirs.map_or_else(String::new, |known| {
        format!(
            "version {} of the policy of {}, group {}, signed with key {}",
            known.version, known.company, known.group, known.signer
        )
    });
    match function.source.as_str() {
        "rule" => format!("“{}” in {policy}", function.rule),
        "baseline" => format!("none speaks; the baseline in {policy}"),
        "unproven" => "none can be read; everything that a policy could turn off is off".to_owned(),
        _ => "none; no company has a say on this device".to_owned(),
    }
}

/// The company that gave the verdict; the first where none did.
fn association_of<'a>(agent: &'a Agent, function: &Function) -> Option<&'a Association> {
    let gave = |known: &&Association| known.company == function.company;
    let mut associations = agent.associations.iter();
    associations.find(gave).or(agent.associations.first())
}

fn decision(screen: &Screen, function: &Function) -> String {
    let mut text = function.verdict.clone();
    for (word, seconds) in [("since", function.since), ("until", function.until)] {
        if seconds != 0 {
            text.extend([", ", word, " ", &screen.time(seconds)]);
        }
    }
    text
}

/// What a tier means.
fn tier(tier: &str) -> String {
    let meaning = match tier {
        "kernel" => "in the kernel, guarded against root",
        "kernel-open" => "in the kernel; what was open before stays open",
        "device" => "the device is not authorised, or blocked softly",
        "node" => "permissions of the device's node only; root can pass",
        "none" => "nothing holds it",
        other => other,
    };
    format!("tier {tier}: {meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{camera, screen, snapshot};

    #[test]
    fn the_chain_leads_from_the_rule_to_the_proof() {
        assert_eq!(
            explain(&screen(), &snapshot().agent, &camera()),
            "\
camera is off: rule “work-hours” of version 7 of the policy of B Company.

  rule       “work-hours” in version 7 of the policy of B Company, group laptops, signed with key 0011223344556677
  decision   disabled, since Fri 2027-01-15 06:00, until Fri 2027-01-15 16:00
  enforcers  cgroup-device (tier kernel-open: in the kernel; what was open before stays open)
  proof      enforced: open of /dev/video0 was refused (EPERM)
  refused    3 times since the policy came into force
"
        );
    }

    #[test]
    fn programs_get_the_function_and_who_has_a_say() {
        let json = serde_json::to_value(Why::of(&snapshot().agent, &camera())).unwrap();
        assert_eq!(json["function"], "camera");
        assert_eq!(json["policy_version"], 7);
        assert_eq!(json["rule"], "work-hours");
        assert_eq!(json["tier"], "kernel-open");
    }
}
