//! Mounts of the agent's own, which nobody else changes.
//!
//! What is mounted elsewhere later does not come in, and what is unmounted elsewhere stays here. So the agent lets go
//! of everything that it does not live in: a stick that somebody unmounts must be written back and free, whoever
//! started the agent while it was mounted.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::enforce::mountinfo::{self, Entry};

/// The kernel's own, below which nothing holds a device.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// What the system is made of; programs and libraries come from here.
const SYSTEM: [&str; 3] = ["/usr", "/etc", "/run"];
/// In memory, and so no device's.
const IN_MEMORY: [&[u8]; 2] = [b"tmpfs", b"ramfs"];

/// Gives this process, which has no other threads yet, such mounts. `folders` are where it lives besides the system.
pub(super) fn seal(folders: &[&Path]) -> io::Result<()> {
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(nothing, "/", nothing, private, nothing)?;
    let own: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let table = std::fs::read("/proc/thread-self/mountinfo")?;
    let foreign = foreign(&table, &own);
    for target in foreign.iter().rev() {
        let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
        if let Err(error) = umount2(target, flags) {
            // Who unmounts it elsewhere does not free it.
            tracing::warn!("{} stays mounted for the agent: {error}", target.display());
        }
    }
    Ok(())
}

/// The mounts that the agent does not need, outer ones first.
fn foreign(table: &[u8], own: &[PathBuf]) -> Vec<PathBuf> {
    mountinfo::entries(table)
        .filter(|entry| !is_needed(entry, own))
        .map(|entry| entry.target)
        .collect()
}

fn is_needed(entry: &Entry<'_>, own: &[PathBuf]) -> bool {
    let leads_to = |place: &Path| place.starts_with(&entry.target);
    IN_MEMORY.contains(&entry.kind)
        || KERNEL.iter().any(|kernel| entry.target.starts_with(kernel))
        || SYSTEM.iter().any(|system| leads_to(Path::new(system)))
        || entry.target.starts_with("/usr")
        || own.iter().any(|folder| leads_to(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_agent_does_not_live_in_is_let_go() {
        let line = |target: &str, kind: &str| format!("36 35 8:1 / {target} rw - {kind} x rw\n");
        let table: String = [
            ("/", "ext4"),
            ("/usr", "ext4"),
            ("/usr/local", "ext4"),
            ("/proc", "proc"),
            ("/sys/fs/bpf", "bpf"),
            ("/dev/shm", "tmpfs"),
            ("/run", "tmpfs"),
            ("/tmp", "tmpfs"),
            ("/home", "ext4"),
            ("/var", "xfs"),
            ("/var/lib/cardwarden", "ext4"),
            ("/var/lib/docker", "btrfs"),
            ("/run/media/ann/STICK", "vfat"),
            ("/mnt", "nfs4"),
            ("/mnt/inner", "fuse.sshfs"),
        ]
        .map(|(target, kind)| line(target, kind))
        .concat();
        let own = [PathBuf::from("/var/lib/cardwarden")];
        let found = foreign(table.as_bytes(), &own);
        let gone = [
            "/home",
            "/var/lib/docker",
            "/run/media/ann/STICK",
            "/mnt",
            "/mnt/inner",
        ];
        assert_eq!(found, gone.map(PathBuf::from));
    }
}
