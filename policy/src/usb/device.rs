//! One attached device, as the kernel knows it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Interface;
use crate::Function;
use crate::facts::Fingerprint;

/// What is known of one attached device.
///
/// A string that the device does not have is `None`; an empty one is the same as none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// `idVendor`.
    pub vendor: u16,
    /// `idProduct`.
    pub product: u16,
    /// `bcdDevice`: the device's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Its serial number. Makers give the same one to many devices; the port tells those apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its maker's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Its product's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The port that it is in: the name of its folder in sysfs, such as `1-1.4`.
    pub port: String,
    /// What the machine's firmware says of that port.
    #[serde(default)]
    pub connection: Connection,
    /// SHA-256 over its `descriptors` file in sysfs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<Fingerprint>,
    /// Class of the device as a whole.
    pub class: Interface,
    /// One for each interface descriptor in its `descriptors` file, in that order; other settings
    /// of an interface and other configurations count too. (A device that is not authorised
    /// shows its interfaces nowhere else.)
    pub interfaces: Vec<Interface>,
}

/// What the firmware says of a port: `port/connect_type` in sysfs.
///
/// Not `removable` in sysfs: a hub from outside can declare its own ports fixed, and the kernel
/// believes it (`set_usb_port_removable`). Firmware knows the ports of the machine; what is
/// behind a hub from outside is in an `unknown` one, and so is everything on a machine whose
/// firmware says nothing. To refuse all that is not built in, name `external` and `unknown`.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// Soldered or screwed in (`hardwired`).
    BuiltIn,
    /// People can plug it (`hotplug`).
    External,
    /// Firmware says nothing of the port, or that it is not used.
    #[default]
    Unknown,
}

impl Connection {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::BuiltIn, Self::External, Self::Unknown];
}

impl Device {
    /// The parts of `usb` that the device belongs to: those of its interfaces, or, when it shows
    /// none, that of its own class. None at all for a hub, and for nothing else.
    pub fn classes(&self) -> BTreeSet<Function> {
        if self.interfaces.is_empty() {
            return self.class.function().into_iter().collect();
        }
        self.parts_of(&self.interfaces)
    }

    /// The parts of `usb` that one of its interfaces belongs to, whose settings have these classes.
    /// An interface that carries the data of another belongs to what that one belongs to, where the
    /// device has such a one.
    pub fn parts_of(&self, settings: &[Interface]) -> BTreeSet<Function> {
        let speaking = || {
            self.interfaces
                .iter()
                .filter(|one| one.has_data_elsewhere())
        };
        let mut parts = BTreeSet::new();
        for setting in settings {
            if setting.is_data_of_another() && speaking().next().is_some() {
                parts.extend(speaking().filter_map(|one| one.function()));
            } else {
                parts.extend(setting.function());
            }
        }
        parts
    }
}

/// A string of a device, where none and an empty one are the same.
pub(super) fn said(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}
