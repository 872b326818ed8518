//! How much a card can hold, container by container.

use crate::profile::Error;
use crate::shelf::{Held, Shelf};

/// One place on a card where content of ours may lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Its number, as the profile's documents have it: tag, file identifier or instance.
    pub id: u32,
    /// Most bytes of content.
    pub capacity: usize,
    /// Whether it is read only after the PIN.
    pub pin: bool,
    /// What is in it now.
    pub holds: Holds,
}

/// What is in a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holds {
    /// Nothing.
    Nothing,
    /// Something of ours, which the next issue may replace.
    Ours,
    /// Something of somebody else, which is left as it is.
    Foreign,
    /// Something that cannot be seen without the PIN.
    Hidden,
}

impl Holds {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ours => "ours",
            Self::Foreign => "foreign",
            Self::Hidden => "hidden",
        }
    }
}

/// What each container of a card holds, the manifest's first.
pub(crate) fn survey(shelf: &mut dyn Shelf) -> Result<Vec<Room>, Error> {
    let mut containers = vec![shelf.manifest()];
    let begin = shelf.manifest().id;
    containers.extend(
        shelf
            .containers()
            .iter()
            .filter(|container| container.id != begin),
    );
    containers
        .into_iter()
        .map(|container| {
            let holds = match shelf.peek(container.id)? {
                Held::Nothing => Holds::Nothing,
                Held::Ours(_) => Holds::Ours,
                Held::Foreign => Holds::Foreign,
                Held::Hidden => Holds::Hidden,
            };
            Ok(Room {
                id: container.id,
                capacity: container.room(),
                pin: container.pin,
                holds,
            })
        })
        .collect()
}
