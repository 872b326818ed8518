//! BPF iterators over the descriptors and the mappings of all tasks (`task_file` and `task_vma`,
//! `kernel/bpf/task_iter.c`): who has something open that a decision may close. A mapping keeps a device
//! open, and its stream going, when the descriptor has long been closed. They run when the agent asks, and
//! refuse nothing.

use cardwarden_ebpf_abi::{MAPPING, OpenFile, may_carry};

use crate::WATCHED;
use crate::kernel::{File, Visit};
use crate::node::{Node, uses};

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub extern "C" fn open_files(ctx: *const u64) -> i32 {
    let visit = Visit::of(ctx);
    if let Some((task, number, file)) = visit.descriptor()
        && let Some((kind, major, minor)) = watched(file)
    {
        visit.tell(&OpenFile {
            thread: task.thread(),
            process: task.process(),
            number,
            kind,
            major,
            minor,
            uses: u32::from(uses(file)),
        });
    }
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_vma")]
pub extern "C" fn mapped_files(ctx: *const u64) -> i32 {
    let visit = Visit::of(ctx);
    if let Some((task, file)) = visit.mapping()
        && let Some(node) = Node::of(file)
        && WATCHED.get(0).is_some_and(|watched| watched.has(node.kind, node.major))
    {
        visit.tell(&OpenFile {
            thread: task.thread(),
            process: task.process(),
            number: MAPPING,
            kind: node.kind,
            major: node.major,
            minor: node.minor,
            uses: u32::from(uses(file)),
        });
    }
    0
}

/// What a file is of, if a decision may close that.
#[inline(always)]
fn watched(file: File) -> Option<(u32, u32, u32)> {
    let watched = WATCHED.get(0)?;
    if let Some(node) = Node::of(file) {
        return watched
            .has(node.kind, node.major)
            .then_some((node.kind, node.major, node.minor));
    }
    let family = file.socket()?.family()?;
    (may_carry(family) && watched.has_family(family)).then_some((0, family, 0))
}
