//! Files that nobody but the agent changes, and files that are switches.
//!
//! `file_open` runs for every file, so what is only read leaves at the first look.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{
    self, Act, CGROUP2, CONFIGFS, DEPTH, GUARD_AGENT, Grouped, PROC, Place, SYSFS,
};

use super::{guards, refuse};
use crate::kernel::{Dentry, File, Path, Task};
use crate::{HOME, LEARNT, REFUSED};

/// `FMODE_WRITE` (`include/linux/fs.h`).
const WRITE: u32 = 2;
/// In place of the detail: what of a file was tried.
const CONTENT: u32 = 1;
const NAME: u32 = 2;

#[lsm(hook = "file_open")]
pub fn guard_open(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    let file = File::of(&ctx);
    if file.mode() & WRITE == 0 || earlier < 0 {
        return earlier;
    }
    write(file)
}

/// Tells the agent where a file is, before anything is guarded; then it is detached.
#[lsm(hook = "file_open")]
pub fn guard_learn(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    let Some(learnt) = LEARNT.get_ptr_mut(0) else {
        return earlier;
    };
    // SAFETY: the map's value stays while the program runs; one thread of the agent's reads it.
    let learnt = unsafe { &mut *learnt };
    let asks = learnt.pid_tgid != 0 && learnt.pid_tgid == bpf_get_current_pid_tgid();
    // Of a file of overlayfs, that below it is opened next.
    if asks && learnt.place.device == 0 {
        learnt.place = File::of(&ctx).inode().place();
    }
    earlier
}

/// Apart from the first look, so that what it needs of the stack and of registers costs other files nothing.
#[inline(never)]
fn write(file: File) -> i32 {
    let magic = file.inode().file_system().magic();
    let dentry = file.dentry();
    if magic == SYSFS || magic == CONFIGFS {
        return switch(dentry);
    }
    if magic == PROC {
        return setting(dentry);
    }
    if magic == CGROUP2 {
        return cgroup(dentry);
    }
    if guards(GUARD_AGENT) && is_home(dentry) {
        return refuse(Act::File, CONTENT);
    }
    0
}

#[inline(always)]
fn switch(dentry: Dentry) -> i32 {
    let what = guard::switch(dentry.name());
    if what != 0 && guards(what) {
        return refuse(Act::Switch, what);
    }
    0
}

#[inline(always)]
fn setting(dentry: Dentry) -> i32 {
    if guards(GUARD_AGENT) && guard::setting(dentry.name()) {
        return refuse(Act::Setting, 0);
    }
    0
}

#[inline(always)]
fn cgroup(dentry: Dentry) -> i32 {
    if !guards(GUARD_AGENT) {
        return 0;
    }
    let is_systemd = Task::current().process() == 1;
    match guard::cgroup(dentry.parent().name(), dentry.name()) {
        Grouped::Anybody => 0,
        Grouped::Systemd if is_systemd => 0,
        // It thaws every group that it starts something in, which is nothing to tell of.
        Grouped::Nobody if is_systemd => REFUSED,
        Grouped::Systemd | Grouped::Nobody => refuse(Act::Cgroup, 0),
    }
}

/// Whether it is the agent's executable, code that it runs, one of its folders, or in one.
#[inline(always)]
pub fn is_home(dentry: Dentry) -> bool {
    let Some(home) = HOME.get(0) else {
        return false;
    };
    let place = dentry.inode().place();
    home.runs(place) || is_kept(dentry)
}

/// Whether it is one of the agent's folders, or in one.
#[inline(always)]
fn is_kept(dentry: Dentry) -> bool {
    let mut at = dentry;
    for _ in 0..=DEPTH {
        if is_folder(at.inode().place()) {
            return true;
        }
        at = at.parent();
    }
    false
}

#[inline(always)]
fn is_folder(place: Place) -> bool {
    matches!(HOME.get(0), Some(home) if place.device != 0 && home.folders.contains(&place))
}

/// A name that comes or goes. The agent's executable may get another file for its name, as a package's new
/// version does: that file is not the agent.
#[inline(always)]
fn named(ctx: &LsmContext, dentry: usize, earlier: i32) -> i32 {
    if earlier < 0 || !guards(GUARD_AGENT) || !is_kept(Dentry::argument(ctx, dentry)) {
        return earlier;
    }
    refuse(Act::File, NAME)
}

#[lsm(hook = "inode_create")]
pub fn guard_create(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(3))
}

#[lsm(hook = "inode_link")]
pub fn guard_link(ctx: LsmContext) -> i32 {
    named(&ctx, 2, ctx.arg(3))
}

#[lsm(hook = "inode_symlink")]
pub fn guard_symlink(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(3))
}

#[lsm(hook = "inode_mkdir")]
pub fn guard_mkdir(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(3))
}

#[lsm(hook = "inode_mknod")]
pub fn guard_mknod(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(4))
}

#[lsm(hook = "inode_unlink")]
pub fn guard_unlink(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(2))
}

#[lsm(hook = "inode_rmdir")]
pub fn guard_rmdir(ctx: LsmContext) -> i32 {
    named(&ctx, 1, ctx.arg(2))
}

#[lsm(hook = "inode_rename")]
pub fn guard_rename(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(4);
    match named(&ctx, 1, earlier) {
        0 => named(&ctx, 3, earlier),
        refused => refused,
    }
}

#[lsm(hook = "path_truncate")]
pub fn guard_truncate(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    if earlier < 0 || !guards(GUARD_AGENT) || !is_home(Path::argument(&ctx, 0).dentry()) {
        return earlier;
    }
    refuse(Act::File, CONTENT)
}
