//! What the agent gives back to the system once there is nothing to do. It runs for months on a phone, and what it
//! needed to start or to read a policy it needs seldom.
#![expect(
    unsafe_code,
    reason = "the calls that give memory back have no safe wrappers"
)]

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::time::Duration;

use cardwarden_policy::Verified;
use cardwarden_policy::manifest::Mandate;
use nix::sys::mman::{MmapAdvise, madvise};

/// After so long without anything to do.
pub(crate) const AFTER: Duration = Duration::from_secs(2);

/// Gives back what the heap has no use for, and the pages of programs and libraries. Those are the files' own, and
/// stay in the kernel's cache while there is room: who needs one again finds it there.
pub(crate) fn give_back() {
    give_back_heap();
    let maps = match std::fs::read_to_string("/proc/self/smaps") {
        Ok(maps) => maps,
        Err(error) => {
            tracing::debug!("what is mapped cannot be read: {error}");
            return;
        }
    };
    for one in untouched(&maps) {
        // SAFETY: no page of this mapping was ever written to, and none can be: it is not writable. So each
        // page that is dropped is read from its file again, as it was.
        if let Err(error) = unsafe { madvise(one.start, one.length, MmapAdvise::MADV_DONTNEED) } {
            tracing::debug!("a mapping stays as it is: {error}");
        }
    }
}

fn give_back_heap() {
    // SAFETY: the call takes a number and touches only memory that is free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Reads what a company says in a thread of its own, and keeps a copy that was made in one go. Reading takes many times
/// the memory of what comes of it, piece by piece in between: where both lie in one heap, hardly a page of it
/// is ever free again. (The C library gives a thread a heap of its own; see arenas in mallopt(3).)
///
/// `None`: there is no thread to be had.
pub(crate) fn read_apart<E: Send>(
    read: impl FnOnce() -> Result<Verified<Mandate>, E> + Send,
) -> Option<Result<Verified<Mandate>, E>> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("reading".to_owned());
        let read = reader.spawn_scoped(scope, read).ok()?.join().ok()?;
        Some(read.map(|mandate| mandate.rebuilt()))
    })
}

/// A mapping of which every page is as in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Untouched {
    start: NonNull<std::ffi::c_void>,
    length: usize,
}

/// The mappings of files that are not writable and have no page of their own, from the text of `smaps` (proc(5)).
fn untouched(smaps: &str) -> Vec<Untouched> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else {
            continue;
        };
        match first {
            // Pages that were written to are the process's own, in memory or swapped out.
            "Anonymous:" | "Swap:" if second != "0" => candidate = None,
            "VmFlags:" => found.extend(candidate.take()),
            _ if first.ends_with(':') => {}
            _ => {
                let is_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
                let is_kept = matches!(second, "r--p" | "r-xp");
                candidate = (is_file && is_kept).then(|| range(first)).flatten();
            }
        }
    }
    found
}

fn range(text: &str) -> Option<Untouched> {
    let (start, end) = text.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let address = NonZeroUsize::new(start)?;
    Some(Untouched {
        start: NonNull::with_exposed_provenance(address),
        length: end.checked_sub(start)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
        5578239ae000-557823ae0000 r--p 00000000 fe:20 38    /usr/libexec/cardwardend\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 0 kB\nVmFlags: rd mr mw me sd\n\
        557823ae0000-557823ae2000 r-xp 00132000 fe:20 38    /usr/libexec/cardwardend\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 0 kB\nVmFlags: rd ex mr mw me sd\n\
        557823ae2000-557823ae4000 r--p 00134000 fe:20 38    /usr/libexec/cardwardend\n\
        Rss: 8 kB\nAnonymous:             4 kB\nSwap: 0 kB\nVmFlags: rd mr mw me sd\n\
        557823ae4000-557823ae6000 rw-p 00136000 fe:20 38    /usr/libexec/cardwardend\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 0 kB\nVmFlags: rd mr mw me sd\n\
        557823ae6000-557823ae8000 r--p 00138000 fe:20 38    /usr/lib/libc.so.6 (deleted)\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 4 kB\nVmFlags: rd mr mw me sd\n\
        7fff18864000-7fff18866000 r-xp 00000000 00:00 0     [vdso]\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 0 kB\nVmFlags: rd ex\n\
        7fff18866000-7fff18868000 r--p 00000000 00:00 0\n\
        Rss: 8 kB\nAnonymous:             0 kB\nSwap: 0 kB\nVmFlags: rd ex\n";

    #[test]
    fn only_what_is_as_in_its_file_and_stays_so_is_given_back() {
        let found: Vec<_> = untouched(SMAPS)
            .into_iter()
            .map(|one| (one.start.addr().get(), one.length))
            .collect();
        assert_eq!(
            found,
            [(0x5578_239a_e000, 0x13_2000), (0x5578_23ae_0000, 0x2000)]
        );
    }

    #[test]
    fn what_is_given_back_is_there_again_when_it_is_needed() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("RssFile:"));
            let kib = line.unwrap().trim().trim_end_matches(" kB");
            kib.parse::<u64>().unwrap()
        };
        let (before, text) = (resident(), SMAPS.to_owned());
        give_back();
        assert!(resident() < before, "{before} KiB are resident still");
        assert_eq!(SMAPS, text);
    }
}
