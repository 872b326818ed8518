//! What every kind of card can do for us, whatever its make: the [`Profile`]; which of them a card
//! has, [`open`]; and the one way from a card to a verified mandate, [`read_selected`].

mod error;
mod opening;
mod selected;

use std::time::Duration;

use cardwarden_policy::manifest::{CardIdentity, GroupEntry};
use cardwarden_policy::statement::{Endorsement, Proof};

pub use self::error::{Act, Error};
pub use self::opening::open;
pub(crate) use self::opening::{Application, NotSelected};
pub use self::selected::{NotTaken, Selected, read_selected};
use crate::authority::{Authority, Pin};
use crate::room::Room;

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

    /// The bytes of one group, unverified, and no other. [`Error::PinNeeded`] when the card gives
    /// it only after [`Profile::verify_pin`].
    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error>;

    /// By what the card can be known again: its key where it has one, else its serial number;
    /// `None` when it has neither yet.
    fn identity(&mut self) -> Result<Option<CardIdentity>, Error>;

    /// The card's proof that it is the one of this identity: a signature of its key over what it
    /// meets the device with, or the serial number that it says now.
    fn prove(&mut self, identity: &CardIdentity, endorsement: &Endorsement)
    -> Result<Proof, Error>;

    /// How many wrong PINs may still be given; 0 when the PIN is blocked, `None` when the card
    /// has none or does not say.
    fn pin_tries(&mut self) -> Result<Option<u8>, Error>;

    /// Gives the user's PIN, once. The card may be spoken to by others as if they knew the PIN
    /// until it is reset, which the end of a PC/SC transaction does.
    fn verify_pin(&mut self, pin: &Pin) -> Result<(), Error>;

    /// Proves to the card that we may write.
    fn authenticate(&mut self, authority: &Authority) -> Result<(), Error>;

    /// The card's identity; its key is made if the profile can have one and there is none. A key
    /// of another kind is never replaced.
    fn ensure_identity(&mut self) -> Result<CardIdentity, Error>;

    /// Finds room for groups, such that what the card holds now stays readable until the new
    /// manifest is written, where the card is large enough for both.
    fn place(&mut self, wanted: &[Wanted]) -> Result<Placement, Error>;

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

    /// What each container of the card holds, the manifest's first.
    fn room(&mut self) -> Result<Vec<Room>, Error>;

    /// Writes an X.509 certificate (DER) of the card's own key to where the profile has a place
    /// for it, if nothing is there. Whether it was written; never where there is no such place.
    fn write_certificate(&mut self, _certificate: &[u8]) -> Result<bool, Error> {
        Ok(false)
    }
}

/// A group that needs room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Its length in bytes.
    pub length: usize,
    /// Whether the card is to give it only after the user's PIN.
    pub pin: bool,
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
    /// Whether there are groups behind the PIN.
    pub(crate) hides: bool,
    /// Number of this issue, which marks all of its objects.
    pub(crate) issue: u32,
}
