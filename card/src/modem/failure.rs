//! What can go wrong between us and a modem.

use super::place::MODEM_MANAGER;

/// Why a modem did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The line to it cannot be used.
    #[error("its port cannot be used")]
    Line {
        /// What the kernel says.
        #[source]
        source: std::io::Error,
    },
    /// It was unplugged.
    #[error("it was unplugged")]
    Gone,
    /// It does not answer.
    #[error("it does not answer {command}; is another program using its port?")]
    Silent {
        /// The command's name.
        command: &'static str,
    },
    /// An answer did not come in time, and would now be mistaken for that to another command.
    #[error("it lost step after a command without an answer; open it again")]
    Lost,
    /// It says no.
    #[error("it answers {command} with {reason}")]
    Refused {
        /// The command's name.
        command: &'static str,
        /// What it says.
        reason: String,
    },
    /// What it answers is none.
    #[error("its answer to {command} cannot be read")]
    Garbled {
        /// The command's name.
        command: &'static str,
    },
    /// The SIM has no logical channel for us.
    #[error(
        "the SIM opens no logical channel (status {status:04X}), and its basic channel belongs to \
         the modem"
    )]
    NoChannel {
        /// The SIM's status word.
        status: u16,
    },
    /// The system gives nothing to wait for `ModemManager` with.
    #[error("the system gives nothing to wait for ModemManager with")]
    NoRuntime(#[source] std::io::Error),
    /// `ModemManager` cannot be reached.
    #[error("ModemManager does not answer on the system bus")]
    NoService(#[source] Box<zbus::Error>),
    /// `ModemManager` keeps commands to itself.
    #[error(
        "ModemManager passes AT commands on only when it runs with --debug; give the setting one \
         of the modem's ports instead (/dev/ttyUSB2, /dev/wwan0at0)"
    )]
    NotAllowed,
    /// There is not exactly one modem.
    #[error("ModemManager has {count} modems; give the setting one's object path")]
    Modems {
        /// How many it has.
        count: usize,
    },
    /// The setting names no modem.
    #[error(
        "`{setting}` names no modem; write one of its device files (/dev/ttyUSB2), \
         `{MODEM_MANAGER}` for the only one that ModemManager has, or the object path of one \
         (`mmcli -L` shows them)"
    )]
    Setting {
        /// What it says.
        setting: String,
    },
}

impl Failure {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Gone => "removed",
            Self::NoChannel { .. } => "in-use",
            Self::NoService(_) | Self::NotAllowed => "no-service",
            Self::Modems { .. } | Self::Setting { .. } => "no-reader",
            Self::Line { .. }
            | Self::Silent { .. }
            | Self::Lost
            | Self::Refused { .. }
            | Self::Garbled { .. }
            | Self::NoRuntime(_) => "card-fault",
        }
    }

    /// Whether it may be otherwise a moment later, with nobody having changed anything: a modem
    /// takes its time to start, and has only one command line.
    pub const fn passes(&self) -> bool {
        match self {
            Self::Line { .. }
            | Self::Gone
            | Self::Silent { .. }
            | Self::Lost
            | Self::Refused { .. }
            | Self::Garbled { .. }
            | Self::NoChannel { .. }
            | Self::NoRuntime(_)
            | Self::NoService(_) => true,
            Self::NotAllowed | Self::Modems { .. } | Self::Setting { .. } => false,
        }
    }
}
