//! Counts instructions: in a machine whose clock is the number of executed instructions, the time stamp counter
//! says exactly how many an open(2) takes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Opens measured for one figure; the most frequent count is the same in every run.
const OPENS: usize = 1000;

/// The most frequent count of an open of this file.
pub(crate) fn most_frequent(path: &Path) -> Result<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for _ in 0..OPENS {
        let before = instructions();
        let file = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let after = instructions();
        drop(file.with_context(|| format!("open {}", path.display()))?);
        *counts.entry(after.wrapping_sub(before)).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, times)| *times);
    most.map(|(count, _)| count).context("nothing counted")
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "no safe function reads the time stamp counter")]
fn instructions() -> u64 {
    // SAFETY: RDTSC reads a register, touches no memory, and every x86-64 processor has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> u64 {
    0
}
