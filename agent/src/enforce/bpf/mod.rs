//! The kernel programs: loaded, attached and pinned, or found as an earlier run left them.
//!
//! Everything is pinned below `/sys/fs/bpf/cardwarden/<build>/`, where `<build>` is the hash of the
//! built-in object. A restart of the same build opens its pins and changes nothing. Another build
//! makes its own folder, brings itself fully into force, and only then lets the older go
//! ([`Kernel::retire`]): refusals add up, so there is no gap.

pub(crate) mod loader;
mod object;
mod offsets;
pub(crate) mod refusals;
mod syscall;
mod table;
mod wire;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use aya::maps::{Array, ArrayOfMaps, Map, MapData, MapError, RingBuf};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{CgroupDevice, Lsm, ProgramError};
use cardwarden_ebpf_abi::{Decision, PERMIT_LOOK, PERMIT_PROBE, PERMIT_USE, Permit, Watched};
use cardwarden_policy::explain::chain;
use cardwarden_policy::plan::Lacking;
use cardwarden_policy::{Hook, KernelState, Step, Table};
use sha2::{Digest as _, Sha256};

use super::{Error, Kernel, Permission};
use wire::Wire;

/// Where builds have their folders.
const PINS: &str = "/sys/fs/bpf/cardwarden";
/// The root of cgroup v2.
const CGROUP: &str = "/sys/fs/cgroup";
/// The security modules that are in use.
const MODULES: &str = "/sys/kernel/security/lsm";
/// How long a permission lasts, in nanoseconds.
const PERMIT_NS: u64 = 200_000_000;

/// The real kernel.
pub(crate) struct Programs {
    folder: PathBuf,
    second_lock: bool,
    lacking: Lacking,
    decision: ArrayOfMaps<MapData, Array<MapData, Wire<Decision>>>,
    watched: Array<MapData, Wire<Watched>>,
    refusals: Array<MapData, u64>,
    permit: Array<MapData, Wire<Permit>>,
}

impl Programs {
    /// Opens what an earlier run left, or makes the maps. Attaches nothing. `second_lock` says
    /// whether `file_open` may be asked for.
    pub(crate) fn open(second_lock: bool) -> Result<Self, Error> {
        let hash = Sha256::digest(object::BYTES);
        let build = hash
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let folder = Path::new(PINS).join(format!("{build:016x}"));
        std::fs::create_dir_all(&folder).map_err(|source| Error::Pins {
            path: folder.display().to_string(),
            source,
        })?;
        if !object::MAPS.iter().all(|name| folder.join(name).exists()) {
            // An earlier run that was killed in between left some of the pins.
            loader::load(&folder, &[Hook::DeviceOpen])?;
        }
        Ok(Self {
            decision: open_map(&folder, "DECISION", Map::ArrayOfMaps)?,
            watched: open_map(&folder, "WATCHED", Map::Array)?,
            refusals: open_map(&folder, "REFUSALS", Map::Array)?,
            permit: open_map(&folder, "PERMIT", Map::Array)?,
            folder,
            second_lock,
            lacking: lacking(),
        })
    }

    /// The ring buffer of refusals.
    pub(crate) fn events(&self) -> Result<RingBuf<MapData>, Error> {
        open_map(&self.folder, "EVENTS", Map::RingBuf)
    }

    /// Loads what is not loaded of what may be needed. The first program of all needs nothing of the
    /// kernel's types and is loaded alone, so that it is in force before theirs are read.
    fn load(&mut self, asked: Hook) -> Result<(), Error> {
        let is_missing = |hook: &Hook| {
            let is_wanted = *hook != Hook::FileOpen
                || self.second_lock
                || self.lacking.hooks.contains_key(&Hook::DeviceOpen);
            is_wanted && self.can_have(*hook) && !loader::pin(&self.folder, *hook).exists()
        };
        let missing: Vec<Hook> = if asked == Hook::DeviceOpen {
            vec![asked]
        } else {
            Hook::ALL.into_iter().filter(is_missing).collect()
        };
        for failure in loader::load(&self.folder, &missing)? {
            let Some(hook) = failure.hook() else {
                continue;
            };
            if failure.is_needless {
                self.lacking.needless.insert(hook);
            } else {
                tracing::warn!("{}", failure.why);
                self.lacking.hooks.insert(hook, failure.why);
            }
        }
        Ok(())
    }

