//! Finding room for what is to be written.

use super::{Container, Held, Kind, Shelf};
use crate::profile::{Error, Placement, Wanted};

/// Most bytes of a manifest without its groups: names, keys, headers and signature.
const MANIFEST_BASE: usize = 400;
/// Most bytes of a usual group's entry in the manifest.
const MANIFEST_ENTRY: usize = 250;

/// Containers that can be written, in the order to fill.
#[derive(Debug, Default)]
struct Room {
    /// Those that nothing shown uses.
    free: Vec<Container>,
    /// Those of what the card shows now.
    used: Vec<Container>,
    /// Highest number of an issue on the card.
    issue: u32,
}

/// Finds room for groups, such that what the card holds now stays readable until the new manifest
/// is written, where the card is large enough for both.
pub(crate) fn place(shelf: &mut dyn Shelf, wanted: &[Wanted]) -> Result<Placement, Error> {
    let current = shown(shelf)?;
    let needs_pin = wanted.iter().any(|group| group.pin) || current.is_some_and(|(_, hides)| hides);
    let mut room = survey(shelf, current.map(|(issue, _)| issue), needs_pin)?;
    room.keep_for_manifest(shelf.next_manifest().id);
    let spare = manifest_room(shelf.next_manifest(), wanted.len());
    let order = shelf.containers().to_vec();
    let kept = assign(&room.free, wanted, spare);
    let replaces = kept.is_none();
    let (groups, rest) = if let Some(assigned) = kept {
        assigned
    } else {
        let mut all = room.free;
        all.append(&mut room.used);
        all.sort_by_key(|container| order.iter().position(|known| known.id == container.id));
        // The manifest's true length is known once it is signed; writing looks again.
        assign(&all, wanted, 0).ok_or_else(|| full(&all, wanted))?
    };
    Ok(Placement {
        groups,
        spare: rest.iter().map(|container| container.id).collect(),
        replaces,
        hides: wanted.iter().any(|group| group.pin),
        issue: room.issue.saturating_add(1),
    })
}

/// The issue that the card shows, and whether it has groups behind the PIN.
fn shown(shelf: &mut dyn Shelf) -> Result<Option<(u32, bool)>, Error> {
    let object = shelf.manifest().id;
    match shelf.peek(object)? {
        Held::Nothing => Ok(None),
        Held::Ours(header) => Ok(Some((
            header.issue,
            header.kind == Kind::Manifest { hides: true },
        ))),
        Held::Foreign | Held::Hidden => Err(Error::Foreign { object }),
    }
}

impl Room {
    /// Keeps the next manifest's own container from holding anything else.
    fn keep_for_manifest(&mut self, id: u32) {
        self.free.retain(|container| container.id != id);
        self.used.retain(|container| container.id != id);
    }
}

/// What all containers hold. `current` is the issue that the card shows.
fn survey(shelf: &mut dyn Shelf, current: Option<u32>, needs_pin: bool) -> Result<Room, Error> {
    let mut room = Room {
        issue: current.unwrap_or(0),
        ..Room::default()
    };
    for container in shelf.containers().to_vec() {
        match shelf.peek(container.id)? {
            Held::Nothing => room.free.push(container),
            Held::Hidden if needs_pin => {
                let tries = shelf.tries()?;
                return Err(Error::PinNeeded { tries });
            }
            Held::Hidden | Held::Foreign => {}
            Held::Ours(header) => {
                room.issue = room.issue.max(header.issue);
                if Some(header.issue) == current {
                    room.used.push(container);
                } else {
                    room.free.push(container);
                }
            }
        }
    }
    Ok(room)
}

/// Bytes that have to be left for the parts of the manifest behind its first.
fn manifest_room(first: Container, groups: usize) -> usize {
    MANIFEST_BASE
        .saturating_add(groups.saturating_mul(MANIFEST_ENTRY))
        .saturating_sub(first.room())
}

/// The containers of each group, and what is left; `None` when they do not suffice, or leave less
/// than `spare` bytes for the manifest.
fn assign(
    free: &[Container],
    wanted: &[Wanted],
    spare: usize,
) -> Option<(Vec<Vec<u32>>, Vec<Container>)> {
    let mut left = free.to_vec();
    let mut groups = Vec::new();
    for group in wanted {
        let mut missing = group.length;
        let mut taken = Vec::new();
        while missing > 0 || taken.is_empty() {
            let at = left
                .iter()
                .position(|container| container.pin == group.pin && container.room() > 0)?;
            let container = left.remove(at);
            missing = missing.saturating_sub(container.room());
            taken.push(container.id);
        }
        groups.push(taken);
    }
    left.retain(|container| !container.pin);
    let rest: usize = left.iter().map(|container| container.room()).sum();
    (rest >= spare).then_some((groups, left))
}

/// Says how much is missing, in containers of the card's largest.
fn full(all: &[Container], wanted: &[Wanted]) -> Error {
    let largest = all.iter().map(|container| container.room()).max();
    let largest = largest.unwrap_or(1).max(1);
    Error::Full {
        needed: wanted
            .iter()
            .map(|group| group.length.div_ceil(largest).max(1))
            .sum(),
        free: all.len(),
    }
}
