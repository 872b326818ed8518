//! What can go wrong between us and a card.

use std::fmt;

use crate::apdu::Failure;
use crate::tlv;

/// What was being done when a card failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// Selecting a profile's application.
    Select,
    /// Reading an object.
    Read(u32),
    /// Writing an object.
    Write(u32),
    /// Signing with the card's key.
    Sign,
    /// Making the card's key.
    Generate,
    /// Authenticating with the management key.
    Authenticate,
    /// Asking what the card, or a key of it, is.
    Describe,
    /// Giving the PIN, or asking how often a wrong one may still be given.
    Verify,
    /// Asking for the card's serial number.
    Serial,
    /// Opening a logical channel.
    Channel,
    /// Making the card show what was written.
    Publish,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select => f.write_str("selecting the card's application"),
            Self::Read(object) => write!(f, "reading object {object:06X}"),
            Self::Write(object) => write!(f, "writing object {object:06X}"),
            Self::Sign => f.write_str("signing with the card's key"),
            Self::Generate => f.write_str("making the card's key"),
            Self::Authenticate => f.write_str("authenticating with the management key"),
            Self::Describe => f.write_str("asking what the card and its keys are"),
            Self::Verify => f.write_str("verifying the PIN"),
            Self::Serial => f.write_str("asking for the card's serial number"),
            Self::Channel => f.write_str("opening a logical channel to the card"),
            Self::Publish => f.write_str("making the card show what was written"),
        }
    }
}

/// Why a card did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No known application is on the card.
    #[error("the card is none that Cardwarden can use (it has no application that is known)")]
    NoApplication,
    /// The card can be used, but holds nothing of ours.
    #[error("the card holds no company's policy")]
    NoManifest,
    /// The card holds what an OMA DM client starts with, but nothing of ours.
    #[error(
        "the card holds an OMA DM bootstrap, which no company signed for Cardwarden; it is left \
         as it is"
    )]
    Bootstrap,
    /// An exchange failed.
    #[error("{act} failed")]
    Exchange {
        /// What was being done.
        act: Act,
        /// What went wrong.
        #[source]
        source: Failure,
    },
    /// What the card answered cannot be read.
    #[error("{act} brought bytes that cannot be read")]
    Unreadable {
        /// What was being done.
        act: Act,
        /// Why they cannot be read.
        #[source]
        source: tlv::Malformed,
    },
    /// An object is not the part that it has to be: it is missing, foreign, or of another issue.
    #[error("object {object:06X} is not the part of the card's content that belongs there")]
    Torn {
        /// The object.
        object: u32,
    },
    /// More bytes than there may be.
    #[error("the card's {what} is longer than {most} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The bound, in bytes.
        most: usize,
    },
    /// The manifest names an object in which groups never lie.
    #[error("the manifest names object {object:06X}, where no group can lie")]
    OutOfRange {
        /// The object.
        object: u32,
    },
    /// Something of somebody else is where the manifest has to be.
    #[error("object {object:06X} holds something of somebody else, and is left as it is")]
    Foreign {
        /// The object.
        object: u32,
    },
    /// There is no room.
    #[error("the card has room for {free} objects; {needed} are needed")]
    Full {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        free: usize,
    },
    /// The card's key slot holds a key that is no P-256 key.
    #[error("the card's own key is of another kind than P-256")]
    OtherKey,
    /// The card has no key of its own.
    #[error("the card has no key of its own; issue it again with its management key")]
    NoKey,
    /// The management key does not open the card.
    #[error("the management key is not this card's")]
    WrongManagementKey,
    /// The management key's length does not fit the card's algorithm.
    #[error("the card wants a management key of {needed} bytes; this one has {length}")]
    ManagementKeyLength {
        /// The bytes that the card's algorithm needs.
        needed: usize,
        /// The bytes that the key has.
        length: usize,
    },
    /// The card wants an algorithm that is not known.
    #[error("the card's management key has algorithm {algorithm:02X}, which is not known")]
    ManagementAlgorithm {
        /// Its number in SP 800-78-4, table 6-2.
        algorithm: u8,
    },
    /// This profile is opened for writing by something else.
    #[error("a card of the profile {profile} is opened for writing by {needed}, not by {given}")]
    OtherAuthority {
        /// The profile.
        profile: &'static str,
        /// What opens it.
        needed: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// The administrator's PIN is wrong.
    #[error("the administrator's PIN is wrong{}", left(*.tries))]
    WrongAdminPin {
        /// How many more may be given, when the card says so.
        tries: Option<u8>,
    },
    /// What is asked for is read only after the user's PIN.
    #[error("the card gives this only after its PIN{}", left(*.tries))]
    PinNeeded {
        /// How many wrong ones may be given, when the card says so.
        tries: Option<u8>,
    },
    /// The PIN is wrong. It is never tried again.
    #[error("the PIN is wrong{}", left(*.tries))]
    WrongPin {
        /// How many more may be given, when the card says so.
        tries: Option<u8>,
    },
    /// Too many wrong PINs were given.
    #[error("the card's PIN is blocked after too many wrong ones; unblock it with the PUK")]
    PinBlocked,
    /// The PIN is longer or shorter than the card's can be.
    #[error("the card's PIN has {least} to {most} characters")]
    PinLength {
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// The card has no such thing as what the manifest knows it by.
    #[error("the card has no {what}, by which the company knows it")]
    NoIdentity {
        /// What it has not.
        what: &'static str,
    },
    /// The placement is for other groups.
    #[error("{given} groups were given where {placed} were placed")]
    OtherGroups {
        /// How many were given.
        given: usize,
        /// How many were placed.
        placed: usize,
    },
}

impl Error {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoApplication | Self::NoManifest | Self::Bootstrap => "not-ours",
            Self::Exchange { source, .. } => source.code(),
            Self::Unreadable { .. } => "card-fault",
            Self::Torn { .. } => "torn",
            Self::TooLong { .. } => "too-long",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Foreign { .. } => "foreign-object",
            Self::Full { .. } => "card-full",
            Self::OtherKey | Self::NoKey => "no-card-key",
            Self::WrongManagementKey
            | Self::ManagementKeyLength { .. }
            | Self::ManagementAlgorithm { .. } => "management-key",
            Self::OtherAuthority { .. } => "other-authority",
            Self::WrongAdminPin { .. } => "admin-pin",
            Self::PinNeeded { .. } => "pin-needed",
            Self::WrongPin { .. } | Self::PinLength { .. } => "wrong-pin",
            Self::PinBlocked => "pin-blocked",
            Self::NoIdentity { .. } => "no-identity",
            Self::OtherGroups { .. } => "other-groups",
        }
    }
}

/// How many wrong PINs may still be given, as the end of a sentence.
fn left(tries: Option<u8>) -> String {
    match tries {
        None => String::new(),
        Some(1) => "; one try is left".to_owned(),
        Some(tries) => format!("; {tries} tries are left"),
    }
}
