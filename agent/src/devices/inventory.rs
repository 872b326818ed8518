//! Single nodes that carry a function, and what else of the kernel's numbers decisions need: sound,
//! virtual Bluetooth adapters, USB devices as such and what is stored on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cardwarden_policy::plan::{Carried, Carrier, Kind, Part, SCSI_DISK_MAJOR, USB_MAJOR};
use cardwarden_policy::{Function, Inventory};

use super::Node;
use super::usb::Attached;

/// `CONFIG_SND_MAJOR` (`include/sound/core.h`).
pub(super) const SOUND_MAJOR: u32 = 116;
/// `SNDRV_MINOR_SEQUENCER` and `SNDRV_MINOR_TIMER`: opening them loads their modules, so that sysfs may
/// not show them yet.
const SOUND_FIXED: [u32; 2] = [1, 33];
/// `SOUND_MAJOR` of OSS (`include/linux/sound.h`); capture is by reading the nodes that play, too.
const OSS_MAJOR: u32 = 14;
/// `SND_DEV_DSP`, `SND_DEV_AUDIO` and `SND_DEV_ADSP`: the low four bits of a minor.
const OSS_CAPTURING: [u32; 3] = [3, 4, 12];
/// `MISC_MAJOR` and `VHCI_MINOR` (`include/linux/miscdevice.h`).
const VHCI: (u32, u32) = (10, 137);

const AUDIO: u8 = 0x01;
const HID: u8 = 0x03;
const SMARTCARD: u8 = 0x0b;
const VIDEO: u8 = 0x0e;
/// `e0/01/01`.
const WIRELESS: u8 = 0xe0;

/// Adds what sysfs tells of sound devices; their capture nodes.
pub(super) fn sound(sysfs: &Path, inventory: &mut Inventory) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut others: BTreeSet<u32> = SOUND_FIXED.into();
    for entry in fs::read_dir(sysfs.join("class/sound"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let (syspath, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let Some((major, minor)) = number(&syspath) else {
            continue;
        };
        let captures = name.starts_with("pcm") && name.ends_with('c');
        if major == SOUND_MAJOR && captures {
            nodes.push(Node {
                function: Function::Microphone,
                number: (major, minor),
                path: Path::new("/dev/snd").join(&*name),
                syspath: fs::canonicalize(&syspath).unwrap_or(syspath),
            });
        } else if major == SOUND_MAJOR {
            others.insert(minor);
        }
    }
    inventory.majors.insert(SOUND_MAJOR, Function::Microphone);
    inventory.others.insert(SOUND_MAJOR, others);
    for minor in (0..256).filter(|minor| OSS_CAPTURING.contains(&(minor & 15))) {
        let carrier = Carrier {
            functions: BTreeMap::from([(Function::Microphone, Carried::ByReading)]),
            port: None,
        };
        inventory
            .nodes
            .insert((Kind::Character, OSS_MAJOR, minor), carrier);
    }
    nodes
}

/// Adds the node that makes virtual Bluetooth adapters, and whether serial lines can be made some.
///
/// The line discipline counts once its module is loaded: looking at every `ioctl` of the machine costs
/// more than it is worth before. What loads it makes a nudge; and an adapter that comes of it in
/// between is of no use to anybody, since no Bluetooth socket can be made.
pub(super) fn bluetooth(disciplines: &str, inventory: &mut Inventory) {
    let carrier = Carrier {
        functions: BTreeMap::from([(Function::Bluetooth, Carried::ByOpening)]),
        port: None,
    };
    let (major, minor) = VHCI;
    inventory
        .nodes
        .insert((Kind::Character, major, minor), carrier);
    inventory.has_serial_hci = disciplines
        .lines()
        .any(|line| line.split_whitespace().next() == Some("n_hci"));
}

/// Adds the usbfs node of a USB device.
pub(super) fn usbfs(one: &Attached, inventory: &mut Inventory) {
    if let Some(carrier) = of_usb(one).filter(|_| !one.is_root_hub()) {
        inventory
            .nodes
            .insert((Kind::Character, USB_MAJOR, one.minor), carrier);
    }
}

/// Where disks are, and what takes commands for them (`sg`, `bsg`): which kind of nodes, and what of a
/// USB device.
const STORING: [(&str, Kind, Part); 3] = [
    ("class/block", Kind::Block, Part::Storage),
    ("class/scsi_generic", Kind::Character, Part::Commands),
    ("class/bsg", Kind::Character, Part::Commands),
];

/// Adds the usbfs nodes of USB devices, and the nodes of what is stored on them.
pub(super) fn usb(sysfs: &Path, attached: &[Attached], inventory: &mut Inventory) {
    for one in attached {
        usbfs(one, inventory);
    }
    let system = system(sysfs);
    let own =
        |one: &Attached| fs::canonicalize(&one.syspath).unwrap_or_else(|_| one.syspath.clone());
    for (class, kind, part) in STORING {
        for (path, (major, minor)) in numbered(&sysfs.join(class)) {
            // The longest, since a device lies below its hub.
            let below = attached
                .iter()
                .filter(|one| !one.is_root_hub() && path.starts_with(own(one)));
            let owner = below.max_by_key(|one| one.syspath.as_os_str().len());
            let is_system =
                |owner: &&Attached| system.iter().any(|disk| disk.starts_with(own(owner)));
            if let Some(owner) = owner.filter(|owner| !is_system(owner)) {
                let carrier = Carrier {
                    functions: BTreeMap::new(),
                    port: Some((owner.device.port.clone(), part)),
                };
                inventory.nodes.insert((kind, major, minor), carrier);
            } else if (kind, major) == (Kind::Block, SCSI_DISK_MAJOR) {
                inventory.disks.insert(minor);
            }
        }
    }
}

/// The devices of a class that have nodes: where each really lies, and its number.
fn numbered(class: &Path) -> Vec<(PathBuf, (u32, u32))> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let path = fs::canonicalize(entry.path()).ok()?;
            Some((path, number(&entry.path())?))
        })
        .collect()
}

