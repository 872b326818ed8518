//! Storage goes without losing data: what is mounted is unmounted before its device is taken, and
//! what may only be read is mounted anew for reading before its block device is closed for writing.
//!
//! Writing back what waits can take longer than the agent's loop may stand still. So it happens on a
//! thread of its own, in stages that the turns of the loop see as “not yet”:
//!
//! 1. A turn finds mounts: it says so in the log, starts the thread, and falls short for now. New
//!    opens of the block devices are refused by the kernel programs meanwhile.
//! 2. The thread unmounts: what nobody uses at once, which writes everything back; what is in use is
//!    made read-only as soon as it lets itself, and has [`unmount::GRACE`]. Then everything is written
//!    back once more and the mount is taken out of sight, whoever uses it.
//! 3. It sends a `change` event for the device, which nudges the loop; should that fail, the loop's
//!    own retry brings the next turn. That turn finds the thread done, and takes the device.
//!
//! A device that does not answer cannot hold this up for ever: after [`LONGEST`] it is taken.

mod blocks;
mod elsewhere;
mod read_only;
mod unmount;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) use blocks::{Block, Mount};
pub(super) use unmount::System;

use super::sysfs::Sysfs;
use crate::devices::usb::{Appearance, Attached};

/// Longest that writing back may take: some 600 MB on a slow stick.
const LONGEST: Duration = Duration::from_mins(2);

/// What is to become of mounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// They go.
    Unmount,
    /// They may only be read.
    ReadOnly,
}

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::Unmount => "unmounted",
            Self::ReadOnly => "mounted anew for reading only",
        }
    }
}

/// What became of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// As it was to be, everything written back.
    Clean,
    /// Something was still in use, or could not be reached; what.
    Forced(String),
}

/// What changes mounts and block devices.
pub(super) trait Disks: Debug + Send + Sync {
    /// Takes mounts down, innermost last in the list. May take long.
    fn take_down(&self, mounts: &[Mount], manner: Manner) -> Outcome;

    /// Writes back everything that waits, wherever it is mounted. May take long.
    fn write_back(&self);

    /// Makes a block device read-only, or writable again.
    fn set_read_only(&self, block: &str, is_read_only: bool) -> io::Result<()>;
}

/// How far a device's mounts have come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Nothing is mounted any more that must not be.
    Clear,
    /// The same, but somebody may still write.
    Forced,
    /// Not yet; in one sentence.
    Busy(String),
}

/// A thread that takes mounts down.
#[derive(Debug)]
struct Running {
    thread: JoinHandle<Outcome>,
    since: Instant,
    manner: Manner,
}

/// The mounts of USB devices.
#[derive(Debug)]
pub(super) struct Storage {
    class: PathBuf,
    mountinfo: PathBuf,
    /// Where the processes of the machine are told of.
    processes: PathBuf,
    disks: Arc<dyn Disks>,
    running: BTreeMap<Appearance, Running>,
}

impl Storage {
    /// The block devices of a sysfs, the mounts of a `mountinfo` file, the processes of a procfs, and what changes
    /// mounts and devices.
    pub(super) fn new(
        sysfs: &Path,
        mountinfo: &Path,
        processes: &Path,
        disks: Arc<dyn Disks>,
    ) -> Self {
        Self {
            class: sysfs.join("class/block"),
            mountinfo: mountinfo.to_owned(),
            processes: processes.to_owned(),
            disks,
            running: BTreeMap::new(),
        }
    }

    pub(super) fn blocks(&self, attached: &Attached) -> Vec<Block> {
        blocks::blocks(&self.class, attached)
    }

    /// What sysfs says of a block device: `Some(true)` when it may only be read.
    pub(super) fn is_read_only(&self, block: &str) -> Option<bool> {
        Sysfs::read(&self.class.join(block), "ro").map(|text| text != "0")
    }

    pub(super) fn set_read_only(&self, block: &str, is_read_only: bool) -> io::Result<()> {
        self.disks.set_read_only(block, is_read_only)
    }

    /// Who shares memory with one of these, and so may write to it though it is read-only.
    pub(super) fn mapped(&self, blocks: &[Block]) -> Option<String> {
        elsewhere::mapped(&self.processes, blocks)
    }

