//! The USB devices that are attached, as the kernel knows them (`/sys/bus/usb/devices`).

use std::path::PathBuf;

use cardwarden_policy::usb::Device;

/// One attached device, and where the kernel keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Attached {
    /// What policies see of it.
    pub(crate) device: Device,
    /// Its folder in sysfs.
    pub(crate) syspath: PathBuf,
    /// The minor of its usbfs node, on major 189 (`USB_DEVICE_MAJOR`): `(bus - 1) * 128 + number - 1`.
    pub(crate) minor: u32,
}
