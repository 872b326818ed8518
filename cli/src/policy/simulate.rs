//! `cardwarden policy simulate`: what a policy decides at a time and in surroundings, and why.

use cardwarden_policy::{Context, Decision, Function, Policy, Ruling};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

use super::args::Simulate;
use super::document;
use super::simulation::{Simulation, State, shown, spares, why, zone};
use super::surroundings::unknown;
use crate::failure::Failure;
use crate::output::{Lines, Output, Paint, harmless};

/// `simulate --json`: the decision, and what it was made from.
#[derive(Serialize)]
struct Simulated<'a> {
    at: Timestamp,
    zone: Option<&'a str>,
    /// The kinds of fact that the policy asks for and that are not known.
    unknown: &'a [&'static str],
    /// Why a device would not take the policy at that time.
    not_taken: Option<&'static str>,
    until: Option<Timestamp>,
    functions: BTreeMap<Function, Stated<'a>>,
    devices: &'a BTreeMap<String, cardwarden_policy::DeviceRuling>,
}

#[derive(Serialize)]
struct Stated<'a> {
    state: State,
    #[serde(flatten)]
    ruling: &'a Ruling,
}

/// Tries a policy out.
pub(super) fn simulate(arguments: &Simulate, paint: Paint) -> Result<Output, Failure> {
    let policy = document::read(&arguments.file)?;
    let at = instant(arguments.at.as_deref(), &zone(&policy))?;
    let context = Context {
        facts: arguments.around.facts(at)?,
        usb: arguments.around.usb()?,
    };
    let unknown = unknown(&policy, &context.facts);
    let simulation = Simulation::new(policy, context, at)?;
    let decision = simulation.decide_with_ends(at);
    let not_taken = not_taken(simulation.policy(), at);
    if arguments.json {
        let zone = simulation.zone();
        return Output::json(&Simulated {
            at,
            zone: zone.iana_name(),
            unknown: &unknown,
            not_taken,
            until: decision.until,
            functions: decision
                .rulings
                .iter()
                .map(|(function, ruling)| {
                    let state = State::of(ruling);
                    (*function, Stated { state, ruling })
                })
                .collect(),
            devices: &decision.devices,
        });
    }
    let screen = Screen {
        paint,
        policy: simulation.policy(),
        zone: simulation.zone(),
        at,
    };
    let mut lines = Lines::default();
    screen.head(&mut lines);
    screen.functions(&mut lines, &decision);
    screen.devices(&mut lines, &decision);
    screen.notes(&mut lines, &unknown, not_taken);
    Ok(Output::text(lines.into_text()))
}

/// A time as people write it: with a zone, by the policy's zone, or a day's first moment.
pub(super) fn instant(text: Option<&str>, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let Some(text) = text else {
        return Ok(Timestamp::now());
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil: Option<DateTime> = text.parse().ok();
    civil
        .and_then(|civil| zone.to_ambiguous_timestamp(civil).compatible().ok())
        .ok_or_else(|| {
            Failure::new(format!(
                "--at {text}: a time is written 2027-01-15T09:00, or 2027-01-15T09:00:00+01:00"
            ))
        })
}

/// Why a device would not take the policy then.
fn not_taken(policy: &Policy, at: Timestamp) -> Option<&'static str> {
    let validity = policy.validity;
    if validity.not_before.is_some_and(|begin| at < begin) {
        return Some("not-before");
    }
    validity
        .not_after
        .is_some_and(|end| end <= at)
        .then_some("not-after")
}

struct Screen<'a> {
    paint: Paint,
    policy: &'a Policy,
    zone: TimeZone,
    at: Timestamp,
}

impl Screen<'_> {
    fn head(&self, lines: &mut Lines) {
        let whose = match &self.policy.organisation {
            Some(organisation) => format!("the policy of {}", harmless(organisation)),
            None => "the policy".to_owned(),
        };
        let at = self.at.to_zoned(self.zone.clone());
        lines.add(&format!(
            "{}, by {whose}:",
            self.paint
                .strong(&at.strftime("%A %Y-%m-%d %H:%M %Z").to_string())
        ));
        lines.add("");
    }

    fn functions(&self, lines: &mut Lines, decision: &Decision) {
        let of = |function| decision.rulings.get(&function);
        let functions = shown(|part, whole| of(part) == of(whole));
        let title = |name: &str, width| format!("{name:<width$}");
        lines.add(&self.paint.strong(&format!(
            "{}{}{}why",
            title("function", 14),
            title("state", 16),
            title("until", 18)
        )));
        for function in functions {
            let Some(ruling) = of(function) else { continue };
            lines.add(&self.row(function, ruling));
        }
    }

    fn row(&self, function: Function, ruling: &Ruling) -> String {
        let state = State::of(ruling);
        let word = match state {
            State::On => self.paint.good(&format!("{:<16}", "on")),
            State::ReadOnly => self.paint.good(&format!("{:<16}", "read-only")),
            State::OffUnknown | State::Off => self.paint.off(&format!("{:<16}", "off")),
        };
        let until = ruling
            .until
            .map_or_else(|| "-".to_owned(), |until| self.time(until));
        let mut why = why(ruling);
        if spares(self.policy, function, ruling) {
            why += ", but for the devices that it allows";
        }
        if state == State::OffUnknown {
            why += ", since facts are not known";
        }
        if let Some(notice) = ruling.source.notice() {
            why = format!("{why}: {notice}");
        }
        if !ruling.audited.is_empty() {
            why = format!("{why} (watched by {})", ruling.audited.join(", "));
        }
        format!("{function:<14}{word}{until:<18}{}", harmless(&why))
    }

    fn time(&self, instant: Timestamp) -> String {
        let zoned = instant.to_zoned(self.zone.clone());
        zoned.strftime("%a %m-%d %H:%M").to_string()
    }

    fn devices(&self, lines: &mut Lines, decision: &Decision) {
        if decision.devices.is_empty() {
            return;
        }
        lines.add("");
        lines.add(
            &self
                .paint
                .strong(&format!("{:<14}{:<16}why", "USB port", "access")),
        );
        for (port, ruling) in &decision.devices {
            let why = match ruling.source.id() {
                Some(id) => format!("{} “{id}”", ruling.source.name()),
                None => ruling.source.name().to_owned(),
            };
            lines.add(&harmless(&format!(
                "{port:<14}{:<16}{why}",
                ruling.access.name()
            )));
        }
    }

    fn notes(&self, lines: &mut Lines, unknown: &[&str], not_taken: Option<&str>) {
        if !unknown.is_empty() {
            lines.add("");
            lines.add(&format!(
                "Not known: {}. Rules that depend on it restrict, unless `on-unknown` says otherwise.",
                unknown.join(", ")
            ));
        }
        if let Some(limit) = not_taken {
            lines.add("");
            lines.add(&self.paint.bad(&format!(
                "No device takes this policy then (validity.{limit}); where it is in force, it stays.",
            )));
        }
    }
}
