//! From what stands and what is known to what is to hold: [`decide`] is pure and total. "No
//! card", "cannot be read" and "time unknown" are inputs to it, not errors around it.
//!
//! Of everything that speaks of a function, this counts, first to last: what the company's server
//! lets through, where the policy lets it; what disables (a rule, the server, a task); what enables
//! (a rule, a task); the baseline. At equal force the first rule of the document is the reason.
//! Where several companies have a say, the strictest wins ([`decide_all`]).

mod answers;
mod ruling;
mod several;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::answers::Answers;
use self::ruling::Bench;
pub use self::several::{Joint, Say, decide_all};
use crate::condition::Surroundings;
use crate::facts::Facts;
use crate::function::{Function, Verdict};
use crate::manifest::Mandate;
use crate::operation::Operation;
use crate::trust::Verified;
use crate::usb::Device;

/// Most instants at which it is looked whether time changes a ruling. A week of one window has
/// 14; a document that needs more is looked at again at the last of them.
const MAX_INSTANTS: usize = 64;
/// Most answers of conditions that looking ahead may ask for.
const MAX_LOOKS: usize = 10_000;

/// What the device may rely on.
#[derive(Clone, Debug)]
pub enum Standing {
    /// No company has a say here.
    Absent,
    /// A company has a say, and what it says cannot be read. Everything it could disable is.
    Unproven {
        /// What is wrong, in words.
        problem: String,
    },
    /// What a company says.
    Proven(Box<Verified<Mandate>>),
}

/// What is known beside the time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// What conditions ask.
    pub facts: Facts,
    /// The USB devices that are attached.
    pub usb: Vec<Device>,
}

/// What gave a ruling.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum Source {
    /// No company has a say.
    Unmanaged,
    /// What the company said cannot be read.
    Unproven {
        /// What is wrong.
        problem: String,
    },
    /// The policy's baseline.
    Baseline,
    /// A rule of the policy.
    Rule {
        /// The rule's name.
        id: String,
        /// Its refusal counter: its position, from 0, among the rules about other functions than
        /// USB; those about USB alone share the one after the last.
        index: u16,
        /// Whether it holds only because something is not known.
        unknown: bool,
        /// What the rule tells people.
        notify: Option<String>,
    },
    /// An operation of the company's server.
    Server {
        /// The id under which the server asked.
        id: String,
        /// What people are told.
        notify: Option<String>,
    },
    /// A task of the policy.
    Task {
        /// The task's name.
        id: String,
        /// What people are told.
        notify: Option<String>,
    },
}

impl Source {
    /// The word for it, as shown everywhere.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unmanaged => "unmanaged",
            Self::Unproven { .. } => "unproven",
            Self::Baseline => "baseline",
            Self::Rule { .. } => "rule",
            Self::Server { .. } => "server",
            Self::Task { .. } => "task",
        }
    }

    /// The name of the rule, operation or task.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Rule { id, .. } | Self::Server { id, .. } | Self::Task { id, .. } => Some(id),
            Self::Unmanaged | Self::Unproven { .. } | Self::Baseline => None,
        }
    }

    /// The word, with the name where there is one: `rule:<id>`.
    pub fn reason(&self) -> String {
        match self.id() {
            Some(id) => format!("{}:{id}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// What people are told.
    pub fn notice(&self) -> Option<&str> {
        match self {
            Self::Rule { notify, .. } | Self::Server { notify, .. } | Self::Task { notify, .. } => {
                notify.as_deref()
            }
            Self::Unmanaged | Self::Unproven { .. } | Self::Baseline => None,
        }
    }
}

/// What holds for one function, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it may be used.
    pub verdict: Verdict,
    /// What gave the verdict.
    #[serde(flatten)]
    pub source: Source,
    /// Whether what may be used of it may only be read. Storage alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The instant at which time alone changes verdict or source.
    pub until: Option<Timestamp>,
    /// The audit rules that would have disabled the function.
    pub audited: Vec<String>,
}

/// How much of a USB device may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Nothing.
    Refused,
    /// What is on it may be read.
    ReadOnly,
    /// All.
    Full,
}

impl Access {
    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ReadOnly => "read-only",
            Self::Full => "full",
        }
    }
}

/// What holds for one USB device, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeviceRuling {
    /// How much of it may be used: the least of what its parts may.
    pub access: Access,
    /// What gave it.
    #[serde(flatten)]
    pub source: Source,
    /// The parts of `usb` that it has of which more may be used. A rule that names the device
    /// takes all of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<Function, Access>,
    /// The audit rules that would have refused it.
    pub audited: Vec<String>,
}

impl DeviceRuling {
    /// How much may be used of a part of `usb` that the device has.
    pub fn access_to(&self, part: Function) -> Access {
        self.parts.get(&part).copied().unwrap_or(self.access)
    }
}

