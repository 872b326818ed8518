//! Why bytes are not believed.

use jiff::Timestamp;

use super::Pointless;
use crate::function::Function;
use crate::mo::Unreadable;

/// Why bytes are not believed. Each variant has a stable code ([`Rejected::code`]).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// Not `COSE_Sign1`, or its CBOR cannot be read: truncated, damaged, or something else.
    #[error("the {what} cannot be read: {problem}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What the reader stumbled over.
        problem: String,
    },
    /// Longer than is ever read.
    #[error("{what} is longer than {most} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The bound, in bytes.
        most: usize,
    },
    /// Nobody signed it.
    #[error("the {what} is not signed")]
    Unsigned {
        /// What it was taken for.
        what: &'static str,
    },
    /// Signed with a key that is in no file of `trust.d`.
    #[error("signed with key {key}, which this device does not trust")]
    UnknownSigner {
        /// The key, as far as it is named.
        key: String,
    },
    /// The signature does not fit the bytes.
    #[error("the signature does not fit: the {what} was changed, or another key signed it")]
    Signature {
        /// What was to be signed.
        what: &'static str,
    },
    /// Signed, but as something else.
    #[error("signed as something else than a {what}")]
    OtherKind {
        /// What was expected.
        what: &'static str,
    },
    /// A layout of the future.
    #[error("layout version {layout} is not known to this version of Cardwarden")]
    Layout {
        /// The version found.
        layout: u8,
    },
    /// A name is empty or too long.
    #[error("a name in the manifest is empty or longer than 100 bytes")]
    Name,
    /// More groups than a card can hold.
    #[error("the manifest names {count} groups; 19 is the most")]
    TooManyGroups {
        /// How many it names.
        count: usize,
    },
    /// The card has no group for this device.
    #[error(
        "the card holds no group{} for this device of the kind `{kind}`",
        wanted.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default()
    )]
    NoGroup {
        /// The kind of this device.
        kind: String,
        /// The group that its settings or its server name.
        wanted: Option<String>,
    },
    /// The entry is not of this manifest.
    #[error("the group is not named by this manifest")]
    ForeignGroup,
    /// The group is not the one that was signed.
    #[error("the group `{group}` is not the one that was signed: its hash or length differs")]
    GroupMismatch {
        /// Its name.
        group: String,
    },
    /// Signed, but no group with a policy.
    #[error("the signed policy makes no sense")]
    Group(#[source] Box<Unreadable>),
    /// The group holds other Management Objects than the manifest says.
    #[error("the group `{group}` holds other objects than the card's directory says")]
    Members {
        /// The group's name.
        group: String,
    },
    /// The manifest names its card neither by a P-256 point nor by a serial number.
    #[error("the manifest does not say which card it is for")]
    CardKey,
    /// The card does not hold the key that the manifest was made for.
    #[error("the card cannot prove that it is the one the company issued; it may be a copy")]
    Copy,
    /// An older version than one that was seen.
    #[error("version {version} is older than version {floor}, which this device has seen")]
    RolledBack {
        /// The version offered.
        version: u64,
        /// The highest seen.
        floor: u64,
    },
    /// The device belongs to another company.
    #[error("this device is associated with {associated}; {company} has no say here")]
    OtherCompany {
        /// Who it belongs to.
        associated: String,
        /// Who wants it.
        company: String,
    },
    /// A release for another device or an ended association.
    #[error("the release is for another device or for an association that has ended")]
    OtherDevice,
    /// The policy is not to be taken yet.
    #[error("the policy is not valid before {begin}")]
    NotYetValid {
        /// From when it is.
        begin: Timestamp,
    },
    /// The policy is no longer to be taken.
    #[error("the policy is not valid since {end}")]
    Expired {
        /// Since when it is not.
        end: Timestamp,
    },
    /// The policy is for other devices.
    #[error("the policy is not for this device")]
    OtherAudience,
    /// The key that was to sign did not.
    #[error("the key does not sign: {problem}")]
    NotSigned {
        /// What its holder says.
        problem: String,
    },
    /// Signed by a delegate whose delegation is not believed.
    #[error("the delegation under which it was signed is not believed")]
    Delegation(#[source] Box<Rejected>),
    /// A delegation that nobody can mean.
    #[error("the delegation means nothing")]
    Pointless(#[source] Pointless),
    /// The delegation is for another key.
    #[error("the delegation is for another key than {key}")]
    DelegatedToOther {
        /// The key that would have signed.
        key: String,
    },
    /// Another company delegated.
    #[error("{delegating} delegated, and what was signed speaks for {company}")]
    DelegatedByOther {
        /// Who delegated.
        delegating: String,
        /// In whose name the delegate spoke.
        company: String,
    },
    /// The delegate may not sign this kind of statement.
    #[error("the delegate has no power to sign a {what}")]
    NoPower {
        /// What it signed.
        what: &'static str,
    },
    /// The delegate may not speak of this function.
    #[error("the delegate may not speak of the function `{function}`")]
    FunctionNotDelegated {
        /// The function.
        function: Function,
    },
    /// The delegate may only tighten.
    #[error("the delegate may only disable functions, not enable them")]
    LooseningNotDelegated,
    /// Signed or used after the delegation's end.
    #[error("the delegation ended at {end}")]
    DelegationEnded {
        /// Its end.
        end: Timestamp,
    },
    /// Signed or used before the delegation's begin.
    #[error("the delegation begins at {begin} only")]
    DelegationEarly {
        /// Its begin.
        begin: Timestamp,
    },
    /// Neither the clock nor the statement tells whether the delegation is in force.
    #[error("whether the delegation is in force cannot be told: the clock is not set")]
    DelegationUntimed,
    /// An order that nobody can mean.
    #[error("the order names no function, or ends before it begins")]
    PointlessOrder,
}

impl Rejected {
    /// A key that is named but not trusted. What names it comes from a stranger: no more than a
    /// line of it is shown.
    pub(super) fn unknown_signer(id: &[u8]) -> Self {
        let shown = id.iter().take(16);
        let key = shown.fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Self::UnknownSigner { key }
    }

    /// A stable word for this reason: in logs, on D-Bus, and to the server.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooLong { .. } => "too-long",
            Self::Unsigned { .. } => "unsigned",
            Self::UnknownSigner { .. } => "unknown-signer",
            Self::Signature { .. } => "bad-signature",
            Self::OtherKind { .. } => "other-kind",
            Self::Layout { .. } => "unknown-layout",
            Self::Name => "bad-name",
            Self::TooManyGroups { .. } => "too-many-groups",
            Self::NoGroup { .. } => "no-group",
            Self::ForeignGroup => "foreign-group",
            Self::GroupMismatch { .. } => "group-mismatch",
            Self::Group(_) => "bad-policy",
            Self::Members { .. } => "other-members",
            Self::CardKey => "bad-card-key",
            Self::Copy => "copied-card",
            Self::RolledBack { .. } => "rolled-back",
            Self::OtherCompany { .. } => "other-company",
            Self::OtherDevice => "other-device",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::OtherAudience => "other-audience",
            Self::NotSigned { .. } => "signing-failed",
            Self::Delegation(_) => "bad-delegation",
            Self::Pointless(_) => "pointless-delegation",
            Self::DelegatedToOther { .. } => "delegated-to-other",
            Self::DelegatedByOther { .. } => "delegated-by-other",
            Self::NoPower { .. } => "no-power",
            Self::FunctionNotDelegated { .. } => "function-not-delegated",
            Self::LooseningNotDelegated => "loosening-not-delegated",
            Self::DelegationEnded { .. } => "delegation-ended",
            Self::DelegationEarly { .. } => "delegation-early",
            Self::DelegationUntimed => "delegation-untimed",
            Self::PointlessOrder => "pointless-order",
        }
    }
}
