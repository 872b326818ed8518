//! From what is to hold and what the kernel holds to the steps between: [`plan`] tightens before
//! it loosens, so a crash after any step leaves the kernel at least as tight as the looser end.

mod goal;
mod table;

use std::collections::BTreeSet;

use crate::decide::Source;
use crate::document::MAX_RULES;
use crate::function::Function;

pub use goal::{
    Carried, Carrier, Inventory, Lacking, MINORS, N_HCI, Part, SCSI_DISK_MAJOR, USB_MAJOR,
    USB_MINORS, concerns, goal, unheld,
};
pub use table::{Concerns, Kind, Major, Mode, Opens, Reason, Table};

/// `AF_BLUETOOTH` (`include/linux/socket.h`).
pub const AF_BLUETOOTH: u8 = 31;
/// `AF_IRDA`.
pub const AF_IRDA: u8 = 23;
/// `AF_NFC`.
pub const AF_NFC: u8 = 39;
/// Counters before those of the rules: one for each function's baseline, and those of a policy that
/// cannot be read, of the server and of tasks.
pub const FIRST_RULE_COUNTER: u16 = 32;
/// The counter of refusals because the policy cannot be read.
pub const UNPROVEN_COUNTER: u16 = 31;

/// The counter of refusals because the company's server asked.
pub const SERVER_COUNTER: u16 = 30;
/// The counter of refusals by a task of the policy.
pub const TASK_COUNTER: u16 = 29;

/// The first of the counters of what was told of and not refused, one for each function.
pub const FIRST_AUDIT_COUNTER: u16 = 1040;

/// The place in the kernel's program that an enforcer attaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Hook {
    /// cgroup-device at the root cgroup: `open` of device nodes.
    DeviceOpen,
    /// LSM `socket_create`.
    SocketCreate,
    /// LSM `file_open`: a second lock on device nodes, or the only one.
    FileOpen,
    /// LSM `file_ioctl`: on what was open before, and line disciplines.
    FileIoctl,
    /// LSM `file_ioctl_compat`: the same, asked by 32-bit programs.
    FileIoctlCompat,
    /// LSM `mmap_file`: on what was open before.
    MmapFile,
    /// LSM `file_receive`: descriptors that are handed from program to program.
    FileReceive,
    /// LSM `file_permission`: reading and writing of what was open before.
    FilePermission,
    /// LSM `socket_bind`: on sockets that were made before.
    SocketBind,
    /// LSM `socket_connect`.
    SocketConnect,
    /// LSM `socket_listen`.
    SocketListen,
    /// LSM `socket_accept`.
    SocketAccept,
    /// LSM `socket_sendmsg`.
    SocketSendmsg,
    /// LSM `socket_recvmsg`.
    SocketRecvmsg,
    /// LSM `netlink_send`: generic netlink families.
    NetlinkSend,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 15] = [
        Self::DeviceOpen,
        Self::SocketCreate,
        Self::FileOpen,
        Self::FileIoctl,
        Self::FileIoctlCompat,
        Self::MmapFile,
        Self::FileReceive,
        Self::FilePermission,
        Self::SocketBind,
        Self::SocketConnect,
        Self::SocketListen,
        Self::SocketAccept,
        Self::SocketSendmsg,
        Self::SocketRecvmsg,
        Self::NetlinkSend,
    ];
    /// Those for descriptors of device nodes that were open before.
    pub const OF_DESCRIPTORS: [Self; 5] = [
        Self::FileIoctl,
        Self::FileIoctlCompat,
        Self::MmapFile,
        Self::FileReceive,
        Self::FilePermission,
    ];
    /// Those for sockets that were made before.
    pub const OF_SOCKETS: [Self; 6] = [
        Self::SocketBind,
        Self::SocketConnect,
        Self::SocketListen,
        Self::SocketAccept,
        Self::SocketSendmsg,
        Self::SocketRecvmsg,
    ];

    /// The name of its program, which for LSM is the kernel's own name of the hook.
    pub const fn program(self) -> &'static str {
        match self {
            Self::DeviceOpen => "device_open",
            Self::SocketCreate => "socket_create",
            Self::FileOpen => "file_open",
            Self::FileIoctl => "file_ioctl",
            Self::FileIoctlCompat => "file_ioctl_compat",
            Self::MmapFile => "mmap_file",
            Self::FileReceive => "file_receive",
            Self::FilePermission => "file_permission",
            Self::SocketBind => "socket_bind",
            Self::SocketConnect => "socket_connect",
            Self::SocketListen => "socket_listen",
            Self::SocketAccept => "socket_accept",
            Self::SocketSendmsg => "socket_sendmsg",
            Self::SocketRecvmsg => "socket_recvmsg",
            Self::NetlinkSend => "netlink_send",
        }
    }

    /// Whether it is an LSM hook.
    pub fn is_lsm(self) -> bool {
        self != Self::DeviceOpen
    }
}

