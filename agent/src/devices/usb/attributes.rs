//! Attributes of one device, as text files of sysfs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cardwarden_policy::facts::Fingerprint;
use cardwarden_policy::usb::descriptors::{by_number, settings};
use cardwarden_policy::usb::{Connection, Device, Interface};
use sha2::{Digest as _, Sha256};

use super::{Appearance, Known};

/// The text of an attribute without the line's end; nothing when it is not there or not to be read.
pub(crate) fn text(folder: &Path, attribute: &str) -> Option<String> {
    let bytes = fs::read(folder.join(attribute)).ok()?;
    // Strings of devices are UTF-8 when the kernel has made them (`usb_string`); a byte that is
    // not, is shown as such and matches nothing.
    let text = String::from_utf8_lossy(&bytes);
    Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// A decimal number.
pub(super) fn number(folder: &Path, attribute: &str) -> Option<u32> {
    text(folder, attribute)?.trim().parse().ok()
}

fn hex8(folder: &Path, attribute: &str) -> Option<u8> {
    u8::from_str_radix(text(folder, attribute)?.trim(), 16).ok()
}

fn hex16(folder: &Path, attribute: &str) -> Option<u16> {
    u16::from_str_radix(text(folder, attribute)?.trim(), 16).ok()
}

/// Whether the kernel lets it be used. What has no such attribute is let.
pub(super) fn is_authorized(folder: &Path) -> bool {
    text(folder, "authorized").is_none_or(|text| text.trim() != "0")
}

/// The class of an interface in its present setting.
pub(super) fn class_of(interface: &Path) -> Option<Interface> {
    Some(Interface::new(
        hex8(interface, "bInterfaceClass")?,
        hex8(interface, "bInterfaceSubClass")?,
        hex8(interface, "bInterfaceProtocol")?,
    ))
}

/// What firmware says of the port (`port/connect_type`, `connect_type_show` in
/// `drivers/usb/core/port.c`). Never `removable`, which a hub from outside can forge.
fn connection(device: &Path) -> Connection {
    match text(device, "port/connect_type").as_deref() {
        Some("hardwired") => Connection::BuiltIn,
        Some("hotplug") => Connection::External,
        _ => Connection::Unknown,
    }
}

/// Everything of a device that cannot change; `None` when it has gone.
pub(super) fn read(path: &Path, appearance: Appearance, number: u32) -> Option<Known> {
    let descriptors = fs::read(path.join("descriptors")).unwrap_or_default();
    let settings = settings(&descriptors);
    let connection = connection(path);
    let fingerprint = || Fingerprint(Sha256::digest(&descriptors).into());
    let device = Device {
        vendor: hex16(path, "idVendor")?,
        product: hex16(path, "idProduct")?,
        revision: hex16(path, "bcdDevice"),
        serial: text(path, "serial"),
        manufacturer: text(path, "manufacturer"),
        name: text(path, "product"),
        port: appearance.name.clone(),
        connection,
        descriptors: (!descriptors.is_empty()).then(fingerprint),
        class: Interface::new(
            hex8(path, "bDeviceClass")?,
            hex8(path, "bDeviceSubClass")?,
            hex8(path, "bDeviceProtocol")?,
        ),
        interfaces: settings.iter().map(|setting| setting.class).collect(),
    };
    let classes: BTreeMap<u8, Vec<Interface>> = by_number(&settings);
    Some(Known {
        bus: self::number(path, "busnum")?,
        syspath: fs::canonicalize(path).ok()?,
        is_soldered: connection == Connection::BuiltIn || path.join("of_node").exists(),
        device,
        appearance,
        number,
        classes,
    })
}
