//! One virtual machine: boot or restore, run commands, reboot, take a snapshot, keep evidence when a test fails.
//!
//! A machine belongs to whoever holds it: dropping it ends it and removes its folder. At most two run at once
//! on a host, whoever started them ([`slot::Slot`]). Every wait has a deadline; none is a sleep.

pub mod accelerator;
pub mod console;
pub mod link;
pub mod qemu;
pub mod qmp;
pub mod reader;
pub mod slot;
pub mod usb;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::image::Image;
use crate::pins::System;
use crate::place;
use crate::run::Run;
use crate::say::progress;
use accelerator::Accelerator;
pub use link::{Deadline, Outcome};
use qemu::{Qemu, Shape};
use slot::Slot;

/// How long a command in the guest may take unless its caller says otherwise.
const COMMAND: Duration = Duration::from_mins(2);

/// A saved machine: its state in memory, and its disk.
#[derive(Debug, Clone)]
pub struct Snapshot {
    dir: PathBuf,
}

impl Snapshot {
    /// The snapshot kept in this folder, if it is complete.
    pub fn find(dir: &Path) -> Option<Self> {
        dir.join("complete").is_file().then(|| Self {
            dir: dir.to_owned(),
        })
    }

    /// Where it is kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// A running machine.
#[derive(Debug)]
pub struct Machine {
    qemu: Qemu,
    dir: PathBuf,
    accelerator: Accelerator,
    system: System,
    kept: bool,
    /// From the start of QEMU until the guest answered.
    pub started_in: Duration,
    _slot: Slot,
}

impl Machine {
    /// Boots from nothing and waits until systemd has finished.
    pub fn boot(image: &Image, accelerator: Accelerator) -> Result<Self> {
        Self::start(image, accelerator, None)
    }

    /// Continues from a snapshot that was taken with the same image and accelerator.
    pub fn restore(image: &Image, accelerator: Accelerator, snapshot: &Snapshot) -> Result<Self> {
        Self::start(image, accelerator, Some(snapshot))
    }

    fn start(image: &Image, accelerator: Accelerator, from: Option<&Snapshot>) -> Result<Self> {
        let slot = Slot::take()?;
        let dir = folder(image)?;
        let disk = from.map_or_else(
            || image.disk.clone(),
            |snapshot| snapshot.dir.join("disk.ext4"),
        );
        copy_disk(&disk, &dir)?;
        if image.is_recorded {
            place::write_whole(&dir.join(qemu::RECORD), "")?;
        }
        let start = Instant::now();
        let shape = Shape {
            accelerator,
            incoming: from.is_some(),
        };
        let qemu = Qemu::start(image, &dir, shape)?;
        let mut machine = Self {
            qemu,
            dir,
            accelerator,
            system: image.system,
            kept: false,
            started_in: Duration::ZERO,
            _slot: slot,
        };
        let (what, started) = match from {
            None => ("boot", machine.await_boot()),
            Some(snapshot) => ("restore", machine.resume(snapshot)),
        };
        machine.keep_on_error(what, started)?;
        machine.started_in = start.elapsed();
        Ok(machine)
    }

    fn resume(&mut self, snapshot: &Snapshot) -> Result<()> {
        let deadline = Deadline::within(Duration::from_mins(1));
        let state = snapshot.dir.join("state");
        self.qemu.qmp.migrate(
            "migrate-incoming",
            &format!("exec:cat '{}'", state.display()),
            deadline,
        )?;
        self.qemu.qmp.command("cont", &json!({}), deadline)?;
        self.qemu.link.set_clock(deadline)
    }

    /// Waits for the console's first words, then for the guest's channel, then for systemd.
    fn await_boot(&mut self) -> Result<()> {
        let patience = Duration::from_secs(10) * self.accelerator.patience();
        self.qemu
            .console
            .await_words("lab: start-up archive reached", patience)
            .with_context(|| format!("boot with accelerator {}", self.accelerator.name()))?;
        self.await_guest()
    }

