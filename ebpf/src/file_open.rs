//! LSM `file_open` (`security_file_open`, `fs/open.c`): the camera's second lock. It runs for
//! every file, so the agent attaches it only when asked.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::{HOOK_FILE_OPEN, device};

use crate::REFUSED;
use crate::kernel::File;
use crate::record::{permitted, record};

/// `S_IFMT` and `S_IFCHR` (`include/uapi/linux/stat.h`).
const FORMAT: u16 = 0o170_000;
const CHARACTER_DEVICE: u16 = 0o020_000;
/// `MINORBITS` (`include/linux/kdev_t.h`).
const MINOR_BITS: u32 = 20;

#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    if earlier != 0 {
        return earlier;
    }
    let inode = File::of(&ctx).inode();
    if inode.mode() & FORMAT != CHARACTER_DEVICE {
        return 0;
    }
    let number = inode.rdev();
    let (major, minor) = (number >> MINOR_BITS, number & ((1 << MINOR_BITS) - 1));
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    match device(decision, major, minor) {
        Some(refusal) if !permitted(major, minor) => {
            record(refusal, HOOK_FILE_OPEN, major, minor);
            REFUSED
        }
        _ => 0,
    }
}
