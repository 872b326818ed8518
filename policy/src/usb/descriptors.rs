//! What a device says of itself: the file `descriptors` that sysfs has for each.
//!
//! The kernel has already walked these bytes once, and what it gives ends where its own walk ended
//! (`usb_parse_configuration` sets `wTotalLength` so): one descriptor follows another, through all
//! configurations, whatever lengths the device itself wrote into them. They are read the same way
//! here. The bytes come from a stranger all the same; whatever they are, reading ends, and never
//! finds less than the kernel did.

use std::collections::BTreeMap;

use super::Interface;

/// `USB_DT_INTERFACE` (`include/uapi/linux/usb/ch9.h`).
const INTERFACE: u8 = 0x04;
/// `USB_DT_INTERFACE_SIZE`: the kernel passes over what is shorter, and so do we.
const INTERFACE_SIZE: usize = 9;
/// `USB_DT_DEVICE_SIZE`.
const DEVICE_SIZE: usize = 18;

/// What a device says of itself as a whole, in its device descriptor (USB 2.0, 9.6.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Numbers {
    /// `idVendor`.
    pub vendor: u16,
    /// `idProduct`.
    pub product: u16,
    /// `bcdDevice`.
    pub revision: u16,
    /// Class of the device as a whole.
    pub class: Interface,
}

/// The device descriptor, with which the bytes begin: the same that sysfs has as `idVendor`,
/// `bDeviceClass` and others, one file each. `None` where there are not as many bytes.
pub fn numbers(descriptors: &[u8]) -> Option<Numbers> {
    let [_, _, _, _, class, subclass, protocol, _, vendor @ ..] =
        descriptors.first_chunk::<14>()?;
    let [v0, v1, p0, p1, r0, r1] = *vendor;
    (descriptors.len() >= DEVICE_SIZE).then(|| Numbers {
        vendor: u16::from_le_bytes([v0, v1]),
        product: u16::from_le_bytes([p0, p1]),
        revision: u16::from_le_bytes([r0, r1]),
        class: Interface::new(*class, *subclass, *protocol),
    })
}

/// One setting of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Setting {
    /// `bInterfaceNumber`: the last number in the interface's name in sysfs (`1-2:1.0`).
    pub number: u8,
    /// `bAlternateSetting`.
    pub setting: u8,
    /// Its class.
    pub class: Interface,
}

/// The interface descriptors of all configurations, in the order of the bytes.
pub fn settings(descriptors: &[u8]) -> Vec<Setting> {
    let mut rest = descriptors.get(DEVICE_SIZE..).unwrap_or_default();
    let mut found = Vec::new();
    while let [length, kind, ..] = *rest {
        let length = usize::from(length);
        let Some((descriptor, after)) = rest.split_at_checked(length).filter(|_| length >= 2)
        else {
            break;
        };
        if kind == INTERFACE
            && length >= INTERFACE_SIZE
            && let [_, _, number, setting, _, class, subclass, protocol, ..] = *descriptor
        {
            found.push(Setting {
                number,
                setting,
                class: Interface::new(class, subclass, protocol),
            });
        }
        rest = after;
    }
    found
}

/// The classes that each interface can have, by its number.
///
/// What interfaces of the same number in several configurations have is laid together: where a
/// configuration begins cannot be told for sure, since a device may hide a descriptor that looks
/// like a beginning within another (the kernel passes over such), and would so pass one interface
/// off as another.
pub fn by_number(settings: &[Setting]) -> BTreeMap<u8, Vec<Interface>> {
    let mut classes: BTreeMap<u8, Vec<Interface>> = BTreeMap::new();
    for setting in settings {
        let of_number = classes.entry(setting.number).or_default();
        if !of_number.contains(&setting.class) {
            of_number.push(setting.class);
        }
    }
    classes
}
