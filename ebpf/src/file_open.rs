//! LSM `file_open` (`security_file_open`, `fs/open.c`): a second lock on device nodes, or the only one
//! where there is no cgroup v2. It runs for every file, so the agent attaches it only when asked.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::HOOK_FILE_OPEN;

use crate::REFUSED;
use crate::kernel::File;
use crate::node::Node;
use crate::record::{judge, permitted};

#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(1);
    if earlier != 0 {
        return earlier;
    }
    let file = File::of(&ctx);
    let Some(node) = Node::of(file) else {
        return 0;
    };
    match node.verdict(file) {
        Some(verdict) if !permitted(node.major, node.minor) => {
            if judge(verdict, HOOK_FILE_OPEN, node.major, node.minor) {
                REFUSED
            } else {
                0
            }
        }
        _ => 0,
    }
}
