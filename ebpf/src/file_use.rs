//! LSM hooks on descriptors of device nodes that were open before: `file_ioctl` and its twin for 32-bit
//! programs, `mmap_file`, `file_receive` and `file_permission`. They are attached only while such
//! descriptors live; `file_ioctl` also while disks may only be read. What is only to be told of was told of when it was opened. Closing is never
//! refused.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::{bpf_probe_read_kernel, bpf_probe_read_user};
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::{
    BLOCK, CHARACTER, HOOK_FILE_IOCTL, HOOK_FILE_PERMISSION, HOOK_FILE_RECEIVE, HOOK_MMAP_FILE,
    WRITES, device, line_discipline,
};

use crate::REFUSED;
use crate::kernel::File;
use crate::node::Node;
use crate::record::{judge, may_use};

/// `TIOCSETD` (`include/uapi/asm-generic/ioctls.h`).
const TIOCSETD: u32 = 0x5423;
/// `BLKROSET` (`include/uapi/linux/fs.h`) opens a disk for writing that may only be read. `SG_IO`
/// (`include/scsi/sg.h`), `SCSI_IOCTL_SEND_COMMAND` (`include/scsi/scsi_ioctl.h`) and `CDROM_SEND_PACKET`
/// (`include/uapi/linux/cdrom.h`) hand it whatever command, to write as well, from whom may read.
const WRITING: [u32; 4] = [0x125d, 0x2285, 0x1, 0x5393];
/// `MAP_ANONYMOUS` (`include/uapi/asm-generic/mman-common.h`).
const MAP_ANONYMOUS: u64 = 0x20;

#[lsm(hook = "file_ioctl")]
pub fn file_ioctl(ctx: LsmContext) -> i32 {
    ioctl(&ctx)
}

#[lsm(hook = "file_ioctl_compat")]
pub fn file_ioctl_compat(ctx: LsmContext) -> i32 {
    ioctl(&ctx)
}

#[inline(always)]
fn ioctl(ctx: &LsmContext) -> i32 {
    let (command, argument, earlier): (u32, u64, i32) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
    if earlier != 0 {
        return earlier;
    }
    let file = File::of(ctx);
    let Some(node) = Node::of(file) else {
        return 0;
    };
    if command == TIOCSETD && node.kind == CHARACTER {
        return set_discipline(argument, node);
    }
    if node.kind == BLOCK && is_writing(command) {
        return write_to(node);
    }
    refuse(file, node, HOOK_FILE_IOCTL)
}

#[inline(always)]
fn is_writing(command: u32) -> bool {
    let [first, second, third, fourth] = WRITING;
    command == first || command == second || command == third || command == fourth
}

/// As if the disk were opened for writing, however it was opened.
#[inline(always)]
fn write_to(node: Node) -> i32 {
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    match device(decision, node.kind, node.major, node.minor, WRITES) {
        Some(verdict)
            if !may_use() && judge(verdict, HOOK_FILE_IOCTL, node.major, node.minor) =>
        {
            REFUSED
        }
        _ => 0,
    }
}

/// A serial line becomes something else by it, such as a Bluetooth adapter.
#[inline(always)]
fn set_discipline(argument: u64, node: Node) -> i32 {
    // SAFETY: the helper checks the address, which is the program's own.
    let Ok(discipline) = (unsafe { bpf_probe_read_user(argument as *const u32) }) else {
        return 0;
    };
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    match line_discipline(decision, discipline) {
        Some(verdict) if judge(verdict, HOOK_FILE_IOCTL, node.major, node.minor) => REFUSED,
        _ => 0,
    }
}

#[lsm(hook = "mmap_file")]
pub fn mmap_file(ctx: LsmContext) -> i32 {
    let (flags, earlier): (u64, i32) = (ctx.arg(3), ctx.arg(4));
    if earlier != 0 {
        return earlier;
    }
    // The verifier believes that there always is a file, and would drop a comparison of the pointer.
    // There is none for memory of one's own: the argument is read as a mere number.
    if flags & MAP_ANONYMOUS != 0 {
        return 0;
    }
    // SAFETY: the context holds the arguments, eight bytes each.
    match unsafe { bpf_probe_read_kernel(ctx.as_ptr().cast::<u64>()) } {
        Ok(1..) => {}
        _ => return 0,
    }
    used(&ctx, HOOK_MMAP_FILE)
}

#[lsm(hook = "file_receive")]
pub fn file_receive(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    if earlier != 0 {
        return earlier;
    }
    used(&ctx, HOOK_FILE_RECEIVE)
}

#[lsm(hook = "file_permission")]
pub fn file_permission(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(2);
    if earlier != 0 {
        return earlier;
    }
    used(&ctx, HOOK_FILE_PERMISSION)
}

#[inline(always)]
fn used(ctx: &LsmContext, hook: u8) -> i32 {
    let file = File::of(ctx);
    match Node::of(file) {
        Some(node) => refuse(file, node, hook),
        None => 0,
    }
}

#[inline(always)]
fn refuse(file: File, node: Node, hook: u8) -> i32 {
    match node.held(file) {
        Some(verdict) if !may_use() => {
            judge(verdict, hook, node.major, node.minor);
            REFUSED
        }
        _ => 0,
    }
}
