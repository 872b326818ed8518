//! How our content lies on a card, whatever the profile: a [`Shelf`] of containers, each with a
//! header by which it is known as ours. A manifest begins in a container of its own and goes on in
//! others; a group lies in the containers that the manifest names.
//!
//! What holds for every profile:
//!
//! - What is not ours is never written over, and never emptied.
//! - Groups are written into containers that nothing shown uses, the manifest last. A card that is
//!   taken out before the last step shows what it showed before; or, where it has no room for
//!   both, nothing.
//! - Reading takes the manifest and the containers of one group, and nothing else.

mod chain;
mod header;
mod placing;
#[cfg(test)]
mod tests;
mod writing;

use crate::profile::Error;

pub(crate) use self::chain::{read_group, read_manifest};
pub(crate) use self::header::{Header, Held, Kind};
pub(crate) use self::placing::place;
pub(crate) use self::writing::{erase, write};

/// One place on a card that holds bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Container {
    /// Its number: tag, file identifier or instance. The lowest byte is not zero, and no other
    /// container of the shelf has it.
    pub(crate) id: u32,
    /// Most bytes of its value, our header included.
    pub(crate) capacity: usize,
    /// Whether it is read only after the PIN.
    pub(crate) pin: bool,
}

impl Container {
    /// Most bytes of content: what the header leaves.
    pub(crate) const fn room(self) -> usize {
        self.capacity.saturating_sub(header::HEADER)
    }
}

/// The containers of one card.
pub(crate) trait Shelf {
    /// Where the manifest begins that the card shows now.
    fn manifest(&self) -> Container;

    /// Where the next manifest will begin: the same place on cards that write a container as a
    /// whole or not at all. Others have a second one, and [`Shelf::publish`].
    fn next_manifest(&self) -> Container {
        self.manifest()
    }

    /// All places where a manifest may begin, the one that is shown first.
    fn manifests(&self) -> Vec<u32> {
        let (shown, next) = (self.manifest().id, self.next_manifest().id);
        let next = [next].into_iter().filter(|next| *next != shown);
        [shown].into_iter().chain(next).collect()
    }

    /// Where groups and further parts of the manifest may lie, in the order to fill.
    fn containers(&self) -> &[Container];

    /// What a container holds, by its first bytes.
    fn peek(&mut self, id: u32) -> Result<Held, Error>;

    /// The value of a container; `None` when there is no such object, or an empty one.
    /// [`Error::PinNeeded`] when it is read only after the PIN.
    fn read(&mut self, id: u32) -> Result<Option<Vec<u8>>, Error>;

    /// Writes a container's value; an empty one empties it.
    fn write(&mut self, id: u32, value: &[u8]) -> Result<(), Error>;

    /// Makes the card show this content, which is written, and no other; or nothing. Has to
    /// happen with one APDU, after which [`Shelf::manifest`] says where it begins. Nothing to do
    /// on cards where the manifest's place never changes.
    fn publish(&mut self, _shown: Option<&Shown>) -> Result<(), Error> {
        Ok(())
    }

    /// How often a wrong PIN may still be given, for [`Error::PinNeeded`]; `None` when the card
    /// does not say.
    fn tries(&mut self) -> Result<Option<u8>, Error>;
}

/// What a card shows, by containers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    /// Those of the manifest, in order.
    pub(crate) manifest: Vec<u32>,
    /// Those of each group, in order.
    pub(crate) groups: Vec<Vec<u32>>,
}
