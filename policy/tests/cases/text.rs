//! What follows from a scenario, as text.

use std::fmt::Write as _;

use cardwarden_policy::explain::{Authority, explain, explain_device};
use cardwarden_policy::operation::{self, Operation};
use cardwarden_policy::plan::{Lacking, Mode, Reason};
use cardwarden_policy::schedule::{Fate, Ledger};
use cardwarden_policy::{
    Context, Decision, Inventory, KernelState, Plan, Policy, Source, Standing, Step, Table,
    Verdict, decide, goal, plan,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::scenario::{Moment, Scenario};
use crate::signed;

/// The device while a scenario goes on.
struct Device<'a> {
    policy: Option<Policy>,
    standing: Standing,
    zone: &'a TimeZone,
    inventory: Inventory,
    context: Context,
    operations: Vec<Operation>,
    ledger: Ledger,
    began: Option<Timestamp>,
    kernel: KernelState,
}

/// What follows from a scenario.
pub(crate) fn of(scenario: &Scenario) -> String {
    let policy = scenario.policy();
    let mut device = Device {
        standing: match (&scenario.unproven, &policy) {
            (Some(problem), _) => Standing::Unproven {
                problem: problem.clone(),
            },
            (None, Some(policy)) => signed::proven(policy.clone()),
            (None, None) => Standing::Absent,
        },
        policy,
        zone: scenario.zone.rules(),
        inventory: scenario.inventory(),
        context: Context::default(),
        operations: Vec::new(),
        ledger: Ledger::default(),
        began: None,
        kernel: KernelState::default(),
    };
    let mut text = format!("{}\n", scenario.title);
    for moment in &scenario.moments {
        device.live(moment, &mut text);
    }
    text
}

impl Device<'_> {
    fn shown(&self, instant: Timestamp) -> String {
        instant
            .to_zoned(self.zone.clone())
            .strftime("%a %Y-%m-%d %H:%M:%S %Z")
            .to_string()
    }

    fn until(&self, until: Option<Timestamp>) -> String {
        until.map_or_else(String::new, |until| {
            format!(", until {}", self.shown(until))
        })
    }

    fn live(&mut self, moment: &Moment, text: &mut String) {
        let now = moment
            .now
            .map_or_else(|| "time unknown".to_owned(), |now| self.shown(now));
        writeln!(text, "\n## {}\n{now}", moment.what).unwrap();
        if let Some(facts) = &moment.facts {
            self.context.facts = facts.clone();
        }
        if let Some(usb) = &moment.usb {
            self.context.usb.clone_from(usb);
        }
        self.operate(moment, text);
        let decision = decide(&self.standing, &self.operations, &self.context, moment.now);
        self.rulings(&decision, text);
        self.plans(&decision, text);
        self.words(&decision, text);
    }

    /// Lets tasks run and the server ask.
    fn operate(&mut self, moment: &Moment, text: &mut String) {
        let (Some(policy), Some(now)) = (self.policy.clone(), moment.now) else {
            return;
        };
        let since = *self.began.get_or_insert(now);
        for run in self.ledger.due(&policy, since, now) {
            let (task, fate) = (&run.task.id, run.fate.name());
            writeln!(text, "task {task} of {}: {fate}", self.shown(run.scheduled)).unwrap();
            if run.fate != Fate::Skipped {
                let operation = Operation::of_task(run.task, run.scheduled);
                operation::begin(&mut self.operations, operation, policy.remote, now);
            }
        }
        self.ledger.settle(&policy, now);
        for operation in &moment.operations {
            operation::begin(&mut self.operations, operation.clone(), policy.remote, now);
        }
    }

    fn rulings(&self, decision: &Decision, text: &mut String) {
        writeln!(text, "decision{}", self.until(decision.until)).unwrap();
        // Functions of which the same is to be said share a line.
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for (function, ruling) in &decision.rulings {
            let verdict = if ruling.read_only {
                "read-only"
            } else {
                ruling.verdict.name()
            };
            let mut line = format!("{verdict}: {}", source(&ruling.source));
            if !ruling.audited.is_empty() {
                write!(line, ", on trial {}", ruling.audited.join(" ")).unwrap();
            }
            line.push_str(&self.until(ruling.until));
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, functions)) => functions.push(function.name()),
                None => lines.push((line, vec![function.name()])),
            }
        }
        for (line, functions) in lines {
            writeln!(text, "  {} {line}", functions.join(" ")).unwrap();
        }
        for (port, ruling) in &decision.devices {
            let (access, reason) = (ruling.access.name(), source(&ruling.source));
            writeln!(text, "  port {port} {access}: {reason}").unwrap();
        }
    }

    fn plans(&mut self, decision: &Decision, text: &mut String) {
        let goal = goal(decision, &self.inventory, false, &Lacking::default());
        let before = std::mem::replace(&mut self.kernel, goal.clone());
        let fresh = plan(&KernelState::default(), &goal);
        steps("plan from nothing", &fresh, text);
        if before != KernelState::default() {
            steps("plan from before", &plan(&before, &goal), text);
        }
    }

    fn words(&self, decision: &Decision, text: &mut String) {
        let mandate = match &self.standing {
            Standing::Proven(mandate) => Some(mandate),
            Standing::Absent | Standing::Unproven { .. } => None,
        };
        let authority = mandate.map(|mandate| Authority {
            company: &mandate.company,
            version: mandate.version,
            contact: mandate.policy.contact.as_deref(),
        });
        let policy = self.policy.as_ref();
        writeln!(text, "words").unwrap();
        for (function, ruling) in &decision.rulings {
            let is_plain = ruling.verdict == Verdict::Enabled
                && ruling.audited.is_empty()
                && matches!(ruling.source, Source::Baseline);
            if !is_plain {
                let words = explain(policy, *function, ruling, authority, self.zone);
                writeln!(text, "  {words}").unwrap();
            }
        }
        for device in &self.context.usb {
            let ruling = &decision.devices[&device.port];
            let words = explain_device(policy, device, ruling, authority);
            writeln!(text, "  {words}").unwrap();
        }
    }
}

