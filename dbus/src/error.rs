//! The errors that the agent answers with, each with a name of its own on the bus.

use zbus::DBusError;

/// What the agent answers when it does not do what it was asked: `org.cardwarden.Error.…`. Each
/// carries one sentence for people.
#[derive(Clone, Debug, PartialEq, DBusError)]
#[zbus(prefix = "org.cardwarden.Error", impl_display = false)]
pub enum Error {
    /// Something else went wrong between here and the agent.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The caller may not ask this.
    NotAuthorized(String),
    /// There is no such function.
    UnknownFunction(String),
    /// No company has a say, so there is nothing to release.
    NotAssociated(String),
    /// No card waits for anybody's consent.
    NotPending(String),
    /// The fingerprint is of no card that waits.
    WrongFingerprint(String),
    /// No card wants a PIN.
    NoPinWanted(String),
    /// There is no such prompter, or none at all.
    NotRegistered(String),
    /// The state could not be written; nothing has changed.
    NotSaved(String),
    /// Too many requests wait already.
    Busy(String),
    /// The agent is going down.
    Stopping(String),
    /// The statement cannot be read.
    Malformed(String),
    /// The statement is longer than is ever read.
    TooLong(String),
    /// Nobody signed the statement.
    Unsigned(String),
    /// Signed with a key that this device does not trust.
    UnknownSigner(String),
    /// The signature does not fit.
    BadSignature(String),
    /// Signed as something else.
    OtherKind(String),
    /// A layout of the future.
    UnknownLayout(String),
    /// A name is empty or too long.
    BadName(String),
    /// More groups than a card can hold.
    TooManyGroups(String),
    /// No group for a device of this kind.
    NoGroup(String),
    /// The group is not named by the manifest.
    ForeignGroup(String),
    /// The group is not the one that was signed.
    GroupMismatch(String),
    /// Signed, but no policy.
    BadPolicy(String),
    /// The group holds other objects than the manifest says.
    OtherMembers(String),
    /// The manifest's key of the card is no key.
    BadCardKey(String),
    /// The card cannot prove that it is no copy.
    CopiedCard(String),
    /// Older than what this device has seen.
    RolledBack(String),
    /// The device belongs to another company.
    OtherCompany(String),
    /// For another device, or for an association that has ended.
    OtherDevice(String),
    /// The policy is not to be taken yet.
    NotYetValid(String),
    /// The policy is no longer to be taken.
    Expired(String),
    /// The policy is for other devices.
    OtherAudience(String),
    /// A key that was to sign did not.
    SigningFailed(String),
    /// Signed under a delegation that is not believed.
    BadDelegation(String),
    /// A delegation that means nothing.
    PointlessDelegation(String),
    /// The delegation is for another key.
    DelegatedToOther(String),
    /// Another company delegated.
    DelegatedByOther(String),
    /// The delegate may not sign this kind of statement.
    NoPower(String),
    /// The delegate may not speak of this function.
    FunctionNotDelegated(String),
    /// The delegate may only disable.
    LooseningNotDelegated(String),
    /// The delegation has ended.
    DelegationEnded(String),
    /// The delegation has not begun.
    DelegationEarly(String),
    /// Whether the delegation is in force cannot be told.
    DelegationUntimed(String),
    /// An order that means nothing.
    PointlessOrder(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Self::Bus(error) = self {
            return error.fmt(f);
        }
        f.write_str(self.description().unwrap_or_default())
    }
}

impl Error {
    /// Whether nobody could be asked: no bus, or no agent on it.
    pub fn is_unreachable(&self) -> bool {
        let Self::Bus(error) = self else { return false };
        if matches!(
            error,
            zbus::Error::InputOutput(_) | zbus::Error::Address(_) | zbus::Error::Handshake(_)
        ) {
            return true;
        }
        foreign_name(error)
            .is_some_and(|name| UNREACHABLE.iter().any(|prefix| name.starts_with(prefix)))
    }

    /// Whether the bus did not let the question through to the agent.
    pub fn is_forbidden(&self) -> bool {
        let Self::Bus(error) = self else { return false };
        foreign_name(error).is_some_and(|name| name == ACCESS_DENIED)
    }
}

/// The name of an error that is not the agent's.
fn foreign_name(error: &zbus::Error) -> Option<String> {
    if let zbus::Error::MethodError(name, ..) = error {
        Some(name.to_string())
    } else if let zbus::Error::FDO(error) = error {
        Some(error.name().to_string())
    } else {
        None
    }
}

/// The name of the error with which a bus refuses to deliver.
const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
/// Names (or their beginnings) of the errors with which a bus says that it cannot deliver.
const UNREACHABLE: [&str; 7] = [
    "org.freedesktop.DBus.Error.Disconnected",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.NoReply",
    "org.freedesktop.DBus.Error.NoServer",
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.Spawn",
    "org.freedesktop.systemd1.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_without_the_agent_is_told_from_an_agent_that_refuses() {
        let absent = zbus::fdo::Error::ServiceUnknown("no agent".to_owned());
        assert!(Error::from(zbus::Error::from(absent)).is_unreachable());
        let denied = zbus::fdo::Error::AccessDenied("no".to_owned());
        let denied = Error::from(zbus::Error::from(denied));
        assert!(!denied.is_unreachable() && denied.is_forbidden());
        assert!(!Error::Busy("wait".to_owned()).is_unreachable());
    }
}
