//! Which device nodes carry a function. The udev rules mark them; what they could not find out
//! while a node is closed, the agent asks the node itself.
//!
//! The inventory is built anew from the kernel's and udev's state at each turn; events only say
//! that it is time to look.

mod families;
mod inventory;
pub(crate) mod monitor;
pub(crate) mod usb;
mod v4l2;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use cardwarden_policy::{Function, Inventory};

use crate::enforce::{Kernel, Permission};

/// `VIDEO_MAJOR` (`include/media/v4l2-dev.h`): fixed, so it can be closed before its module loads.
const VIDEO_MAJOR: u32 = 81;
/// The mark that the udev rules leave on a node, with its function.
const MARK: &str = "CARDWARDEN_FUNCTION";

/// A device node on a major that carries a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    /// The function that its major carries.
    pub(crate) function: Function,
    /// Major and minor.
    pub(crate) number: (u32, u32),
    /// Where it lies in `/dev`.
    pub(crate) path: PathBuf,
    /// Where it lies in `/sys`.
    pub(crate) syspath: PathBuf,
}

/// What there is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Found {
    /// The numbers, as decisions need them.
    pub(crate) inventory: Inventory,
    /// The nodes.
    pub(crate) nodes: Vec<Node>,
    /// The USB devices, in the order of their ports.
    pub(crate) usb: Vec<usb::Attached>,
}

/// The devices of this machine.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    /// Nodes that were asked, and whether they are cameras.
    asked: BTreeMap<(PathBuf, (u32, u32)), bool>,
    ports: usb::Ports,
    /// The majors that carry a function, or did since the agent started.
    majors: BTreeMap<u32, Function>,
}

impl Devices {
    /// Looks at what there is. A node of which it cannot be told what it is counts as the function
    /// that its major carries.
    pub(crate) fn scan(&mut self, kernel: &mut dyn Kernel) -> Found {
        let mut found = Found {
            usb: self.ports.scan(),
            ..Found::default()
        };
        let registered = std::fs::read_to_string("/proc/devices").unwrap_or_default();
        self.majors = majors(&self.majors, &registered);
        found.inventory.majors.clone_from(&self.majors);
        let mut seen = BTreeSet::new();
        for subsystem in ["video4linux", "media", "lirc"] {
            for device in devices(subsystem) {
                let (Some(number), Some(path)) = (number(&device), device.devnode()) else {
                    continue;
                };
                let Some(function) = found.inventory.majors.get(&number.0).copied() else {
                    continue;
                };
                let node = Node {
                    function,
                    number,
                    path: path.to_owned(),
                    syspath: device.syspath().to_owned(),
                };
                seen.insert((node.syspath.clone(), node.number));
                if self.is_something_else(kernel, &device, &node) {
                    found
                        .inventory
                        .others
                        .entry(number.0)
                        .or_default()
                        .insert(number.1);
                } else {
                    found.nodes.push(node);
                }
            }
        }
        self.asked.retain(|key, _| seen.contains(key));
        let sysfs = Path::new("/sys");
        let capturing = inventory::sound(sysfs, &mut found.inventory);
        found.nodes.extend(capturing);
        let disciplines = std::fs::read_to_string("/proc/tty/ldiscs").unwrap_or_default();
        inventory::bluetooth(&disciplines, &mut found.inventory);
        inventory::usb(sysfs, &found.usb, &mut found.inventory);
        found.inventory.netlink = families::families(sysfs);
        found
    }

    /// One USB device that has just been plugged in, by the name that the kernel gave it, and its own
    /// node; nothing when it has gone or may be used already.
    pub(crate) fn newcomer(&self, name: &str, texts: usb::Texts) -> Option<Found> {
        let attached = self.ports.newcomer(name, texts)?;
        let mut found = Found::default();
        inventory::usbfs(&attached, &mut found.inventory);
        found.usb.push(attached);
        Some(found)
    }

