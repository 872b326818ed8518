//! The guard: keeps what is in force, and the agent, from everybody else ([`cardwarden_ebpf_abi::guard`]).
//!
//! It rises in a thread, since attaching two dozen programs takes longer than a card's reader has patience,
//! and holds on without the agent like all that is pinned.

mod home;
pub(crate) mod kept;
pub(crate) mod mark;
pub(crate) mod programs;
mod seal;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use aya::maps::{Array, Map, MapData, MapError};
use aya::programs::Lsm;
use aya::programs::links::{FdLink, PinnedLink};
use cardwarden_ebpf_abi::guard::{
    GUARD_AGENT, GUARD_CLOCK, GUARD_DEVICES, GUARD_GADGET, GUARD_INFRARED, GUARD_RADIO, Guarded,
    Home,
};
use cardwarden_policy::Guarding;
use cardwarden_policy::explain::chain;
use tokio::sync::Notify;

use super::wire::Wire;
use super::{PINS, loader, open_map, syscall};
use crate::enforce::{Error, GuardState};
use crate::settings::Folders;
use programs::{CLOCK, GuardProgram, STANDING};

/// The guard, as the agent sees it.
pub(super) struct Guard {
    folder: PathBuf,
    /// The agent's own.
    folders: Folders,
    stance: Stance,
    /// Rung when it has risen, or failed to.
    risen: Arc<Notify>,
}

enum Stance {
    Down,
    Rising(Guarding, JoinHandle<Result<(), Error>>),
    Up(Guarding),
    /// Why, and when it was.
    Failed(String, Instant),
    /// This machine cannot have it.
    Lacking,
}

/// How long to wait before it is tried again.
const AGAIN: Duration = Duration::from_mins(5);

impl Guard {
    /// Finds it as an earlier run left it. `folders` are the agent's own.
    pub(super) fn open(folder: &Path, folders: &Folders) -> Self {
        Self {
            folder: folder.to_owned(),
            folders: folders.clone(),
            stance: standing(folder).map_or(Stance::Down, Stance::Up),
            risen: Arc::default(),
        }
    }

    /// Rung when the state has changed by itself.
    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.risen)
    }

    /// Has it keep this; nothing, where nothing is wanted.
    pub(super) fn keep(&mut self, wanted: Option<Guarding>) {
        self.finish();
        let Some(wanted) = wanted else {
            self.lower();
            return;
        };
        if matches!(&self.stance, Stance::Failed(_, at) if at.elapsed() < AGAIN) {
            return;
        }
        match &self.stance {
            Stance::Up(now) if *now == wanted => {}
            Stance::Up(_) => {
                let change = aim(&self.folder, wanted);
                self.stance = match change {
                    Ok(()) => Stance::Up(wanted),
                    Err(error) => failed(chain(&error)),
                };
            }
            Stance::Rising(..) => {}
            Stance::Down | Stance::Failed(..) | Stance::Lacking => self.rise(wanted),
        }
    }

    /// Notes that this machine cannot have it.
    pub(super) fn cannot(&mut self) {
        self.stance = Stance::Lacking;
    }

    /// Whether an earlier run left it standing.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.stance, Stance::Up(_))
    }

    /// Looks anew whether it stands: an attempt showed that it does not.
    pub(super) fn doubt(&mut self) {
        if let Stance::Up(_) = self.stance {
            self.stance = match standing(&self.folder) {
                Some(_) => failed("it is attached, and nothing is refused".to_owned()),
                None => Stance::Down,
            };
        }
    }

    /// How it stands.
    pub(super) fn state(&mut self) -> GuardState {
        self.finish();
        match &self.stance {
            Stance::Down => GuardState::Down,
            Stance::Rising(..) => GuardState::Rising,
            Stance::Up(_) => GuardState::Up,
            Stance::Failed(why, _) => GuardState::Failed(why.clone()),
            Stance::Lacking => GuardState::Lacking,
        }
    }

    fn rise(&mut self, wanted: Guarding) {
        let (folder, folders) = (self.folder.clone(), self.folders.clone());
        let bell = Arc::clone(&self.risen);
        let rise = move || {
            let risen = raise(&folder, &folders, wanted);
            bell.notify_one();
            risen
        };
        self.stance = match Builder::new().name("guard".to_owned()).spawn(rise) {
            Ok(thread) => Stance::Rising(wanted, thread),
            Err(error) => failed(error.to_string()),
        };
    }

    /// Takes note of what a thread has come to.
    fn finish(&mut self) {
        match std::mem::replace(&mut self.stance, Stance::Down) {
            Stance::Rising(wanted, thread) if thread.is_finished() => {
                self.stance = match thread.join() {
                    Ok(Ok(())) => {
                        tracing::info!("the guard stands");
                        Stance::Up(wanted)
                    }
                    Ok(Err(error)) => {
                        tracing::warn!("no guard: {}", chain(&error));
                        failed(chain(&error))
                    }
                    Err(_panic) => failed("it ended before its time".to_owned()),
                };
            }
            same @ (Stance::Down
            | Stance::Rising(..)
            | Stance::Up(_)
            | Stance::Failed(..)
            | Stance::Lacking) => self.stance = same,
        }
    }

    /// Lets everything go.
    fn lower(&mut self) {
        if let Stance::Rising(_, thread) = std::mem::replace(&mut self.stance, Stance::Down) {
            // It is soon done; what it attached is let go below.
            drop(thread.join());
        }
        for one in STANDING.into_iter().chain([CLOCK]) {
            let pin = link(&self.folder, one);
            if pin.exists()
                && let Err(error) = detach(&pin)
            {
                tracing::warn!("{} still stands: {error}", one.name);
                self.stance = failed(error.to_string());
            }
        }
    }
}

