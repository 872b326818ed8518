//! Attributes of one device, as text files of sysfs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cardwarden_policy::facts::Fingerprint;
use cardwarden_policy::usb::descriptors::{Numbers, by_number, numbers, settings};
use cardwarden_policy::usb::{Connection, Device, Interface};
use sha2::{Digest as _, Sha256};

use super::folder::Folder;
use super::{Appearance, Known, Texts};

/// The text of an attribute without the line's end; nothing when it is not there or not to be read.
pub(crate) fn text(folder: &Path, attribute: &str) -> Option<String> {
    let bytes = fs::read(folder.join(attribute)).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn hex8(text: Option<String>) -> Option<u8> {
    u8::from_str_radix(text?.trim(), 16).ok()
}

fn hex16(text: Option<String>) -> Option<u16> {
    u16::from_str_radix(text?.trim(), 16).ok()
}

/// Whether the kernel lets it be used, by what `authorized` says. What has no such attribute is let.
pub(super) fn is_authorized(said: Option<String>) -> bool {
    said.is_none_or(|text| text.trim() != "0")
}

/// The class of an interface in its present setting.
pub(super) fn class_of(interface: &Path) -> Option<Interface> {
    Some(Interface::new(
        hex8(text(interface, "bInterfaceClass"))?,
        hex8(text(interface, "bInterfaceSubClass"))?,
        hex8(text(interface, "bInterfaceProtocol"))?,
    ))
}

/// What firmware says of the port (`connect_type_show` in `drivers/usb/core/port.c`). Never
/// `removable`, which a hub from outside can forge.
fn connection(device: &Folder, name: &str) -> Connection {
    let said = device
        .text("port/connect_type")
        .or_else(|| said_by_hub(device, name));
    match said.as_deref() {
        Some("hardwired") => Connection::BuiltIn,
        Some("hotplug") => Connection::External,
        _ => Connection::Unknown,
    }
}

/// The same, found by way of the hub: the link `port` comes too late, the kernel makes it after it has
/// told of the device (`usb_new_device`). A port lies below its hub's interface, in whose name is the
/// hub's configuration; that is not asked, since who asks waits until the hub is done with the device.
fn said_by_hub(device: &Folder, name: &str) -> Option<String> {
    let (hub, interface, number) = if let Some((hub, number)) = name.rsplit_once('.') {
        (hub.to_owned(), format!("{hub}:"), number)
    } else {
        let (bus, number) = name.split_once('-')?;
        (format!("usb{bus}"), format!("{bus}-0:"), number)
    };
    let of =
        |interface: &str| device.text(&format!("../{interface}/{hub}-port{number}/connect_type"));
    of(&format!("{interface}1.0")).or_else(|| {
        let mut all = device.names("..").into_iter();
        all.find_map(|one| of(&one).filter(|_| one.starts_with(&interface)))
    })
}

/// The bus of a device, by its name (`usb_alloc_dev`).
fn bus(name: &str) -> Option<u32> {
    let bus = name.split_once('-').map_or(name, |(bus, _)| bus);
    bus.trim_start_matches("usb").parse().ok()
}

/// The numbers as sysfs has them, one file each.
fn numbers_of(device: &Folder) -> Option<Numbers> {
    Some(Numbers {
        vendor: hex16(device.text("idVendor"))?,
        product: hex16(device.text("idProduct"))?,
        revision: hex16(device.text("bcdDevice"))?,
        class: Interface::new(
            hex8(device.text("bDeviceClass"))?,
            hex8(device.text("bDeviceSubClass"))?,
            hex8(device.text("bDeviceProtocol"))?,
        ),
    })
}

/// Everything of a device that cannot change; `None` when it has gone.
pub(super) fn read(
    folder: &Folder,
    syspath: PathBuf,
    (appearance, number): (Appearance, u32),
    texts: Texts,
) -> Option<Known> {
    let text = |attribute| match texts {
        Texts::Read => folder.text(attribute),
        Texts::Unasked => None,
    };
    let descriptors = folder.bytes("descriptors").unwrap_or_default();
    let settings = settings(&descriptors);
    let Numbers {
        vendor,
        product,
        revision,
        class,
    } = numbers(&descriptors).or_else(|| numbers_of(folder))?;
    let connection = connection(folder, &appearance.name);
    let fingerprint = || Fingerprint(Sha256::digest(&descriptors).into());
    let device = Device {
        vendor,
        product,
        revision: Some(revision),
        serial: text("serial"),
        manufacturer: text("manufacturer"),
        name: text("product"),
        port: appearance.name.clone(),
        connection,
        descriptors: (!descriptors.is_empty()).then(fingerprint),
        class,
        interfaces: settings.iter().map(|setting| setting.class).collect(),
    };
    let classes: BTreeMap<u8, Vec<Interface>> = by_number(&settings);
    Some(Known {
        bus: bus(&appearance.name)?,
        syspath,
        is_soldered: connection == Connection::BuiltIn || folder.has("of_node"),
        device,
        appearance,
        number,
        classes,
    })
}
