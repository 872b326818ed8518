//! What is never taken away, whatever the policy says.
//!
//! | what | by what it is told | what a forged one gets |
//! |---|---|---|
//! | card reader | an interface of class `0b` | that interface, for which only card services have a driver |
//! | built-in input | class `03` on a soldered port | nothing: firmware names the port |
//! | the only keyboard or touchscreen | boot protocol, or what its input devices can do | its input interfaces, and only where the machine has no other keyboard or touchscreen at all |
//! | the modem | its driver or `02:0e`, on a soldered port; where firmware tells nothing of any port, the first that was in use | nothing: it must have been in use before |
//! | the system's own disk | `/` or the agent lies on it | nothing: that is decided at the start |
//!
//! Of a device that is spared, only the interfaces that make it what it is are: a reader that is also
//! a keyboard stays a reader. Root hubs and hubs need no entry here, since policies refuse nothing of
//! them ([`super::aim`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cardwarden_policy::Function;
use cardwarden_policy::usb::{Connection, Device, Interface};

use super::aim::Aim;
use super::sysfs::Sysfs;
use crate::devices::usb::Attached;
use crate::enforce::Shortfall;

const HID: u8 = 0x03;
const SMARTCARD: u8 = 0x0b;
/// Mobile broadband (MBIM 1.0, 8.1).
const BROADBAND: (u8, u8) = (0x02, 0x0e);
/// Drivers that serve modems alone (`drivers/net/usb`, `drivers/usb/class/cdc-wdm.c`,
/// `drivers/usb/serial`).
const MODEM_DRIVERS: [&str; 8] = [
    "cdc_mbim",
    "qmi_wwan",
    "huawei_cdc_ncm",
    "cdc_wdm",
    "option",
    "sierra",
    "sierra_net",
    "hso",
];

/// Whether an interface is of a kind.
type Kind = fn(Interface) -> bool;

const KEYBOARD: &str = "keyboard";
const MODEM: &str = "modem";

