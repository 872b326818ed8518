//! Who is the agent, and that nobody lays hands on it.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{Act, GUARD_AGENT, Mark, OF_SYSTEMD, STARTING, TRUSTED};

use super::{guards, is_agent, is_ours, is_trusted, mark, refuse};
use crate::kernel::{File, Task};
use crate::{HOME, MARK, REFUSED};

/// `MAP_ANONYMOUS` (`include/uapi/asm-generic/mman-common.h`).
const MAP_ANONYMOUS: u64 = 0x20;
/// `PROT_EXEC`.
const PROT_EXEC: u64 = 4;
/// `PTRACE_MODE_ATTACH` (`include/linux/ptrace.h`).
const ATTACH: u32 = 2;

/// A program has been started. It may be the agent when it comes from the agent's executable, nobody leads it, and
/// what it sees of the machine is what the agent saw; it is when the agent started it.
#[lsm(hook = "bprm_committed_creds")]
pub fn guard_started(ctx: LsmContext) -> i32 {
    let process = Task::current();
    let place = File::started(&ctx).inode().place();
    let Some(home) = HOME.get(0) else {
        return 0;
    };
    let is_home = home.is_executable(place)
        && process.network() == home.network
        && process.processes() == home.processes
        && process.time() == home.time;
    let state = if !is_home || process.is_led() {
        0
    } else if is_trusted(process.parent().leader()) {
        TRUSTED
    } else {
        STARTING
    };
    if let Some(mark) = mark(process) {
        // The process was something else before.
        mark.state = state;
    } else if state != 0 {
        let mut new = Mark { state, reserved: 0 };
        MARK.put(process, &mut new);
    }
    0
}

/// Code that comes into a process: foreign code does not come into the agent's, and a process that begins
/// with such code, by whatever made the loader take it, is not the agent.
#[lsm(hook = "mmap_file")]
pub fn guard_code(ctx: LsmContext) -> i32 {
    let (prot, flags, earlier): (u64, u64, i32) = (ctx.arg(2), ctx.arg(3), ctx.arg(4));
    if earlier < 0 || prot & PROT_EXEC == 0 || flags & MAP_ANONYMOUS != 0 {
        return earlier;
    }
    let Some(mark) = mark(Task::current().leader()) else {
        return earlier;
    };
    if mark.state == 0 {
        return earlier;
    }
    // As in `file_use`: there may be no file.
    // SAFETY: the context holds the arguments, eight bytes each.
    match unsafe { bpf_probe_read_kernel(ctx.as_ptr().cast::<u64>()) } {
        Ok(1..) => {}
        _ => return earlier,
    }
    let place = File::of(&ctx).inode().place();
    let Some(home) = HOME.get(0) else {
        return earlier;
    };
    if home.runs(place) {
        return earlier;
    }
    if mark.state == TRUSTED {
        return REFUSED;
    }
    mark.state = 0;
    earlier
}

/// Signals. systemd may stop the service; what is in force stays so. `kill(2)` with 0 only asks.
#[lsm(hook = "task_kill")]
pub fn guard_signal(ctx: LsmContext) -> i32 {
    let (signal, earlier): (u32, i32) = (ctx.arg(2), ctx.arg(4));
    if earlier < 0 || signal == 0 || !guards(GUARD_AGENT) {
        return earlier;
    }
    if !is_trusted(Task::of(&ctx).leader()) {
        return earlier;
    }
    if Task::current().process() == 1 {
        let [first, second, third, fourth, fifth] = OF_SYSTEMD;
        if signal == first
            || signal == second
            || signal == third
            || signal == fourth
            || signal == fifth
        {
            return earlier;
        }
    }
    refuse(Act::Signal, signal)
}

/// Tracing, and what asks for the same right: reading memory, taking descriptors. So does what only looks, such as
/// following `/proc/PID/ns/mnt` into the agent's mounts; it is refused without a word, since the journal looks at
/// every process that writes to it.
#[lsm(hook = "ptrace_access_check")]
pub fn guard_trace(ctx: LsmContext) -> i32 {
    let (mode, earlier): (u32, i32) = (ctx.arg(1), ctx.arg(2));
    if earlier < 0 || !guards(GUARD_AGENT) || !is_agent(Task::of(&ctx).leader()) || is_ours() {
        return earlier;
    }
    if mode & ATTACH == 0 {
        return REFUSED;
    }
    refuse(Act::Trace, 0)
}

/// `nice(2)`, `setpriority(2)`.
#[lsm(hook = "task_setnice")]
pub fn guard_nice(ctx: LsmContext) -> i32 {
    keep(&ctx, ctx.arg(2), Act::Limits)
}

/// `sched_setscheduler(2)`, `sched_setaffinity(2)`.
#[lsm(hook = "task_setscheduler")]
pub fn guard_scheduler(ctx: LsmContext) -> i32 {
    keep(&ctx, ctx.arg(1), Act::Limits)
}

/// `ioprio_set(2)`.
#[lsm(hook = "task_setioprio")]
pub fn guard_ioprio(ctx: LsmContext) -> i32 {
    keep(&ctx, ctx.arg(2), Act::Limits)
}

/// `prlimit(2)`.
#[lsm(hook = "task_setrlimit")]
pub fn guard_rlimit(ctx: LsmContext) -> i32 {
    keep(&ctx, ctx.arg(3), Act::Limits)
}

/// Refuses to lay hands on the agent.
#[inline(always)]
fn keep(ctx: &LsmContext, earlier: i32, act: Act) -> i32 {
    if earlier < 0 || !guards(GUARD_AGENT) || !is_trusted(Task::of(ctx).leader()) {
        return earlier;
    }
    refuse(act, 0)
}
