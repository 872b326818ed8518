//! The guard: refuses, to everybody but the agent, what would undo an enforcement.
//!
//! | program | hook | keeps |
//! |---|---|---|
//! | [`agent`] | `bprm_committed_creds`, `mmap_file` | who is the agent: started from its executable, running no foreign code, led by nobody |
//! | [`agent`] | `task_kill`, `ptrace_access_check`, `task_setnice`, `task_setscheduler`, `task_setioprio`, `task_setrlimit` | the agent's process |
//! | [`objects`] | `bpf`, `bpf_map`, `locked_down` | the programs, their links and maps; memory |
//! | [`files`] | `file_open`, `path_truncate`, `inode_*` | the agent's files and pins, its control group, kernel settings, switches of devices |
//! | [`mounts`] | `sb_mount`, `move_mount`, `sb_umount` | the mounts that the agent and its pins are in |
//! | [`clock`] | `settime` | the clock, while a rule goes by it |

pub mod agent;
pub mod clock;
pub mod files;
pub mod mounts;
pub mod objects;

use aya_ebpf::bindings::{BPF_F_NO_PREALLOC, bpf_map_type};
use aya_ebpf::helpers::generated::bpf_task_storage_get;
use cardwarden_ebpf_abi::guard::{Act, GUARD, Mark, TRUSTED};
use cardwarden_ebpf_abi::{GUARD_COUNTER, HOOK_GUARD, Verdict};

use crate::kernel::Task;
use crate::record::judge;
use crate::{GUARDED, MARK, REFUSED};

/// `BPF_LOCAL_STORAGE_GET_F_CREATE` (`include/uapi/linux/bpf.h`).
const CREATE: u64 = 1;

/// What processes are to the guard: one value for each that it has met, which ends with the process.
#[repr(C)]
pub struct TaskStorage<T> {
    r#type: *const [i32; bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as usize],
    key: *const i32,
    value: *const T,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
}

// SAFETY: the members say what the map is and point to nothing.
unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    /// What the loader makes a map of.
    pub const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }

    /// The value of a process, if it has one.
    #[inline(always)]
    fn get(&self, task: Task) -> Option<&mut T> {
        self.look(task, core::ptr::null_mut(), 0)
    }

    /// Gives a process a value, unless it has one; the value that it has.
    #[inline(always)]
    fn put(&self, task: Task, value: &mut T) -> Option<&mut T> {
        self.look(task, core::ptr::from_mut(value), CREATE)
    }

    #[inline(always)]
    fn look(&self, task: Task, value: *mut T, flags: u64) -> Option<&mut T> {
        let map = core::ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the verifier knows the task by type, and the value has the map's size.
        let found =
            unsafe { bpf_task_storage_get(map, task.pointer().cast(), value.cast(), flags) };
        // SAFETY: the helper gives null or the value, which stays while the program runs.
        unsafe { found.cast::<T>().as_mut() }
    }
}

/// The mark of a process.
#[inline(always)]
fn mark(process: Task) -> Option<&'static mut Mark> {
    MARK.get(process)
}

/// Whether this process is the agent, or may be: it is kept from others' hands either way.
#[inline(always)]
fn is_agent(process: Task) -> bool {
    matches!(mark(process), Some(mark) if mark.state != 0)
}

/// Whether this process is the agent, and at home.
#[inline(always)]
fn is_trusted(process: Task) -> bool {
    matches!(mark(process), Some(mark) if mark.state == TRUSTED)
}

/// Whether the agent itself is at work.
#[inline(always)]
fn is_ours() -> bool {
    is_trusted(Task::current().leader())
}

/// What of it is guarded now.
#[inline(always)]
fn guards(what: u32) -> bool {
    matches!(GUARDED.get(0), Some(guarded) if guarded.what & what != 0)
}

/// Refuses an act, unless the agent itself does it, and tells of it.
#[inline(always)]
fn refuse(act: Act, detail: u32) -> i32 {
    if is_ours() {
        return 0;
    }
    let verdict = Verdict {
        counter: GUARD_COUNTER,
        function: GUARD,
        refuses: true,
    };
    judge(verdict, HOOK_GUARD, act.number(), detail);
    REFUSED
}
