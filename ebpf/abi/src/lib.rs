//! What the kernel programs and the agent share: the layout of maps and events, the names of
//! kernel fields, and the verdicts themselves, as plain functions that are tested on the host.
//!
//! Only fixed-size integers cross. The derives prove that no type has padding and that any bytes
//! the kernel hands out are a valid value; a number that is not known stays a number.
#![no_std]
#![forbid(unsafe_code)]

pub mod guard;
mod verdict;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use verdict::{Verdict, device, held, line_discipline, netlink, socket};

/// Character-device majors run to 511 (`CHRDEV_MAJOR_MAX`, `include/linux/fs.h`).
pub const MAJORS: usize = 512;
/// Majors with minors of their own that one decision can name. The first is not used: its number
/// means that a major is open.
pub const ROWS: usize = 32;
/// In place of a row: the minors are in [`Decision::wide`].
pub const WIDE: u8 = 255;
/// Minors that a row tells apart.
pub const MINORS: usize = 256;
/// Minors that the wide row tells apart: usbfs numbers 128 for each bus (`USB_DEVICE_DEV`).
pub const WIDE_MINORS: usize = 8192;
/// Reasons that one decision can give. The first is not used: its number means that there is none.
pub const REASONS: usize = 256;
/// Generic netlink families that one decision can name.
pub const NETLINKS: usize = 4;
/// Line disciplines run to 30 (`NR_LDISCS`, `include/uapi/linux/tty.h`).
pub const DISCIPLINES: usize = 32;
/// Socket families run to 46 (`AF_MAX`, `include/linux/socket.h`).
pub const FAMILIES: usize = 64;
/// `AF_IRDA`, `AF_BLUETOOTH` and `AF_NFC` (`include/linux/socket.h`).
const CARRIERS: [u32; 3] = [23, 31, 39];
/// Counters: one for each reason, one for what the guard refused, and one for events that found the ring
/// buffer full.
pub const COUNTERS: u32 = 1058;
/// The counter of what the guard refused.
pub const GUARD_COUNTER: u16 = 1056;
/// The counter of events that found the ring buffer full.
pub const DROPPED: u32 = COUNTERS - 1;
/// Bytes of the ring buffer of denials: some 300 events.
pub const EVENT_BYTES: u32 = 16 * 1024;

/// `BPF_DEVCG_ACC_READ`: opening for reading. LSM programs tell it the same way.
pub const READS: u8 = 2;
/// `BPF_DEVCG_ACC_WRITE`.
pub const WRITES: u8 = 4;

/// Beside them: what was open before may not be used either.
pub const ENDS: u8 = 8;

/// `BPF_DEVCG_DEV_BLOCK`.
pub const BLOCK: u32 = 1;
/// `BPF_DEVCG_DEV_CHAR`.
pub const CHARACTER: u32 = 2;

/// Hook number of the cgroup-device program.
pub const HOOK_DEVICE_OPEN: u8 = 0;
/// Hook number of LSM `socket_create`.
pub const HOOK_SOCKET_CREATE: u8 = 1;
/// Hook number of LSM `file_open`.
pub const HOOK_FILE_OPEN: u8 = 2;
/// Hook number of LSM `file_ioctl` and `file_ioctl_compat`.
pub const HOOK_FILE_IOCTL: u8 = 3;
/// Hook number of LSM `mmap_file`.
pub const HOOK_MMAP_FILE: u8 = 4;
/// Hook number of LSM `file_receive`.
pub const HOOK_FILE_RECEIVE: u8 = 5;
/// Hook number of LSM `file_permission`.
pub const HOOK_FILE_PERMISSION: u8 = 6;
/// Hook number of the LSM hooks on sockets that were made before.
pub const HOOK_SOCKET_USE: u8 = 7;
/// Hook number of LSM `netlink_send`.
pub const HOOK_NETLINK_SEND: u8 = 8;
/// Hook number of the guard.
pub const HOOK_GUARD: u8 = 9;

/// Why something is refused, or told of.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Reason {
    /// Which counter counts it.
    pub counter: u16,
    /// Number of the function ([`Function::index`] of the policy crate).
    ///
    /// [`Function::index`]: https://docs.rs/cardwarden-policy
    pub function: u16,
    /// Which uses of a device node are meant: [`READS`], [`WRITES`] or both, with [`ENDS`] or without.
    pub uses: u8,
    /// 1 when it is only told of.
    pub audits: u8,
    /// Unused; zero.
    pub reserved: u16,
}

