//! Writing and erasing, in an order that keeps the card whole at every moment.

use super::{Container, Held, Kind, Shelf, Shown, chain};
use crate::profile::{Error, Placement};

/// Writes groups, and the manifest last.
pub(crate) fn write(
    shelf: &mut dyn Shelf,
    placement: &Placement,
    manifest: &[u8],
    groups: &[Vec<u8>],
) -> Result<(), Error> {
    let group_values = group_values(shelf, placement, groups)?;
    let containers = manifest_containers(shelf, placement, manifest.len())?;
    let kind = Kind::Manifest {
        hides: placement.hides,
    };
    let parts = chain::split((kind, placement.issue), manifest, &containers);
    let parts = parts.ok_or(Error::Full {
        needed: containers.len().saturating_add(1),
        free: containers.len(),
    })?;
    if placement.replaces {
        shelf.publish(None)?;
        let manifest = shelf.manifest().id;
        put(shelf, manifest, &[])?;
    }
    for (id, value) in group_values {
        put(shelf, id, &value)?;
    }
    // The first part comes last: with it, and not before, everything changes.
    for (id, value) in parts.iter().rev() {
        put(shelf, *id, value)?;
    }
    shelf.publish(Some(&Shown {
        manifest: containers.iter().map(|container| container.id).collect(),
        groups: placement.groups.clone(),
    }))?;
    clear(shelf, |issue| issue != placement.issue)
}

/// Takes everything of ours off the card, the manifest first.
pub(crate) fn erase(shelf: &mut dyn Shelf) -> Result<(), Error> {
    let manifest = shelf.manifest().id;
    if let Held::Ours(header) = shelf.peek(manifest)?
        && header.kind == (Kind::Manifest { hides: true })
    {
        for container in shelf.containers().to_vec() {
            if container.pin && shelf.peek(container.id)? == Held::Hidden {
                let tries = shelf.tries()?;
                return Err(Error::PinNeeded { tries });
            }
        }
    }
    shelf.publish(None)?;
    clear(shelf, |_every_issue| true)
}

/// The values of all groups' containers.
fn group_values(
    shelf: &dyn Shelf,
    placement: &Placement,
    groups: &[Vec<u8>],
) -> Result<Vec<(u32, Vec<u8>)>, Error> {
    let others = || Error::OtherGroups {
        given: groups.len(),
        placed: placement.groups.len(),
    };
    if groups.len() != placement.groups.len() {
        return Err(others());
    }
    let mut values = Vec::new();
    for (group, ids) in groups.iter().zip(&placement.groups) {
        let containers = known(shelf, ids)?;
        let split = chain::split((Kind::Group, placement.issue), group, &containers);
        values.extend(split.ok_or_else(others)?);
    }
    Ok(values)
}

/// The containers that a manifest of this length takes.
fn manifest_containers(
    shelf: &dyn Shelf,
    placement: &Placement,
    length: usize,
) -> Result<Vec<Container>, Error> {
    let first = shelf.next_manifest();
    let mut missing = length.saturating_sub(first.room());
    let mut containers = vec![first];
    for container in known(shelf, &placement.spare)? {
        if missing == 0 {
            break;
        }
        missing = missing.saturating_sub(container.room());
        containers.push(container);
    }
    if missing > 0 {
        return Err(Error::Full {
            needed: containers.len().saturating_add(1),
            free: containers.len(),
        });
    }
    Ok(containers)
}

/// The containers of these numbers.
fn known(shelf: &dyn Shelf, ids: &[u32]) -> Result<Vec<Container>, Error> {
    ids.iter()
        .map(|&object| {
            let found = shelf.containers().iter().find(|known| known.id == object);
            found.copied().ok_or(Error::OutOfRange { object })
        })
        .collect()
}

/// Empties our objects of certain issues, the manifest first.
fn clear(shelf: &mut dyn Shelf, concerns: impl Fn(u32) -> bool) -> Result<(), Error> {
    let mut ids = shelf.manifests();
    ids.extend(shelf.containers().iter().map(|container| container.id));
    for id in ids {
        match shelf.peek(id)? {
            Held::Ours(header) if concerns(header.issue) => shelf.write(id, &[])?,
            Held::Ours(_) | Held::Nothing | Held::Foreign | Held::Hidden => {}
        }
    }
    Ok(())
}

/// Writes a container, unless it holds something of somebody else's.
fn put(shelf: &mut dyn Shelf, object: u32, value: &[u8]) -> Result<(), Error> {
    match shelf.peek(object)? {
        Held::Foreign => Err(Error::Foreign { object }),
        Held::Hidden => {
            let tries = shelf.tries()?;
            Err(Error::PinNeeded { tries })
        }
        Held::Nothing | Held::Ours(_) => shelf.write(object, value),
    }
}