    /// Whether the system runs from a device: `/` is on it, or the agent itself.
    pub(super) fn is_system(&self, attached: &Attached) -> bool {
        let blocks = self.blocks(attached);
        let holds_agent = agent_lies_on().is_some_and(|number| {
            let mut numbers = blocks.iter().map(|block| &block.number);
            numbers.any(|one| *one == number)
        });
        let mounts = blocks::mounts(&self.mountinfo, &blocks);
        holds_agent || mounts.iter().any(|mount| mount.target == Path::new("/"))
    }

    /// Forgets what has gone. Its thread ends by itself.
    pub(super) fn prune(&mut self, attached: &[Attached]) {
        self.running
            .retain(|appearance, _| attached.iter().any(|one| one.appearance == *appearance));
    }

    /// Brings a device's mounts one stage on.
    pub(super) fn prepare(&mut self, attached: &Attached, manner: Manner) -> Stage {
        let label = attached.label();
        let Some(running) = self.running.remove(&attached.appearance) else {
            return self.begin(attached, manner);
        };
        if running.thread.is_finished() {
            return match running.thread.join() {
                Ok(Outcome::Clean) => Stage::Clear,
                Ok(Outcome::Forced(what)) => {
                    tracing::warn!("{label}: {what}");
                    Stage::Forced
                }
                Err(_) => Stage::Forced,
            };
        }
        if running.since.elapsed() > LONGEST {
            tracing::error!(
                "{label} does not take what is to be written to it; it is not waited for"
            );
            return Stage::Forced;
        }
        let problem = format!("{label} is being {}", running.manner.name());
        self.running.insert(attached.appearance.clone(), running);
        Stage::Busy(problem)
    }

    fn begin(&mut self, attached: &Attached, manner: Manner) -> Stage {
        let blocks = self.blocks(attached);
        let mut mounts = blocks::mounts(&self.mountinfo, &blocks);
        mounts.retain(|mount| manner == Manner::Unmount || mount.is_writable);
        let mut targets: Vec<String> = mounts
            .iter()
            .map(|mount| mount.target.display().to_string())
            .collect();
        if mounts.is_empty() {
            match elsewhere::mounted(&self.processes, &blocks) {
                Some(who) => targets.push(who),
                None => return Stage::Clear,
            }
        }
        let problem = format!(
            "{} is being {}: {}",
            attached.label(),
            manner.name(),
            targets.join(", ")
        );
        tracing::warn!("{problem}");
        let disks = Arc::clone(&self.disks);
        let folder = attached.syspath.clone();
        let processes = self.processes.clone();
        let thread = std::thread::Builder::new()
            .name("unmount".to_owned())
            .spawn(move || {
                let outcome = take_down(&*disks, &mounts, manner, &processes, &blocks);
                if let Err(error) = Sysfs::write(&folder, "uevent", "change") {
                    tracing::debug!("cannot tell of {}: {error}", folder.display());
                }
                outcome
            });
        match thread {
            Ok(thread) => {
                let running = Running {
                    thread,
                    since: Instant::now(),
                    manner,
                };
                self.running.insert(attached.appearance.clone(), running);
                Stage::Busy(problem)
            }
            Err(error) => Stage::Busy(format!("{problem}; no thread for it: {error}")),
        }
    }
}

/// Takes down what the system shows, and then writes back what is mounted elsewhere still: what is mounted for others as
/// well goes with the first.
fn take_down(
    disks: &dyn Disks,
    mounts: &[Mount],
    manner: Manner,
    processes: &Path,
    blocks: &[Block],
) -> Outcome {
    let outcome = match mounts {
        [] => Outcome::Clean,
        _ => disks.take_down(mounts, manner),
    };
    let Some(who) = elsewhere::mounted(processes, blocks) else {
        return outcome;
    };
    disks.write_back();
    let told = format!("{who}; it was written back");
    Outcome::Forced(match outcome {
        Outcome::Clean => told,
        Outcome::Forced(first) => format!("{first}; {told}"),
    })
}

/// The number of the block device on which the running agent lies, as mountinfo writes it.
fn agent_lies_on() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let device = std::fs::metadata("/proc/self/exe").ok()?.dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    Some(format!("{major}:{minor}"))
}
