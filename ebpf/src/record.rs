//! Counting and telling of refusals. Runs only when something is refused.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_boot_ns,
};
use cardwarden_ebpf_abi::{
    DROPPED, Denial, PERMIT_LOOK, PERMIT_PROBE, PERMIT_USE, Permit, Verdict,
};

use crate::{EVENTS, PERMIT, REFUSALS};

/// Whether the agent has just asked to look at this node.
#[inline(always)]
pub fn permitted(major: u32, minor: u32) -> bool {
    permit(PERMIT_LOOK).is_some_and(|permit| permit.major == major && permit.minor == minor)
}

/// Whether the agent is just stopping what was open before.
#[inline(always)]
pub fn may_use() -> bool {
    permit(PERMIT_USE).is_some()
}

/// The permit of this thread, when there is one of this mode.
#[inline(always)]
fn permit(mode: u32) -> Option<&'static Permit> {
    let permit = PERMIT.get(0)?;
    let holds = permit.mode == mode
        && permit.pid_tgid == bpf_get_current_pid_tgid()
        // SAFETY: the helper reads a clock.
        && unsafe { bpf_ktime_get_boot_ns() } < permit.until_ns;
    holds.then_some(permit)
}

/// Counts a refusal, or what would have been one, and tells of it, unless the agent is only trying;
/// whether it is refused.
#[inline(always)]
pub fn judge(verdict: Verdict, hook: u8, major: u32, minor: u32) -> bool {
    if permit(PERMIT_PROBE).is_none() {
        record(verdict, hook, major, minor);
    }
    verdict.refuses
}

#[inline(always)]
fn record(verdict: Verdict, hook: u8, major: u32, minor: u32) {
    count(u32::from(verdict.counter));
    let Some(mut entry) = EVENTS.reserve(0) else {
        count(DROPPED);
        return;
    };
    entry.write(Denial {
        // SAFETY: the helper reads a clock.
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        uid: bpf_get_current_uid_gid() as u32,
        major,
        minor,
        counter: verdict.counter,
        function: verdict.function,
        hook,
        audited: u8::from(!verdict.refuses),
        reserved: [0; 2],
        comm: bpf_get_current_comm().unwrap_or_default(),
    });
    entry.submit(0);
}

#[inline(always)]
fn count(counter: u32) {
    if let Some(place) = REFUSALS.get_ptr_mut(counter) {
        // The target has no compare-and-swap, so `AtomicU64` lacks `fetch_add`; the instruction
        // (`BPF_ATOMIC | BPF_ADD`) is there.
        // SAFETY: the map's value is an aligned u64 that stays while the program runs, and it is
        // only ever changed atomically.
        unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(place, 1) };
    }
}
