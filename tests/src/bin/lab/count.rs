//! Counts: the memory of BPF maps, and instructions: in a machine whose clock is the number of executed instructions, the time stamp counter
//! says exactly how many a system call takes.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::Mode;

/// Calls measured for one figure; the most frequent count is the same in every run.
const CALLS: usize = 1000;

/// The most frequent count of an open of this file.
pub(crate) fn opening(path: &Path) -> Result<u64> {
    most_frequent(|| open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()))
        .with_context(|| format!("open {}", path.display()))
}

/// The most frequent count of making a socket that is no device's.
pub(crate) fn making_a_socket() -> Result<u64> {
    most_frequent(|| {
        socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
    })
    .context("make a socket")
}

fn most_frequent(call: impl Fn() -> Result<OwnedFd, Errno>) -> Result<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for _ in 0..CALLS {
        let before = instructions();
        let made = call();
        let after = instructions();
        drop(made?);
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

/// What all BPF maps take, as the kernel accounts for it (`memlock` in proc(5), fdinfo).
pub(crate) fn bytes_of_maps() -> Result<u64> {
    let mut bytes = 0;
    for map in aya::maps::loaded_maps() {
        let map = map.context("list BPF maps")?;
        let descriptor = map.fd().context("open a BPF map")?;
        let path = format!("/proc/self/fdinfo/{}", descriptor.as_fd().as_raw_fd());
        let info = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let taken = info.lines().find_map(|line| line.strip_prefix("memlock:"));
        let taken = taken.with_context(|| format!("no size of map {}", map.id()))?;
        bytes += taken.trim().parse::<u64>().context("read a map's size")?;
    }
    Ok(bytes)
}
