//! Who uses storage where the mounts of the system do not show it: in a mount namespace of its own, or by memory that it
//! shares with the block device. Such memory outlives its descriptor, and what is written to it is written to
//! the disk though that was marked as read-only since (`bio_check_ro`, `block/blk-core.c`, only warns).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::blocks::{self, Block};

/// Who has one of these mounted so that it can be written to, in another mount namespace than that of the first process
/// and of this one. In one sentence; `None` when nobody has.
pub(super) fn mounted(proc: &Path, blocks: &[Block]) -> Option<String> {
    let space = |process: &Path| fs::read_link(process.join("ns/mnt")).ok();
    let mut seen: BTreeSet<PathBuf> = ["1", "self"]
        .iter()
        .filter_map(|process| space(&proc.join(process)))
        .collect();
    processes(proc).find_map(|process| {
        if !seen.insert(space(&process)?) {
            return None;
        }
        let mounts = blocks::mounts(&process.join("mountinfo"), blocks);
        let mount = mounts.iter().find(|mount| mount.is_writable)?;
        Some(format!(
            "{} has it mounted at {}, in a mount namespace of its own",
            name(&process),
            mount.target.display()
        ))
    })
}

/// Who shares memory with one of these. In one sentence; `None` when nobody does.
pub(super) fn mapped(proc: &Path, blocks: &[Block]) -> Option<String> {
    processes(proc)
        .find(|process| maps(process, blocks))
        .map(|process| format!("{} has it mapped into its memory", name(&process)))
}

fn maps(process: &Path, blocks: &[Block]) -> bool {
    // One that has ended has no memory.
    let Some(maps) = read(process, "maps", fs::read(process.join("maps"))) else {
        return false;
    };
    let maps = String::from_utf8_lossy(&maps);
    maps.lines().filter_map(shared).any(|range| {
        // What it is of, whatever the name by which it was opened.
        let number = blocks::number_of(&process.join("map_files").join(range));
        read(process, range, number)
            .flatten()
            .is_some_and(|number| blocks.iter().any(|one| one.number == number))
    })
}

/// What a process shows of itself. Says so where it has not ended and cannot be looked at: it may be one that was
/// looked for.
fn read<T>(process: &Path, what: &str, result: io::Result<T>) -> Option<T> {
    let has_ended = |error: &io::Error| {
        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
    };
    result
        .inspect_err(|error| {
            if !has_ended(error) {
                tracing::warn!("the memory of {} ({what}): {error}", name(process));
            }
        })
        .ok()
}

/// The range of a line of `maps` (proc(5)), where it is a file's and shared. One that may only be read counts:
/// mprotect(2) lets its program write.
fn shared(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    let (range, access, inode) = (words.next()?, words.next()?, words.nth(2)?);
    (access.ends_with('s') && inode != "0").then_some(range)
}

fn processes(proc: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .map(|entry| entry.path())
}

/// The program and its number.
fn name(process: &Path) -> String {
    let program = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let number = process.file_name().unwrap_or_default().to_string_lossy();
    format!("{} ({number})", program.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_shared_with_a_file_is_looked_at() {
        let of_disk = "7f0a-7f0b rw-s 00200000 00:05 312    /dev/sda";
        assert_eq!(shared(of_disk), Some("7f0a-7f0b"));
        let may_be_read = "7f0a-7f0b r--s 00200000 00:05 312    /dev/sda (deleted)";
        assert_eq!(shared(may_be_read), Some("7f0a-7f0b"));
        for other in [
            "7f0a-7f0b rw-p 00200000 00:05 312    /dev/sda",
            "7f0a-7f0b rw-s 00000000 00:00 0",
            "",
        ] {
            assert_eq!(shared(other), None, "{other}");
        }
    }

    #[test]
    fn who_has_it_in_a_namespace_of_its_own_is_told() {
        let proc = tempfile::tempdir().unwrap();
        let table = "36 25 8:17 / /mnt rw,relatime - ext4 /dev/sdb1 rw\n";
        for (process, space, table) in [("1", "a", ""), ("7", "a", table), ("9", "b", table)] {
            let folder = proc.path().join(process);
            fs::create_dir_all(folder.join("ns")).unwrap();
            std::os::unix::fs::symlink(space, folder.join("ns/mnt")).unwrap();
            for (name, text) in [("mountinfo", table), ("comm", "vim\n")] {
                crate::durable::replace(&folder.join(name), text.as_bytes()).unwrap();
            }
        }
        let block = |number: &str| Block {
            name: "sdb1".to_owned(),
            number: number.to_owned(),
        };
        let told = mounted(proc.path(), &[block("8:17")]).unwrap();
        assert!(told.starts_with("vim (9) has it mounted at /mnt"), "{told}");
        assert_eq!(mounted(proc.path(), &[block("8:1")]), None);
    }
}
