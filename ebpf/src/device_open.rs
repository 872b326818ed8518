//! cgroup-device at the root cgroup (`devcgroup_inode_permission`, `security/device_cgroup.c`):
//! runs for device nodes only, so ordinary files pay nothing.

use aya_ebpf::bindings::{BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE, BPF_DEVCG_DEV_CHAR};
use aya_ebpf::macros::cgroup_device;
use aya_ebpf::programs::DeviceContext;
use cardwarden_ebpf_abi::{HOOK_DEVICE_OPEN, device};

use crate::record::{permitted, record};

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
    let opens = access_type >> 16 & (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE) != 0;
    if access_type & 0xffff != BPF_DEVCG_DEV_CHAR || !opens {
        return ALLOWED;
    }
    let Some(watched) = crate::WATCHED.get(0) else {
        return ALLOWED;
    };
    // Read after the look-up, so that nothing but the context is kept across it.
    // SAFETY: as above.
    let (major, minor) = unsafe { ((*ctx.device).major, (*ctx.device).minor) };
    if !watched.has(major) {
        return ALLOWED;
    }
    judge(major, minor)
}

/// Apart from the first look, so that what it needs of the stack and of registers costs other device
/// nodes nothing.
#[inline(never)]
fn judge(major: u32, minor: u32) -> i32 {
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return ALLOWED;
    };
    match device(decision, major, minor) {
        Some(refusal) if !permitted(major, minor) => {
            record(refusal, HOOK_DEVICE_OPEN, major, minor);
            REFUSED
        }
        _ => ALLOWED,
    }
}