    fn can_have(&self, hook: Hook) -> bool {
        !self.lacking.hooks.contains_key(&hook) && !self.lacking.needless.contains(&hook)
    }

    /// Attaches the program of a hook and pins the link.
    fn attach(&mut self, hook: Hook) -> Result<(), Error> {
        let program = loader::pin(&self.folder, hook);
        if !program.exists() {
            self.load(hook)?;
        }
        let failed = |source: ProgramError| Error::Attach {
            hook,
            source: Box::new(source),
        };
        let link = |source: Box<dyn std::error::Error + Send + Sync>| Error::Link { hook, source };
        let pin = self.pin(hook);
        if hook == Hook::DeviceOpen {
            let program = CgroupDevice::from_pin(&program).map_err(failed)?;
            let program = program.fd().map_err(failed)?;
            return File::open(CGROUP)
                .and_then(|cgroup| syscall::attach_and_pin(program.as_fd(), cgroup.as_fd(), &pin))
                .map_err(|error| link(Box::new(error)));
        }
        let mut program = Lsm::from_pin(&program).map_err(failed)?;
        let id = program.attach().map_err(failed)?;
        let attached: FdLink = program.take_link(id).map_err(failed)?.into();
        attached
            .pin(&pin)
            .map(drop)
            .map_err(|error| link(Box::new(error)))
    }

    fn pin(&self, hook: Hook) -> PathBuf {
        self.folder.join(format!("link_{}", hook.program()))
    }

    fn table(&self) -> Result<Table, Error> {
        let access = |source| Error::Access {
            map: "DECISION",
            source: Box::new(source),
        };
        match self.decision.get(&0, 0) {
            Ok(inner) => {
                let decision = inner.get(&0, 0).map_err(access)?;
                Ok(table::decode(&decision.0, &self.watched()?))
            }
            Err(MapError::KeyNotFound) => Ok(Table::default()),
            Err(error) => Err(access(error)),
        }
    }

    fn watched(&self) -> Result<Watched, Error> {
        let access = |source| Error::Access {
            map: "WATCHED",
            source: Box::new(source),
        };
        self.watched.get(&0, 0).map(|wire| wire.0).map_err(access)
    }

    fn watch(&mut self, table: &Table) -> Result<(), Error> {
        let access = |source| Error::Access {
            map: "WATCHED",
            source: Box::new(source),
        };
        self.watched
            .set(0, Wire(table::watched(table)), 0)
            .map_err(access)
    }

    /// Swaps the decision, as one. What is watched covers both the old and the new one meanwhile.
    fn swap(&mut self, table: &Table) -> Result<(), Error> {
        let access = |source| Error::Access {
            map: "DECISION",
            source: Box::new(source),
        };
        let decision = table::encode(table)?;
        let old = self.table()?;
        self.watch(&table.or(&old))?;
        let mut inner = Array::create(1, 0).map_err(access)?;
        inner.set(0, Wire(*decision), 0).map_err(access)?;
        self.decision.set(0, &inner, 0).map_err(access)?;
        self.watch(table)
    }

    fn detach(&self, hook: Hook) -> Result<(), Error> {
        let pin = self.pin(hook);
        if !pin.exists() {
            return Ok(());
        }
        let link = |source: Box<dyn std::error::Error + Send + Sync>| Error::Link { hook, source };
        let pinned = PinnedLink::from_pin(&pin).map_err(|error| link(Box::new(error)))?;
        // Dropping the last reference detaches.
        drop(pinned.unpin().map_err(|error| link(Box::new(error)))?);
        Ok(())
    }
}

