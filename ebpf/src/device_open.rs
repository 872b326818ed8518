//! cgroup-device at the root cgroup (`devcgroup_check_permission`, `security/device_cgroup.c`):
//! runs for device nodes only, so ordinary files pay nothing. A block device is asked about when it is
//! mounted, too (`blkdev_get_by_dev`, `bdev_open`).

use aya_ebpf::macros::cgroup_device;
use aya_ebpf::programs::DeviceContext;
use cardwarden_ebpf_abi::{HOOK_DEVICE_OPEN, READS, WRITES, device};

use crate::record::{judge, permitted};

/// What a cgroup-device program returns to let other programs decide, and to refuse with `EPERM`.
const ALLOWED: i32 = 1;
const REFUSED: i32 = 0;

/// `mknod` alone is let through: devtmpfs makes its nodes under this program too, and a node of
/// one's own gives nothing, since its `open` is refused by number wherever it lies.
#[cgroup_device]
pub fn device_open(ctx: DeviceContext) -> i32 {
    // SAFETY: the kernel passes a valid `bpf_cgroup_dev_ctx` for the length of the call.
    let access_type = unsafe { (*ctx.device).access_type };
    // `access_type` is `access << 16 | type` (`bpf_cgroup_dev_ctx`, `include/uapi/linux/bpf.h`).
    if access_type >> 16 & (READS | WRITES) as u32 == 0 {
        return ALLOWED;
    }
    let Some(watched) = crate::WATCHED.get(0) else {
        return ALLOWED;
    };
    // Read after the look-up, so that nothing but the context is kept across it.
    // SAFETY: as above.
    let (major, minor, access_type) = unsafe {
        (
            (*ctx.device).major,
            (*ctx.device).minor,
            (*ctx.device).access_type,
        )
    };
    if !watched.has(access_type & 0xffff, major) {
        return ALLOWED;
    }
    look(access_type, major, minor)
}

/// Apart from the first look, so that what it needs of the stack and of registers costs other device
/// nodes nothing.
#[inline(never)]
fn look(access_type: u32, major: u32, minor: u32) -> i32 {
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return ALLOWED;
    };
    let uses = (access_type >> 16) as u8;
    match device(decision, access_type & 0xffff, major, minor, uses) {
        Some(verdict) if !permitted(major, minor) => {
            if judge(verdict, HOOK_DEVICE_OPEN, major, minor) {
                REFUSED
            } else {
                ALLOWED
            }
        }
        _ => ALLOWED,
    }
}