/// The minors of one major: of each the number of its reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Row {
    /// Those that can be told apart.
    pub minors: [u8; MINORS],
    /// Those beyond.
    pub beyond: u8,
    /// Unused; zero.
    pub reserved: [u8; 7],
}

/// A generic netlink family.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Netlink {
    /// The number that the kernel gave it; 0 in a place that is not used.
    pub number: u16,
    /// The number of its reason.
    pub reason: u16,
}

/// Everything that the kernel refuses. It lies in an inner map of its own and is swapped as a
/// whole, so no program ever sees half of a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Decision {
    /// For each character major, 0 when it is open, else its row, or [`WIDE`].
    pub characters: [u8; MAJORS],
    /// For each block major, 0 when it is open, else its row.
    pub blocks: [u8; MAJORS],
    /// The rows.
    pub rows: [Row; ROWS],
    /// The one major that has more minors than a row.
    pub wide: [u8; WIDE_MINORS],
    /// The reasons.
    pub reasons: [Reason; REASONS],
    /// For each socket family, 0 when it is open, else the number of its reason.
    pub families: [u8; FAMILIES],
    /// For each line discipline the same.
    pub disciplines: [u8; DISCIPLINES],
    /// Generic netlink families.
    pub netlinks: [Netlink; NETLINKS],
}

impl Default for Row {
    fn default() -> Self {
        Self {
            minors: [0; MINORS],
            beyond: 0,
            reserved: [0; 7],
        }
    }
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            characters: [0; MAJORS],
            blocks: [0; MAJORS],
            rows: [Row::default(); ROWS],
            wide: [0; WIDE_MINORS],
            reasons: [Reason::default(); REASONS],
            families: [0; FAMILIES],
            disciplines: [0; DISCIPLINES],
            netlinks: [Netlink::default(); NETLINKS],
        }
    }
}

/// The majors and families that a decision may close: the first look of the programs that everybody meets, so
/// that every other device node and socket pays for one look-up only. At least what the decision in force
/// closes; it is widened before a decision is swapped and narrowed after.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Watched {
    /// For each major, [`BLOCK`] and [`CHARACTER`] where a decision speaks of it.
    pub majors: [u8; MAJORS],
    /// A bit for each socket family that a decision speaks of, the lowest for family 0.
    pub families: u64,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            majors: [0; MAJORS],
            families: 0,
        }
    }
}

impl Watched {
    /// Whether a decision may close this major of a kind, [`BLOCK`] or [`CHARACTER`].
    #[expect(clippy::inline_always, reason = "a call costs more than the look")]
    #[inline(always)]
    pub fn has(&self, kind: u32, major: u32) -> bool {
        let index = usize::try_from(major).unwrap_or(usize::MAX);
        self.majors
            .get(index)
            .is_some_and(|watched| u32::from(*watched) & kind != 0)
    }

    /// Whether a decision may close this socket family.
    #[expect(clippy::inline_always, reason = "a call costs more than the look")]
    #[inline(always)]
    pub const fn has_family(&self, family: u32) -> bool {
        family < 64 && self.families >> family & 1 != 0
    }
}

/// Whether a socket family may carry a function at all. The others pass without any look-up; the common ones
/// have smaller numbers than any of these, and pay for one comparison.
#[expect(clippy::inline_always, reason = "a call costs more than the look")]
#[inline(always)]
pub const fn may_carry(family: u32) -> bool {
    let [irda, bluetooth, nfc] = CARRIERS;
    family >= irda && (family == irda || family == bluetooth || family == nfc)
}

/// In place of the number of a descriptor: memory that is mapped of it.
pub const MAPPING: u32 = u32::MAX;

/// A descriptor or a mapping of something that a decision may close, as one process has it.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct OpenFile {
    /// The thread whose table of descriptors it is in. Threads that share one are named by the first.
    pub thread: u32,
    /// Its process.
    pub process: u32,
    /// The number of the descriptor, or [`MAPPING`].
    pub number: u32,
    /// [`BLOCK`], [`CHARACTER`], or 0 for a socket.
    pub kind: u32,
    /// The node's major, or the socket's family.
    pub major: u32,
    /// The node's minor.
    pub minor: u32,
    /// For what it is open: of [`READS`] and [`WRITES`].
    pub uses: u32,
}

