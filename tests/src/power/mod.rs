//! Power cuts at every write of the state. Five hundred real ones would take hours; so a machine's writes are recorded
//! with their flushes while policies come, every disk that a cut would have left is built from the record, and what
//! must hold is asked of each: by the file system's own tools of all, by the agent itself of some, and by a machine
//! that is started from one.

mod judge;
mod record;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::image::Image;
use crate::lab;
use crate::machine::Machine;
use crate::machine::accelerator::Accelerator;
use crate::machine::qemu::RECORD;
use crate::pins::System;
use crate::run::Run;
use crate::say::progress;
use crate::scenario::{CAMERA, LOOSE, OFFICE, expect, unguarded};
use record::{Cut, Rebuilt, Record};

/// Where the state lies in the machine, with what comes with it.
const STATE: &str = "/var/lib/cardwarden/state.json";

/// Of disks on which something was lost, so many are kept.
const KEPT: usize = 3;

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// Writes to the disk while policies came.
    pub writes: usize,
    /// Disks that were built, each as one power cut would have left it.
    pub cuts: usize,
    /// Of them, how many had lost something that was said to be in force or to be told, or had something torn.
    pub lost: usize,
    /// Different states among them that an agent was started with.
    pub starts: usize,
    /// Of them, how many with another rule in force than the state's.
    pub gaps: usize,
}

/// What the agent had said by some moment.
#[derive(Clone, Debug)]
struct Promise {
    /// The entries in the record by then.
    entries: usize,
    /// The policy that was sent last; none where the card's is in force.
    statement: Option<String>,
    /// The outcomes that wait for the server, by the names of their files.
    outcomes: BTreeSet<String>,
}

/// Whether the camera is off by this policy: they take it and give it in turns.
const fn takes(policy: usize) -> bool {
    policy % 2 == 1
}

/// Sends `changes` policies, cuts the power at every write of that, and looks; `starts` of the states get an agent.
pub fn cut(system: impl Into<System>, changes: usize, starts: usize) -> Result<Found> {
    let (mut machine, image, first) = lab::recorded(system, &preparation(changes))?;
    let result = cut_in(&mut machine, &first, changes, starts);
    if result.is_err() {
        machine.keep_evidence();
    }
    let (found, disk, policy) = result?;
    // A copy of its own, for the machine's folder goes with the machine.
    let kept = crate::place::lab("run")?.join(format!("{}-cut.ext4", std::process::id()));
    std::fs::rename(&disk, &kept).context("keep a disk")?;
    drop(machine);
    let started = start_from(&image, &kept, policy);
    std::fs::remove_file(&kept).context("remove a disk")?;
    started.context("the machine that was started after a power cut")?;
    Ok(found)
}

/// A camera, a card, and the policies that will be sent; no server, so that outcomes wait.
fn preparation(changes: usize) -> String {
    let (off, on) = (unguarded(OFFICE), unguarded(LOOSE));
    format!(
        "set -e\nlab plug camera\n\
         cat >/srv/off.toml <<'END'\n{off}END\ncat >/srv/on.toml <<'END'\n{on}END\n\
         lab card insert /srv/off.toml --version 1\nlab settle 60 --reported\n\
         for each in $(seq 2 {last}); do\n\
         if [ $((each % 2)) = 1 ]; then policy=off; else policy=on; fi\n\
         lab send /srv/$policy.toml --version $each --out /srv/sent-$each\ndone\n\
         systemctl stop cardwarden-server\nsync\n",
        last = changes + 1
    )
}

fn cut_in(
    machine: &mut Machine,
    first: &Path,
    changes: usize,
    starts: usize,
) -> Result<(Found, PathBuf, usize)> {
    let path = machine.dir().join(RECORD);
    let promises = send(machine, &path, changes)?;
    let record = Record::read(&path)?;
    let mut found = Found {
        writes: record.writes(),
        ..Found::default()
    };
    let dir = machine.dir().to_owned();
    let quick = Quick::new(&dir)?;
    let [medium, disk, folder] = ["medium", "cut", "found"].map(|name| quick.0.join(name));
    let mut rebuilt = Rebuilt::new(&record, first, &medium)?;
    let mut states: Vec<(Vec<u8>, usize, PathBuf)> = Vec::new();
    let last = promises.last().map_or(0, |promise| promise.entries);
    for cut in record.cuts().iter().filter(|cut| cut.entries <= last) {
        rebuilt.disk(cut, &medium, &disk)?;
        judge::copy_out(&disk, &folder)?;
        found.cuts += 1;
        match judge::judge(&folder, sure(cut, &promises), &promises) {
            Ok(policy) => {
                let state = std::fs::read(folder.join("state/state.json"))?;
                if states.iter().all(|(known, ..)| *known != state) {
                    let pack = dir.join(format!("state-{}.tar", states.len()));
                    packed(&folder, &pack)?;
                    states.push((state, policy, pack));
                }
            }
            Err(error) => {
                found.lost += 1;
                progress(format!("lab: power cut {}: {error:#}", found.cuts));
                if found.lost <= KEPT {
                    keep(&disk, &dir, found.cuts)?;
                }
            }
        }
    }
    let step = states.len().div_ceil(starts.max(1)).max(1);
    for (_, policy, pack) in states.iter().step_by(step) {
        found.starts += 1;
        if let Err(error) = agent_reads(machine, pack, *policy) {
            found.gaps += 1;
            progress(format!("lab: {}: {error:#}", pack.display()));
        }
    }
    ensure!(found.cuts > 0, "nothing was written");
    let (disk, policy) = middle(&record, &promises, first, &dir)?;
    Ok((found, disk, policy))
}

