//! From a decision and what the machine has to what the kernel is to hold.

use std::collections::{BTreeMap, BTreeSet};

use super::table::either;
use super::{
    Hook, KernelState, Kind, Major, Mode, Opens, Reason, Table, audit_counter, counter, families,
};
use crate::decide::{Access, Decision, DeviceRuling, Source};
use crate::function::{Function, Verdict};

/// `USB_DEVICE_MAJOR` (`include/linux/usb.h`): the nodes of usbfs.
pub const USB_MAJOR: u32 = 189;
/// `SCSI_DISK0_MAJOR` (`include/uapi/linux/major.h`): the first sixteen disks, of which sticks are.
pub const SCSI_DISK_MAJOR: u32 = 8;
/// `N_HCI` (`include/uapi/linux/tty.h`).
pub const N_HCI: u8 = 15;
/// Minors below this can be told apart; on [`USB_MAJOR`], those below [`USB_MINORS`].
pub const MINORS: u32 = 256;
/// As many as 64 buses of 128 devices have.
pub const USB_MINORS: u32 = 8192;

/// What the device has: which numbers of device nodes carry a function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inventory {
    /// Character-device majors that carry a function: a node of which nothing else is known does.
    pub majors: BTreeMap<u32, Function>,
    /// Nodes on those majors that are known to be something else, such as a video codec.
    pub others: BTreeMap<u32, BTreeSet<u32>>,
    /// The disks of [`SCSI_DISK_MAJOR`] that belong to no USB device.
    pub disks: BTreeSet<u32>,
    /// Single nodes that carry something, on whatever major.
    pub nodes: BTreeMap<(Kind, u32, u32), Carrier>,
    /// Generic netlink families that carry a function, by the number that the kernel gave them.
    pub netlink: BTreeMap<u16, Function>,
    /// Whether the kernel has the line discipline that makes a serial line a Bluetooth adapter.
    pub has_serial_hci: bool,
    /// Functions for which descriptors or sockets that were open before still live.
    pub open_before: BTreeSet<Function>,
}

/// What a single node carries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carrier {
    /// Functions that it carries as far as it is used so.
    pub functions: BTreeMap<Function, Carried>,
    /// The port of the USB device that it belongs to, and what is refused with that.
    pub port: Option<(String, Part)>,
}

/// How a node carries a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Carried {
    /// However it is used.
    ByAnyUse,
    /// When it is read, such as a sound device that plays when it is written.
    ByReading,
    /// When it is opened. Who has it open already may go on, such as the driver of an adapter that is
    /// a program: the adapter is there, and is switched off by other means.
    ByOpening,
}

/// What a node is of a USB device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The whole of it: usbfs. It is refused when nothing of the device may be used.
    Whole,
    /// What is stored on it.
    Storage,
    /// What takes commands for what is stored on it, to write as well: it is refused where that may
    /// only be read.
    Commands,
}

/// What a machine cannot have, and why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lacking {
    /// Hooks that cannot be attached, and why.
    pub hooks: BTreeMap<Hook, String>,
    /// Hooks that this kernel does not have because another does their work.
    pub needless: BTreeSet<Hook>,
}

impl Lacking {
    fn has(&self, hook: Hook) -> bool {
        self.hooks.contains_key(&hook) || self.needless.contains(&hook)
    }
}

/// What the kernel must hold for a decision. `second_lock` asks for LSM `file_open` beside the
/// cgroup program. What the machine lacks is left out, and `file_open` stands in for the cgroup
/// program where it can.
pub fn goal(
    decision: &Decision,
    inventory: &Inventory,
    second_lock: bool,
    lacking: &Lacking,
) -> KernelState {
    let table = table(decision, inventory);
    let mut wanted = wanted(&table, inventory);
    let has_nodes = wanted.contains_key(&Hook::DeviceOpen);
    if has_nodes && (second_lock || lacking.has(Hook::DeviceOpen)) {
        wanted.insert(Hook::FileOpen, BTreeSet::new());
    }
    let hooks = wanted
        .into_keys()
        .filter(|hook| !lacking.has(*hook))
        .collect();
    KernelState { table, hooks }
}

/// What is not held for a function because the machine lacks the hooks for it.
pub fn unheld(
    decision: &Decision,
    inventory: &Inventory,
    lacking: &Lacking,
) -> BTreeMap<Function, BTreeSet<Hook>> {
    let table = table(decision, inventory);
    let mut unheld: BTreeMap<Function, BTreeSet<Hook>> = BTreeMap::new();
    for (hook, functions) in wanted(&table, inventory) {
        let stands_in = hook == Hook::DeviceOpen && !lacking.has(Hook::FileOpen);
        if lacking.hooks.contains_key(&hook) && !stands_in {
            for function in functions {
                unheld.entry(function).or_default().insert(hook);
            }
        }
    }
    unheld
}

/// The hooks that a table needs, and for which functions.
fn wanted(table: &Table, inventory: &Inventory) -> BTreeMap<Hook, BTreeSet<Function>> {
    let mut wanted: BTreeMap<Hook, BTreeSet<Function>> = BTreeMap::new();
    for function in Function::ALL {
        let concerns = table.concerns(function);
        let is_open = inventory.open_before.contains(&function) && refuses(table, function);
        let each: [(bool, &[Hook]); 7] = [
            (concerns.nodes, &[Hook::DeviceOpen]),
            (concerns.families, &[Hook::SocketCreate]),
            (concerns.netlink, &[Hook::NetlinkSend]),
            (
                concerns.disciplines,
                &[Hook::FileIoctl, Hook::FileIoctlCompat],
            ),
            // Who may read a disk could open it for writing otherwise, by a command.
            (
                concerns.read_only,
                &[Hook::FileIoctl, Hook::FileIoctlCompat],
            ),
            (concerns.held_nodes && is_open, &Hook::OF_DESCRIPTORS),
            (concerns.families && is_open, &Hook::OF_SOCKETS),
        ];
        for hook in each
            .into_iter()
            .filter(|(needs, _)| *needs)
            .flat_map(|(_, hooks)| hooks)
        {
            wanted.entry(*hook).or_default().insert(function);
        }
    }
    wanted
}

