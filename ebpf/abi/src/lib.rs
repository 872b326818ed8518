//! What the kernel programs and the agent share: the layout of maps and events, the names of
//! kernel fields, and the verdicts themselves, as plain functions that are tested on the host.
//!
//! Only fixed-size integers cross. The derives prove that no type has padding and that any bytes
//! the kernel hands out are a valid value; a number that is not known stays a number.
#![no_std]
#![forbid(unsafe_code)]

mod verdict;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use verdict::{Refusal, device, socket};

/// Character-device majors run to 511 (`CHRDEV_MAJOR_MAX`, `include/linux/fs.h`).
pub const MAJORS: usize = 512;
/// Closed majors that one decision can name.
pub const CLOSED_MAJORS: usize = 16;
/// Minors of a closed major that can be excepted: 0 to 255, in words of 64. V4L2 and the media
/// controller number their nodes in that range (`VIDEO_NUM_DEVICES`, `MEDIA_NUM_DEVICES`).
pub const EXCEPT_WORDS: usize = 4;
/// Socket families run to 46 (`AF_MAX`, `include/linux/socket.h`).
pub const FAMILIES: usize = 64;
/// Counters: one for each reason, and one for events that found the ring buffer full.
pub const COUNTERS: u32 = 1040;
/// The counter of events that found the ring buffer full.
pub const DROPPED: u32 = COUNTERS - 1;
/// Bytes of the ring buffer of denials: some 300 events.
pub const EVENT_BYTES: u32 = 16 * 1024;

/// Hook number of the cgroup-device program.
pub const HOOK_DEVICE_OPEN: u8 = 0;
/// Hook number of LSM `socket_create`.
pub const HOOK_SOCKET_CREATE: u8 = 1;
/// Hook number of LSM `file_open`.
pub const HOOK_FILE_OPEN: u8 = 2;

/// A closed character-device major.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct ClosedMajor {
    /// One bit for each minor that stays usable.
    pub except: [u64; EXCEPT_WORDS],
    /// Counter of refusals.
    pub counter: u16,
    /// Number of the function ([`Function::index`] of the policy crate).
    ///
    /// [`Function::index`]: https://docs.rs/cardwarden-policy
    pub function: u16,
    /// Unused; zero.
    pub reserved: u32,
}

/// A socket family.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Family {
    /// 1 when sockets of this family are refused.
    pub closed: u16,
    /// Counter of refusals.
    pub counter: u16,
    /// Number of the function.
    pub function: u16,
    /// Unused; zero.
    pub reserved: u16,
}

/// Everything that the kernel refuses. It lies in an inner map of its own and is swapped as a
/// whole, so no program ever sees half of a decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Decision {
    /// For each major, 0 when it is open, else 1 + the index in `closed`.
    pub majors: [u8; MAJORS],
    /// The closed majors.
    pub closed: [ClosedMajor; CLOSED_MAJORS],
    /// The socket families.
    pub families: [Family; FAMILIES],
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            majors: [0; MAJORS],
            closed: [ClosedMajor::default(); CLOSED_MAJORS],
            families: [Family::default(); FAMILIES],
        }
    }
}

/// The majors that a decision may close: the first look of the cgroup program, so that every other
/// device node pays for one look-up only. At least the closed majors of the decision in force; it
/// is widened before a decision is swapped and narrowed after.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Watched {
    /// For each major, 0 when no decision closes it.
    pub majors: [u8; MAJORS],
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            majors: [0; MAJORS],
        }
    }
}

impl Watched {
    /// Whether a decision may close this major.
    #[expect(clippy::inline_always, reason = "a call costs more than the look")]
    #[inline(always)]
    pub fn has(&self, major: u32) -> bool {
        let index = usize::try_from(major).unwrap_or(usize::MAX);
        self.majors.get(index).is_some_and(|watched| *watched != 0)
    }
}

/// Nobody is permitted anything.
pub const PERMIT_NONE: u32 = 0;
/// The node may be opened, so that the agent can ask what it is.
pub const PERMIT_LOOK: u32 = 1;
/// What is refused is not counted: the agent tries whether it is.
pub const PERMIT_PROBE: u32 = 2;

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

/// One refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Denial {
    /// `CLOCK_BOOTTIME` in nanoseconds.
    pub boot_ns: u64,
    /// Process.
    pub tgid: u32,
    /// Real user in the initial namespace.
    pub uid: u32,
    /// Major of the node, or 0.
    pub major: u32,
    /// Minor of the node, or the socket family.
    pub minor: u32,
    /// Which counter counted it.
    pub counter: u16,
    /// Number of the function.
    pub function: u16,
    /// Which hook refused.
    pub hook: u8,
    /// Unused; zero.
    pub reserved: [u8; 3],
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
    /// The member.
    pub member: &'static str,
}

/// Every field that the programs read. `file_open` needs all of them.
pub const FIELDS: [Field; 3] = [
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
];

const _: () = assert!(size_of::<ClosedMajor>() == 40);
const _: () = assert!(size_of::<Decision>() == 512 + 16 * 40 + 64 * 8);
const _: () = assert!(size_of::<Denial>() == 48);
const _: () = assert!(size_of::<Permit>() == 32);