/// What is to hold: a ruling for every function, and for every USB device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// A ruling for each member of [`Function::ALL`].
    pub rulings: BTreeMap<Function, Ruling>,
    /// A ruling for each attached USB device, by its port.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, DeviceRuling>,
    /// Whether a rule that holds could refuse a USB device that is plugged in later, though its
    /// functions are enabled: one that disables what it names, or enables all but what it names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_devices: bool,
    /// Until when it can be relied on: the earliest instant at which time may change a ruling.
    pub until: Option<Timestamp>,
}

impl Decision {
    /// The functions that must not be used.
    pub fn disabled(&self) -> impl Iterator<Item = (Function, &Ruling)> {
        self.rulings
            .iter()
            .filter(|(_, ruling)| ruling.verdict == Verdict::Disabled)
            .map(|(function, ruling)| (*function, ruling))
    }
}

/// Decides what is to hold. `now` is `None` when the time is not known.
pub fn decide(
    standing: &Standing,
    operations: &[Operation],
    context: &Context,
    now: Option<Timestamp>,
) -> Decision {
    match standing {
        Standing::Absent => everything(Verdict::Enabled, &Source::Unmanaged, context),
        Standing::Unproven { problem } => {
            let problem = problem.clone();
            everything(Verdict::Disabled, &Source::Unproven { problem }, context)
        }
        Standing::Proven(mandate) => rule_on_all(mandate, operations, context, now),
    }
}

fn everything(verdict: Verdict, source: &Source, context: &Context) -> Decision {
    let access = match verdict {
        Verdict::Enabled => Access::Full,
        Verdict::Disabled => Access::Refused,
    };
    let ruling = Ruling {
        verdict,
        source: source.clone(),
        read_only: false,
        until: None,
        audited: Vec::new(),
    };
    let device = DeviceRuling {
        access,
        source: source.clone(),
        parts: BTreeMap::new(),
        audited: Vec::new(),
    };
    Decision {
        rulings: Function::ALL
            .into_iter()
            .map(|function| (function, ruling.clone()))
            .collect(),
        devices: context
            .usb
            .iter()
            .map(|attached| (attached.port.clone(), device.clone()))
            .collect(),
        names_devices: false,
        until: None,
    }
}

fn rule_on_all(
    mandate: &Mandate,
    operations: &[Operation],
    context: &Context,
    now: Option<Timestamp>,
) -> Decision {
    // A clock that shows a time before the company signed cannot be right.
    let now = now.filter(|now| *now >= mandate.issued);
    let policy = &mandate.policy;
    let around = |now| Surroundings {
        now,
        facts: &context.facts,
        zone: policy.zone.as_ref(),
    };
    let bench = Bench {
        operations,
        answers: Answers::new(policy, around(now)),
    };
    let mut rulings: BTreeMap<_, _> = Function::ALL
        .into_iter()
        .map(|function| (function, bench.rule_on(function)))
        .collect();
    let devices = context
        .usb
        .iter()
        .map(|device| (device.port.clone(), bench.rule_on_device(device)))
        .collect();
    let names_devices = bench.names_devices();
    let mut until = None;
    if let Some(now) = now {
        look_ahead(&bench, &mut rulings, now);
        let of_functions = rulings.values().filter_map(|ruling| ruling.until).min();
        let of_devices = if context.usb.is_empty() {
            None
        } else {
            bench.answers.next_change(now)
        };
        until = [of_functions, of_devices].into_iter().flatten().min();
    }
    Decision {
        rulings,
        devices,
        names_devices,
        until,
    }
}

/// Finds for each ruling the first later instant at which it no longer is what the policy says.
fn look_ahead(bench: &Bench<'_>, rulings: &mut BTreeMap<Function, Ruling>, now: Timestamp) {
    let policy = bench.answers.policy();
    let around = bench.answers.around();
    let asked = policy.timed().count().saturating_add(1);
    let instants = (MAX_LOOKS / asked).clamp(1, MAX_INSTANTS);
    let mut instant = now;
    for look in 1..=instants {
        let of_rules = policy
            .timed()
            .filter_map(|condition| condition.next_change(around, instant));
        let of_operations = bench
            .operations
            .iter()
            .filter_map(|operation| operation.end(policy.remote))
            .filter(|end| *end > instant);
        let Some(next) = of_rules.chain(of_operations).min() else {
            return;
        };
        instant = next;
        let later = Bench {
            operations: bench.operations,
            answers: Answers::new(
                policy,
                Surroundings {
                    now: Some(instant),
                    ..around
                },
            ),
        };
        let mut open = false;
        for (function, ruling) in rulings.iter_mut().filter(|(_, r)| r.until.is_none()) {
            // What no rule and no operation speaks of is not touched by time.
            if !bench.is_spoken_of(*function) {
                continue;
            }
            if look == instants || !later.rule_on(*function).is_as(ruling) {
                ruling.until = Some(instant);
            } else {
                open = true;
            }
        }
        if !open {
            return;
        }
    }
}

impl Ruling {
    fn is_as(&self, other: &Self) -> bool {
        (self.verdict, self.read_only) == (other.verdict, other.read_only)
            && self.source == other.source
            && self.audited == other.audited
    }
}
