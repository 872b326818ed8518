//! The radios that the kernel lists, and their soft blocks.

use std::fmt;
use std::path::{Path, PathBuf};

use super::event::Kind;
use crate::enforce::attribute;

/// A radio of a kind that a function is about.
#[derive(Clone, Debug)]
pub(super) struct Radio {
    /// Its name, `rfkillN`.
    name: String,
    /// What it calls itself, such as `hci0`.
    label: String,
    /// What it is known by later: where its device is, and what it calls itself. (Its number is
    /// another after each plug.)
    pub(super) key: String,
    soft: PathBuf,
}

/// The radios of a kind.
pub(super) fn radios(sysfs: &Path, kind: Kind) -> Vec<Radio> {
    let all = attribute::entries(&sysfs.join("class/rfkill"), "rfkill");
    all.into_iter()
        .filter(|(_, folder)| attribute::read(&folder.join("type")).as_deref() == Some(kind.name()))
        .map(|(name, folder)| {
            let label = attribute::read(&folder.join("name")).unwrap_or_default();
            let place = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
            let device = place.parent().unwrap_or(&place);
            Radio {
                key: format!("{} {label}", device.display()),
                soft: folder.join("soft"),
                label,
                name,
            }
        })
        .collect()
}

impl Radio {
    /// Whether it is soft-blocked now.
    pub(super) fn is_blocked(&self) -> bool {
        attribute::read(&self.soft).as_deref() == Some("1")
    }

    /// Blocks or unblocks it; what is wrong, when it is not as it should be afterwards. That it has
    /// gone is nothing wrong.
    pub(super) fn set(&self, block: bool) -> Option<String> {
        let written = attribute::write(&self.soft, if block { "1" } else { "0" });
        if !self.soft.exists() || self.is_blocked() == block {
            return None;
        }
        let wanted = if block { "blocked" } else { "unblocked" };
        Some(match written {
            Err(error) => format!("{self} cannot be {wanted}: {error}"),
            // The kernel takes the write and asks the driver, which says no while a program drives
            // the controller by itself (`HCI_CHANNEL_USER`).
            Ok(()) => format!("{self} does not let itself be {wanted}: its driver refuses"),
        })
    }
}

impl fmt::Display for Radio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, label, .. } = self;
        write!(out, "{name} ({label})")
    }
}

/// The links that Bluetooth controllers have to other devices: `hciN:HANDLE` (`hci_conn_add_sysfs`).
pub(super) fn links(sysfs: &Path) -> Vec<String> {
    let all = attribute::entries(&sysfs.join("class/bluetooth"), "hci");
    all.into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains(':'))
        .collect()
}
