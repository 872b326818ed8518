//! What is refused, by its name on the bus.

use cardwarden_dbus::Error;
use cardwarden_policy::Rejected;

use crate::request::Refused;

/// The name under which a refusal is known on the bus.
pub(super) fn refusal(refused: &Refused) -> Error {
    match refused {
        Refused::Rejected(rejected) => rejection(rejected, format!("{refused}: {rejected}")),
        Refused::NotAssociated => Error::NotAssociated(refused.to_string()),
        Refused::NotPending => Error::NotPending(refused.to_string()),
        Refused::WrongFingerprint => Error::WrongFingerprint(refused.to_string()),
        Refused::NoPinWanted => Error::NoPinWanted(refused.to_string()),
        Refused::NotSaved { .. } => Error::NotSaved(refused.to_string()),
    }
}

/// One name for each reason, after its code ([`Rejected::code`]).
fn rejection(rejected: &Rejected, text: String) -> Error {
    match rejected {
        Rejected::Malformed { .. } => Error::Malformed(text),
        Rejected::TooLong { .. } => Error::TooLong(text),
        Rejected::Unsigned { .. } => Error::Unsigned(text),
        Rejected::UnknownSigner { .. } => Error::UnknownSigner(text),
        Rejected::Signature { .. } => Error::BadSignature(text),
        Rejected::OtherKind { .. } => Error::OtherKind(text),
        Rejected::Layout { .. } => Error::UnknownLayout(text),
        Rejected::Name => Error::BadName(text),
        Rejected::TooManyGroups { .. } => Error::TooManyGroups(text),
        Rejected::NoGroup { .. } => Error::NoGroup(text),
        Rejected::ForeignGroup => Error::ForeignGroup(text),
        Rejected::GroupMismatch { .. } => Error::GroupMismatch(text),
        Rejected::Group(_) => Error::BadPolicy(text),
        Rejected::Members { .. } => Error::OtherMembers(text),
        Rejected::CardKey => Error::BadCardKey(text),
        Rejected::Copy => Error::CopiedCard(text),
        Rejected::RolledBack { .. } => Error::RolledBack(text),
        Rejected::OtherCompany { .. } => Error::OtherCompany(text),
        Rejected::OtherDevice => Error::OtherDevice(text),
        Rejected::NotYetValid { .. } => Error::NotYetValid(text),
        Rejected::Expired { .. } => Error::Expired(text),
        Rejected::OtherAudience => Error::OtherAudience(text),
        Rejected::NotSigned { .. } => Error::SigningFailed(text),
        Rejected::Delegation(_) => Error::BadDelegation(text),
        Rejected::Pointless(_) => Error::PointlessDelegation(text),
        Rejected::DelegatedToOther { .. } => Error::DelegatedToOther(text),
        Rejected::DelegatedByOther { .. } => Error::DelegatedByOther(text),
        Rejected::NoPower { .. } => Error::NoPower(text),
        Rejected::FunctionNotDelegated { .. } => Error::FunctionNotDelegated(text),
        Rejected::LooseningNotDelegated => Error::LooseningNotDelegated(text),
        Rejected::DelegationEnded { .. } => Error::DelegationEnded(text),
        Rejected::DelegationEarly { .. } => Error::DelegationEarly(text),
        Rejected::DelegationUntimed => Error::DelegationUntimed(text),
        Rejected::PointlessOrder => Error::PointlessOrder(text),
    }
}
