//! What the company's server is told: one outcome for each thing that happened, kept until the
//! server has it, and kept by the server once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::function::{Function, Verdict};
use crate::schedule::Fate;

/// Type of the generic alert (OMA DM 1.2, alert 1226) that carries an outcome as JSON, with format
/// `chr` and the outcome's id as correlator. A reversed domain name, as the standard has it for
/// types that OMA does not register.
pub const ALERT_TYPE: &str = "org.cardwarden.outcome";

/// One thing that happened on a device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `<association>/<sequence>`: the same however often it is sent.
    pub id: String,
    /// When it happened, by the device's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A company's policy came into force on this device.
    Associated {
        /// The company.
        company: String,
        /// The policy's version.
        version: u64,
        /// The group that the device took.
        group: String,
    },
    /// A function was switched, or its state could not be reached.
    Function(FunctionOutcome),
    /// The time of a task of the policy came.
    Task {
        /// The task's name.
        task: String,
        /// When it was to run.
        scheduled: Timestamp,
        /// What became of it.
        fate: Fate,
    },
    /// Something was offered and refused.
    Rejected {
        /// Stable word ([`crate::Rejected::code`], or the card's fault).
        code: String,
        /// In words.
        problem: String,
    },
    /// Somebody tried to undo what is in force, and was refused.
    Guarded {
        /// What was tried, as one word: `signal`, `trace`, `limits`, `bpf`, `map`, `file`, `mount`, `cgroup`,
        /// `setting`, `switch`, `clock` or `lockdown`.
        act: String,
        /// The program's name (`comm`, at most 15 bytes).
        program: String,
        /// Its user.
        uid: u32,
        /// How often since this was last told, this time included.
        times: u64,
    },
    /// The company let the device go.
    Released {
        /// The company.
        company: String,
    },
}

/// How it went for one function.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct FunctionOutcome {
    /// Which function.
    pub function: Function,
    /// What is to hold.
    pub verdict: Verdict,
    /// Whether it does.
    pub result: Achieved,
    /// How well it is held.
    pub tier: Tier,
    /// What holds it, such as `cgroup-device` or `lsm/socket_create`.
    pub enforcers: Vec<String>,
    /// What an attempt to use the function found.
    pub proof: String,
    /// `rule:<id>`, `server:<id>`, `task:<id>`, `baseline`, `unproven` or `unmanaged`.
    pub reason: String,
    /// The policy's version; 0 when there is none.
    pub version: u64,
}

/// Whether what is to hold does hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Achieved {
    /// It does, and an attempt showed it.
    Enforced,
    /// Some of it does.
    Partly,
    /// It does not.
    Failed,
}

impl Achieved {
    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partly => "partly",
            Self::Failed => "failed",
        }
    }
}

/// How well a function is held (design.md, Enforcers), best first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Kernel programs, guarded against root.
    Kernel,
    /// Kernel programs that refuse what is opened from now on, without a guard.
    KernelOpen,
    /// Authorisation or soft block of the device.
    Device,
    /// Permissions of the node only.
    Node,
    /// Nothing holds it.
    None,
}

impl Tier {
    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::KernelOpen => "kernel-open",
            Self::Device => "device",
            Self::Node => "node",
            Self::None => "none",
        }
    }
}
