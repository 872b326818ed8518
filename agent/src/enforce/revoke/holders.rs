//! Who has something open that is closed: asked of the kernel by an iterator of ours, or else by a walk
//! through `/proc`, which takes ten times as long and does not see what single threads have open.
//!
//! Both see the processes of all containers: the agent's pid namespace is the initial one. And a
//! descriptor says which device it is of, whatever the name under which it was opened and in
//! whichever mount namespace.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cardwarden_ebpf_abi::{CHARACTER, MAPPING, OpenFile, READS};
use cardwarden_policy::Function;

use super::closed::Closed;
use super::syscall::{self, Kind};
use crate::enforce::Kernel;

/// In place of a kind of nodes ([`OpenFile::kind`]).
const SOCKET: u32 = 0;

/// One descriptor of something closed, or one mapping.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Holder {
    /// The function that it is of.
    pub(super) function: Function,
    /// Major and minor of its node, or a socket's family.
    pub(super) of: (u32, u32),
    /// The program's name (`comm`, at most 15 bytes).
    pub(super) program: String,
    /// Its process.
    pub(super) pid: i32,
    /// Its user.
    pub(super) uid: u32,
    /// The number of the descriptor; `None` when only memory of it is mapped.
    pub(super) number: Option<i32>,
}

/// Looks at every descriptor of every process but this one. A process that ends meanwhile has nothing
/// open; when nothing is closed, nothing is looked at.
pub(super) fn find(proc: &Path, closed: &Closed, kernel: &mut dyn Kernel) -> Vec<Holder> {
    if closed.is_empty() {
        return Vec::new();
    }
    let own = nix::unistd::getpid().as_raw();
    match kernel.open_files() {
        Some(files) => {
            let holders = files.iter().filter_map(|file| told(proc, *file, closed));
            holders.filter(|holder| holder.pid != own).collect()
        }
        None => walk(proc, closed, own),
    }
}

/// Looks at what every process but this one has mapped, and has no descriptor of among these any more: memory
/// that a device shares keeps it open by itself, and recording.
pub(super) fn mapped(
    proc: &Path,
    closed: &Closed,
    known: &[&Holder],
    kernel: &mut dyn Kernel,
) -> Vec<Holder> {
    if !closed.has_nodes() {
        return Vec::new();
    }
    let own = nix::unistd::getpid().as_raw();
    let files = kernel.mapped_files();
    let mut found: Vec<Holder> = Vec::new();
    for holder in files.iter().filter_map(|file| told(proc, *file, closed)) {
        let is_same = |one: &Holder| (one.pid, one.of) == (holder.pid, holder.of);
        // One node may be mapped in several parts.
        let is_known = known.iter().any(|one| is_same(one)) || found.iter().any(is_same);
        if holder.pid != own && !is_known {
            found.push(holder);
        }
    }
    found
}

/// A descriptor that the kernel told of, if it is of something closed.
fn told(proc: &Path, file: OpenFile, closed: &Closed) -> Option<Holder> {
    let function = match file.kind {
        SOCKET => closed.family(i32::try_from(file.major).ok()?)?,
        CHARACTER => {
            let reads = file.uses & u32::from(READS) != 0;
            closed.node(file.major, file.minor, reads)?
        }
        _ => return None,
    };
    let (program, uid) = name(&proc.join(file.process.to_string()));
    Some(Holder {
        function,
        of: (file.major, file.minor),
        program,
        pid: i32::try_from(file.thread).ok()?,
        uid,
        number: match file.number {
            MAPPING => None,
            number => Some(i32::try_from(number).ok()?),
        },
    })
}

fn walk(proc: &Path, closed: &Closed, own: i32) -> Vec<Holder> {
    let mut found = Vec::new();
    for (pid, folder) in numbered(proc) {
        if pid != own {
            look(pid, &folder, closed, &mut found);
        }
    }
    found
}

/// Looks at the descriptors of one process.
fn look(pid: i32, folder: &Path, closed: &Closed, found: &mut Vec<Holder>) {
    let mut process = None;
    let mut who = None;
    for (number, path) in numbered(&folder.join("fd")) {
        let (function, of) = match syscall::kind(&path) {
            Ok(Kind::Node { major, minor }) => {
                let function = closed.node(major, minor, reads(&path));
                (function, (major, minor))
            }
            Ok(Kind::Socket) => (socket(&mut process, pid, number, closed), (0, 0)),
            Ok(Kind::Other) | Err(_) => continue,
        };
        if let Some(function) = function {
            let (program, uid) = who.get_or_insert_with(|| name(folder)).clone();
            found.push(Holder {
                function,
                of,
                program,
                pid,
                uid,
                number: Some(number),
            });
        }
    }
}

/// The function that a process's socket carries. Only a duplicate says of which family it is.
fn socket(
    process: &mut Option<OwnedFd>,
    pid: i32,
    number: i32,
    closed: &Closed,
) -> Option<Function> {
    if !closed.has_families() {
        return None;
    }
    if process.is_none() {
        *process = syscall::process(pid).ok();
    }
    let duplicate = syscall::duplicate(process.as_ref()?, number).ok()?;
    closed.family(syscall::family(duplicate).ok()?)
}

/// Whether a descriptor is open for reading, as its link in `/proc` says (`proc_pid_fd(5)`).
fn reads(link: &Path) -> bool {
    let mode = fs::symlink_metadata(link).map(|met| met.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o400 != 0)
}

/// The name and the user of a process.
fn name(folder: &Path) -> (String, u32) {
    let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
    let field = |name: &str| {
        let mut lines = status.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let program = field("Name:").unwrap_or("?").to_owned();
    let uid = field("Uid:").and_then(|ids| ids.split_whitespace().next()?.parse().ok());
    (program, uid.unwrap_or(u32::MAX))
}

/// The entries of a folder whose names are numbers.
fn numbered(folder: &Path) -> impl Iterator<Item = (i32, PathBuf)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}