/// Nobody is permitted anything.
pub const PERMIT_NONE: u32 = 0;
/// The node may be opened, so that the agent can ask what it is.
pub const PERMIT_LOOK: u32 = 1;
/// What is refused is not counted: the agent tries whether it is.
pub const PERMIT_PROBE: u32 = 2;
/// What was open before may be used, so that the agent can stop it.
pub const PERMIT_USE: u32 = 3;

/// The agent's own permission to look at one closed node, or to try refusals uncounted. It is for
/// one thread and a fraction of a second, so that nobody can inherit it from an agent that died.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Permit {
    /// `bpf_get_current_pid_tgid` of the thread.
    pub pid_tgid: u64,
    /// `CLOCK_BOOTTIME` in nanoseconds after which it is void.
    pub until_ns: u64,
    /// One of the `PERMIT_` numbers.
    pub mode: u32,
    /// Major of the node to look at.
    pub major: u32,
    /// Minor of the node to look at.
    pub minor: u32,
    /// Unused; zero.
    pub reserved: u32,
}

/// One refusal, or what would have been one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Denial {
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub boot_ns: u64,
    /// Process.
    pub tgid: u32,
    /// Real user in the initial namespace.
    pub uid: u32,
    /// Major of the node, or 0; of the guard the [`guard::Act`].
    pub major: u32,
    /// Minor of the node, or the socket family; of the guard what the act says.
    pub minor: u32,
    /// Which counter counted it.
    pub counter: u16,
    /// Number of the function.
    pub function: u16,
    /// At which hook.
    pub hook: u8,
    /// 1 when it was told of and not refused.
    pub audited: u8,
    /// Unused; zero.
    pub reserved: [u8; 2],
    /// The program's name (`comm`), NUL-padded.
    pub comm: [u8; 16],
}

/// A kernel field whose offset is read from the running kernel's BTF when programs are loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// The global of the kernel object that takes the offset.
    pub symbol: &'static str,
    /// The kernel's type.
    pub kernel_type: &'static str,
    /// The member, or the way to it through members that are structures themselves.
    pub member: &'static str,
}

/// A number of one of the kernel's enumerations, read from its BTF like the fields. One that the kernel does
/// not have is never met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Value {
    /// The global of the kernel object that takes the number.
    pub symbol: &'static str,
    /// The kernel's enumeration.
    pub kernel_type: &'static str,
    /// The name of the number.
    pub name: &'static str,
}

