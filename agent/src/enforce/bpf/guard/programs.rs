//! The guard's programs.

/// A program of the guard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct GuardProgram {
    /// Its name in the object.
    pub(crate) name: &'static str,
    /// The kernel's name of the hook.
    pub(crate) hook: &'static str,
    /// What is open without it, where a kernel does not have the hook.
    pub(crate) keeps: &'static str,
}

const fn program(name: &'static str, hook: &'static str, keeps: &'static str) -> GuardProgram {
    GuardProgram { name, hook, keeps }
}

/// The program that tells where a file is; attached only while the agent asks.
pub(super) const LEARN: GuardProgram = program("guard_learn", "file_open", "");
/// The program that keeps the clock; attached only while something goes by it.
pub(super) const CLOCK: GuardProgram = program("guard_clock", "settime", "the clock");

/// The programs that always stand, in the order in which they are attached: first those that say who is the
/// agent.
pub(super) const STANDING: [GuardProgram; 24] = [
    program("guard_started", "bprm_committed_creds", "who is the agent"),
    program("guard_code", "mmap_file", "foreign code in the agent"),
    program("guard_map", "bpf_map", "the maps"),
    program("guard_bpf", "bpf", "the links"),
    program("guard_open", "file_open", "files and switches"),
    program("guard_unlink", "inode_unlink", "the pins"),
    program("guard_rename", "inode_rename", "the pins"),
    program("guard_unmount", "sb_umount", "the mount of the pins"),
    program("guard_mount", "sb_mount", "mounts over the pins"),
    program("guard_move", "move_mount", "mounts over the pins"),
    program("guard_signal", "task_kill", "the agent's process"),
    program("guard_trace", "ptrace_access_check", "the agent's memory"),
    program("guard_nice", "task_setnice", "the agent's priority"),
    program(
        "guard_scheduler",
        "task_setscheduler",
        "the agent's priority",
    ),
    program("guard_ioprio", "task_setioprio", "the agent's priority"),
    program("guard_rlimit", "task_setrlimit", "the agent's limits"),
    program("guard_create", "inode_create", "the agent's folders"),
    program("guard_link", "inode_link", "the agent's folders"),
    program("guard_symlink", "inode_symlink", "the agent's folders"),
    program("guard_mkdir", "inode_mkdir", "the agent's folders"),
    program("guard_rmdir", "inode_rmdir", "the agent's folders"),
    program("guard_mknod", "inode_mknod", "the agent's folders"),
    program("guard_truncate", "path_truncate", "the agent's files"),
    program(
        "guard_memory",
        "locked_down",
        "memory, where no lockdown stands",
    ),
];

/// Every program of the guard.
pub(crate) fn all() -> impl Iterator<Item = GuardProgram> {
    STANDING.into_iter().chain([LEARN, CLOCK])
}

/// The hook of a program of the guard.
pub(crate) fn hook_of(program: &str) -> Option<&'static str> {
    all().find(|one| one.name == program).map(|one| one.hook)
}
