//! Gadget mode: while this device must not act as a USB device, nothing is bound to its device
//! controllers (UDC), so a host it is plugged into sees nothing at all.
//!
//! - A gadget of configfs is unbound, and bound again at the end unless its owner changed it
//!   meanwhile. Its functions (`FunctionFS`, `hidg`, `ttyGS`) need nothing more: no host is there.
//! - A gadget module (`g_ether`, …) cannot be unbound everywhere (the gadget bus came with Linux
//!   5.19); its controller is told to disconnect.
//! - Only where a controller keeps its gadget all the same, the role switches that are on `device`
//!   are put on `none`: neither host nor device. Not on `host`, which would have the port drive VBUS
//!   against that of the host it is plugged into. The data role of a Type-C port is left alone: a
//!   swap is up to the partner, takes seconds, and refuses nothing that an unbound controller does
//!   not.
//!
//! Binding is not refused here: each bind is an event of its controller (`gadget_bind_driver`), and
//! the turn that it brings unbinds again.

mod controller;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cardwarden_policy::Function;
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{SYSFS_MAGIC, statfs};
use serde::{Deserialize, Serialize};

use self::controller::{Controller, controllers};
use super::probe::Met;
use super::remembered::Remembered;
use super::{Enforcer, Goal, Held, Shortfall, attribute};

/// No option.
const NOTHING: Option<&str> = None;

/// What was taken.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Taken {
    /// The controller that each gadget of configfs was bound to.
    bound: BTreeMap<String, String>,
    /// The controllers that were told to disconnect.
    disconnected: BTreeSet<String>,
    /// The role switches that were on `device`.
    roles: BTreeSet<String>,
}

/// The gadgets of this machine.
#[derive(Debug)]
pub(crate) struct Gadget {
    /// `/sys`.
    sysfs: PathBuf,
    memory: Remembered<Taken>,
    taken: Taken,
}

impl Gadget {
    /// The gadgets in this sysfs, and what is remembered in the folder `runtime`: the kernel forgets
    /// gadgets at a boot too.
    pub(crate) fn new(sysfs: &Path, runtime: &Path) -> Self {
        let (memory, taken) = Remembered::open(runtime.join("gadget.json"));
        Self {
            sysfs: sysfs.to_owned(),
            memory,
            taken,
        }
    }

    /// Has configfs in sight. The agent's mounts are its own, and configfs may have been mounted later.
    fn see(&self) {
        let place = self.sysfs.join("kernel/config");
        if statfs(&place).is_ok_and(|met| met.filesystem_type() == SYSFS_MAGIC)
            && let Err(error) = mount(
                Some("none"),
                &place,
                Some("configfs"),
                MsFlags::empty(),
                NOTHING,
            )
        {
            tracing::warn!("cannot look into configfs: {error}");
        }
    }

    /// The gadgets of configfs, with the file that says which controller each is bound to.
    fn gadgets(&self) -> Vec<(String, PathBuf)> {
        self.see();
        let all = attribute::entries(&self.sysfs.join("kernel/config/usb_gadget"), "");
        all.into_iter()
            .map(|(name, folder)| (name, folder.join("UDC")))
            .collect()
    }

    fn unbind_gadgets(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for (name, file) in self.gadgets() {
            let Some(controller) = attribute::read(&file).filter(|text| !text.is_empty()) else {
                continue;
            };
            self.taken.bound.insert(name.clone(), controller.clone());
            self.memory.save(&self.taken);
            // An empty line unbinds (`gadget_dev_desc_UDC_store`).
            if let Err(error) = attribute::write(&file, "\n")
                && file.exists()
            {
                shortfalls.push(short(format!(
                    "the gadget {name} cannot be unbound from {controller}: {error}"
                )));
            }
        }
        shortfalls
    }

    fn disconnect_modules(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for one in controllers(&self.sysfs) {
            let is_known = self.taken.disconnected.contains(&one.name);
            if one.is_free() || (is_known && !one.is_live()) {
                continue;
            }
            self.taken.disconnected.insert(one.name.clone());
            self.memory.save(&self.taken);
            if let Err(error) = one.connect(false) {
                shortfalls.push(short(format!(
                    "{one} cannot be told to disconnect: {error}"
                )));
            }
        }
        shortfalls
    }

    /// The last resort for controllers that keep their gadgets.
    fn take_roles(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for (name, role) in self.roles() {
            if attribute::read(&role).as_deref() != Some("device") {
                continue;
            }
            self.taken.roles.insert(name.clone());
            self.memory.save(&self.taken);
            if let Err(error) = attribute::write(&role, "none") {
                shortfalls.push(short(format!(
                    "the role switch {name} cannot be put on none: {error}"
                )));
            }
        }
        shortfalls
    }

