//! What every kind of card can do for us, whatever its make: the [`Profile`]; and the one way from
//! a card to a verified mandate, [`read_selected`].

use std::fmt;
use std::time::{Duration, Instant};

use cardwarden_policy::manifest::{GroupEntry, Mandate, Manifest};
use cardwarden_policy::statement::Endorsement;
use cardwarden_policy::trust::{Anchors, Rejected, Verified};
use jiff::Timestamp;

use crate::apdu::{Channel, Failure};
use crate::management::ManagementKey;
use crate::piv::Piv;
use crate::tlv;
use crate::transport::Transport;

/// How long a conversation that reads may last.
pub const READING_TIME: Duration = Duration::from_secs(20);
/// How long a conversation that writes may last. Making a key takes some cards several seconds.
pub const WRITING_TIME: Duration = Duration::from_mins(3);

/// A kind of card, and a conversation with one of it. Objects are written only by
/// [`Profile::write`] and [`Profile::erase`]; both need [`Profile::authenticate`] first.
pub trait Profile {
    /// What the profile is called.
    fn name(&self) -> &'static str;

    /// How many APDUs went out so far.
    fn exchanges(&self) -> u32;

    /// The signed directory, unverified.
    fn read_manifest(&mut self) -> Result<Vec<u8>, Error>;

    /// The bytes of one group, unverified, and no other.
    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error>;

    /// The card's signature (ECDSA P-256 with SHA-256, DER) over what it meets a device with.
    fn endorse(&mut self, endorsement: &Endorsement) -> Result<Vec<u8>, Error>;

    /// The public part of the card's own key, as an uncompressed point of 65 bytes; `None` when
    /// it has no key yet.
    fn card_key(&mut self) -> Result<Option<Vec<u8>>, Error>;

    /// Proves to the card that we may write.
    fn authenticate(&mut self, key: &ManagementKey) -> Result<(), Error>;

    /// The public part of the card's own key, which is made if there is none. A key of another
    /// kind is never replaced.
    fn ensure_card_key(&mut self) -> Result<Vec<u8>, Error>;

    /// Finds room for groups of these lengths, such that what the card holds now stays readable
    /// until the new manifest is written, where the card is large enough for both.
    fn place(&mut self, lengths: &[usize]) -> Result<Placement, Error>;

    /// Writes groups, and the manifest last: a card that is pulled out half way holds what it
    /// held before, or nothing.
    fn write(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error>;

    /// Takes everything of ours off the card, the manifest first.
    fn erase(&mut self) -> Result<(), Error>;
}

/// Where groups will lie ([`Profile::place`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Placement {
    /// For each group, in order, what its [`GroupEntry::containers`] has to say.
    pub groups: Vec<Vec<u32>>,
    /// Containers left for a manifest that is larger than one.
    pub(crate) spare: Vec<u32>,
    /// Whether the old content has to go first, because there is no room for both.
    pub(crate) replaces: bool,
    /// Number of this issue, which marks all of its objects.
    pub(crate) issue: u32,
}

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
    /// Asking for a key's algorithm.
    Describe,
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
            Self::Describe => f.write_str("asking for a key's algorithm"),
        }
    }
}

/// Why a card did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No known application is on the card.
    #[error("the card is none that Cardwarden can use (it has no PIV application)")]
    NoApplication,
    /// The card can be used, but holds nothing of ours.
    #[error("the card holds no company's policy")]
    NoManifest,
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
            Self::NoApplication | Self::NoManifest => "not-ours",
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
            Self::OtherGroups { .. } => "other-groups",
        }
    }
}

/// Begins a conversation of at most `time` with whatever card there is: asks for each known
/// profile in turn.
pub fn open<'t>(
    transport: impl Transport + 't,
    time: Duration,
) -> Result<Box<dyn Profile + 't>, Error> {
    let now = Instant::now();
    let channel = Channel::new(transport, now.checked_add(time).unwrap_or(now));
    Ok(Box::new(Piv::select(channel)?))
}

/// What a device takes from a card.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The signed directory, as it lies on the card.
    pub manifest: Vec<u8>,
    /// The directory, believed.
    pub verified: Verified<Manifest>,
    /// The chosen group, as it lies on the card.
    pub group: Vec<u8>,
    /// The chosen group, believed.
    pub mandate: Verified<Mandate>,
    /// How long believing took.
    pub verification: Duration,
}

/// Why nothing was taken from a card.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The card failed.
    #[error("the card cannot be read")]
    Card(#[source] Error),
    /// The card's content is not believed.
    #[error("the card is refused")]
    Rejected(#[source] Rejected),
}

impl NotTaken {
    /// A stable word for this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Card(error) => error.code(),
            Self::Rejected(rejected) => rejected.code(),
        }
    }
}

/// Reads the directory, believes it or not, chooses the group for a device of this kind, and reads
/// that group and no other. `now` is what the clock shows, for directories that a delegate signed;
/// `None` when that is known to be wrong.
pub fn read_selected(
    profile: &mut dyn Profile,
    anchors: &Anchors,
    kind: &str,
    now: Option<Timestamp>,
) -> Result<Selected, NotTaken> {
    let manifest = profile.read_manifest().map_err(NotTaken::Card)?;
    let began = Instant::now();
    let verified: Verified<Manifest> = anchors
        .verify_at(&manifest, now)
        .map_err(NotTaken::Rejected)?;
    let entry = verified.select(kind).ok_or_else(|| {
        NotTaken::Rejected(Rejected::NoGroup {
            kind: kind.to_owned(),
        })
    })?;
    let verification = began.elapsed();
    let group = profile.read_group(entry).map_err(NotTaken::Card)?;
    let began = Instant::now();
    let mandate = verified.group(entry, &group).map_err(NotTaken::Rejected)?;
    let verification = verification.saturating_add(began.elapsed());
    Ok(Selected {
        manifest,
        verified,
        group,
        mandate,
        verification,
    })
}
