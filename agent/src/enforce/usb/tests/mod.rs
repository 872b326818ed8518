//! Laws of the authorisation, on a sysfs in a temporary folder.

mod admitting;
mod authorising;
mod giving;
mod sparing;
mod storing;

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use cardwarden_policy::{
    Access, Context, Decision, DeviceRuling, Function, Source, Standing, Verdict, decide,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::storage::{Disks, Manner, Mount, Outcome, Storage};
use super::*;
use crate::devices::Found;
use crate::devices::usb::Ports;
use crate::devices::usb::tests::{Fake, Made, made, place};
use crate::enforce::probe::Met;

const CAMERA: &[&str] = &["0e:01:00", "0e:02:00", "01:01:00"];
const STICK: &[&str] = &["08:06:50"];
const KEYBOARD: &[&str] = &["03:01:01", "03:00:00"];
const READER: &[&str] = &["0b:00:00"];

/// Mounts and disks that do as they are told.
#[derive(Debug, Default)]
struct Told {
    /// Ends `take_down`; without it, that ends at once.
    ends: Mutex<Option<Receiver<Outcome>>>,
    calls: Mutex<Vec<(Vec<PathBuf>, Manner)>>,
    class: PathBuf,
}

impl Disks for Told {
    fn take_down(&self, mounts: &[Mount], manner: Manner) -> Outcome {
        let targets = mounts.iter().map(|mount| mount.target.clone()).collect();
        self.calls.lock().unwrap().push((targets, manner));
        let ends = self.ends.lock().unwrap();
        ends.as_ref()
            .map_or(Outcome::Clean, |ends| ends.recv().unwrap())
    }

    fn write_back(&self) {}

    fn set_read_only(&self, block: &str, is_read_only: bool) -> io::Result<()> {
        let text = if is_read_only { "1\n" } else { "0\n" };
        let path = self.class.join(block).join("ro");
        crate::durable::replace(&path, text.as_bytes())
    }
}

/// A machine with an agent that may be started anew.
struct Bench {
    fake: Fake,
    ports: Ports,
    usb: Usb,
    told: Arc<Told>,
}

impl Bench {
    fn new() -> Self {
        let fake = Fake::new();
        let told = Arc::new(Told {
            class: fake.path("sys/class/block"),
            ..Told::default()
        });
        let usb = agent(&fake, &told);
        let ports = Ports::below(&fake.sysfs());
        Self {
            fake,
            ports,
            usb,
            told,
        }
    }

    fn restart(&mut self) {
        self.usb = agent(&self.fake, &self.told);
        self.ports = Ports::below(&self.fake.sysfs());
    }

    /// One turn; what fell short, and what is held.
    fn turn(&mut self, off: &[Function]) -> (Vec<Shortfall>, Vec<Held>) {
        self.turn_with(|found| decision(off, found))
    }

    fn turn_with(
        &mut self,
        decide: impl Fn(&[Attached]) -> Decision,
    ) -> (Vec<Shortfall>, Vec<Held>) {
        let found = Found {
            usb: self.ports.scan(),
            ..Found::default()
        };
        let decision = decide(&found.usb);
        let goal = Goal {
            decision: &decision,
            found: &found,
        };
        let mut short = self.usb.tighten(goal);
        short.extend(self.usb.loosen(goal));
        (short, self.usb.held(goal))
    }

    /// Turns until the kernel has nothing more to set up.
    fn follow(&mut self, off: &[Function], all: &[Made<'_>]) -> Vec<Shortfall> {
        let mut short = Vec::new();
        for _ in 0..3 {
            short = self.turn(off).0;
            self.fake.settle(all);
        }
        short
    }

    fn authorized(&self, name: &str) -> bool {
        self.fake.authorized(name)
    }
}

fn agent(fake: &Fake, told: &Arc<Told>) -> Usb {
    let told = Arc::clone(told);
    let disks: Arc<dyn Disks> = told;
    let storage = Storage::new(
        &fake.sysfs(),
        &fake.path("mountinfo"),
        &fake.path("proc"),
        disks,
    );
    Usb::with(&fake.sysfs(), &fake.path("run"), storage)
}

/// These functions are off, for every device that has them.
fn decision(off: &[Function], found: &[Attached]) -> Decision {
    let context = Context {
        usb: found.iter().map(|one| one.device.clone()).collect(),
        ..Context::default()
    };
    let mut decision = decide(&Standing::Absent, &[], &context, None);
    let is_off = |function: Function| off.iter().any(|one| one.covers(function));
    for (function, ruling) in &mut decision.rulings {
        if is_off(*function) {
            ruling.verdict = Verdict::Disabled;
        }
    }
    for device in &context.usb {
        let parts = device.classes();
        if parts.iter().any(|part| is_off(*part)) {
            let more = parts.into_iter().filter(|part| !is_off(*part));
            let ruling = DeviceRuling {
                access: Access::Refused,
                source: Source::Baseline,
                parts: more.map(|part| (part, Access::Full)).collect(),
                audited: Vec::new(),
            };
            decision.devices.insert(device.port.clone(), ruling);
        }
    }
    decision
}

/// Every file that is written from now on, in order.
struct Writes {
    inotify: Inotify,
    folders: Vec<(nix::sys::inotify::WatchDescriptor, PathBuf)>,
}

impl Writes {
    fn of(fake: &Fake) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        let mut folders = Vec::new();
        let mut waiting = vec![fake.path("sys"), fake.path("run")];
        while let Some(folder) = waiting.pop() {
            let flags = AddWatchFlags::IN_CLOSE_WRITE;
            folders.push((inotify.add_watch(&folder, flags).unwrap(), folder.clone()));
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(entry.path());
                }
            }
        }
        Self { inotify, folders }
    }

    fn seen(&self) -> Vec<PathBuf> {
        let mut fds = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        let mut seen = Vec::new();
        while poll(&mut fds, PollTimeout::ZERO).unwrap() > 0 {
            for event in self.inotify.read_events().unwrap() {
                let folder = self.folders.iter().find(|(watch, _)| *watch == event.wd);
                seen.push(folder.unwrap().1.join(event.name.unwrap_or_default()));
            }
        }
        seen
    }
}

fn ends(seen: &[PathBuf], with: &str) -> Option<usize> {
    seen.iter().position(|path| path.ends_with(with))
}

fn spared(short: &[Shortfall]) -> BTreeSet<Function> {
    let spared = short.iter().filter(|one| one.is_spared);
    spared.map(|one| one.function).collect()
}