    fn await_guest(&mut self) -> Result<()> {
        let deadline = Deadline::within(Duration::from_mins(1) * self.accelerator.patience());
        if let Err(error) = self.qemu.link.await_hello(deadline) {
            let last = self.qemu.console.last_words().unwrap_or_default();
            return Err(error.context(last));
        }
        let state = self.within(
            deadline.left()?,
            &["systemctl", "is-system-running", "--wait"],
        )?;
        if state.stdout.trim() != "running" {
            let failed = self.sh("systemctl --failed --no-legend --plain; journalctl -b -p err --no-pager | tail -20")?;
            bail!(
                "systemd says '{}':\n{}",
                state.stdout.trim(),
                failed.stdout.trim()
            );
        }
        Ok(())
    }

    /// Reboots the guest as a person would and waits until systemd has finished again.
    ///
    /// What is on the small disk stays, everything else starts from the image.
    pub fn reboot(&mut self) -> Result<()> {
        // The command's own end is lost with the machine it runs on.
        let asked = self.qemu.link.execute(
            &["systemctl", "reboot"],
            b"",
            Deadline::within(Duration::from_mins(1)),
            &mut |_, _| {},
        );
        match asked {
            Ok(0) => {}
            Ok(status) => bail!("systemctl reboot failed with status {status}"),
            Err(error) if format!("{error:#}").contains("rebooted meanwhile") => {
                return self.await_system();
            }
            Err(error) => return Err(error),
        }
        let rebooted = self.await_guest();
        self.keep_on_error("reboot", rebooted)
    }

    /// Cuts the power and starts again: nothing is written out first.
    pub fn cut_power(&mut self) -> Result<()> {
        let deadline = Deadline::within(Duration::from_secs(10));
        self.qemu
            .qmp
            .command("system_reset", &json!({}), deadline)?;
        let started = self.await_guest();
        self.keep_on_error("start after a power cut", started)
    }

    fn await_system(&mut self) -> Result<()> {
        let state = self.run(&["systemctl", "is-system-running", "--wait"])?;
        if state.stdout.trim() != "running" {
            bail!("systemd says '{}' after the reboot", state.stdout.trim());
        }
        Ok(())
    }

    /// Saves the machine in `dir` and ends it.
    pub fn into_snapshot(mut self, dir: &Path) -> Result<Snapshot> {
        self.sh("sync")?;
        std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let deadline = Deadline::within(Duration::from_mins(2));
        self.qemu.qmp.command("stop", &json!({}), deadline)?;
        let state = dir.join("state");
        self.qemu.qmp.migrate(
            "migrate",
            &format!("exec:cat >'{}'", state.display()),
            deadline,
        )?;
        self.qemu.end();
        copy_disk(&self.dir.join("disk.ext4"), dir)?;
        place::write_whole(&dir.join("complete"), "")?;
        Snapshot::find(dir).context("the snapshot that was just written is not there")
    }

    /// Runs a program in the guest as root; any exit status is fine.
    pub fn run(&mut self, arguments: &[&str]) -> Result<Outcome> {
        self.within(COMMAND, arguments)
    }

    /// Like [`Machine::run`], with its own limit of time.
    pub fn within(&mut self, limit: Duration, arguments: &[&str]) -> Result<Outcome> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self.streaming(limit, arguments, &mut |is_error, bytes| {
            if is_error {
                stderr.extend_from_slice(bytes);
            } else {
                stdout.extend_from_slice(bytes);
            }
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Outcome {
            status,
            stdout: text(&stdout),
            stderr: text(&stderr),
        })
    }

    /// Runs a program and hands its output on as it comes (true: standard error).
    pub fn streaming(
        &mut self,
        limit: Duration,
        arguments: &[&str],
        sink: &mut dyn FnMut(bool, &[u8]),
    ) -> Result<i32> {
        self.qemu
            .link
            .execute(arguments, b"", Deadline::within(limit), sink)
    }

