//! The files as containers of a shelf.

use super::file::{Name, Structure, short_id};
use super::layout::{self, MANIFESTS, NOWHERE, PREFIX};
use super::{Pkcs15, Published, object};
use crate::profile::{Act, Error};
use crate::shelf::{Container, Held, Shelf, Shown};

/// Bytes of a file by which it is known: a length and a header.
const BEGIN: usize = 14;

impl Pkcs15<'_> {
    /// Looks at all files for groups, once: which there are, and how large they are.
    pub(super) fn survey(&mut self) -> Result<(), Error> {
        if self.is_surveyed {
            return Ok(());
        }
        let mut containers = Vec::new();
        for fid in layout::groups() {
            let name = Name::Fid(fid);
            let size = match self.files.examine(Act::Read(fid.into()), &name)? {
                Some(Structure::Transparent(size)) => size,
                // Something else lies there.
                Some(Structure::Records | Structure::Other) => continue,
                // What guards a file behind the PIN is made by who knows this card's rules.
                None if layout::is_hidden(fid) => continue,
                None => {
                    self.absent.insert(fid);
                    layout::FILE
                }
            };
            let is_as_named = !layout::is_hidden(fid) || self.is_guarded(fid)?;
            if layout::is_of_use(size) && is_as_named {
                containers.push(layout::container(fid, size));
            }
        }
        self.containers = containers;
        self.is_surveyed = true;
        Ok(())
    }

    /// Whether the current file is read only after the PIN. Once that was given there is no way
    /// to tell; but then it was needed.
    fn is_guarded(&mut self, fid: u16) -> Result<bool, Error> {
        if self.has_given_pin {
            return Ok(true);
        }
        match self.files.read(Act::Read(fid.into()), None, 1, |_| true) {
            Ok(_readable) => Ok(false),
            Err(error) if tells_of_pin(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Makes a file the current one; `false` when there is none.
    pub(super) fn enter(&mut self, act: Act, fid: u16) -> Result<bool, Error> {
        if self.absent.contains(&fid) {
            return Ok(false);
        }
        let is_there = self.files.select(act, &Name::Fid(fid))?;
        if !is_there {
            self.absent.insert(fid);
        }
        Ok(is_there)
    }

    /// Makes a file the current one, and makes it first where there is none; its size.
    pub(super) fn enter_or_create(
        &mut self,
        act: Act,
        fid: u16,
        size: usize,
    ) -> Result<usize, Error> {
        let found = if self.absent.contains(&fid) {
            None
        } else {
            self.files.examine(act, &Name::Fid(fid))?
        };
        match found {
            Some(Structure::Transparent(size)) => Ok(size),
            Some(Structure::Records | Structure::Other) => {
                Err(Error::Foreign { object: fid.into() })
            }
            None => {
                self.files.create(act, fid, size)?;
                self.absent.remove(&fid);
                Ok(size)
            }
        }
    }

    /// Reads a manifest's file, whose length its directory says.
    fn read_manifest_file(&mut self, shown: Published) -> Result<Option<Vec<u8>>, Error> {
        self.read_known(shown.manifest, shown.length, |bytes| {
            matches!(Held::of(bytes), Held::Ours(_))
        })
    }

    /// Reads a group's file, whose length is its first two bytes.
    fn read_group_file(&mut self, fid: u16) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Read(fid.into());
        let is_ours = |bytes: &[u8]| match bytes.get(PREFIX..) {
            Some(value) => matches!(Held::of(value), Held::Ours(_)),
            None => false,
        };
        let most = self.files.channel.lengths().answer();
        let begin = self.read_known(fid, most, is_ours)?;
        let Some(mut bytes) = begin else {
            return Ok(None);
        };
        let Some(length) = bytes.first_chunk().copied().map(u16::from_be_bytes) else {
            return Ok(None);
        };
        let end = usize::from(length).saturating_add(PREFIX);
        if length == 0 || !is_ours(&bytes) {
            return Ok(None);
        }
        if bytes.len() < end {
            let rest = self.files.read_on(act, bytes.len(), end)?;
            bytes.extend(rest);
        }
        Ok(bytes.get(PREFIX..end).map(<[u8]>::to_vec))
    }

    /// Reads the begin of a file of ours: by its short identifier, and where something else comes
    /// of that, by its identifier.
    fn read_known(
        &mut self,
        fid: u16,
        end: usize,
        is_expected: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Read(fid.into());
        if !self.has_no_short_ids {
            let short = Some(short_id(fid));
            let read = self
                .files
                .read(act, short, end, |bytes| !is_expected(bytes))?;
            if let Some(bytes) = read.filter(|bytes| is_expected(bytes)) {
                return Ok(Some(bytes));
            }
        }
        if !self.enter(act, fid)? {
            return Ok(None);
        }
        self.files.read(act, None, end, |_| false)
    }

    /// Overwrites a file with nothing, its begin first.
    fn wipe(&mut self, fid: u16) -> Result<(), Error> {
        let act = Act::Write(fid.into());
        match self.files.examine(act, &Name::Fid(fid))? {
            Some(Structure::Transparent(size)) => {
                let used = self.used(fid, size)?;
                self.files.update(act, 0, &vec![0; used])
            }
            Some(Structure::Records | Structure::Other) | None => Ok(()),
        }
    }

    /// How many bytes of a file of ours there are to overwrite.
    fn used(&mut self, fid: u16, size: usize) -> Result<usize, Error> {
        if !layout::has_prefix(fid) {
            return Ok(size.min(layout::FILE));
        }
        let begin = self
            .files
            .read(Act::Read(fid.into()), None, PREFIX, |_| true)?;
        let length = begin
            .as_deref()
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        Ok(length.saturating_add(PREFIX).max(BEGIN).min(size))
    }
}

/// Whether a card refused because the PIN was not given.
pub(super) fn tells_of_pin(error: &Error) -> bool {
    let Error::Exchange { source, .. } = error else {
        return false;
    };
    // 9804 is what a SIM says (TS 51.011, 9.4.5).
    let status = source.status();
    status.is_some_and(|status| matches!(status.0, 0x6982 | 0x6985 | 0x9804))
}

impl Shelf for Pkcs15<'_> {
    fn manifest(&self) -> Container {
        match self.shown() {
            Some(shown) => layout::container(shown.manifest, layout::FILE),
            None => Container {
                id: NOWHERE,
                capacity: 0,
                pin: false,
            },
        }
    }

    fn next_manifest(&self) -> Container {
        let used = self.shown().map(|shown| shown.manifest);
        let next = MANIFESTS.into_iter().find(|fid| Some(*fid) != used);
        layout::container(next.unwrap_or(MANIFESTS[0]), layout::FILE)
    }

    fn manifests(&self) -> Vec<u32> {
        let used = self.shown().map(|shown| shown.manifest);
        let others = MANIFESTS.into_iter().filter(|fid| Some(*fid) != used);
        used.into_iter().chain(others).map(u32::from).collect()
    }

    fn containers(&self) -> &[Container] {
        &self.containers
    }

    fn peek(&mut self, id: u32) -> Result<Held, Error> {
        let Some(fid) = layout::fid(id) else {
            return Ok(Held::Nothing);
        };
        let act = Act::Read(id);
        let begin = if self.enter(act, fid)? {
            self.files.read(act, None, BEGIN, |_| true)
        } else {
            return Ok(Held::Nothing);
        };
        let begin = match begin {
            Ok(begin) => begin.unwrap_or_default(),
            Err(error) if tells_of_pin(&error) => return Ok(Held::Hidden),
            Err(error) => return Err(error),
        };
        if object::is_blank(&begin) {
            return Ok(Held::Nothing);
        }
        let prefix = if layout::has_prefix(fid) { PREFIX } else { 0 };
        Ok(match begin.get(prefix..) {
            Some(value) if !value.is_empty() => Held::of(value),
            Some(_) | None => Held::Foreign,
        })
    }

    fn read(&mut self, id: u32) -> Result<Option<Vec<u8>>, Error> {
        let Some(fid) = layout::fid(id) else {
            return Ok(None);
        };
        let read = match self.shown() {
            Some(shown) if shown.manifest == fid => self.read_manifest_file(shown),
            Some(_) | None => self.read_group_file(fid),
        };
        match read {
            Err(error) if tells_of_pin(&error) => Err(Error::PinNeeded {
                tries: self.tries()?,
            }),
            read => read,
        }
    }

    fn write(&mut self, id: u32, value: &[u8]) -> Result<(), Error> {
        let Some(fid) = layout::fid(id) else {
            return Ok(());
        };
        if value.is_empty() {
            return self.wipe(fid);
        }
        let act = Act::Write(id);
        let mut bytes = Vec::new();
        if layout::has_prefix(fid) {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_be_bytes());
        }
        bytes.extend(value);
        let size = self.enter_or_create(act, fid, layout::FILE)?;
        if bytes.len() > size {
            return Err(Error::TooLong {
                what: "file",
                most: size,
            });
        }
        self.files.update(act, 0, &bytes)?;
        self.lengths.insert(fid, value.len());
        Ok(())
    }

    fn publish(&mut self, shown: Option<&Shown>) -> Result<(), Error> {
        self.switch(shown)
    }

    fn tries(&mut self) -> Result<Option<u8>, Error> {
        self.ask_tries()
    }
}
