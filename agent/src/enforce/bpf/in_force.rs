//! The decision that is in force: a map in a map, so that it is swapped as a whole; and what the programs
//! look at before they look at it.

use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use aya::maps::{Array, ArrayOfMaps, Map, MapData, MapError};
use cardwarden_ebpf_abi::{Decision, Watched};
use cardwarden_policy::Table;

use super::wire::Wire;
use super::{loader, open_map, table};
use crate::enforce::Error;

type Outer = ArrayOfMaps<MapData, Inner>;
type Inner = Array<MapData, Wire<Decision>>;
type Watch = Array<MapData, Wire<Watched>>;

/// The maps of the decision.
///
/// Who looks into the outer map or changes it waits until no program runs any more
/// (`maybe_wait_bpf_programs`, `kernel/bpf/syscall.c`), some 20 ms. So what was put in is remembered,
/// and a thread waits for the end of a change, which is in force long before.
pub(super) struct InForce {
    folder: PathBuf,
    outer: Outer,
    watched: Watch,
    seen: Seen,
    /// A decision that was made ahead.
    ready: Option<(Table, Inner)>,
    change: Option<(Table, JoinHandle<Result<(), Error>>)>,
}

/// What lies in the outer map.
enum Seen {
    Unknown,
    Nothing,
    Decision(Table),
}

impl InForce {
    /// Opens the maps in a folder of pins.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            folder: folder.to_owned(),
            outer: open_map(folder, "CWD_DECISION", Map::ArrayOfMaps)?,
            watched: open_map(folder, "CWD_WATCHED", Map::Array)?,
            seen: Seen::Unknown,
            ready: None,
            change: None,
        })
    }

    /// What is refused.
    pub(super) fn table(&mut self) -> Result<Table, Error> {
        self.settle()?;
        if matches!(self.seen, Seen::Unknown) {
            self.seen = match self.outer.get(&0, 0) {
                Ok(inner) => Seen::Decision(self.read(&inner)?),
                Err(MapError::KeyNotFound) => Seen::Nothing,
                Err(error) => return Err(access("CWD_DECISION")(error)),
            };
        }
        match &self.seen {
            Seen::Decision(table) => Ok(table.clone()),
            Seen::Unknown | Seen::Nothing => Ok(Table::default()),
        }
    }

    fn read(&self, inner: &Inner) -> Result<Table, Error> {
        let decision = inner.get(&0, 0).map_err(access("CWD_DECISION"))?;
        let watched = self.watched.get(&0, 0).map_err(access("CWD_WATCHED"))?;
        Ok(table::decode(&decision.0, &watched.0))
    }

    /// Makes a decision ahead that may be put in soon.
    pub(super) fn make_ready(&mut self, new: &Table) -> Result<(), Error> {
        self.ready = Some((new.clone(), make(new)?));
        Ok(())
    }

    /// Puts a decision in the place of what is in force, as one. It is in force within a moment;
    /// that it failed, [`InForce::settle`] tells. What is watched covers both the old and the new one
    /// meanwhile.
    pub(super) fn swap(&mut self, new: &Table) -> Result<(), Error> {
        let both = table::watched(&new.or(&self.table()?));
        let widen = self.watched.set(0, Wire(both), 0);
        widen.map_err(access("CWD_WATCHED"))?;
        let folder = self.folder.clone();
        let watched = table::watched(new);
        let put_in = move |inner: &Inner| {
            let mut outer: Outer = open_map(&folder, "CWD_DECISION", Map::ArrayOfMaps)?;
            outer.set(0, inner, 0).map_err(access("CWD_DECISION"))?;
            let mut narrow: Watch = open_map(&folder, "CWD_WATCHED", Map::Array)?;
            let narrowed = narrow.set(0, Wire(watched), 0);
            narrowed.map_err(access("CWD_WATCHED"))
        };
        match self.ready.take() {
            // Its moment has come: here, since a thread may get its turn late on a busy machine.
            Some((table, inner)) if table == *new => {
                self.seen = Seen::Unknown;
                put_in(&inner)?;
                self.seen = Seen::Decision(table);
            }
            Some(_) | None => {
                let inner = make(new)?;
                let named = Builder::new().name("swap".to_owned());
                let thread = named.spawn(move || put_in(&inner));
                let thread = thread.map_err(|source| Error::Thread { source })?;
                self.change = Some((new.clone(), thread));
            }
        }
        Ok(())
    }

    /// Forgets what was put in: something else may lie there.
    pub(super) fn forget(&mut self) {
        self.seen = Seen::Unknown;
    }

    /// Waits for the end of a change.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let Some((table, change)) = self.change.take() else {
            return Ok(());
        };
        self.seen = Seen::Unknown;
        let gone = || std::io::Error::other("it ended before its time");
        let ended = change.join();
        ended.map_err(|_panic| Error::Thread { source: gone() })??;
        self.seen = Seen::Decision(table);
        Ok(())
    }
}

/// Makes an inner map of a decision.
fn make(table: &Table) -> Result<Inner, Error> {
    let decision = table::encode(table)?;
    let made = loader::make_inner("CWD_INNER").map_err(access("CWD_DECISION"))?;
    let mut inner = Inner::try_from(Map::Array(made)).map_err(access("CWD_DECISION"))?;
    let fill = inner.set(0, Wire(*decision), 0);
    fill.map_err(access("CWD_DECISION")).map(|()| inner)
}

const fn access(map: &'static str) -> impl FnOnce(MapError) -> Error {
    move |source| Error::Access {
        map,
        source: Box::new(source),
    }
}
