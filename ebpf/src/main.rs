//! The kernel programs of Cardwarden.
//!
//! | program | hook | refuses |
//! |---|---|---|
//! | [`device_open`] | cgroup-device, root cgroup | opening closed character devices; opening and mounting closed block devices, or those that may only be read for writing |
//! | [`socket_create`] | `lsm/socket_create` | making sockets of closed families |
//! | [`file_open`] | `lsm/file_open` | as `device_open`, a second lock that root cannot detach by the cgroup |
//! | [`file_use`] | `lsm/file_ioctl`, `file_ioctl_compat`, `mmap_file`, `file_permission` | using closed devices that were open before; `TIOCSETD` to a closed line discipline; commands by which a disk would be written to that may only be read |
//! | [`file_use`] | `lsm/file_receive` | taking over a descriptor of a closed device |
//! | [`socket_use`] | `lsm/socket_bind`, `_connect`, `_listen`, `_accept`, `_sendmsg`, `_recvmsg` | using sockets of closed families that were made before |
//! | [`netlink_send`] | `lsm/netlink_send` | messages to closed generic netlink families |
//! | [`guard`] | some twenty more | what would undo an enforcement, to everybody but the agent |
//! | [`open_files`] | BPF iterators `task_file` and `task_vma` | nothing: they tell who has something closed open, or mapped |
//!
//! Each fetches the facts, asks [`cardwarden_ebpf_abi`] for the verdict, records, and returns. An
//! earlier refusal of another LSM program is kept.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "the atomic addition of record.rs")]

mod device_open;
mod file_open;
mod file_use;
mod guard;
mod kernel;
mod netlink_send;
mod node;
mod open_files;
mod record;
mod socket_create;
mod socket_use;

use aya_ebpf::btf_maps::{Array, ArrayOfMaps, RingBuf};
use aya_ebpf::macros::btf_map;
use cardwarden_ebpf_abi::guard::{Guarded, Home, Learnt, Mark};
use cardwarden_ebpf_abi::{COUNTERS, Decision, Denial, EVENT_BYTES, Permit, Watched};

// The names begin as the guard knows them (`guard::objects`).

/// What is refused: one inner map, replaced as a whole by the agent.
#[btf_map(name = "CWD_DECISION")]
pub static DECISION: ArrayOfMaps<Array<Decision, 1>, 1> = ArrayOfMaps::new();

/// The majors that it may close.
#[btf_map(name = "CWD_WATCHED")]
pub static WATCHED: Array<Watched, 1> = Array::new();

/// Refusals by reason; never lost.
#[btf_map(name = "CWD_REFUSALS")]
pub static REFUSALS: Array<u64, { COUNTERS as usize }> = Array::new();

/// Refusals one by one, for whoever wants to tell people.
#[btf_map(name = "CWD_EVENTS")]
pub static EVENTS: RingBuf<Denial, { EVENT_BYTES as usize }> = RingBuf::new();

/// The agent's permission to ask one node what it is.
#[btf_map(name = "CWD_PERMIT")]
pub static PERMIT: Array<Permit, 1> = Array::new();

/// Where the agent is at home.
#[btf_map(name = "CWD_HOME")]
pub static HOME: Array<Home, 1> = Array::new();

/// What is guarded now.
#[btf_map(name = "CWD_GUARDED")]
pub static GUARDED: Array<Guarded, 1> = Array::new();

/// The agent's question where a file is.
#[btf_map(name = "CWD_LEARNT")]
pub static LEARNT: Array<Learnt, 1> = Array::new();

/// Which processes are the agent.
#[btf_map(name = "CWD_MARK")]
pub static MARK: guard::TaskStorage<Mark> = guard::TaskStorage::new();

/// `EPERM`, negative as hooks return it.
const REFUSED: i32 = -1;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
