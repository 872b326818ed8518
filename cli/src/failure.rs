//! What can end a command, and with which exit status.

use std::error::Error;

use cardwarden_policy::explain::chain;

/// Why a command did not do what it was to do: an exit status, and one sentence that says what
/// went wrong, where, and what to do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    /// How the command ends.
    pub(crate) exit: Exit,
    /// For people.
    pub(crate) text: String,
}

/// How a command ends; 0 is success, and 2 a wrong command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Something went wrong.
    Failed,
    /// The agent or its bus cannot be reached.
    Unreachable,
    /// The time ran out.
    TimedOut,
    /// What was asked or offered is refused.
    Refused,
}

impl Exit {
    /// The number for it.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Unreachable => 3,
            Self::TimedOut => 4,
            Self::Refused => 5,
        }
    }
}

impl Failure {
    /// Something went wrong.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            text: text.into(),
        }
    }

    /// Something went wrong, because of `error` and what is behind it.
    pub(crate) fn because(what: impl Into<String>, error: &dyn Error) -> Self {
        Self::new(format!("{}: {}", what.into(), chain(error)))
    }

    /// The same, with another exit status.
    pub(crate) fn exiting(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }
}

impl From<cardwarden_dbus::Error> for Failure {
    fn from(error: cardwarden_dbus::Error) -> Self {
        if error.is_unreachable() {
            return Self {
                exit: Exit::Unreachable,
                text: format!(
                    "the agent does not answer on the system bus ({error}); \
                     look at `systemctl status cardwardend`"
                ),
            };
        }
        if error.is_forbidden() {
            return Self {
                exit: Exit::Refused,
                text: format!("the bus does not let this through to the agent: {error}"),
            };
        }
        if matches!(error, cardwarden_dbus::Error::Bus(_)) {
            return Self::new(format!("the agent's answer makes no sense here: {error}"));
        }
        Self {
            exit: Exit::Refused,
            text: format!("the agent refuses: {error}"),
        }
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        cardwarden_dbus::Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use zbus::fdo;

    use super::*;

    #[test]
    fn each_way_to_fail_has_its_exit_status() {
        let bus = |error: fdo::Error| Failure::from(zbus::Error::from(error)).exit.status();
        assert_eq!(bus(fdo::Error::ServiceUnknown(String::new())), 3);
        assert_eq!(bus(fdo::Error::AccessDenied(String::new())), 5);
        assert_eq!(bus(fdo::Error::InvalidArgs(String::new())), 1);
        let refused = cardwarden_dbus::Error::OtherDevice(String::new());
        assert_eq!(Failure::from(refused).exit.status(), 5);
    }

    #[test]
    fn a_chain_of_reasons_is_told_once() {
        let inner = std::io::Error::other("no such file");
        let failure = Failure::because("the key cannot be read", &inner);
        assert_eq!(failure.text, "the key cannot be read: no such file");
    }
}
