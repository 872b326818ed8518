//! Content that spans containers: cutting it up, and putting it together again.

use cardwarden_policy::manifest::{GroupEntry, MAX_GROUP, MAX_MANIFEST};

use super::{Container, Header, Kind, Shelf};
use crate::profile::Error;

/// The manifest's bytes.
pub(crate) fn read_manifest(shelf: &mut dyn Shelf) -> Result<Vec<u8>, Error> {
    let object = shelf.manifest().id;
    let first = shelf.read(object)?.ok_or(Error::NoManifest)?;
    let (first, content) = Header::read(&first).ok_or(Error::NoManifest)?;
    if first.kind == Kind::Group || first.part != 0 {
        return Err(Error::Torn { object });
    }
    let mut manifest = content.to_vec();
    let mut next = following(shelf, first);
    let mut part = 0_u8;
    while let Some(object) = next {
        part = part.saturating_add(1);
        let (header, content) = read_part(shelf, object)?;
        let expected = Header {
            part,
            next: header.next,
            ..first
        };
        if header != expected {
            return Err(Error::Torn { object });
        }
        manifest.extend(content);
        // Also ends a chain of parts that never ends.
        if manifest.len() > MAX_MANIFEST || usize::from(part) > shelf.containers().len() {
            return Err(Error::TooLong {
                what: "manifest",
                most: MAX_MANIFEST,
            });
        }
        next = following(shelf, header);
    }
    Ok(manifest)
}

/// The container of the next part. A link to where no part can lie leads nowhere.
fn following(shelf: &dyn Shelf, header: Header) -> Option<u32> {
    let next = header.next?;
    let named = |container: &&Container| lowest(container.id) == next && !container.pin;
    shelf.containers().iter().find(named).map(|next| next.id)
}

/// The bytes of one group.
pub(crate) fn read_group(shelf: &mut dyn Shelf, entry: &GroupEntry) -> Result<Vec<u8>, Error> {
    let too_long = || Error::TooLong {
        what: "group",
        most: MAX_GROUP,
    };
    let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
    if length > MAX_GROUP || entry.containers.len() > most_parts(shelf.containers(), length) {
        return Err(too_long());
    }
    let mut group = Vec::new();
    for (&object, part) in entry.containers.iter().zip(0_u8..) {
        if !shelf.containers().iter().any(|known| known.id == object) {
            return Err(Error::OutOfRange { object });
        }
        let (header, content) = read_part(shelf, object)?;
        if header.kind != Kind::Group || header.part != part {
            return Err(Error::Torn { object });
        }
        group.extend(content);
        if group.len() > MAX_GROUP {
            return Err(too_long());
        }
    }
    Ok(group)
}

/// A part of ours; everything else is not what belongs there.
fn read_part(shelf: &mut dyn Shelf, object: u32) -> Result<(Header, Vec<u8>), Error> {
    let value = shelf.read(object)?.ok_or(Error::Torn { object })?;
    Header::read(&value)
        .map(|(header, content)| (header, content.to_vec()))
        .ok_or(Error::Torn { object })
}

/// Most containers that content of this length can lie in: as many as the smallest would be.
fn most_parts(containers: &[Container], length: usize) -> usize {
    let smallest = containers.iter().map(|container| container.room()).min();
    length.div_ceil(smallest.unwrap_or(1).max(1)).max(1)
}

/// The values that `content` becomes when it lies in exactly these containers; `None` when it is
/// longer than they are, or leaves one of them empty.
pub(super) fn split(
    (kind, issue): (Kind, u32),
    mut content: &[u8],
    containers: &[Container],
) -> Option<Vec<(u32, Vec<u8>)>> {
    let follow = containers.iter().skip(1);
    let follow = follow.map(|next| Some(lowest(next.id))).chain([None]);
    let mut values = Vec::new();
    for ((container, next), part) in containers.iter().zip(follow).zip(0_u8..) {
        let (piece, rest) = content.split_at(content.len().min(container.room()));
        if piece.is_empty() && part > 0 {
            return None;
        }
        let header = Header {
            kind,
            part,
            issue,
            next,
        };
        values.push((container.id, header.write(piece)));
        content = rest;
    }
    (content.is_empty() && values.len() == containers.len() && !values.is_empty()).then_some(values)
}

/// What a header says of a container.
const fn lowest(id: u32) -> u8 {
    let [lowest, ..] = id.to_le_bytes();
    lowest
}
