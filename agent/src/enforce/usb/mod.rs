//! USB devices, by the kernel's own authorisation: a device that is not authorised is not set up, so
//! that no driver ever sees it, and an interface that is not is kept from drivers and from usbfs.
//!
//! While anything of USB is restricted, devices and interfaces are born without authorisation
//! (`authorized_default`, `interface_authorized_default`), and each is let in by a decision of its
//! own, before anything has taken it up. A device of which only some interfaces are refused is
//! authorised, and so are its other interfaces. The state is read from sysfs at each turn and
//! compared with what is to hold; events only bring the turn about.
//!
//! What somebody else switched off, such as `USBGuard` or a user, stays so ([`taken`]); what must
//! never go is spared ([`spare`]); storage goes without losing data ([`storage`]).

mod aim;
mod giving;
mod holding;
mod ports;
mod spare;
mod storage;
mod sysfs;
mod taken;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cardwarden_policy::{Decision, Function};

use aim::{Aim, aim, is_restricted};
use storage::{Manner, Stage, Storage, System};
use sysfs::{Sysfs, Written};
use taken::Taken;

use crate::devices::usb::{Appearance, Attached};
use crate::enforce::remembered::Remembered;
use crate::enforce::{Enforcer, Goal, Held, Shortfall};

/// The authorisation of USB devices.
#[derive(Debug)]
pub(crate) struct Usb {
    sysfs: Sysfs,
    memory: Remembered<Taken>,
    taken: Taken,
    storage: Storage,
    /// The functions that fell short when it last tightened.
    short: BTreeSet<Function>,
}

/// One attribute that is to be `0`.
#[derive(Clone, Debug)]
struct Refusal {
    appearance: Appearance,
    label: String,
    functions: BTreeSet<Function>,
}

impl Usb {
    /// That of this machine. What it takes is remembered in the runtime folder.
    pub(crate) fn new(runtime: &Path) -> Self {
        let mountinfo = Path::new("/proc/1/mountinfo");
        let sysfs = Path::new("/sys");
        let storage = Storage::new(sysfs, mountinfo, Path::new("/proc"), Arc::new(System));
        Self::with(sysfs, runtime, storage)
    }

    fn with(sysfs: &Path, runtime: &Path, storage: Storage) -> Self {
        let (memory, taken) = Remembered::open(runtime.join("usb.json"));
        Self {
            sysfs: Sysfs::at(sysfs),
            memory,
            taken,
            storage,
            short: BTreeSet::new(),
        }
    }

    /// What is to hold for each device but the root hubs, and what is spared.
    fn aims<'a>(&mut self, goal: Goal<'a>) -> (Vec<Aim<'a>>, Vec<Shortfall>) {
        let devices = goal.found.usb.iter().filter(|one| !one.is_root_hub());
        let mut aims: Vec<Aim<'a>> = devices.map(|one| aim(one, goal.decision)).collect();
        let storage = &self.storage;
        let is_system = |attached: &Attached| storage.is_system(attached);
        let spared = spare::spare(&mut aims, &self.sysfs, &mut self.taken.kept, is_system);
        for aim in &mut aims {
            aim.settle(goal.decision);
        }
        (aims, spared)
    }

    /// What of one device must be refused now. Its mounts are taken down first; until they are, it
    /// falls short.
    fn refusals(&mut self, aim: &Aim<'_>, short: &mut Vec<Shortfall>) -> Vec<Refusal> {
        let attached = aim.attached;
        if !attached.is_authorized {
            return Vec::new();
        }
        let refusals = wanted(aim);
        if refusals.is_empty() {
            return refusals;
        }
        let functions: BTreeSet<Function> = refusals
            .iter()
            .flat_map(|one| &one.functions)
            .copied()
            .collect();
        // Storage may hide behind any class: what matters is whether it has block devices.
        let stores = aim.is_whole || functions.contains(&Function::UsbStorage);
        if stores && let Stage::Busy(problem) = self.storage.prepare(attached, Manner::Unmount) {
            short.extend(shortfalls(&functions, &problem));
            return Vec::new();
        }
        refusals
    }

    /// Writes what was decided on. What has gone meanwhile needs no refusal.
    fn refuse(&self, refusals: &[Refusal]) -> Vec<Shortfall> {
        let mut short = Vec::new();
        for refusal in refusals {
            let folder = self.sysfs.folder(&refusal.appearance.name);
            match Sysfs::write(&folder, "authorized", "0") {
                Ok(Written::Done) => tracing::info!("{} is refused", refusal.label),
                Ok(Written::Gone) => tracing::debug!("{} has gone", refusal.label),
                Err(error) => {
                    let problem = format!("{} cannot be refused: {error}", refusal.label);
                    short.extend(shortfalls(&refusal.functions, &problem));
                }
            }
        }
        short
    }
}

