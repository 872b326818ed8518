//! Processes, as the guard sees them.

use aya_ebpf::Global;
use aya_ebpf::helpers::bpf_get_current_task_btf;
use aya_ebpf::programs::LsmContext;

use super::{ABSENT, File, Task, read};

#[unsafe(no_mangle)]
static TASK_LEADER: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TASK_PTRACE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TASK_FILTER: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TASK_NSPROXY: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static FILTER_PREV: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static FILTER_NOTIF: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static NSPROXY_MNT: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TASK_PARENT: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static NSPROXY_NET: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static NET_INUM: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static NSPROXY_PID: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static PID_NS_INUM: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static NSPROXY_TIME: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TIME_NS_INUM: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static MNT_NS_INUM: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static BINPRM_FILE: Global<u32> = Global::new(ABSENT);

/// Most filters of system calls that are looked through; systemd sets some twenty.
const FILTERS: u32 = 64;

impl Task {
    /// Who is running.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: the helper gives the running task, which the verifier knows by type.
        Self(unsafe { bpf_get_current_task_btf() }.cast::<u8>())
    }

    /// The first argument of the hooks on tasks.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// `task->group_leader`: the process.
    #[inline(always)]
    pub fn leader(self) -> Self {
        // SAFETY: as for `File::inode`, with `struct task_struct *`.
        Self(unsafe { read(self.0, &TASK_LEADER) })
    }

    /// `task->real_parent`: who started it.
    #[inline(always)]
    pub fn parent(self) -> Self {
        // SAFETY: as for `Task::leader`.
        Self(unsafe { read(self.0, &TASK_PARENT) })
    }

    /// The pointer, for helpers that take one.
    #[inline(always)]
    pub fn pointer(self) -> *mut u8 {
        self.0.cast_mut()
    }

    /// Whether another process has its hands in it: by `ptrace(2)`, or by a filter of system calls that
    /// asks another process for the answers (`SECCOMP_RET_USER_NOTIF`).
    #[inline(always)]
    pub fn is_led(self) -> bool {
        // SAFETY: as for `Task::thread`.
        let traced: u32 = unsafe { read(self.0, &TASK_PTRACE) };
        if traced != 0 {
            return true;
        }
        // SAFETY: as above; it is a `struct seccomp_filter *`.
        let mut filter: *const u8 = unsafe { read(self.0, &TASK_FILTER) };
        for _ in 0..FILTERS {
            if filter.is_null() {
                return false;
            }
            // SAFETY: as above.
            let asks: *const u8 = unsafe { read(filter, &FILTER_NOTIF) };
            if !asks.is_null() {
                return true;
            }
            // SAFETY: as above.
            filter = unsafe { read(filter, &FILTER_PREV) };
        }
        true
    }

    /// `task->nsproxy->mnt_ns->ns.inum`: what `/proc/PID/ns/mnt` is called.
    #[inline(always)]
    pub fn mounts(self) -> u32 {
        self.space(&NSPROXY_MNT, &MNT_NS_INUM)
    }

    /// What `/proc/PID/ns/net` is called.
    #[inline(always)]
    pub fn network(self) -> u32 {
        self.space(&NSPROXY_NET, &NET_INUM)
    }

    /// What `/proc/PID/ns/pid_for_children` is called.
    #[inline(always)]
    pub fn processes(self) -> u32 {
        self.space(&NSPROXY_PID, &PID_NS_INUM)
    }

    /// What `/proc/PID/ns/time` is called; 0 on a kernel without `CONFIG_TIME_NS`.
    #[inline(always)]
    pub fn time(self) -> u32 {
        if NSPROXY_TIME.load() == ABSENT || TIME_NS_INUM.load() == ABSENT {
            return 0;
        }
        self.space(&NSPROXY_TIME, &TIME_NS_INUM)
    }

    #[inline(always)]
    fn space(self, place: &Global<u32>, number: &Global<u32>) -> u32 {
        // SAFETY: as for `Task::thread`; each is a pointer that the verifier knows by type.
        let spaces: *const u8 = unsafe { read(self.0, &TASK_NSPROXY) };
        // SAFETY: as above.
        let space: *const u8 = unsafe { read(spaces, place) };
        // SAFETY: as above.
        unsafe { read(space, number) }
    }
}

impl File {
    /// The file that a program is started from: `bprm->file` of the first argument.
    #[inline(always)]
    pub fn started(ctx: &LsmContext) -> Self {
        let started: *const u8 = ctx.arg(0);
        // SAFETY: as for `File::inode`, with `struct linux_binprm *`.
        Self(unsafe { read(started, &BINPRM_FILE) })
    }
}