    /// Runs a line of shell as root; any exit status is fine.
    pub fn sh(&mut self, script: &str) -> Result<Outcome> {
        self.run(&["sh", "-c", script])
    }

    /// Runs a line of shell that must succeed, and returns its standard output, trimmed.
    pub fn ok(&mut self, script: &str) -> Result<String> {
        let outcome = self.sh(script)?;
        if outcome.status != 0 {
            bail!(
                "in the guest, `{script}` ended with status {}\n{}{}",
                outcome.status,
                outcome.stdout,
                outcome.stderr
            );
        }
        Ok(outcome.stdout.trim().to_owned())
    }

    /// Writes a file in the guest.
    pub fn put(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.qemu
            .link
            .put(path, mode, content, Deadline::within(COMMAND))
    }

    /// Reads a file of the guest.
    pub fn take(&mut self, path: &str) -> Result<Vec<u8>> {
        self.qemu.link.take(path, Deadline::within(COMMAND))
    }

    /// The channel itself, for a conversation with a person.
    pub fn link(&mut self) -> &mut link::Link {
        &mut self.qemu.link
    }

    /// Where its own files lie, on the host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What executes the guest's instructions.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// Its kernel, and how that was started.
    pub fn system(&self) -> System {
        self.system
    }

    fn keep_on_error(&mut self, doing: &str, result: Result<()>) -> Result<()> {
        if result.is_err() {
            self.keep_evidence();
        }
        result.with_context(|| format!("{doing} the machine"))
    }

    /// Keeps console log, journal and the agent's state when this machine ends, and says where.
    pub fn keep_evidence(&mut self) {
        if std::mem::replace(&mut self.kept, true) {
            return;
        }
        let soon = Duration::from_secs(20);
        let files = [
            ("journal.txt", "journalctl --no-pager -o short-monotonic"),
            ("status.json", "timeout 5 cardwarden status --json"),
            (
                "state.tar",
                "tar -cf - -C / var/lib/cardwarden etc/cardwarden",
            ),
        ];
        for (name, script) in files {
            let mut bytes = Vec::new();
            let asked = self.streaming(soon, &["sh", "-c", script], &mut |is_error, part| {
                if !is_error {
                    bytes.extend_from_slice(part);
                }
            });
            if asked.is_err() {
                break;
            }
            // Evidence that cannot be written must not hide the failure itself.
            drop(std::fs::write(self.dir.join(name), bytes));
        }
        progress(format!(
            "lab: console log, journal and the agent's state are kept in {}",
            self.dir.display()
        ));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_evidence();
        }
        self.qemu.end();
        if !self.kept {
            // A folder left behind costs space, nothing else.
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

/// A new machine's own folder.
fn folder(image: &Image) -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    if number == 0 {
        forget_old()?;
    }
    place::lab(&format!(
        "run/{}-{number}-{}",
        std::process::id(),
        image.system.name()
    ))
}

/// Keeps the evidence of the last failures: the twenty newest folders of processes that have ended.
fn forget_old() -> Result<()> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(place::lab("run")?)
        .context("list machines")?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .trim_start_matches("probe-")
            .split('-')
            .next()
            .unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            // One that has gone meanwhile is nobody's loss.
            folders.extend(
                entry
                    .metadata()
                    .and_then(|data| data.modified())
                    .map(|at| (at, entry.path())),
            );
        }
    }
    folders.sort();
    for (_, old) in folders.iter().rev().skip(20) {
        drop(std::fs::remove_dir_all(old));
    }
    Ok(())
}

/// The disk is sparse and small; it is copied for every machine.
fn copy_disk(from: &Path, dir: &Path) -> Result<()> {
    Run::new("cp")
        .args(["--sparse=always", "--reflink=auto"])
        .arg(from)
        .arg(dir.join("disk.ext4"))
        .quietly()?;
    Ok(())
}