/// Whether something of a function is refused, and not just told of.
fn refuses(table: &Table, function: Function) -> bool {
    let nodes = table.majors.values().flat_map(Major::reasons);
    nodes
        .chain(table.families.values().copied())
        .any(|reason| reason.function == function && reason.mode == Mode::Refuse)
}

/// What a ruling on a function gives for what carries it.
fn reason(decision: &Decision, function: Function) -> Option<Reason> {
    let ruling = decision.rulings.get(&function)?;
    match ruling.verdict {
        Verdict::Disabled => Some(Reason::refusing(
            function,
            counter(function, &ruling.source),
        )),
        Verdict::Enabled if ruling.audited.is_empty() => None,
        Verdict::Enabled => Some(audit(function)),
    }
}

const fn audit(function: Function) -> Reason {
    Reason {
        mode: Mode::Audit,
        ..Reason::refusing(function, audit_counter(function))
    }
}

fn table(decision: &Decision, inventory: &Inventory) -> Table {
    let mut table = Table::default();
    for (number, function) in &inventory.majors {
        let Some(reason) = reason(decision, *function) else {
            continue;
        };
        let mut major = Major::new(Some(reason));
        for minor in inventory.others.get(number).into_iter().flatten() {
            major.set(*minor, None);
        }
        table.majors.insert((Kind::Character, *number), major);
    }
    if let Some(reason) = of_new_disks(decision) {
        let mut major = Major::new(Some(reason));
        for minor in &inventory.disks {
            major.set(*minor, None);
        }
        table.majors.insert((Kind::Block, SCSI_DISK_MAJOR), major);
    }
    for ((kind, number, minor), carrier) in &inventory.nodes {
        let most = if *number == USB_MAJOR {
            USB_MINORS
        } else {
            MINORS
        };
        let reason = of_node(decision, carrier);
        if *minor < most && reason.is_some() {
            let major = table.majors.entry((*kind, *number)).or_default();
            let both = either(major.at(*minor), reason);
            major.set(*minor, both);
        }
    }
    for function in Function::ALL {
        let Some(reason) = reason(decision, function) else {
            continue;
        };
        let all = families(function).iter();
        table.families.extend(all.map(|family| (*family, reason)));
        if function == Function::Bluetooth
            && inventory.has_serial_hci
            && reason.mode == Mode::Refuse
        {
            table.disciplines.insert(N_HCI, reason);
        }
    }
    for (number, function) in &inventory.netlink {
        table
            .netlink
            .extend(reason(decision, *function).map(|reason| (*number, reason)));
    }
    table
}

/// Whether a decision has something refused, or told of, of a node that carries this.
pub fn concerns(decision: &Decision, carrier: &Carrier) -> bool {
    of_node(decision, carrier).is_some()
}

fn of_node(decision: &Decision, carrier: &Carrier) -> Option<Reason> {
    let of_functions = carrier.functions.iter().map(|(function, carried)| {
        let (opens, ends) = match carried {
            Carried::ByAnyUse => (Opens::All, true),
            Carried::ByReading => (Opens::Reading, true),
            Carried::ByOpening => (Opens::All, false),
        };
        reason(decision, *function).map(|reason| Reason {
            opens,
            ends,
            ..reason
        })
    });
    let of_port = carrier
        .port
        .as_ref()
        .and_then(|(port, part)| of_usb(decision, port, *part));
    of_functions.fold(of_port, |known, next| either(next, known))
}

/// While storage may only be read, nothing is written to a disk of which it is not known yet whose it
/// is: a stick's appears some time after the stick.
fn of_new_disks(decision: &Decision) -> Option<Reason> {
    let of_function = decision.rulings.get(&Function::UsbStorage);
    let of_function = of_function.filter(|ruling| ruling.read_only);
    let source = of_function.map(|ruling| &ruling.source).or_else(|| {
        let mut devices = decision.devices.values();
        let only_read =
            |one: &&DeviceRuling| one.access_to(Function::UsbStorage) == Access::ReadOnly;
        devices.find(only_read).map(|one| &one.source)
    })?;
    Some(no_writing(source))
}

fn no_writing(source: &Source) -> Reason {
    Reason {
        opens: Opens::Writing,
        ..Reason::refusing(Function::UsbStorage, counter(Function::UsbStorage, source))
    }
}

fn of_usb(decision: &Decision, at: &str, part: Part) -> Option<Reason> {
    let ruling = decision.devices.get(at)?;
    let (function, access) = match part {
        // A device of which a part may be used is held by its interfaces.
        Part::Whole if ruling.parts.is_empty() => (Function::Usb, ruling.access),
        Part::Whole => return None,
        Part::Storage | Part::Commands => {
            (Function::UsbStorage, ruling.access_to(Function::UsbStorage))
        }
    };
    let refusing = Reason::refusing(function, counter(function, &ruling.source));
    match (access, part) {
        (Access::Refused, _) | (Access::ReadOnly, Part::Commands) => Some(refusing),
        // A program could write past the driver, through usbfs.
        (Access::ReadOnly, Part::Storage | Part::Whole) => Some(no_writing(&ruling.source)),
        (Access::Full, _) if !ruling.audited.is_empty() => Some(audit(function)),
        (Access::Full, _) => None,
    }
}