/// What the usbfs node of a device carries. A card reader's is never taken: it is what the policy comes
/// by. One that is used for input or by a modem goes with the device: it is not taken before.
fn of_usb(one: &Attached) -> Option<Carrier> {
    let has = |class: u8| {
        let interfaces = one.device.interfaces.iter();
        interfaces
            .chain([&one.device.class])
            .any(|interface| interface.class == class)
    };
    let is_modem = one
        .device
        .interfaces
        .iter()
        .any(|one| (one.class, one.subclass) == (0x02, 0x0e));
    if has(SMARTCARD) {
        return None;
    }
    let is_adapter = one
        .device
        .interfaces
        .iter()
        .chain([&one.device.class])
        .any(|one| (one.class, one.subclass, one.protocol) == (WIRELESS, 1, 1));
    let functions = [
        (has(VIDEO), Function::Camera),
        (has(AUDIO), Function::Microphone),
        (is_adapter, Function::Bluetooth),
    ];
    let may_be_spared = one.is_authorized && (has(HID) || is_modem || one.is_soldered);
    Some(Carrier {
        functions: functions
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, function)| (function, Carried::ByAnyUse))
            .collect(),
        port: (!may_be_spared).then(|| (one.device.port.clone(), Part::Whole)),
    })
}

/// The disks below what the system runs from.
fn system(sysfs: &Path) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = ["/", "/proc/self/exe"]
        .into_iter()
        .filter_map(|place| fs::metadata(place).ok())
        .filter_map(|met| {
            let (major, minor) = (
                nix::sys::stat::major(met.dev()),
                nix::sys::stat::minor(met.dev()),
            );
            fs::canonicalize(sysfs.join(format!("dev/block/{major}:{minor}"))).ok()
        })
        .collect();
    let mut disks = Vec::new();
    while let Some(disk) = open.pop() {
        let slaves = fs::read_dir(disk.join("slaves"))
            .into_iter()
            .flatten()
            .flatten();
        open.extend(slaves.filter_map(|slave| fs::canonicalize(slave.path()).ok()));
        disks.push(disk);
    }
    disks
}

fn number(folder: &Path) -> Option<(u32, u32)> {
    let text = fs::read_to_string(folder.join("dev")).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_capture_are_microphones() {
        let tree = tempfile::tempdir().unwrap();
        for (name, number) in [
            ("pcmC0D0c", 24),
            ("pcmC0D0p", 16),
            ("controlC0", 0),
            ("seq", 1),
        ] {
            let folder = tree.path().join("class/sound").join(name);
            fs::create_dir_all(&folder).unwrap();
            crate::durable::replace(&folder.join("dev"), format!("116:{number}\n").as_bytes())
                .unwrap();
        }
        let mut inventory = Inventory::default();
        let nodes = sound(tree.path(), &mut inventory);
        assert_eq!(
            nodes.iter().map(|node| node.number).collect::<Vec<_>>(),
            [(116, 24)]
        );
        assert_eq!(inventory.others[&116], BTreeSet::from([0, 1, 16, 33]));
        assert!(inventory.nodes.contains_key(&(Kind::Character, 14, 19)));
        assert!(!inventory.nodes.contains_key(&(Kind::Character, 14, 16)));
    }

    #[test]
    fn serial_lines_can_be_adapters_once_their_line_discipline_is_there() {
        for (disciplines, expected) in [("n_tty 0\n", false), ("n_tty 0\nn_hci 15\n", true)] {
            let mut inventory = Inventory::default();
            bluetooth(disciplines, &mut inventory);
            assert_eq!(inventory.has_serial_hci, expected);
        }
    }
}
