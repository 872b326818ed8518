//! Takes mounts down where everybody sees them: in the mount namespace of the first process. The
//! agent's own is another one, out of which nothing is passed on (systemd.exec(5), `ProtectSystem=`).

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{sync, syncfs};

use super::{Disks, Manner, Mount, Outcome, read_only};

/// How long programs may keep using what goes.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// Between two attempts, in milliseconds. No event tells that a file was closed.
const ATTEMPT: u16 = 200;

/// The mounts and block devices of this machine.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct System;

impl Disks for System {
    fn take_down(&self, mounts: &[Mount], manner: Manner) -> Outcome {
        if let Err(error) = enter_host() {
            sync();
            return Outcome::Forced(format!(
                "the mounts of the system cannot be reached ({error}); what waited was written back"
            ));
        }
        let mut left: Vec<&Mount> = mounts.iter().rev().collect();
        let end = Instant::now() + GRACE;
        let table = File::open("/proc/thread-self/mountinfo");
        loop {
            left.retain(|mount| !is_down(mount, manner));
            if left.is_empty() {
                return Outcome::Clean;
            }
            if Instant::now() >= end {
                break;
            }
            if let Ok(table) = &table {
                wait(table);
            } else {
                break;
            }
        }
        let forced: Vec<String> = left.into_iter().map(force).collect();
        Outcome::Forced(forced.join("; "))
    }

    fn write_back(&self) {
        sync();
    }

    fn set_read_only(&self, block: &str, is_read_only: bool) -> io::Result<()> {
        // `!` stands for a slash in names of sysfs (`kobject_set_name_vargs`).
        let node = Path::new("/dev").join(block.replace('!', "/"));
        read_only::set(&node, is_read_only)
    }
}

/// Takes this thread, and no other, to where the mounts are everybody's.
fn enter_host() -> io::Result<()> {
    let host = Path::new("/proc/1/ns/mnt");
    let own = std::fs::read_link("/proc/thread-self/ns/mnt")?;
    if std::fs::read_link(host)? == own {
        return Ok(());
    }
    let host = File::open(host)?;
    // A thread that shares its root and folder with others cannot change them (setns(2)).
    unshare(CloneFlags::CLONE_FS)?;
    setns(host, CloneFlags::CLONE_NEWNS)?;
    Ok(())
}

/// Tries once; whether there is nothing left to do.
fn is_down(one: &Mount, manner: Manner) -> bool {
    let result = match manner {
        Manner::Unmount => match umount2(&one.target, MntFlags::UMOUNT_NOFOLLOW) {
            Err(Errno::EBUSY) if one.is_writable => {
                // Nothing new is written while its users take leave. Refused while one may write.
                if remount_read_only(one).is_ok() {
                    tracing::debug!("{} may only be read", one.target.display());
                }
                Err(Errno::EBUSY)
            }
            other => other,
        },
        Manner::ReadOnly => remount_read_only(one),
    };
    // Not mounted any more, or the folder has gone.
    matches!(result, Ok(()) | Err(Errno::EINVAL | Errno::ENOENT))
}

fn remount_read_only(one: &Mount) -> nix::Result<()> {
    let flags = one.flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(
        None::<&Path>,
        &one.target,
        None::<&Path>,
        flags,
        None::<&Path>,
    )
}

/// Writes everything back and takes the mount out of sight, whoever uses it.
fn force(one: &Mount) -> String {
    let target = one.target.display();
    let written = File::open(&one.target)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
        .and_then(|folder| syncfs(folder.as_fd()));
    let detached = umount2(
        &one.target,
        MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW,
    );
    match (written, detached) {
        (Ok(()), Ok(())) => format!("{target} was still in use; it was written back and detached"),
        (Err(error), _) => format!("{target} was still in use, and not written back: {error}"),
        (_, Err(error)) => format!("{target} was written back, and cannot be detached: {error}"),
    }
}

/// Until the mounts change, or the next attempt is due.
fn wait(table: &File) {
    let mut fds = [PollFd::new(table.as_fd(), PollFlags::POLLPRI)];
    if let Err(error) = poll(&mut fds, PollTimeout::from(ATTEMPT)) {
        tracing::debug!("cannot wait for the mounts: {error}");
    }
}
