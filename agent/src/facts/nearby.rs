//! Waiting for a file to come, go or be written, by inotify on the nearest directory that exists.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe;

/// Waits until `path` exists.
pub(super) async fn appeared(path: &Path) -> io::Result<()> {
    loop {
        let nearby = Nearby::of(&[path])?;
        if path.exists() {
            return Ok(());
        }
        nearby.changed().await?;
    }
}

/// An inotify instance that the runtime can wait for. It is no pipe, but all that is asked of it is
/// what both have: to become readable. It is good for one change.
pub(super) struct Nearby(pipe::Receiver);

impl Nearby {
    /// Watches beside each of `paths`, or above where that directory is missing too.
    pub(super) fn of(paths: &[&Path]) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        for path in paths {
            add(&inotify, path)?;
        }
        pipe::Receiver::from_owned_fd_unchecked(inotify.into()).map(Self)
    }

    /// Waits until something happens there. Safe to cancel: nothing is taken.
    pub(super) async fn changed(&self) -> io::Result<()> {
        self.0.readable().await
    }
}

fn add(inotify: &Inotify, path: &Path) -> io::Result<()> {
    let events = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF;
    for directory in path.ancestors().skip(1) {
        match inotify.add_watch(directory, events) {
            Ok(_) => return Ok(()),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::ENOENT.into())
}
