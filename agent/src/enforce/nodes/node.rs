//! The nodes of a function, and their modes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cardwarden_policy::Function;

use crate::enforce::attribute;

/// Where nodes of a function are listed: class, what their names begin with and end with, and their
/// folder in `/dev`. The same nodes as in `70-cardwarden-mark.rules`.
const LISTS: [(Function, &str, &str, &str, &str); 3] = [
    (Function::Microphone, "sound", "pcmC", "c", "snd"),
    (Function::Bluetooth, "misc", "vhci", "", ""),
    (Function::Bluetooth, "misc", SWITCH, "", ""),
];
/// The switch of all radios. Whoever may read it sees which are blocked, and changes nothing: other
/// radios are shown by it too.
const SWITCH: &str = "rfkill";

/// What others than the owner may do, of a mode.
const OTHERS: u32 = 0o066;
/// What others than the owner may write, of a mode.
const OTHERS_WRITE: u32 = 0o022;
/// The permissions, of a mode.
const PERMISSIONS: u32 = 0o7777;

/// A node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Node {
    pub(super) path: PathBuf,
    /// Its device in sysfs.
    device: PathBuf,
    /// What others may not have of it.
    taken: u32,
}

/// The nodes of a function that there are.
pub(super) fn nodes(sysfs: &Path, devices: &Path, function: Function) -> Vec<Node> {
    let lists = LISTS.into_iter().filter(|list| list.0 == function);
    let mut nodes: Vec<Node> = lists
        .flat_map(|(_, class, prefix, suffix, folder)| {
            let folder = devices.join(folder);
            let all = attribute::entries(&sysfs.join("class").join(class), prefix);
            all.into_iter()
                .filter(move |(name, _)| name.ends_with(suffix))
                .map(move |(name, device)| Node {
                    taken: if name == SWITCH { OTHERS_WRITE } else { OTHERS },
                    path: folder.join(name),
                    device,
                })
        })
        .filter(|node| node.path.exists())
        .collect();
    nodes.sort_by(|one, other| one.path.cmp(&other.path));
    nodes
}

impl Node {
    /// Its permissions; `None` when it has gone.
    pub(super) fn mode(&self) -> Option<u32> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some(metadata.permissions().mode() & PERMISSIONS)
    }

    /// Whether a mode lets others have what they may not.
    pub(super) const fn is_open(&self, mode: u32) -> bool {
        mode & self.taken != 0
    }

    /// A mode without what others may not have. The group's part of a mode is also the most that an
    /// access list grants, so who was on one has nothing left either.
    pub(super) const fn closed(&self, mode: u32) -> u32 {
        mode & !self.taken
    }

    /// Sets its permissions; what is wrong, when that fails. That it has gone is nothing wrong.
    pub(super) fn set(&self, mode: u32) -> Option<String> {
        let path = self.path.display();
        let error = std::fs::set_permissions(&self.path, Permissions::from_mode(mode)).err()?;
        self.path
            .exists()
            .then(|| format!("{path} cannot be given the mode {mode:04o}: {error}"))
    }

    /// Has udev's rules run over it anew.
    pub(super) fn announce(&self) {
        if let Err(error) = attribute::write(&self.device.join("uevent"), "change") {
            tracing::warn!("cannot tell udev of {}: {error}", self.path.display());
        }
    }
}
