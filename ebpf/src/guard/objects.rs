//! The programs, their links and maps, and memory that programs could be changed in.

use aya_ebpf::Global;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{Act, GUARD_AGENT};

use super::{guards, is_agent, refuse};
use crate::kernel::{Map, Task};

/// `BPF_PROG_LOAD`, `BPF_LINK_UPDATE`, `BPF_LINK_DETACH` (`enum bpf_cmd`, `include/uapi/linux/bpf.h`).
const PROG_LOAD: u32 = 5;
const LINK_UPDATE: u32 = 29;
const LINK_DETACH: u32 = 34;
/// `BPF_MODIFY_RETURN` (`enum bpf_attach_type`): such a program answers in place of `security_bpf`, and so
/// of the guard.
const MODIFY_RETURN: u32 = 26;
/// Where `union bpf_attr` has `expected_attach_type`.
const ATTACH_TYPE: usize = 68;
/// `BPF_PROG_TYPE_EXT` (`enum bpf_prog_type`): such a program takes the place of a function of another program. Which,
/// a descriptor says, and that may be another by the time it is read.
const EXTENSION: u32 = 28;
/// Where `union bpf_attr` has `prog_type`.
const PROG_TYPE: usize = 0;
/// How the names of our maps begin.
const OURS: u32 = u32::from_le_bytes(*b"CWD_");

/// A number that no reason has: this kernel does not know it.
const NONE: u32 = u32::MAX;

#[unsafe(no_mangle)]
static LOCK_DEV_MEM: Global<u32> = Global::new(NONE);
#[unsafe(no_mangle)]
static LOCK_PCI_ACCESS: Global<u32> = Global::new(NONE);
#[unsafe(no_mangle)]
static LOCK_IOPORT: Global<u32> = Global::new(NONE);
#[unsafe(no_mangle)]
static LOCK_MSR: Global<u32> = Global::new(NONE);
#[unsafe(no_mangle)]
static LOCK_BPF_WRITE_USER: Global<u32> = Global::new(NONE);
#[unsafe(no_mangle)]
static LOCK_DBG_WRITE_KERNEL: Global<u32> = Global::new(NONE);

/// Commands. Links of cgroup programs can be detached by whoever has a descriptor of them; those of LSM
/// programs cannot, and programs of others only refuse more.
#[lsm(hook = "bpf")]
pub fn guard_bpf(ctx: LsmContext) -> i32 {
    let (command, earlier): (u32, i32) = (ctx.arg(0), ctx.arg(3));
    if earlier < 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    if command == LINK_UPDATE || command == LINK_DETACH {
        return refuse(Act::Bpf, command);
    }
    if command == PROG_LOAD {
        let attributes: *const u8 = ctx.arg(1);
        let read = |place: usize| {
            // SAFETY: the helper checks the address.
            unsafe { bpf_probe_read_kernel(attributes.wrapping_add(place).cast::<u32>()) }
        };
        if read(ATTACH_TYPE) == Ok(MODIFY_RETURN) || read(PROG_TYPE) == Ok(EXTENSION) {
            return refuse(Act::Bpf, command);
        }
    }
    0
}

/// A descriptor of a map. Whoever may be the agent looks by it whether it is at home.
#[lsm(hook = "bpf_map")]
pub fn guard_map(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(2);
    if earlier < 0 || Map::of(&ctx).begins() != OURS || !guards(GUARD_AGENT) {
        return earlier;
    }
    if is_agent(Task::current().leader()) {
        return 0;
    }
    refuse(Act::Map, 0)
}

/// What the kernel's lockdown would refuse: memory and ports that are not the program's own.
#[lsm(hook = "locked_down")]
pub fn guard_memory(ctx: LsmContext) -> i32 {
    let (reason, earlier): (u32, i32) = (ctx.arg(0), ctx.arg(1));
    if earlier < 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    let is_memory = reason == LOCK_DEV_MEM.load()
        || reason == LOCK_PCI_ACCESS.load()
        || reason == LOCK_IOPORT.load()
        || reason == LOCK_MSR.load()
        || reason == LOCK_BPF_WRITE_USER.load()
        || reason == LOCK_DBG_WRITE_KERNEL.load();
    if is_memory {
        return refuse(Act::Lockdown, reason);
    }
    0
}
