//! The kernel programs: loaded, attached and pinned, or found as an earlier run left them.
//!
//! Everything is pinned below `/sys/fs/bpf/cardwarden/<build>/`, where `<build>` is the hash of the
//! built-in object. A restart of the same build opens its pins and changes nothing. Another build
//! makes its own folder, brings itself fully into force, and only then lets the older go
//! ([`Kernel::retire`]): refusals add up, so there is no gap.

mod attach;
pub(crate) mod guard;
mod in_force;
pub(crate) mod loader;
mod loading;
mod object;
mod offsets;
pub(crate) mod refusals;
pub(crate) mod syscall;
mod table;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use aya::maps::{Array, Map, MapData, MapError, RingBuf};
use aya::programs::links::PinnedLink;
use cardwarden_ebpf_abi::{OpenFile, PERMIT_LOOK, PERMIT_PROBE, PERMIT_USE, Permit};
use cardwarden_policy::explain::chain;
use cardwarden_policy::plan::Lacking;
use cardwarden_policy::{Guarding, Hook, KernelState, Step, Table};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use super::{Error, GuardState, Kernel, Permission};
use crate::settings::Folders;
use attach::link_pin;
use guard::Guard;
use in_force::InForce;
use loader::Failure;
use wire::Wire;

/// Where builds have their folders.
const PINS: &str = "/sys/fs/bpf/cardwarden";
/// The security modules that are in use.
const MODULES: &str = "/sys/kernel/security/lsm";
/// The programs that tell who has something open, and who has it mapped.
const OPEN_FILES: &str = "open_files";
const MAPPED_FILES: &str = "mapped_files";
/// How long a permission lasts, in nanoseconds.
const PERMIT_NS: u64 = 200_000_000;

/// The real kernel.
pub(crate) struct Programs {
    folder: PathBuf,
    second_lock: bool,
    lacking: Lacking,
    in_force: InForce,
    /// Hooks that threads are attaching, and what failed.
    under_way: Vec<(Vec<Hook>, JoinHandle<Vec<Error>>)>,
    /// Programs that a thread is loading ahead, and what this machine does not take of them.
    loading: Option<JoinHandle<Result<Vec<Failure>, Error>>>,
    refusals: Array<MapData, u64>,
    permit: Array<MapData, Wire<Permit>>,
    guard: Guard,
}