/// What the kernel holds, or is to hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KernelState {
    /// What is refused.
    pub table: Table,
    /// The programs that refuse it.
    pub hooks: BTreeSet<Hook>,
}

/// One change. Every step may be repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Make this what is refused, at once.
    Swap(Table),
    /// Attach a program.
    Attach(Hook),
    /// Detach a program.
    Detach(Hook),
}

/// Steps in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Steps after which nothing is looser than before, and the goal's refusals hold.
    pub tightening: Vec<Step>,
    /// Steps that loosen. Not to be taken when tightening failed.
    pub loosening: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tightening.is_empty() && self.loosening.is_empty()
    }
}

/// The socket families that carry a function.
pub const fn families(function: Function) -> &'static [u8] {
    match function {
        Function::Bluetooth => &[AF_BLUETOOTH],
        Function::Infrared => &[AF_IRDA],
        Function::Nfc => &[AF_NFC],
        Function::Camera
        | Function::Microphone
        | Function::Usb
        | Function::UsbStorage
        | Function::UsbHid
        | Function::UsbNetwork
        | Function::UsbAudio
        | Function::UsbVideo
        | Function::UsbSerial
        | Function::UsbPrinter
        | Function::UsbSmartcard
        | Function::UsbOther
        | Function::UsbGadget => &[],
    }
}

/// Which counter counts the refusals of a function under a source.
pub fn counter(function: Function, source: &Source) -> u16 {
    let last = u16::try_from(MAX_RULES).unwrap_or(u16::MAX);
    match source {
        Source::Rule { index, .. } => FIRST_RULE_COUNTER.saturating_add((*index).min(last)),
        Source::Unproven { .. } => UNPROVEN_COUNTER,
        Source::Unmanaged | Source::Baseline => function.index(),
        Source::Server { .. } => SERVER_COUNTER,
        Source::Task { .. } => TASK_COUNTER,
    }
}

/// Which counter counts what is told of a function and not refused.
pub const fn audit_counter(function: Function) -> u16 {
    FIRST_AUDIT_COUNTER.saturating_add(function.index())
}

/// The way from what the kernel holds to what it is to hold.
pub fn plan(observed: &KernelState, goal: &KernelState) -> Plan {
    let mut plan = Plan::default();
    let both = goal.table.or(&observed.table);
    if observed.table != both {
        plan.tightening.push(Step::Swap(both.clone()));
    }
    plan.tightening.extend(
        goal.hooks
            .difference(&observed.hooks)
            .map(|hook| Step::Attach(*hook)),
    );
    if both != goal.table {
        plan.loosening.push(Step::Swap(goal.table.clone()));
    }
    plan.loosening.extend(
        observed
            .hooks
            .difference(&goal.hooks)
            .map(|hook| Step::Detach(*hook)),
    );
    plan
}

impl KernelState {
    /// The state after a step.
    #[must_use]
    pub fn after(mut self, step: &Step) -> Self {
        match step {
            Step::Swap(table) => self.table = table.clone(),
            Step::Attach(hook) => {
                self.hooks.insert(*hook);
            }
            Step::Detach(hook) => {
                self.hooks.remove(hook);
            }
        }
        self
    }

    /// Whether opening a character device for reading fails.
    pub fn refuses_device(&self, major: u32, minor: u32) -> bool {
        self.refuses_open(Kind::Character, major, minor, Opens::Reading)
    }

    /// Whether opening a device node so fails.
    pub fn refuses_open(&self, kind: Kind, major: u32, minor: u32, opens: Opens) -> bool {
        let is_attached = |hook| self.hooks.contains(&hook);
        (is_attached(Hook::DeviceOpen) || is_attached(Hook::FileOpen))
            && self.table.refuses(kind, major, minor, opens)
    }

    /// Whether a use of a descriptor that is open fails at a hook.
    pub fn refuses_use(&self, hook: Hook, kind: Kind, major: u32, minor: u32) -> bool {
        Hook::OF_DESCRIPTORS.contains(&hook)
            && self.hooks.contains(&hook)
            && self.table.refuses(kind, major, minor, Opens::All)
    }

    /// Whether creating a socket fails.
    pub fn refuses_family(&self, family: u8) -> bool {
        self.refuses_socket(Hook::SocketCreate, family)
    }

    /// Whether making a socket, or a use of one that was made before, fails at a hook.
    pub fn refuses_socket(&self, hook: Hook, family: u8) -> bool {
        let is_of_sockets = hook == Hook::SocketCreate || Hook::OF_SOCKETS.contains(&hook);
        let reason = self.table.families.get(&family);
        is_of_sockets
            && self.hooks.contains(&hook)
            && reason.is_some_and(|reason| reason.mode == Mode::Refuse)
    }

    /// Whether sending to a generic netlink family fails.
    pub fn refuses_netlink(&self, number: u16) -> bool {
        let reason = self.table.netlink.get(&number);
        self.hooks.contains(&Hook::NetlinkSend)
            && reason.is_some_and(|reason| reason.mode == Mode::Refuse)
    }
}