fn source(source: &Source) -> String {
    let unknown = matches!(source, Source::Rule { unknown: true, .. });
    let unknown = if unknown { " (unknown)" } else { "" };
    let id = source.id().map_or_else(String::new, |id| format!(" {id}"));
    format!("{}{id}{unknown}", source.name())
}

fn steps(heading: &str, plan: &Plan, text: &mut String) {
    if plan.is_empty() {
        writeln!(text, "{heading}: nothing").unwrap();
        return;
    }
    writeln!(text, "{heading}").unwrap();
    for (direction, steps) in [("tighten", &plan.tightening), ("loosen", &plan.loosening)] {
        for step in steps {
            let words = match step {
                Step::Swap(table) => table_words(table),
                Step::Attach(hook) => format!("attach {hook:?}"),
                Step::Detach(hook) => format!("detach {hook:?}"),
            };
            writeln!(text, "  {direction}: {words}").unwrap();
        }
    }
}

fn table_words(table: &Table) -> String {
    let words = |reason: &Reason| {
        let audited = match reason.mode {
            Mode::Refuse => "",
            Mode::Audit => ", told of only",
        };
        format!("({}, counter {}{audited})", reason.function, reason.counter)
    };
    let majors = table.majors.iter().map(|((_, number), major)| {
        let except: Vec<u32> = major
            .minors()
            .iter()
            .filter(|(_, reason)| reason.is_none())
            .map(|(minor, _)| *minor)
            .collect();
        let except = if except.is_empty() {
            String::new()
        } else {
            let minors: std::collections::BTreeSet<u32> = except.into_iter().collect();
            format!(" but minors {minors:?}")
        };
        let default = major
            .default_reason()
            .as_ref()
            .map_or_else(String::new, words);
        format!("major {number} {default}{except}")
    });
    let families = table
        .families
        .iter()
        .map(|(family, reason)| format!("family {family} {}", words(reason)));
    let all: Vec<String> = majors.chain(families).collect();
    if all.is_empty() {
        "refuse nothing".to_owned()
    } else {
        format!("refuse {}", all.join(", "))
    }
}