fn failed(why: String) -> Stance {
    Stance::Failed(why, Instant::now())
}

/// Whether the guard of an earlier start, where one stands, may take this process for the agent; it is from here on.
///
/// This process must see what that one saw: another start may have other libraries, or other folders under the same
/// names. So that nobody changes them after the look, it gets mounts of its own first; what is mounted elsewhere comes
/// in no more, and nobody gets into them (`guard_trace` of the kernel programs).
pub(super) fn admits_us(folders: &Folders) -> Result<(), Error> {
    let code = home::libraries().unwrap_or_default();
    let own: Vec<&Path> = folders
        .all()
        .chain(code.iter().map(|file| &**file))
        .collect();
    let sealed = seal::seal(&own).inspect_err(|error| {
        tracing::warn!("the agent has no mounts of its own: {error}");
    });
    let Ok(builds) = std::fs::read_dir(PINS) else {
        return Ok(());
    };
    let stands = |folder: &PathBuf| STANDING.iter().any(|one| link(folder, *one).exists());
    let builds = builds.filter_map(|build| Some(build.ok()?.path()));
    for folder in builds.filter(stands) {
        if let Err(error) = &sealed {
            return Err(stranger(format!(
                "it cannot have mounts of its own: {error}"
            )));
        }
        let home = open_home(&folder).map_err(|error| stranger(chain(&error)))?;
        let known = home.get(&0, 0).map_err(access("CWD_HOME"))?.0;
        let found = home::find(&folder, &with_pins(folders), None)?;
        if found.folders != known.folders || found.pins != known.pins {
            let problem = "its folders are not those that the guard keeps";
            return Err(stranger(problem.to_owned()));
        }
        mark::give(&folder).map_err(|source| Error::Mark { source })?;
    }
    Ok(())
}

fn stranger(problem: String) -> Error {
    Error::Stranger { problem }
}

/// What an earlier run left guarded, if all of it still stands.
fn standing(folder: &Path) -> Option<Guarding> {
    let is_attached =
        |one: &GuardProgram| link(folder, *one).exists() || !loader::pin(folder, one.name).exists();
    if !link(folder, STANDING[0]).exists() || !STANDING.iter().all(is_attached) {
        return None;
    }
    let guarded = open_map(folder, "CWD_GUARDED", Map::Array).ok()?;
    let guarded: Array<MapData, Wire<Guarded>> = guarded;
    let what = guarded.get(&0, 0).ok()?.0.what;
    let has = |bit| what & bit != 0;
    has(GUARD_AGENT).then_some(Guarding {
        devices: has(GUARD_DEVICES),
        radio: has(GUARD_RADIO),
        infrared: has(GUARD_INFRARED),
        gadget: has(GUARD_GADGET),
        clock: has(GUARD_CLOCK),
    })
}

/// The agent's folders, and that of the pins of every build.
fn with_pins(folders: &Folders) -> Vec<PathBuf> {
    folders
        .all()
        .chain([Path::new(PINS)])
        .map(Path::to_owned)
        .collect()
}

/// Where the link of a program is pinned.
fn link(folder: &Path, program: GuardProgram) -> PathBuf {
    folder.join(format!("link_{}", program.name))
}

fn detach(pin: &Path) -> Result<(), Box<dyn std::error::Error>> {
    drop(PinnedLink::from_pin(pin)?.unpin()?);
    Ok(())
}

