//! The USB devices that are attached, as the kernel knows them (`/sys/bus/usb/devices`).
//!
//! Nothing here says what may be used; a look is taken at each turn, and is cheap: what cannot
//! change while a device is attached is read once, when it is first seen.

mod attributes;
mod folder;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cardwarden_policy::usb::{Device, Interface};

pub(crate) use attributes::text;
use folder::Folder;

/// One appearance of a device or an interface. What is plugged in again, or set up anew, is another
/// one, though it has the same name: sysfs gives each folder a number of its own
/// (`kernfs_node::id`).
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub(crate) struct Appearance {
    /// Its name in `/sys/bus/usb/devices`: `1-2`, `usb1` or `1-2:1.0`.
    pub(crate) name: String,
    /// The inode of its folder.
    pub(crate) inode: u64,
}

/// One attached device, and where the kernel keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Attached {
    /// What policies see of it.
    pub(crate) device: Device,
    /// Its folder in sysfs.
    pub(crate) syspath: PathBuf,
    /// The minor of its usbfs node, on major 189 (`USB_DEVICE_MAJOR`): `(bus - 1) * 128 + number - 1`.
    pub(crate) minor: u32,
    /// Which appearance of a device this is.
    pub(crate) appearance: Appearance,
    /// The number of its bus: its root hub is `usb` with this number.
    pub(crate) bus: u32,
    /// Whether the machine's maker put it in: firmware says that its port is hard-wired, or the
    /// device tree describes it (`of_node`).
    pub(crate) is_soldered: bool,
    /// Whether the kernel lets it be used.
    pub(crate) is_authorized: bool,
    /// The classes that each of its interfaces can have, by number, in whatever configuration.
    pub(crate) classes: BTreeMap<u8, Vec<Interface>>,
    /// The interfaces that are set up; none while the device is not authorised.
    pub(crate) interfaces: Vec<Present>,
}

/// An interface that is set up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Present {
    /// Which appearance of an interface this is.
    pub(crate) appearance: Appearance,
    /// Its number, the last one of its name.
    pub(crate) number: u8,
    /// Whether the kernel lets drivers have it.
    pub(crate) is_authorized: bool,
    /// The driver that has it.
    pub(crate) driver: Option<String>,
}

impl Attached {
    /// Whether it is the hub that a controller is itself.
    pub(crate) fn is_root_hub(&self) -> bool {
        self.device.port.starts_with("usb")
    }

    /// How people tell it: `1-2 (046d:0825)`.
    pub(crate) fn label(&self) -> String {
        let Device {
            vendor, product, ..
        } = self.device;
        format!("{} ({vendor:04x}:{product:04x})", self.device.port)
    }
}

/// What cannot change while a device is attached.
#[derive(Clone, Debug)]
struct Known {
    device: Device,
    syspath: PathBuf,
    appearance: Appearance,
    number: u32,
    bus: u32,
    is_soldered: bool,
    classes: BTreeMap<u8, Vec<Interface>>,
}

impl Known {
    fn attached(
        &self,
        folder: &Folder,
        classes: BTreeMap<u8, Vec<Interface>>,
        interfaces: Vec<Present>,
    ) -> Attached {
        Attached {
            device: self.device.clone(),
            syspath: self.syspath.clone(),
            minor: (self.bus.saturating_sub(1))
                .saturating_mul(128)
                .saturating_add(self.number.saturating_sub(1)),
            appearance: self.appearance.clone(),
            bus: self.bus,
            is_soldered: self.is_soldered,
            is_authorized: attributes::is_authorized(folder.text("authorized")),
            classes,
            interfaces,
        }
    }
}

/// Whether the texts are wanted that a device says of itself. Who reads them waits while the kernel is
/// busy with the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Texts {
    /// They are read.
    Read,
    /// Nobody asks for them.
    Unasked,
}

/// The ports of this machine, and what was seen in them.
#[derive(Debug)]
pub(crate) struct Ports {
    folder: PathBuf,
    known: HashMap<String, Known>,
    /// Devices that were said to share a serial number.
    told: BTreeSet<(u16, u16, String)>,
}

impl Default for Ports {
    fn default() -> Self {
        Self::below(Path::new("/sys"))
    }
}

impl Ports {
    /// Those of the sysfs that lies there.
    pub(crate) fn below(sysfs: &Path) -> Self {
        Self {
            folder: sysfs.join("bus/usb/devices"),
            known: HashMap::new(),
            told: BTreeSet::new(),
        }
    }

