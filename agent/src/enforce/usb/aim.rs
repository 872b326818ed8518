//! What follows from a decision for each attached device and its interfaces. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::usb::Interface;
use cardwarden_policy::{Access, Decision, Function, Verdict};

use crate::devices::usb::Attached;

/// What is to hold for one device.
#[derive(Clone, Debug)]
pub(super) struct Aim<'a> {
    /// The device.
    pub(super) attached: &'a Attached,
    /// Its interfaces that are refused, by number, and for which functions.
    pub(super) refused: BTreeMap<u8, BTreeSet<Function>>,
    /// Whether all of it is refused, so that none of its interfaces is set up at all.
    pub(super) is_whole: bool,
    /// Whether what it stores may only be read.
    pub(super) is_read_only: bool,
}

/// Whether a device that is plugged in now could be refused.
pub(super) fn is_restricted(decision: &Decision) -> bool {
    let concerns = |function: Function| {
        function.is_usb() || matches!(function, Function::Camera | Function::Bluetooth)
    };
    decision.names_devices || decision.disabled().any(|(function, _)| concerns(function))
}

/// What a decision says of a device. Hubs only carry others: they are refused nothing.
pub(super) fn aim<'a>(attached: &'a Attached, decision: &Decision) -> Aim<'a> {
    let refused: BTreeMap<u8, BTreeSet<Function>> = attached
        .classes
        .iter()
        .map(|(number, classes)| (*number, refusing(attached, classes, decision)))
        .filter(|(_, functions)| !functions.is_empty())
        .collect();
    let parts = attached.device.classes();
    let access_to = |part| access_to(attached, part, decision);
    let is_read_only = parts.contains(&Function::UsbStorage)
        && access_to(Function::UsbStorage) == Access::ReadOnly;
    Aim {
        attached,
        refused,
        is_whole: false,
        is_read_only,
    }
}

impl Aim<'_> {
    /// Takes the device as a whole where nothing of it is left. A device that shows no interface is
    /// judged by its own class.
    pub(super) fn settle(&mut self, decision: &Decision) {
        let Attached {
            device, classes, ..
        } = self.attached;
        if classes.is_empty() {
            let functions = refusing(self.attached, &[device.class], decision);
            self.is_whole = !functions.is_empty();
            if self.is_whole {
                self.refused.insert(0, functions);
            }
            return;
        }
        self.is_whole = classes
            .keys()
            .all(|number| self.refused.contains_key(number));
    }

    /// For which functions something of it is refused.
    pub(super) fn functions(&self) -> BTreeSet<Function> {
        self.refused.values().flatten().copied().collect()
    }

    /// Whether an interface of this number may be used.
    pub(super) fn allows(&self, number: u8) -> bool {
        !self.is_whole && !self.refused.contains_key(&number)
    }
}

/// The functions for which an interface of these classes is refused.
fn refusing(attached: &Attached, classes: &[Interface], decision: &Decision) -> BTreeSet<Function> {
    let parts = attached.device.parts_of(classes);
    let is_off = |function| {
        let ruling = decision.rulings.get(&function);
        ruling.is_some_and(|ruling| ruling.verdict == Verdict::Disabled)
    };
    let mut functions = BTreeSet::new();
    for part in &parts {
        if access_to(attached, *part, decision) == Access::Refused {
            functions.insert(*part);
            if is_off(Function::Usb) {
                functions.insert(Function::Usb);
            }
        }
    }
    if is_off(Function::Camera) && parts.contains(&Function::UsbVideo) {
        functions.insert(Function::Camera);
    }
    let is_radio = |class: &Interface| is_bluetooth(attached, *class);
    if is_off(Function::Bluetooth) && classes.iter().any(is_radio) {
        functions.insert(Function::Bluetooth);
    }
    functions
}

/// How much may be used of a part. One that is not among the device's own, since the interface is
/// not in its descriptors as far as they can be read, is judged by the function alone.
fn access_to(attached: &Attached, part: Function, decision: &Decision) -> Access {
    let device = &attached.device;
    match decision.devices.get(&device.port) {
        Some(ruling) if device.classes().contains(&part) => ruling.access_to(part),
        _ => match decision.rulings.get(&part) {
            Some(ruling) if ruling.verdict == Verdict::Disabled => Access::Refused,
            Some(ruling) if ruling.read_only => Access::ReadOnly,
            Some(_) | None => Access::Full,
        },
    }
}

/// Makers whose adapters call their interfaces vendor specific: the entries of
/// `USB_VENDOR_AND_INTERFACE_INFO(…, 0xff, 0x01, 0x01)` in `drivers/bluetooth/btusb.c`.
const RADIO_MAKERS: [u16; 10] = [
    0x0489, 0x04ca, 0x050d, 0x05ac, 0x0930, 0x0a5c, 0x0b05, 0x105b, 0x13d3, 0x413c,
];

/// Whether an interface is one of a Bluetooth adapter: “RF controller, Bluetooth” (`e0:01:01`), the
/// same for its fast channel (`:04`), or what `btusb` knows by maker.
fn is_bluetooth(attached: &Attached, class: Interface) -> bool {
    let radio = |class: Interface| {
        let Interface {
            class,
            subclass,
            protocol,
        } = class;
        (class, subclass) == (0xe0, 0x01) && matches!(protocol, 0x01 | 0x04)
    };
    let of_maker = || {
        class == Interface::new(0xff, 0x01, 0x01) && RADIO_MAKERS.contains(&attached.device.vendor)
    };
    radio(class) || radio(attached.device.class) || of_maker()
}
