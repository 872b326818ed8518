//! What the card shows: finding it, and changing it in one step.

use super::file::{Name, short_id};
use super::layout::{self, DODF, HEADER, MANIFESTS, MOST_LABEL, ODF, OURS, PREFIX};
use super::object::{self, DataObject, OMA_DM_BOOTSTRAP, Path};
use super::{Known, Pkcs15, Published};
use crate::profile::{Act, Error};
use crate::shelf::Shown;

/// Most bytes of EF(ODF) and of a DODF that are looked at.
const MOST: usize = 0x2000;

impl Pkcs15<'_> {
    /// Finds out what the card shows: with short identifiers, which takes two APDUs on a card that
    /// we wrote; else file by file.
    pub(super) fn discover(&mut self) -> Result<Known, Error> {
        let known = self.look(true)?;
        if known.shown.is_some() || known.has_bootstrap {
            return Ok(known);
        }
        // Short identifiers may lead to other files, or nowhere.
        let known = self.look(false)?;
        self.has_no_short_ids = known.shown.is_some();
        Ok(known)
    }

    fn look(&mut self, with_short_ids: bool) -> Result<Known, Error> {
        let mut found = Known::default();
        let is_enough = |odf: &[u8]| {
            let ours = object::read_odf(odf)
                .iter()
                .any(|entry| is_ours(&entry.path));
            ours || object::end(odf).is_some_and(|end| end < odf.len())
        };
        let Some(odf) = self.read_directory(&Path::of(ODF), with_short_ids, is_enough)? else {
            return Ok(found);
        };
        let mut entries = object::read_odf(&odf);
        entries.sort_by_key(|entry| !is_ours(&entry.path));
        for entry in entries {
            let is_enough = |dodf: &[u8]| {
                !object::read_dodf(dodf).is_empty() && is_ours(&entry.path)
                    || object::end(dodf).is_some_and(|end| end < dodf.len())
            };
            let Some(dodf) = self.read_directory(&entry.path, with_short_ids, is_enough)? else {
                continue;
            };
            let objects = object::read_dodf(&dodf);
            found.has_bootstrap |= objects
                .iter()
                .any(|object| object.oid.as_deref() == Some(OMA_DM_BOOTSTRAP));
            let fid = entry.path.fid().filter(|_fid| is_ours(&entry.path));
            let Some(fid) = fid.filter(|_fid| is_free(&dodf)) else {
                continue;
            };
            found.directory = Some(fid);
            found.shown = published(&objects);
            if found.shown.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// Reads a directory file. A path into another directory is followed by selecting.
    pub(super) fn read_directory(
        &mut self,
        path: &Path,
        with_short_ids: bool,
        is_enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(fid) = path.fid() else {
            return Ok(None);
        };
        let act = Act::Read(fid.into());
        let is_near = path.file.len() == 2;
        if with_short_ids && is_near {
            return self.files.read(act, Some(short_id(fid)), MOST, is_enough);
        }
        let name = if is_near {
            Name::Fid(fid)
        } else {
            Name::of_path(&path.file)
        };
        let bytes = if self.files.select(act, &name)? {
            self.files.read(act, None, MOST, is_enough)?
        } else {
            None
        };
        if !is_near {
            self.select_application()?;
        }
        Ok(bytes)
    }

    /// The whole of a file of the application; nothing where there is none.
    pub(super) fn read_whole(&mut self, fid: u16) -> Result<Vec<u8>, Error> {
        let act = Act::Read(fid.into());
        if !self.files.select(act, &Name::Fid(fid))? {
            return Ok(Vec::new());
        }
        let bytes = self.files.read(act, None, MOST, |_| false)?;
        Ok(bytes.unwrap_or_default())
    }

    /// Lists what was written in the directory file that is not shown, and shows that instead:
    /// the last step is one UPDATE BINARY of EF(ODF).
    pub(super) fn switch(&mut self, shown: Option<&Shown>) -> Result<(), Error> {
        let known = self.know()?;
        if shown.is_none() && known.shown.is_none() {
            return Ok(());
        }
        let objects = shown.map(|shown| self.objects(shown)).unwrap_or_default();
        let mut dodf = Vec::new();
        for object in &objects {
            dodf.extend(object.write());
        }
        let old = known.directory;
        let fid = self.free_directory(old)?;
        self.write_directory(fid, &dodf)?;
        self.point_to(old, fid)?;
        // Where nothing is shown any more, an empty directory stays: a gap in EF(ODF) would end
        // it for readers that take it for the end.
        self.known = Some(Known {
            shown: published(&objects),
            directory: Some(fid),
            ..known
        });
        match old {
            Some(old) => self.write_directory(old, &[]),
            None => Ok(()),
        }
    }

    /// The entries of what is shown: the manifest's first, by which we find it.
    fn objects(&self, shown: &Shown) -> Vec<DataObject> {
        let names = std::iter::once(OURS.to_owned()).chain(self.labels.iter().cloned());
        let unnamed = std::iter::repeat("group".to_owned());
        let mut objects = Vec::new();
        let lists = std::iter::once(&shown.manifest).chain(&shown.groups);
        for (ids, name) in lists.zip(names.chain(unnamed)) {
            for (id, part) in ids.iter().zip(1_u32..) {
                let Some(fid) = layout::fid(*id) else {
                    continue;
                };
                let prefix = if layout::has_prefix(fid) { PREFIX } else { 0 };
                let length = self.lengths.get(&fid).copied().unwrap_or(HEADER);
                let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
                objects.push(DataObject {
                    label: label(&name, part),
                    application: OURS.to_owned(),
                    path: Path::part(
                        fid,
                        number(prefix.saturating_add(HEADER)),
                        number(length.saturating_sub(HEADER)),
                    ),
                    is_private: layout::is_hidden(fid),
                    ..DataObject::default()
                });
            }
        }
        objects
    }

    /// A directory file that is not shown and holds nothing of somebody else's.
    fn free_directory(&mut self, shown: Option<u16>) -> Result<u16, Error> {
        for fid in DODF.into_iter().filter(|fid| Some(*fid) != shown) {
            let held = self.read_whole(fid)?;
            if is_free(&held) {
                return Ok(fid);
            }
        }
        Err(Error::Foreign {
            object: DODF[0].into(),
        })
    }

    /// Writes a whole directory file.
    fn write_directory(&mut self, fid: u16, content: &[u8]) -> Result<(), Error> {
        let act = Act::Write(fid.into());
        let size = self.enter_or_create(act, fid, layout::FILE)?;
        if content.len() > size {
            return Err(Error::TooLong {
                what: "directory of data objects",
                most: size,
            });
        }
        let mut bytes = content.to_vec();
        bytes.resize(size, 0);
        self.files.update(act, 0, &bytes)
    }

    /// Makes our entry of EF(ODF) name this file. All other entries stay as they are.
    fn point_to(&mut self, old: Option<u16>, dodf: u16) -> Result<(), Error> {
        let act = Act::Publish;
        let odf = self.read_whole(ODF)?;
        let entry = object::write_odf(&Path::of(dodf));
        let ours = object::read_odf(&odf)
            .into_iter()
            .find(|entry| is_ours(&entry.path) && old.is_some() && entry.path.fid() == old);
        let at = match ours {
            Some(ours) if ours.end.saturating_sub(ours.begin) == entry.len() => ours.begin,
            Some(_) | None => object::end(&odf).ok_or(Error::Foreign { object: ODF.into() })?,
        };
        if at.saturating_add(entry.len()) > odf.len() {
            return Err(Error::Full { needed: 1, free: 0 });
        }
        // The file that was read last is the current one.
        self.files.update(act, at, &entry)
    }
}

/// Whether a path may be that of a directory of ours.
fn is_ours(path: &Path) -> bool {
    path.file.len() == 2 && path.fid().is_some_and(|fid| DODF.contains(&fid))
}

/// Whether a directory file holds nothing, or nothing that is not ours.
fn is_free(held: &[u8]) -> bool {
    let objects = object::read_dodf(held);
    object::is_blank(held)
        || (!objects.is_empty() && objects.iter().all(|object| object.application == OURS))
}

/// What a directory of ours shows.
fn published(objects: &[DataObject]) -> Option<Published> {
    let manifest = objects
        .iter()
        .find(|object| object.label == OURS && object.application == OURS)?;
    let fid = manifest.path.fid().filter(|fid| MANIFESTS.contains(fid))?;
    let end = manifest.path.index.checked_add(manifest.path.length?)?;
    let length = usize::try_from(end).ok()?;
    (length > HEADER && length <= layout::FILE).then_some(Published {
        manifest: fid,
        length,
    })
}

/// A part's label: the name, and from the second part on which part it is.
fn label(name: &str, part: u32) -> String {
    let suffix = if part > 1 {
        format!(" ({part})")
    } else {
        String::new()
    };
    let mut label = name.to_owned();
    while label.len().saturating_add(suffix.len()) > MOST_LABEL {
        label.pop();
    }
    label + &suffix
}