/// What of an authorised device is to be refused and is not yet.
fn wanted(aim: &Aim<'_>) -> Vec<Refusal> {
    let attached = aim.attached;
    if aim.is_whole {
        return vec![Refusal {
            appearance: attached.appearance.clone(),
            label: attached.label(),
            functions: aim.functions(),
        }];
    }
    let authorized = attached.interfaces.iter().filter(|one| one.is_authorized);
    authorized
        .filter_map(|interface| {
            Some(Refusal {
                appearance: interface.appearance.clone(),
                label: format!("{} of {}", interface.appearance.name, attached.label()),
                functions: aim.refused.get(&interface.number)?.clone(),
            })
        })
        .collect()
}

/// The functions for which ports are closed.
fn restricted(decision: &Decision) -> BTreeSet<Function> {
    let disabled = decision.disabled().map(|(function, _)| function);
    let mut functions: BTreeSet<Function> = disabled.filter(|one| one.is_usb()).collect();
    if functions.is_empty() && decision.names_devices {
        functions.insert(Function::Usb);
    }
    functions
}

fn shortfalls(functions: &BTreeSet<Function>, problem: &str) -> Vec<Shortfall> {
    functions
        .iter()
        .map(|function| Shortfall {
            function: *function,
            problem: problem.to_owned(),
            is_spared: false,
        })
        .collect()
}

impl Enforcer for Usb {
    fn name(&self) -> &'static str {
        "usb"
    }

    fn covers(&self, function: Function) -> bool {
        function.is_usb() || matches!(function, Function::Camera | Function::Bluetooth)
    }

    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let attached = &goal.found.usb;
        self.taken.prune(attached);
        self.storage.prune(attached);
        self.short.clear();
        let (aims, mut short) = self.aims(goal);
        let is_restricted = is_restricted(goal.decision);
        let is_read_only = aims.iter().any(|aim| aim.is_read_only);
        if !is_restricted && !is_read_only && aims.iter().all(|aim| aim.refused.is_empty()) {
            return short;
        }
        let functions = restricted(goal.decision);
        if is_restricted {
            self.note_strangers(attached);
            short.extend(self.close_ports(attached, &functions));
        }
        let mut refusals: Vec<Refusal> = Vec::new();
        for aim in &aims {
            refusals.extend(self.refusals(aim, &mut short));
        }
        for aim in aims.iter().filter(|aim| aim.is_read_only && !aim.is_whole) {
            refusals.extend(self.make_read_only(aim, &mut short));
        }
        for refusal in &refusals {
            self.taken.take(&refusal.appearance);
        }
        self.memory.save(&self.taken);
        short.extend(self.refuse(&refusals));
        let failed = short.iter().filter(|one| !one.is_spared);
        self.short = failed.map(|one| one.function).collect();
        short
    }

    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let is_restricted = is_restricted(goal.decision);
        if !is_restricted && self.taken == Taken::default() {
            return Vec::new();
        }
        let (aims, _) = self.aims(goal);
        let mut short = self.make_writable(&aims);
        if !is_restricted {
            short.extend(self.open_ports());
        }
        for aim in &aims {
            let functions = aim.attached.device.classes();
            if !functions.iter().any(|one| self.short.contains(one)) {
                short.extend(self.give(aim, &functions));
            }
        }
        if is_restricted {
            self.note_in_use(&goal.found.usb);
        } else if short.is_empty() {
            self.taken.forget_authorisation();
        }
        self.memory.save(&self.taken);
        short
    }

    fn admit(&mut self, goal: Goal<'_>) -> bool {
        if !is_restricted(goal.decision) {
            return false;
        }
        let newcomers = goal.found.usb.iter().filter(|one| !one.is_root_hub());
        let admitted = newcomers.map(|one| self.admit_one(one, goal.decision));
        admitted.fold(false, |any, one| any | one)
    }

    fn held(&mut self, goal: Goal<'_>) -> Vec<Held> {
        if !is_restricted(goal.decision) && self.taken == Taken::default() {
            return Vec::new();
        }
        let (aims, _) = self.aims(goal);
        self.holding(goal, &aims)
    }
}