    /// Whether a node is known not to carry the function of its major.
    fn is_something_else(
        &mut self,
        kernel: &mut dyn Kernel,
        device: &udev::Device,
        node: &Node,
    ) -> bool {
        if !device.is_initialized() {
            return false;
        }
        let marked = device
            .property_value(MARK)
            .is_some_and(|mark| !mark.is_empty());
        let is_video = device.subsystem() == Some(OsStr::new("video4linux"))
            && device.sysname().to_string_lossy().starts_with("video");
        if marked || !is_video || device.property_value("ID_V4L_CAPABILITIES").is_some() {
            return !marked;
        }
        // udev's own question was refused, since the node is closed.
        let key = (node.syspath.clone(), node.number);
        if let Some(camera) = self.asked.get(&key) {
            return !camera;
        }
        let (major, minor) = node.number;
        if let Err(error) = kernel.permit(Permission::Look { major, minor }) {
            tracing::warn!("cannot look at {}: {error}", node.path.display());
            return false;
        }
        let answer = v4l2::is_camera(&node.path);
        kernel.revoke_permit();
        match answer {
            Ok(camera) => {
                self.asked.insert(key, camera);
                !camera
            }
            Err(error) => {
                tracing::debug!("{} does not say what it is: {error}", node.path.display());
                false
            }
        }
    }
}

/// Lets udev's rules run anew over the nodes of a function.
pub(crate) fn announce(nodes: &[Node], function: Function) {
    for node in nodes.iter().filter(|node| node.function == function) {
        let uevent = node.syspath.join("uevent");
        let written = std::fs::OpenOptions::new()
            .write(true)
            .open(&uevent)
            .and_then(|mut file| file.write_all(b"change"));
        if let Err(error) = written {
            tracing::warn!("cannot tell udev of {}: {error}", node.path.display());
        }
    }
}

/// Tells the udev rules which functions are decided on, by empty files in `decided`.
pub(crate) fn mark_decided(
    runtime: &Path,
    function: Function,
    decided: bool,
) -> std::io::Result<()> {
    let folder = runtime.join("decided");
    let mark = folder.join(function.name());
    if decided {
        std::fs::create_dir_all(&folder)?;
        std::fs::File::create(mark).map(drop)
    } else {
        match std::fs::remove_file(mark) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The character-device majors that carry a function, from `/proc/devices`. One whose driver went stays
/// until another has it: the kernel gives the highest free number (`find_dynamic_major`), so a driver
/// that comes again most often gets its old one, and its first node is closed as it is made.
fn majors(known: &BTreeMap<u32, Function>, registered: &str) -> BTreeMap<u32, Function> {
    let mut majors = known.clone();
    majors.insert(VIDEO_MAJOR, Function::Camera);
    let characters = registered
        .lines()
        .take_while(|line| !line.starts_with("Block"));
    for line in characters {
        let Some((major, name)) = line.trim().split_once(' ') else {
            continue;
        };
        let Ok(major) = major.parse() else {
            continue;
        };
        match name.trim() {
            "video4linux" | "media" => majors.insert(major, Function::Camera),
            "lirc" => majors.insert(major, Function::Infrared),
            _ => majors.remove(&major),
        };
    }
    majors
}

/// The devices of a subsystem. An error means that there are none that can be told.
fn devices(subsystem: &str) -> Vec<udev::Device> {
    let list = || -> std::io::Result<Vec<udev::Device>> {
        let mut enumerator = udev::Enumerator::new()?;
        enumerator.match_subsystem(subsystem)?;
        Ok(enumerator.scan_devices()?.collect())
    };
    list().unwrap_or_else(|error| {
        tracing::warn!("cannot list the devices of {subsystem}: {error}");
        Vec::new()
    })
}

fn number(device: &udev::Device) -> Option<(u32, u32)> {
    let number = device.devnum()?;
    let major = u32::try_from(nix::sys::stat::major(number)).ok()?;
    Some((major, u32::try_from(nix::sys::stat::minor(number)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_found_by_name_among_the_character_devices_only() {
        let registered = "Character devices:\n  1 mem\n 81 video4linux\n226 drm\n236 media\n237 lirc\n\nBlock devices:\n 9 media\n";
        let expected = BTreeMap::from([
            (81, Function::Camera),
            (236, Function::Camera),
            (237, Function::Infrared),
        ]);
        assert_eq!(majors(&BTreeMap::new(), registered), expected);
    }

    #[test]
    fn the_major_of_cameras_is_closed_before_their_module_loads() {
        let expected = BTreeMap::from([(81, Function::Camera)]);
        assert_eq!(majors(&BTreeMap::new(), ""), expected);
    }

    #[test]
    fn a_major_stays_closed_until_somebody_else_has_it() {
        let before = majors(&BTreeMap::new(), "237 lirc\n");
        assert_eq!(majors(&before, "226 drm\n"), before);
        let after = majors(&before, "237 hidraw\n");
        assert_eq!(after, BTreeMap::from([(81, Function::Camera)]));
    }
}