/// A folder in memory, where there is such a place: thousands of disks are written there, each for a moment.
struct Quick(PathBuf);

impl Quick {
    fn new(otherwise: &Path) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory } else { otherwise };
        let folder = parent.join(format!("cardwarden-cuts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("make a folder for disks")?;
        Ok(Self(folder))
    }
}

impl Drop for Quick {
    fn drop(&mut self) {
        // What is left behind costs memory, nothing else.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The number of the policy that was last said to be in force before this cut.
fn sure(cut: &Cut, promises: &[Promise]) -> usize {
    promises
        .iter()
        .filter(|promise| promise.entries < cut.entries)
        .count()
        .max(1)
}

/// Has the policies come, one after the other, and notes what the agent says after each.
fn send(machine: &mut Machine, record: &Path, changes: usize) -> Result<Vec<Promise>> {
    let mut promises = vec![promise(machine, 0)?];
    for number in 2..=changes + 1 {
        machine.ok(&format!(
            "cardwarden policy apply /srv/sent-{number} && cardwarden wait --settled --timeout 60"
        ))?;
        let mut said = promise(machine, 0)?;
        // Only now: what is written from here on comes after what it said.
        said.entries = record::length(record)?;
        promises.push(said);
    }
    Ok(promises)
}

fn promise(machine: &mut Machine, entries: usize) -> Result<Promise> {
    let names = machine.ok("ls /var/lib/cardwarden/outcomes")?;
    let state: Value =
        serde_json::from_slice(&machine.take(STATE)?).context("read the agent's state")?;
    let waiting = names.split_whitespace().filter(|name| waits(name));
    Ok(Promise {
        entries,
        statement: judge::statement(&state)?,
        outcomes: waiting.map(str::to_owned).collect(),
    })
}

/// Whether a file of this name is an outcome that waits for the server.
fn waits(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "json")
}

fn packed(folder: &Path, pack: &Path) -> Result<()> {
    Run::new("tar")
        .arg("-cf")
        .arg(pack)
        .arg("-C")
        .arg(folder)
        .args(["state", "floor"])
        .quietly()?;
    Ok(())
}

/// Keeps a disk in the machine's folder, for whoever looks why.
fn keep(disk: &Path, dir: &Path, number: usize) -> Result<()> {
    std::fs::copy(disk, dir.join(format!("cut-{number}.ext4"))).context("keep a disk")?;
    Ok(())
}

/// An agent is started with this state: the camera is as its policy says.
fn agent_reads(machine: &mut Machine, pack: &Path, policy: usize) -> Result<()> {
    machine.put("/srv/state.tar", 0o600, &std::fs::read(pack)?)?;
    machine.ok("set -e
        systemctl stop cardwardend
        rm -rf /srv/cut /var/lib/cardwarden/* /var/lib/cardwarden-floor/*
        mkdir /srv/cut && tar -C /srv/cut --no-same-owner -xf /srv/state.tar
        cp -a /srv/cut/state/. /var/lib/cardwarden/ && cp -a /srv/cut/floor/. /var/lib/cardwarden-floor/
        systemctl start cardwardend && cardwarden wait --settled --timeout 60")?;
    refuses_by(machine, policy)
}

fn refuses_by(machine: &mut Machine, policy: usize) -> Result<()> {
    let wanted = if takes(policy) { "EPERM" } else { "open" };
    expect(machine, &format!("lab try open {CAMERA}"), wanted)?;
    let version = "cardwarden status --json | grep -m 1 -o '\"posture\": *\"[a-z]*\"'";
    expect(machine, version, "\"posture\": \"enforcing\"")
}

/// A disk as the cut in the middle of it all leaves it, and the number of the policy that is in force on it.
fn middle(
    record: &Record,
    promises: &[Promise],
    first: &Path,
    dir: &Path,
) -> Result<(PathBuf, usize)> {
    let cuts = record.cuts();
    let cut = cuts.get(cuts.len() / 2).context("no cut")?;
    let (medium, disk, folder) = (dir.join("medium"), dir.join("start"), dir.join("found"));
    let mut rebuilt = Rebuilt::new(record, first, &medium)?;
    rebuilt.disk(cut, &medium, &disk)?;
    // The machine replays the journal itself: only the copy is looked at.
    let copy = dir.join("cut");
    std::fs::copy(&disk, &copy).context("copy a disk")?;
    judge::copy_out(&copy, &folder)?;
    Ok((disk, judge::in_force(&folder, promises)?))
}

/// A machine that starts from a disk after a power cut does as the policy on it says.
fn start_from(image: &Image, disk: &Path, policy: usize) -> Result<()> {
    let mut image = image.clone();
    disk.clone_into(&mut image.disk);
    let mut machine = Machine::boot(&image, Accelerator::choose(&image)?)?;
    let result = machine
        .ok("lab plug camera && lab settle")
        .and_then(|_| refuses_by(&mut machine, policy));
    if result.is_err() {
        machine.keep_evidence();
    }
    result
}