impl Kernel for Programs {
    fn observe(&mut self) -> Result<KernelState, Error> {
        let mut hooks = std::collections::BTreeSet::new();
        for hook in Hook::ALL {
            let pin = self.pin(hook);
            if pin.exists() && PinnedLink::from_pin(&pin).is_ok() {
                hooks.insert(hook);
            }
        }
        Ok(KernelState {
            table: self.table()?,
            hooks,
        })
    }

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Swap(table) => self.swap(table),
            Step::Attach(hook) => {
                let pin = self.pin(*hook);
                if pin.exists() && PinnedLink::from_pin(&pin).is_ok() {
                    return Ok(());
                }
                let attached = self.attach(*hook);
                if let Err(error @ Error::Attach { .. }) = &attached
                    && self.can_have(*hook)
                {
                    self.lacking.hooks.insert(*hook, chain(error));
                }
                attached
            }
            Step::Detach(hook) => self.detach(*hook),
        }
    }

    fn prepare(&mut self) {
        if let Err(error) = self.load(Hook::SocketCreate) {
            tracing::warn!("{}", chain(&error));
        }
    }

    fn lacking(&self) -> Lacking {
        self.lacking.clone()
    }

    fn retire(&mut self) -> Result<(), Error> {
        let pins = |source| Error::Pins {
            path: PINS.to_owned(),
            source,
        };
        for entry in std::fs::read_dir(PINS).map_err(pins)? {
            let other = entry.map_err(pins)?.path();
            if other == self.folder {
                continue;
            }
            tracing::info!(
                "letting go of what an earlier build left in {}",
                other.display()
            );
            std::fs::remove_dir_all(&other).map_err(pins)?;
        }
        Ok(())
    }

    fn refusals(&mut self, counter: u16) -> u64 {
        self.refusals
            .get(&u32::from(counter), 0)
            .unwrap_or_default()
    }

    fn permit(&mut self, what: Permission) -> Result<(), Error> {
        let us = u64::from(std::process::id());
        let thread = u64::try_from(nix::unistd::gettid().as_raw()).unwrap_or_default();
        let (pid_tgid, mode, major, minor) = match what {
            Permission::Look { major, minor } => (us << 32 | thread, PERMIT_LOOK, major, minor),
            Permission::Use => (us << 32 | thread, PERMIT_USE, 0, 0),
            Permission::Probe { process } => {
                let them = u64::from(process);
                (them << 32 | them, PERMIT_PROBE, 0, 0)
            }
        };
        let permit = Permit {
            pid_tgid,
            until_ns: refusals::boot_ns().saturating_add(PERMIT_NS),
            mode,
            major,
            minor,
            reserved: 0,
        };
        self.permit
            .set(0, Wire(permit), 0)
            .map_err(|source| Error::Access {
                map: "PERMIT",
                source: Box::new(source),
            })
    }

    fn revoke_permit(&mut self) {
        if let Err(error) = self.permit.set(0, Wire(Permit::default()), 0) {
            // It is void by itself within a fraction of a second.
            tracing::warn!("could not take back a permission: {error}");
        }
    }
}

/// What this machine lacks, as far as it says so itself. Where it says nothing, trying tells.
fn lacking() -> Lacking {
    let mut lacking = Lacking::default();
    let modules = std::fs::read_to_string(MODULES);
    if let Ok(modules) = &modules
        && !modules.trim().split(',').any(|module| module == "bpf")
    {
        for hook in Hook::ALL.into_iter().filter(|hook| hook.is_lsm()) {
            let why = "`bpf` is not among the security modules of this kernel (`lsm=`)";
            lacking.hooks.insert(hook, why.to_owned());
        }
    }
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        let why = "cgroup v2 is not mounted at /sys/fs/cgroup";
        lacking.hooks.insert(Hook::DeviceOpen, why.to_owned());
    }
    lacking
}

/// Opens a pinned map as what it is.
fn open_map<T>(folder: &Path, name: &'static str, wrap: fn(MapData) -> Map) -> Result<T, Error>
where
    T: TryFrom<Map, Error = MapError>,
{
    let path = folder.join(name);
    let failed = |source| Error::Map {
        path: path.display().to_string(),
        source: Box::new(source),
    };
    T::try_from(wrap(MapData::from_pin(&path).map_err(failed)?)).map_err(failed)
}