    fn roles(&self) -> Vec<(String, PathBuf)> {
        let all = attribute::entries(&self.sysfs.join("class/usb_role"), "");
        all.into_iter()
            .map(|(name, folder)| (name, folder.join("role")))
            .collect()
    }

    /// Which gadget of configfs a controller has, if any.
    fn owner(&self, controller: &str) -> Option<String> {
        let bound = |file: &Path| attribute::read(file).is_some_and(|text| text == controller);
        let mut gadgets = self.gadgets().into_iter();
        gadgets.find(|(_, file)| bound(file)).map(|(name, _)| name)
    }

    /// Whether a controller has a gadget that a host could see.
    fn is_seen(&self, one: &Controller) -> bool {
        let is_ours = self.taken.disconnected.contains(&one.name) && !one.is_live();
        self.owner(&one.name).is_some() || !(one.is_free() || is_ours)
    }

    fn bind_gadgets(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for (name, file) in self.gadgets() {
            let Some(controller) = self.taken.bound.get(&name).cloned() else {
                continue;
            };
            // Its owner has bound it elsewhere, or given its controller to another, or unplugged it.
            let is_changed = attribute::read(&file).is_none_or(|text| !text.is_empty())
                || self.owner(&controller).is_some()
                || !self.sysfs.join("class/udc").join(&controller).exists();
            if !is_changed && let Err(error) = attribute::write(&file, &controller) {
                shortfalls.push(short(format!(
                    "the gadget {name} cannot be bound to {controller} again: {error}"
                )));
                continue;
            }
            self.taken.bound.remove(&name);
        }
        let there: BTreeSet<String> = self.gadgets().into_iter().map(|(name, _)| name).collect();
        self.taken.bound.retain(|name, _| there.contains(name));
        shortfalls
    }

    fn connect_modules(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        let all = controllers(&self.sysfs);
        for one in &all {
            if !self.taken.disconnected.contains(&one.name) {
                continue;
            }
            if !one.is_free()
                && self.owner(&one.name).is_none()
                && let Err(error) = one.connect(true)
            {
                shortfalls.push(short(format!("{one} cannot be told to connect: {error}")));
                continue;
            }
            self.taken.disconnected.remove(&one.name);
        }
        let is_there = |name: &String| all.iter().any(|one| one.name == *name);
        self.taken.disconnected.retain(is_there);
        shortfalls
    }

    fn give_roles_back(&mut self) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for (name, role) in self.roles() {
            let is_ours = self.taken.roles.contains(&name);
            if is_ours
                && attribute::read(&role).as_deref() == Some("none")
                && let Err(error) = attribute::write(&role, "device")
            {
                shortfalls.push(short(format!(
                    "the role switch {name} cannot be put on device again: {error}"
                )));
                continue;
            }
            self.taken.roles.remove(&name);
        }
        let there: BTreeSet<String> = self.roles().into_iter().map(|(name, _)| name).collect();
        self.taken.roles.retain(|name| there.contains(name));
        shortfalls
    }
}

impl Enforcer for Gadget {
    fn name(&self) -> &'static str {
        "gadget"
    }

    fn covers(&self, function: Function) -> bool {
        function == Function::UsbGadget
    }

    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        if !goal.refuses(Function::UsbGadget) {
            return Vec::new();
        }
        let mut shortfalls = self.unbind_gadgets();
        shortfalls.extend(self.disconnect_modules());
        if controllers(&self.sysfs).iter().any(|one| self.is_seen(one)) {
            shortfalls.extend(self.take_roles());
        }
        shortfalls
    }

    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        if goal.refuses(Function::UsbGadget) || self.taken == Taken::default() {
            return Vec::new();
        }
        let mut shortfalls = self.give_roles_back();
        shortfalls.extend(self.connect_modules());
        shortfalls.extend(self.bind_gadgets());
        self.memory.save(&self.taken);
        shortfalls
    }

    fn held(&mut self, goal: Goal<'_>) -> Vec<Held> {
        if !goal.refuses(Function::UsbGadget) {
            return Vec::new();
        }
        let held = |one: &Controller| {
            let is_seen = self.is_seen(one);
            let proof = match self.owner(&one.name) {
                Some(gadget) => format!("{one}: bound to {gadget}"),
                None if one.is_free() => {
                    format!("{one}: nothing is bound; what binds is unbound again")
                }
                None if is_seen => format!("{one}: connected"),
                None => format!("{one}: disconnected; what connects is disconnected again"),
            };
            Held {
                function: Function::UsbGadget,
                proof,
                met: if is_seen { Met::Passed } else { Met::Refused },
            }
        };
        controllers(&self.sysfs).iter().map(held).collect()
    }
}

const fn short(problem: String) -> Shortfall {
    Shortfall {
        function: Function::UsbGadget,
        problem,
        is_spared: false,
    }
}

#[cfg(test)]
mod tests;
