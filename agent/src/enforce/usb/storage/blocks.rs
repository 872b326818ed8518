//! The block devices of a USB device, and where they are mounted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use nix::sys::stat::{major, minor};

use crate::devices::usb::{Attached, text};
use crate::enforce::mountinfo::{self, Entry};

/// A disk, a partition, or what lies on top of one (`dm`, `md`).
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(in super::super) struct Block {
    /// Its name in `/sys/class/block` and in `/dev`.
    pub(in super::super) name: String,
    /// Major and minor, as mountinfo writes them: `8:17`.
    pub(in super::super) number: String,
}

/// A mount of one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct Mount {
    /// Where.
    pub(in super::super) target: PathBuf,
    /// Whether its file system may be written to.
    pub(in super::super) is_writable: bool,
    /// How it is mounted otherwise, so that it can be mounted anew the same way.
    pub(in super::super) flags: MsFlags,
}

/// The block devices below a device's own interfaces, and those on top of them, loop devices too. What is behind a hub
/// belongs to the devices there.
pub(in super::super) fn blocks(class: &Path, attached: &Attached) -> Vec<Block> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(class).into_iter().flatten().flatten() {
        let Ok(path) = fs::canonicalize(entry.path()) else {
            continue;
        };
        let is_own = path.strip_prefix(&attached.syspath).is_ok_and(|below| {
            let first = below.iter().next().unwrap_or_default();
            first.to_string_lossy().contains(':')
        });
        if is_own {
            add(class, &path, &mut found);
        }
    }
    if !found.is_empty() {
        add_loops(class, &mut found);
    }
    found.into_iter().collect()
}

/// Adds the loop devices that make one of these anew. They are no holders of it in sysfs; they name the node that
/// they were given (`loop_attr_backing_file_show`, `drivers/block/loop.c`).
fn add_loops(class: &Path, found: &mut BTreeSet<Block>) {
    for entry in fs::read_dir(class).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(node) = text(&path, "loop/backing_file") else {
            continue;
        };
        let number = number_of(Path::new(&node)).ok().flatten();
        let is_of = number.is_some_and(|number| found.iter().any(|one| one.number == number));
        if is_of {
            add(class, &path, found);
        }
    }
}

fn add(class: &Path, path: &Path, found: &mut BTreeSet<Block>) {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let (Some(name), Some(number)) = (name, text(path, "dev")) else {
        return;
    };
    if !found.insert(Block { name, number }) {
        return;
    }
    for holder in fs::read_dir(path.join("holders"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(path) = fs::canonicalize(class.join(holder.file_name())) {
            add(class, &path, found);
        }
    }
}

/// The mounts of these block devices in a `mountinfo` file (proc(5)), in its order: what is mounted
/// on another comes after it.
pub(in super::super) fn mounts(mountinfo: &Path, blocks: &[Block]) -> Vec<Mount> {
    let table = fs::read(mountinfo).unwrap_or_default();
    let entries = mountinfo::entries(&table);
    entries
        .filter_map(|entry| mount_of(entry, blocks))
        .collect()
}

fn mount_of(entry: Entry<'_>, blocks: &[Block]) -> Option<Mount> {
    let is_own = blocks
        .iter()
        .any(|block| block.number.as_bytes() == entry.number || is_node_of(&entry.source, block));
    let mut own_options = entry.own_options.split(|byte| *byte == b',');
    is_own.then(|| Mount {
        target: entry.target,
        is_writable: own_options.next() == Some(b"rw"),
        flags: entry
            .options
            .split(|byte| *byte == b',')
            .map(flag)
            .collect(),
    })
}

/// One option of a mount, as `show_mnt_opts` (`fs/proc_namespace.c`) writes it.
fn flag(option: &[u8]) -> MsFlags {
    match option {
        b"nosuid" => MsFlags::MS_NOSUID,
        b"nodev" => MsFlags::MS_NODEV,
        b"noexec" => MsFlags::MS_NOEXEC,
        b"noatime" => MsFlags::MS_NOATIME,
        b"nodiratime" => MsFlags::MS_NODIRATIME,
        b"relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    }
}

/// Whether a mount's source is the node of a block device: file systems of several devices have
/// numbers of their own.
fn is_node_of(source: &Path, block: &Block) -> bool {
    if !source.starts_with("/dev") {
        return false;
    }
    number_of(source).is_ok_and(|number| number.as_ref() == Some(&block.number))
}

/// The number of the block device that a node is of, as [`Block::number`]; `None` when it is of none.
pub(super) fn number_of(node: &Path) -> io::Result<Option<String>> {
    let node = fs::metadata(node)?;
    let device = node.rdev();
    let is_block = node.file_type().is_block_device();
    Ok(is_block.then(|| format!("{}:{}", major(device), minor(device))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_number_and_its_target_read_with_its_spaces() {
        let block = Block {
            name: "sdb1".to_owned(),
            number: "8:17".to_owned(),
        };
        let line = |number: &str, options: &str| {
            format!(
                "36 35 {number} / /media/a\\040b\\134c rw,nosuid,noatime shared:1 - vfat /dev/none {options}"
            )
        };
        let found = |line: String| {
            let entry = mountinfo::entries(line.as_bytes()).next()?;
            mount_of(entry, std::slice::from_ref(&block))
        };
        let target = PathBuf::from("/media/a b\\c");
        let mount = |is_writable| {
            Some(Mount {
                target: target.clone(),
                is_writable,
                flags: MsFlags::MS_NOSUID | MsFlags::MS_NOATIME,
            })
        };
        assert_eq!(found(line("8:17", "rw,uid=0")), mount(true));
        assert_eq!(found(line("8:17", "ro")), mount(false));
        assert_eq!(found(line("8:1", "rw")), None);
        assert_eq!(found(String::new()), None);
    }
}