/// Every field that the programs read. A program that reads one which the kernel does not tell of is not
/// loaded; the others are.
pub const FIELDS: [Field; 41] = [
    Field {
        symbol: "FILE_F_INODE",
        kernel_type: "file",
        member: "f_inode",
    },
    Field {
        symbol: "INODE_I_MODE",
        kernel_type: "inode",
        member: "i_mode",
    },
    Field {
        symbol: "INODE_I_RDEV",
        kernel_type: "inode",
        member: "i_rdev",
    },
    Field {
        symbol: "FILE_F_MODE",
        kernel_type: "file",
        member: "f_mode",
    },
    Field {
        symbol: "SOCKET_SK",
        kernel_type: "socket",
        member: "sk",
    },
    Field {
        symbol: "SOCK_FAMILY",
        kernel_type: "sock_common",
        member: "skc_family",
    },
    Field {
        symbol: "SOCK_PROTOCOL",
        kernel_type: "sock",
        member: "sk_protocol",
    },
    Field {
        symbol: "SKB_DATA",
        kernel_type: "sk_buff",
        member: "data",
    },
    Field {
        symbol: "SKB_LEN",
        kernel_type: "sk_buff",
        member: "len",
    },
    Field {
        symbol: "TASK_PID",
        kernel_type: "task_struct",
        member: "pid",
    },
    Field {
        symbol: "TASK_TGID",
        kernel_type: "task_struct",
        member: "tgid",
    },
    Field {
        symbol: "VMA_VM_FILE",
        kernel_type: "vm_area_struct",
        member: "vm_file",
    },
    Field {
        symbol: "FILE_DENTRY",
        kernel_type: "file",
        member: "f_path.dentry",
    },
    Field {
        symbol: "PATH_DENTRY",
        kernel_type: "path",
        member: "dentry",
    },
    Field {
        symbol: "PATH_MNT",
        kernel_type: "path",
        member: "mnt",
    },
    Field {
        symbol: "MOUNT_SB",
        kernel_type: "vfsmount",
        member: "mnt_sb",
    },
    Field {
        symbol: "DENTRY_PARENT",
        kernel_type: "dentry",
        member: "d_parent",
    },
    Field {
        symbol: "DENTRY_INODE",
        kernel_type: "dentry",
        member: "d_inode",
    },
    Field {
        symbol: "DENTRY_NAME",
        kernel_type: "dentry",
        member: "d_name.name",
    },
    Field {
        symbol: "INODE_I_SB",
        kernel_type: "inode",
        member: "i_sb",
    },
    Field {
        symbol: "INODE_I_INO",
        kernel_type: "inode",
        member: "i_ino",
    },
    Field {
        symbol: "INODE_I_GENERATION",
        kernel_type: "inode",
        member: "i_generation",
    },
    Field {
        symbol: "SUPER_S_DEV",
        kernel_type: "super_block",
        member: "s_dev",
    },
    Field {
        symbol: "SUPER_S_MAGIC",
        kernel_type: "super_block",
        member: "s_magic",
    },
    Field {
        symbol: "TASK_LEADER",
        kernel_type: "task_struct",
        member: "group_leader",
    },
    Field {
        symbol: "TASK_PTRACE",
        kernel_type: "task_struct",
        member: "ptrace",
    },
    Field {
        symbol: "TASK_FILTER",
        kernel_type: "task_struct",
        member: "seccomp.filter",
    },
    Field {
        symbol: "TASK_NSPROXY",
        kernel_type: "task_struct",
        member: "nsproxy",
    },
    Field {
        symbol: "FILTER_PREV",
        kernel_type: "seccomp_filter",
        member: "prev",
    },
    Field {
        symbol: "FILTER_NOTIF",
        kernel_type: "seccomp_filter",
        member: "notif",
    },
    Field {
        symbol: "NSPROXY_MNT",
        kernel_type: "nsproxy",
        member: "mnt_ns",
    },
    Field {
        symbol: "MNT_NS_INUM",
        kernel_type: "mnt_namespace",
        member: "ns.inum",
    },
    Field {
        symbol: "BINPRM_FILE",
        kernel_type: "linux_binprm",
        member: "file",
    },
    Field {
        symbol: "MAP_NAME",
        kernel_type: "bpf_map",
        member: "name",
    },
    Field {
        symbol: "TASK_PARENT",
        kernel_type: "task_struct",
        member: "real_parent",
    },
    Field {
        symbol: "NSPROXY_NET",
        kernel_type: "nsproxy",
        member: "net_ns",
    },
    Field {
        symbol: "NET_INUM",
        kernel_type: "net",
        member: "ns.inum",
    },
    Field {
        symbol: "NSPROXY_PID",
        kernel_type: "nsproxy",
        member: "pid_ns_for_children",
    },
    Field {
        symbol: "PID_NS_INUM",
        kernel_type: "pid_namespace",
        member: "ns.inum",
    },
    Field {
        symbol: "NSPROXY_TIME",
        kernel_type: "nsproxy",
        member: "time_ns",
    },
    Field {
        symbol: "TIME_NS_INUM",
        kernel_type: "time_namespace",
        member: "ns.inum",
    },
];

/// Every number that the programs compare with: what gives a program memory that is not its own
/// (`enum lockdown_reason`, `include/linux/security.h`).
pub const VALUES: [Value; 6] = [
    Value {
        symbol: "LOCK_DEV_MEM",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_DEV_MEM",
    },
    Value {
        symbol: "LOCK_PCI_ACCESS",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_PCI_ACCESS",
    },
    Value {
        symbol: "LOCK_IOPORT",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_IOPORT",
    },
    Value {
        symbol: "LOCK_MSR",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_MSR",
    },
    Value {
        symbol: "LOCK_BPF_WRITE_USER",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_BPF_WRITE_USER",
    },
    Value {
        symbol: "LOCK_DBG_WRITE_KERNEL",
        kernel_type: "lockdown_reason",
        name: "LOCKDOWN_DBG_WRITE_KERNEL",
    },
];

const _: () = assert!(size_of::<Reason>() == 8);
const _: () = assert!(size_of::<Decision>() == 2 * 512 + 32 * 264 + 8192 + 256 * 8 + 64 + 32 + 16);
const _: () = assert!(size_of::<Denial>() == 48);
const _: () = assert!(size_of::<Permit>() == 32);
const _: () = assert!(size_of::<OpenFile>() == 28);
