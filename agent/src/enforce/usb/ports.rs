//! How devices and interfaces are born: closed ports, and what they were before.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use cardwarden_policy::Function;
use cardwarden_policy::usb::Connection;

use super::sysfs::Sysfs;
use super::taken::Before;
use super::{Usb, shortfalls};
use crate::devices::usb::{Appearance, Attached};
use crate::enforce::Shortfall;

/// Of each root hub: whether devices behind it are born authorised (`0` none, `1` all, `2` the
/// built-in ones; `USB_DEVICE_AUTHORIZE_*`, `include/linux/usb/hcd.h`).
pub(super) const DEVICES: &str = "authorized_default";
/// Of each root hub: the same for interfaces (`0` or `1`).
pub(super) const INTERFACES: &str = "interface_authorized_default";
/// With which of these new controllers are born; `-1` is all.
const MODULE: (&str, &str) = ("module/usbcore/parameters", "authorized_default");
/// The name of the last in the file of what was taken.
const CONTROLLERS: &str = "new/authorized_default";

/// Which half of authorisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Half {
    Device,
    Interface,
}

impl Usb {
    /// Closes every port, remembering how it was.
    pub(super) fn close_ports(
        &mut self,
        attached: &[Attached],
        functions: &BTreeSet<Function>,
    ) -> Vec<Shortfall> {
        let mut writes: Vec<(PathBuf, &str)> = Vec::new();
        let module = self.sysfs.path(MODULE.0);
        // The hubs first: what they say now must not be taken for what we say of new ones.
        for hub in attached.iter().filter(|one| one.is_root_hub()) {
            for attribute in [DEVICES, INTERFACES] {
                let folder = self.sysfs.folder(&hub.appearance.name);
                let Some(now) = Sysfs::read(&folder, attribute) else {
                    continue;
                };
                let before = self.before(attribute, &now);
                let key = key(hub.bus, attribute);
                let inode = hub.appearance.inode;
                let value = before;
                let entry = self.taken.defaults.entry(key);
                entry.or_insert(Before { inode, value });
                if now != "0" {
                    writes.push((folder, attribute));
                }
            }
        }
        if let Some(now) = Sysfs::read(&module, MODULE.1).filter(|now| now != "0") {
            let entry = self.taken.defaults.entry(CONTROLLERS.to_owned());
            entry.or_insert(Before {
                inode: 0,
                value: now,
            });
            writes.push((module, MODULE.1));
        }
        if writes.is_empty() {
            return Vec::new();
        }
        self.memory.save(&self.taken);
        let mut short = Vec::new();
        for (folder, attribute) in writes {
            if let Err(error) = Sysfs::write(&folder, attribute, "0") {
                let problem = format!("cannot close {}: {error}", folder.join(attribute).display());
                short.extend(shortfalls(functions, &problem));
            }
        }
        short
    }

    /// How a port was before us, that says `now`. A controller that came while we had closed new
    /// ones would otherwise have been born as they were.
    fn before(&self, attribute: &str, now: &str) -> String {
        let of_new = self.taken.defaults.get(CONTROLLERS);
        match of_new {
            Some(before) if attribute == DEVICES && now == "0" => {
                let value = before.value.as_str();
                if value == "-1" { "1" } else { value }.to_owned()
            }
            _ => now.to_owned(),
        }
    }

    /// Opens the ports as they were. What is remembered of them is still needed for giving back.
    pub(super) fn open_ports(&self) -> Vec<Shortfall> {
        let mut short = Vec::new();
        for (key, before) in &self.taken.defaults {
            let (hub, attribute) = key.split_once('/').unwrap_or_default();
            let folder = if key == CONTROLLERS {
                self.sysfs.path(MODULE.0)
            } else {
                self.sysfs.folder(hub)
            };
            // What somebody else has changed since is theirs.
            let is_as_taken = Sysfs::read(&folder, attribute).is_some_and(|now| now == "0");
            if !is_as_taken || before.value == "0" {
                continue;
            }
            if let Err(error) = Sysfs::write(&folder, attribute, &before.value) {
                let path = folder.join(attribute);
                let problem = format!("cannot open {}: {error}", path.display());
                short.extend(shortfalls(&BTreeSet::from([Function::Usb]), &problem));
            }
        }
        short
    }

    /// Whether a thing was born without authorisation because of us.
    fn is_born_refused(&self, attached: &Attached, half: Half) -> bool {
        let attribute = match half {
            Half::Device => DEVICES,
            Half::Interface => INTERFACES,
        };
        let known = self.taken.defaults.get(&key(attached.bus, attribute));
        // A controller that came since we closed new ones was born as we said.
        let of_new = || match half {
            Half::Device => self.taken.defaults.get(CONTROLLERS),
            Half::Interface => None,
        };
        let before = known.or_else(of_new);
        before.is_some_and(|before| match before.value.as_str() {
            "0" => false,
            "2" => attached.device.connection == Connection::BuiltIn,
            _ => true,
        })
    }

    /// Whether the bus of a device is the one that was closed: a controller that came since may have the
    /// number of one that went.
    pub(super) fn is_of_known_bus(&self, attached: &Attached) -> bool {
        let hub = self.sysfs.folder(&format!("usb{}", attached.bus));
        let inode = std::fs::metadata(hub).map(|met| met.ino()).ok();
        let before = self.taken.defaults.get(&key(attached.bus, DEVICES));
        before.is_some_and(|before| Some(before.inode) == inode)
    }

    /// Whether what is not authorised is so because of us.
    pub(super) fn is_ours(&self, attached: &Attached, one: &Appearance, half: Half) -> bool {
        self.taken.is_ours(one)
            || (!self.taken.is_seen(one) && self.is_born_refused(attached, half))
    }

    /// Notes what others have refused before we looked.
    pub(super) fn note_strangers(&mut self, attached: &[Attached]) {
        for one in attached {
            if !one.is_authorized && !self.is_ours(one, &one.appearance, Half::Device) {
                self.taken.see(&one.appearance);
            }
            for interface in one.interfaces.iter().filter(|each| !each.is_authorized) {
                if !self.is_ours(one, &interface.appearance, Half::Interface) {
                    self.taken.see(&interface.appearance);
                }
            }
        }
    }

    /// Notes what could be used before this turn gave or took: who refuses it later is somebody else.
    pub(super) fn note_in_use(&mut self, attached: &[Attached]) {
        for one in attached {
            if one.is_authorized && !self.taken.is_ours(&one.appearance) {
                self.taken.see(&one.appearance);
            }
            for interface in one.interfaces.iter().filter(|each| each.is_authorized) {
                if !self.taken.is_ours(&interface.appearance) {
                    self.taken.see(&interface.appearance);
                }
            }
        }
    }
}

fn key(bus: u32, attribute: &str) -> String {
    format!("usb{bus}/{attribute}")
}