    /// What is attached, in the order of the ports. A device that goes while it is looked at is not
    /// there; a machine without USB has none.
    pub(crate) fn scan(&mut self) -> Vec<Attached> {
        let mut devices = Vec::new();
        let mut interfaces: HashMap<String, Vec<(u8, String)>> = HashMap::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // `PORT:CONFIGURATION.NUMBER` is an interface.
            match name.split_once(':') {
                None => devices.push(name),
                Some((port, place)) => {
                    let number = place.rsplit_once('.').map(|(_, number)| number.parse());
                    if let Some(Ok(number)) = number {
                        let of_port = interfaces.entry(port.to_owned()).or_default();
                        of_port.push((number, name));
                    }
                }
            }
        }
        devices.sort_by_cached_key(|name| by_port(name));
        let there: HashSet<&String> = devices.iter().collect();
        self.known.retain(|name, _| there.contains(name));
        let attached: Vec<Attached> = devices
            .into_iter()
            .filter_map(|name| {
                // A root hub's own interface is named after bus and port 0: `1-0:1.0`.
                let own = name.strip_prefix("usb").map(|bus| format!("{bus}-0"));
                let mut own = interfaces
                    .remove(own.as_ref().unwrap_or(&name))
                    .unwrap_or_default();
                own.sort_unstable();
                self.look_at(name, own)
            })
            .collect();
        self.tell_twins(&attached);
        attached
    }

    /// One device that has just been plugged in, by the name that the kernel gave it; `None` when it
    /// has gone or may be used already.
    pub(crate) fn newcomer(&self, name: &str, texts: Texts) -> Option<Attached> {
        // The name comes with an event: nothing else is read by it than a device of this folder.
        let is_name = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(is_name) {
            return None;
        }
        let path = self.folder.join(name);
        let folder = Folder::open(&path)?;
        let seen = Ports::seen(&folder, name.to_owned())?;
        // The next look finds out where it really lies, and its texts.
        let known = attributes::read(&folder, path, seen, texts)?;
        let classes = known.classes.clone();
        let attached = known.attached(&folder, classes, Vec::new());
        (!attached.is_authorized).then_some(attached)
    }

    /// Which appearance of a device has this folder, and the number that the device has on its bus.
    fn seen(folder: &Folder, name: String) -> Option<(Appearance, u32)> {
        let inode = folder.inode()?;
        Some((Appearance { name, inode }, folder.number("devnum")?))
    }

    fn look_at(&mut self, name: String, interfaces: Vec<(u8, String)>) -> Option<Attached> {
        let path = self.folder.join(&name);
        let folder = Folder::open(&path)?;
        let (appearance, number) = Self::seen(&folder, name)?;
        let known = match self.known.get(&appearance.name) {
            Some(known) if known.appearance == appearance && known.number == number => known,
            _ => {
                let name = appearance.name.clone();
                let syspath = fs::canonicalize(&path).ok()?;
                let known = attributes::read(&folder, syspath, (appearance, number), Texts::Read)?;
                self.known.insert(name.clone(), known);
                self.known.get(&name)?
            }
        };
        let mut classes = known.classes.clone();
        let interfaces = interfaces
            .into_iter()
            .filter_map(|(number, name)| {
                let path = self.folder.join(&name);
                // Not in the file of its descriptors, which ends at 64 KiB: the kernel tells.
                if let Entry::Vacant(free) = classes.entry(number) {
                    free.insert(vec![attributes::class_of(&path)?]);
                }
                present(&path, name, number)
            })
            .collect();
        Some(known.attached(&folder, classes, interfaces))
    }

    /// Says once of each set of devices that they cannot be told apart by what they say.
    fn tell_twins(&mut self, attached: &[Attached]) {
        let mut ports: BTreeMap<(u16, u16, &str), Vec<&str>> = BTreeMap::new();
        for Attached { device, .. } in attached {
            if let Some(serial) = device.serial.as_deref().filter(|serial| !serial.is_empty()) {
                let same = ports.entry((device.vendor, device.product, serial));
                same.or_default().push(&device.port);
            }
        }
        for ((vendor, product, serial), ports) in ports {
            let twins = (vendor, product, serial.to_owned());
            if ports.len() > 1 && self.told.insert(twins) {
                tracing::warn!(
                    "the USB devices at {} are all {vendor:04x}:{product:04x} with the serial \
                     number {serial:?}; only the port tells them apart",
                    ports.join(", ")
                );
            }
        }
        // Strangers choose serial numbers: what was told is forgotten rather than kept for ever.
        if self.told.len() > MOST_TOLD {
            self.told.clear();
        }
    }
}

/// More sets of twins than people plug.
const MOST_TOLD: usize = 256;

/// Sorts `1-10` after `1-9`, and root hubs first.
fn by_port(name: &str) -> Vec<u32> {
    name.split(['-', '.'])
        .map(|number| number.trim_start_matches("usb").parse().unwrap_or(u32::MAX))
        .collect()
}

/// The interface as it is now, read by the path of its link.
pub(crate) fn present(path: &Path, name: String, number: u8) -> Option<Present> {
    let inode = fs::metadata(path).ok()?.ino();
    let driver = fs::read_link(path.join("driver")).ok();
    let driver = driver.and_then(|link| link.file_name()?.to_str().map(str::to_owned));
    Some(Present {
        appearance: Appearance { name, inode },
        number,
        is_authorized: attributes::is_authorized(text(path, "authorized")),
        driver,
    })
}

#[cfg(test)]
pub(crate) mod tests;
