//! Mounts. What is mounted or unmounted in other namespaces changes nothing for the agent.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{Act, GUARD_AGENT, SYSFS};

use super::files::is_home;
use super::{guards, refuse};
use crate::kernel::{FileSystem, Mount, Path, Task};
use crate::HOME;

/// `MNT_DETACH` (`include/linux/fs.h`): with all that is mounted below.
const DETACH: u32 = 2;
/// `MS_MOVE` (`include/uapi/linux/mount.h`).
const MOVE: u64 = 0x2000;

#[lsm(hook = "sb_mount")]
pub fn guard_mount(ctx: LsmContext) -> i32 {
    let (flags, earlier): (u64, i32) = (ctx.arg(3), ctx.arg(5));
    // From where, it does not say.
    if earlier >= 0 && flags & MOVE != 0 && guards(GUARD_AGENT) && is_shared() {
        return refuse(Act::Mount, 0);
    }
    onto(Path::argument(&ctx, 1), earlier)
}

#[lsm(hook = "move_mount")]
pub fn guard_move(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(2);
    if earlier < 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    let from = Path::argument(&ctx, 0).mount().file_system();
    if holds_pins(from) && is_shared() {
        return refuse(Act::Mount, 0);
    }
    onto(Path::argument(&ctx, 1), earlier)
}

#[lsm(hook = "sb_umount")]
pub fn guard_unmount(ctx: LsmContext) -> i32 {
    let (flags, earlier): (u32, i32) = (ctx.arg(1), ctx.arg(2));
    if earlier < 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    let mounted = Mount::of(&ctx).file_system();
    let goes_with_it = flags & DETACH != 0 && (mounted.magic() == SYSFS || is_root(mounted));
    if (holds_pins(mounted) || goes_with_it) && is_shared() {
        return refuse(Act::Mount, 1);
    }
    0
}

/// Covering the pins, or what the agent keeps.
#[inline(always)]
fn onto(path: Path, earlier: i32) -> i32 {
    if earlier < 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    let (place, mounted) = (path.dentry(), path.mount().file_system());
    let is_above = mounted.magic() == SYSFS && place.parent().is_root();
    if (holds_pins(mounted) || is_above || is_home(place)) && is_shared() {
        return refuse(Act::Mount, 0);
    }
    0
}

/// Whether it is everybody's namespace. The agent has one of its own, made of this one when it starts; nobody else
/// gets into it (`agent::guard_trace`).
#[inline(always)]
fn is_shared() -> bool {
    matches!(HOME.get(0), Some(home) if Task::current().mounts() == home.mounts)
}

#[inline(always)]
fn holds_pins(mounted: FileSystem) -> bool {
    matches!(HOME.get(0), Some(home) if mounted.device() == home.pins)
}

/// Whether all else is mounted below.
#[inline(always)]
fn is_root(mounted: FileSystem) -> bool {
    matches!(HOME.get(0), Some(home) if mounted.device() == home.root)
}