impl Programs {
    /// Opens what an earlier run left, or makes the maps. Attaches nothing. `second_lock` says
    /// whether `file_open` may be asked for; `folders` are the agent's own.
    pub(crate) fn open(second_lock: bool, folders: &Folders) -> Result<Self, Error> {
        guard::admits_us(folders)?;
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
            loader::load(&folder, &[Hook::DeviceOpen.program()])?;
        }
        Ok(Self {
            in_force: InForce::open(&folder)?,
            under_way: Vec::new(),
            loading: None,
            refusals: open_map(&folder, "CWD_REFUSALS", Map::Array)?,
            permit: open_map(&folder, "CWD_PERMIT", Map::Array)?,
            guard: Guard::open(&folder, folders),
            folder,
            second_lock,
            lacking: lacking(),
        })
    }

    /// The ring buffer of refusals.
    pub(crate) fn events(&self) -> Result<RingBuf<MapData>, Error> {
        open_map(&self.folder, "CWD_EVENTS", Map::RingBuf)
    }

    /// Rung when the guard has risen, or could not.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        self.guard.bell()
    }

    /// Whether a guard stands that an earlier run raised: only for a company's sake.
    pub(crate) const fn is_guarded(&self) -> bool {
        self.guard.is_up()
    }

    fn can_have(&self, hook: Hook) -> bool {
        !self.lacking.hooks.contains_key(&hook) && !self.lacking.needless.contains(&hook)
    }

    /// Attaches the program of a hook and pins the link.
    fn attach(&mut self, hook: Hook) -> Result<(), Error> {
        if !loader::pin(&self.folder, hook.program()).exists() {
            self.load(hook)?;
        }
        attach::attach(&self.folder, hook)
    }

    /// Remembers that this machine cannot have a hook.
    fn note(&mut self, error: &Error) {
        if let Error::Attach { hook, .. } = error
            && self.can_have(*hook)
        {
            self.lacking.hooks.insert(*hook, chain(error));
        }
    }

    /// What an iterator tells, if it is loaded.
    fn told_by(&self, program: &str) -> Option<Vec<OpenFile>> {
        let pin = loader::pin(&self.folder, program);
        if !pin.exists() {
            return None;
        }
        match attach::open_files(&pin) {
            Ok(files) => Some(files),
            Err(error) => {
                tracing::warn!("cannot ask the kernel who has something open: {error}");
                None
            }
        }
    }

    fn is_under_way(&self, hook: Hook) -> bool {
        self.under_way
            .iter()
            .any(|(hooks, _)| hooks.contains(&hook))
    }

    fn is_attached(&self, hook: Hook) -> bool {
        let pin = self.pin(hook);
        pin.exists() && PinnedLink::from_pin(&pin).is_ok()
    }

    fn start(&mut self, hooks: Vec<Hook>) -> Result<(), Error> {
        if hooks.is_empty() {
            return Ok(());
        }
        let (folder, own) = (self.folder.clone(), hooks.clone());
        let each = move || {
            let failed = |hook: Hook| attach::attach(&folder, hook).err();
            own.into_iter().filter_map(failed).collect()
        };
        let thread = Builder::new().name("attach".to_owned()).spawn(each);
        let thread = thread.map_err(|source| Error::Thread { source })?;
        self.under_way.push((hooks, thread));
        Ok(())
    }

    fn pin(&self, hook: Hook) -> PathBuf {
        link_pin(&self.folder, hook)
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
        if self.loading.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish_loading();
        }
        let holds = |hook: &Hook| self.is_under_way(*hook) || self.is_attached(*hook);
        let hooks = Hook::ALL.into_iter().filter(holds).collect();
        Ok(KernelState {
            table: self.in_force.table()?,
            hooks,
        })
    }

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Swap(table) => self.in_force.swap(table),
            Step::Attach(hook) => {
                if self.is_under_way(*hook) {
                    self.settle()?;
                }
                if self.is_attached(*hook) {
                    return Ok(());
                }
                let attached = self.attach(*hook);
                attached.inspect_err(|error| self.note(error))
            }
            Step::Detach(hook) => {
                if self.is_under_way(*hook) {
                    self.settle()?;
                }
                self.detach(*hook)
            }
        }
    }

    fn begin(&mut self, hooks: &[Hook]) -> Result<(), Error> {
        let is_new = |hook: &Hook| !self.is_under_way(*hook) && !self.is_attached(*hook);
        let hooks: Vec<Hook> = hooks.iter().copied().filter(is_new).collect();
        for hook in &hooks {
            if !loader::pin(&self.folder, hook.program()).exists() {
                self.load(*hook)?;
            }
        }
        // The first program of all on an LSM hook waits for every task of the machine
        // (`synchronize_rcu_tasks`, `kernel/trace/ftrace.c`); it refuses before that.
        let is_there =
            |hook: &Hook| hook.is_lsm() && (self.is_under_way(*hook) || self.pin(*hook).exists());
        let apart = usize::from(!Hook::ALL.iter().any(is_there));
        let (first, others) = hooks.split_at(apart.min(hooks.len()));
        self.start(first.to_vec())?;
        self.start(others.to_vec())
    }

    fn settle(&mut self) -> Result<(), Error> {
        let mut first = None;
        for (_, thread) in std::mem::take(&mut self.under_way) {
            let gone = |_panic| {
                let source = std::io::Error::other("it ended before its time");
                vec![Error::Thread { source }]
            };
            for error in thread.join().unwrap_or_else(gone) {
                tracing::warn!("{}", chain(&error));
                self.note(&error);
                first.get_or_insert(error);
            }
        }
        self.in_force.settle()?;
        first.map_or(Ok(()), Err)
    }

    fn swap_ahead(&mut self, table: &Table) {
        if let Err(error) = self.in_force.make_ready(table) {
            tracing::debug!("not made ahead: {}", chain(&error));
        }
    }

    fn doubt(&mut self) {
        self.in_force.forget();
    }

    fn open_files(&mut self) -> Option<Vec<OpenFile>> {
        self.told_by(OPEN_FILES)
    }

    fn mapped_files(&mut self) -> Vec<OpenFile> {
        self.told_by(MAPPED_FILES).unwrap_or_default()
    }

    fn prepare(&mut self) {
        self.finish_loading();
        let missing = self.missing();
        if missing.is_empty() {
            return;
        }
        // Reading the kernel's types takes seconds on a slow machine that is just starting.
        let folder = self.folder.clone();
        let named = Builder::new().name("load".to_owned());
        match named.spawn(move || loader::load(&folder, &missing)) {
            Ok(thread) => self.loading = Some(thread),
            Err(error) => tracing::warn!("programs are loaded when they are needed: {error}"),
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

    fn guard(&mut self, wanted: Option<Guarding>) {
        if wanted.is_some() && self.lacking.hooks.contains_key(&Hook::SocketCreate) {
            self.guard.cannot();
        } else {
            self.guard.keep(wanted);
        }
    }

    fn guarded(&mut self) -> GuardState {
        self.guard.state()
    }

    fn doubt_guard(&mut self) {
        self.guard.doubt();
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
                map: "CWD_PERMIT",
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