/// Takes out of the aims what is spared; says what, and why. `kept` remembers the only keyboard and
/// the modem, so that neither changes places with another; `is_system` tells whether the system runs
/// from a device.
pub(super) fn spare(
    aims: &mut [Aim<'_>],
    sysfs: &Sysfs,
    kept: &mut BTreeMap<String, String>,
    is_system: impl Fn(&Attached) -> bool,
) -> Vec<Shortfall> {
    if aims.iter().all(|aim| aim.refused.is_empty()) {
        return Vec::new();
    }
    let keyboard = only_keyboard(aims, sysfs, kept.get(KEYBOARD));
    let modem = modem(aims, kept.get(MODEM));
    remember(kept, KEYBOARD, keyboard.as_ref());
    remember(kept, MODEM, modem.as_ref());
    let mut shortfalls = Vec::new();
    for aim in aims.iter_mut().filter(|aim| !aim.refused.is_empty()) {
        let attached = aim.attached;
        let own = Some(identity(&attached.device));
        let is_disk = || aim_has(attached, 0x08) && is_system(attached);
        let reasons: [(bool, &str, Kind); 5] = [
            (aim_has(attached, SMARTCARD), "it reads cards", is_reader),
            (attached.is_soldered, "it is built-in input", is_input),
            (
                own == keyboard,
                "it is the only keyboard or touchscreen",
                is_input,
            ),
            (
                own == modem || (attached.is_soldered && is_modem(attached)),
                "it is the modem",
                is_line,
            ),
            (is_disk(), "the system runs from it", is_disk_interface),
        ];
        for (_, why, belongs) in reasons.into_iter().filter(|(applies, ..)| *applies) {
            shortfalls.extend(leave(aim, why, belongs));
        }
    }
    shortfalls
}

/// Leaves the interfaces of a kind; the functions that fall short by it.
fn leave(aim: &mut Aim<'_>, why: &str, belongs: Kind) -> Vec<Shortfall> {
    let attached = aim.attached;
    let is_kept = |number: &u8| {
        let classes = attached.classes.get(number);
        classes
            .is_some_and(|classes| !classes.is_empty() && classes.iter().all(|one| belongs(*one)))
    };
    let kept: BTreeSet<u8> = aim.refused.keys().copied().filter(is_kept).collect();
    let functions: BTreeSet<Function> = kept
        .iter()
        .filter_map(|number| aim.refused.remove(number))
        .flatten()
        .collect();
    functions
        .into_iter()
        .map(|function| Shortfall {
            function,
            problem: format!("{} is left, since {why}", attached.label()),
            is_spared: true,
        })
        .collect()
}

fn is_reader(class: Interface) -> bool {
    class.class == SMARTCARD
}

fn is_input(class: Interface) -> bool {
    class.class == HID
}

/// Network, serial and vendor-specific interfaces, of which modems are made; never input, storage,
/// sound or pictures.
fn is_line(class: Interface) -> bool {
    matches!(
        class.function(),
        Some(Function::UsbNetwork | Function::UsbSerial | Function::UsbOther)
    )
}

fn is_disk_interface(class: Interface) -> bool {
    class.function() == Some(Function::UsbStorage)
}

fn aim_has(attached: &Attached, class: u8) -> bool {
    let mut classes = attached.classes.values().flatten();
    classes.any(|one| one.class == class)
}

/// A device that comes back to the same port is the same to us: modems set themselves up anew.
fn identity(device: &Device) -> String {
    let Device {
        port,
        vendor,
        product,
        ..
    } = device;
    format!("{port} {vendor:04x}:{product:04x}")
}

fn remember(kept: &mut BTreeMap<String, String>, what: &str, identity: Option<&String>) {
    if let Some(identity) = identity {
        kept.insert(what.to_owned(), identity.clone());
    }
}

/// The keyboard or touchscreen without which nobody could work, if it would be refused. One that is
/// plugged in while there is another is not the only one, and one that was kept stays the one.
fn only_keyboard(aims: &[Aim<'_>], sysfs: &Sysfs, kept: Option<&String>) -> Option<String> {
    let at_stake = |aim: &&Aim<'_>| {
        !aim.attached.is_soldered
            && aim
                .refused
                .keys()
                .filter_map(|number| aim.attached.classes.get(number))
                .any(|classes| classes.iter().any(|class| is_input(*class)))
    };
    if !aims.iter().any(|aim| at_stake(&aim)) {
        return None;
    }
    let inputs = inputs(sysfs);
    let works = |attached: &Attached| {
        let mut classes = attached.classes.values().flatten();
        classes.any(|class| *class == Interface::KEYBOARD)
            || inputs
                .iter()
                .any(|input| input.starts_with(&attached.syspath))
    };
    let (at_stake, safe): (Vec<&Aim<'_>>, Vec<&Aim<'_>>) = aims
        .iter()
        .filter(|aim| !aim.attached.is_root_hub() && works(aim.attached))
        .filter(|aim| aim_has(aim.attached, HID))
        .partition(at_stake);
    let is_usb = |input: &PathBuf| {
        let mut aims = aims.iter().map(|aim| &aim.attached.syspath);
        aims.any(|syspath| input.starts_with(syspath))
    };
    if !safe.is_empty() || inputs.iter().any(|input| !is_usb(input)) {
        return None;
    }
    let identities = |aims: &[&Aim<'_>]| -> Option<String> {
        aims.first().map(|aim| identity(&aim.attached.device))
    };
    let in_use: Vec<&Aim<'_>> = at_stake
        .iter()
        .copied()
        .filter(|aim| aim.attached.is_authorized)
        .collect();
    let as_before = at_stake
        .iter()
        .map(|aim| identity(&aim.attached.device))
        .find(|identity| Some(identity) == kept);
    as_before
        .or_else(|| identities(&in_use))
        .or_else(|| identities(&at_stake))
}

/// The modem of a machine whose firmware tells nothing of its ports, as on many phones: the one that
/// was kept, or the first that is in use. Elsewhere only soldered ones count.
fn modem(aims: &[Aim<'_>], kept: Option<&String>) -> Option<String> {
    let is_silent = aims.iter().all(|aim| {
        aim.attached.device.connection == Connection::Unknown && !aim.attached.is_soldered
    });
    if !is_silent {
        return None;
    }
    let at_stake = || aims.iter().filter(|aim| !aim.refused.is_empty());
    let same = at_stake()
        .map(|aim| identity(&aim.attached.device))
        .find(|identity| Some(identity) == kept);
    same.or_else(|| {
        let in_use = at_stake().map(|aim| aim.attached);
        in_use
            .filter(|attached| attached.is_authorized && is_modem(attached))
            .map(|attached| identity(&attached.device))
            .next()
            .filter(|_| kept.is_none())
    })
}

fn is_modem(attached: &Attached) -> bool {
    let mut classes = attached.classes.values().flatten();
    let mut drivers = attached
        .interfaces
        .iter()
        .filter_map(|one| one.driver.as_deref());
    classes.any(|one| (one.class, one.subclass) == BROADBAND)
        || drivers.any(|driver| MODEM_DRIVERS.contains(&driver))
}

/// The folders of keyboards and touchscreens that are real: not those that programs make
/// (`/devices/virtual`), and not those that come by radio.
fn inputs(sysfs: &Sysfs) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sysfs.path("class/input"));
    entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("input"))
        .filter_map(|entry| std::fs::canonicalize(entry.path()).ok())
        .filter(|path| {
            let mut parts = path.iter();
            !parts.any(|part| part == "virtual" || part == "bluetooth")
        })
        .filter(|path| is_keyboard(path) || is_touchscreen(path))
        .collect()
}

/// Keys `KEY_ESC` to `KEY_S` (1 to 31), all of them: what udev calls a keyboard (`ID_INPUT_KEYBOARD`).
fn is_keyboard(input: &Path) -> bool {
    const LETTERS: u64 = 0xffff_fffe;
    last_word(input, "capabilities/key").is_some_and(|keys| keys & LETTERS == LETTERS)
}

/// `INPUT_PROP_DIRECT` (bit 1), and axes: what is touched is what is shown.
fn is_touchscreen(input: &Path) -> bool {
    last_word(input, "properties").is_some_and(|properties| properties & 2 != 0)
        && last_word(input, "capabilities/abs").is_some_and(|axes| axes & 3 == 3)
}

/// The lowest bits of a set, which sysfs writes last.
fn last_word(input: &Path, attribute: &str) -> Option<u64> {
    let text = Sysfs::read(input, attribute)?;
    u64::from_str_radix(text.split_whitespace().next_back()?, 16).ok()
}