/// Brings it up, from whatever an earlier run left.
fn raise(folder: &Path, folders: &Folders, wanted: Guarding) -> Result<(), Error> {
    let missing: Vec<&str> = programs::all()
        .map(|one| one.name)
        .filter(|name| !loader::pin(folder, name).exists())
        .collect();
    if !missing.is_empty() {
        loader::load(folder, &missing)?;
    }
    settle_in(folder, folders)?;
    mark::give(folder).map_err(|source| Error::Mark { source })?;
    aim(folder, wanted)?;
    for one in STANDING {
        attach(folder, one)?;
    }
    Ok(())
}

/// Says where the agent is at home, unless that is said.
fn settle_in(folder: &Path, folders: &Folders) -> Result<(), Error> {
    let known = open_home(folder)?.get(&0, 0).map_err(access("CWD_HOME"))?.0;
    if known.executable.device != 0 {
        if known.is_executable(home::executable(folder)?) {
            return Ok(());
        }
        start_anew(folder)?;
    }
    // Without room for it, a package's new version has nobody to stand in for it.
    let kept = kept::keep(&folders.state)
        .inspect_err(|error| tracing::warn!("no copy of the executable is kept: {error}"));
    let found = home::find(folder, &with_pins(folders), kept.ok().as_deref())?;
    let kept = open_home(folder)?.set(0, Wire(found), 0);
    kept.map_err(access("CWD_HOME"))?;
    let frozen = MapData::from_pin(folder.join("CWD_HOME")).map_err(access("CWD_HOME"))?;
    syscall::freeze(&frozen).map_err(|source| Error::Mark { source })
}

fn open_home(folder: &Path) -> Result<Array<MapData, Wire<Home>>, Error> {
    open_map(folder, "CWD_HOME", Map::Array)
}

/// Loads the guard once more: what it was told of an earlier version of the agent cannot be changed. None of it is
/// attached, or that version would run.
fn start_anew(folder: &Path) -> Result<(), Error> {
    let programs: Vec<&str> = programs::all().map(|one| one.name).collect();
    let pins = programs.iter().map(|name| loader::pin(folder, name));
    for pin in pins.chain([folder.join("CWD_HOME")]) {
        let_go(&pin)?;
    }
    loader::load(folder, &programs).map(drop)
}

fn let_go(pin: &Path) -> Result<(), Error> {
    match std::fs::remove_file(pin) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::Pins {
            path: pin.display().to_string(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Says what is guarded beside the agent, and has the clock's program follow.
fn aim(folder: &Path, wanted: Guarding) -> Result<(), Error> {
    let mut guarded: Array<MapData, Wire<Guarded>> = open_map(folder, "CWD_GUARDED", Map::Array)?;
    let new = Guarded { what: bits(wanted) };
    guarded
        .set(0, Wire(new), 0)
        .map_err(access("CWD_GUARDED"))?;
    if wanted.clock {
        return attach(folder, CLOCK);
    }
    let pin = link(folder, CLOCK);
    if pin.exists()
        && let Err(error) = detach(&pin)
    {
        tracing::warn!("the clock is still kept: {error}");
    }
    Ok(())
}

const fn bits(wanted: Guarding) -> u32 {
    const fn bit(is_on: bool, bit: u32) -> u32 {
        if is_on { bit } else { 0 }
    }
    GUARD_AGENT
        | bit(wanted.devices, GUARD_DEVICES)
        | bit(wanted.radio, GUARD_RADIO)
        | bit(wanted.infrared, GUARD_INFRARED)
        | bit(wanted.gadget, GUARD_GADGET)
        | bit(wanted.clock, GUARD_CLOCK)
}

/// Attaches a program and pins its link, unless it is attached. A hook that this kernel does not have leaves
/// open what it would keep, which the log says.
fn attach(folder: &Path, one: GuardProgram) -> Result<(), Error> {
    let pin = link(folder, one);
    if pin.exists() {
        return Ok(());
    }
    let program = loader::pin(folder, one.name);
    if !program.exists() {
        tracing::warn!(
            "this kernel has no `{}`: not guarded: {}",
            one.hook,
            one.keeps
        );
        return Ok(());
    }
    let failed = |source| Error::Program {
        name: one.name.to_owned(),
        source: Box::new(source),
    };
    let mut program = Lsm::from_pin(&program).map_err(failed)?;
    let id = program.attach().map_err(failed)?;
    let attached: FdLink = program.take_link(id).map_err(failed)?.into();
    attached.pin(&pin).map(drop).map_err(|source| Error::Pin {
        path: pin.display().to_string(),
        source: Box::new(source),
    })
}

const fn access(map: &'static str) -> impl FnOnce(MapError) -> Error {
    move |source| Error::Access {
        map,
        source: Box::new(source),
    }
}
