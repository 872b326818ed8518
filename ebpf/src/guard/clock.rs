//! The clock, while a rule goes by it. Attached only then.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{Act, GUARD_CLOCK};

use super::{guards, refuse};

/// `settimeofday(2)` and `clock_settime(2)`. What `adjtimex(2)` does to the clock the agent notices, and does not
/// believe when it is more than a correction.
#[lsm(hook = "settime")]
pub fn guard_clock(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(2);
    if earlier < 0 || !guards(GUARD_CLOCK) {
        return earlier;
    }
    refuse(Act::Clock, 0)
}
