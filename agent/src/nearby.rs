//! Waiting for a file to come, go or be written, by inotify on the nearest directory that exists:
//! in early boot neither the file nor its directory does.

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe;

/// Waits until `path` exists.
pub(crate) async fn appeared(path: &Path) -> io::Result<()> {
    loop {
        if path.exists() {
            return Ok(());
        }
        let nearby = Nearby::of(&[path])?;
        // It may have come between the look and the watch.
        if !path.exists() {
            nearby.changed().await?;
        }
    }
}

/// Waits until something happens beside `path`, but no longer than `pause`, when given.
pub(crate) async fn stirred(path: &Path, pause: Option<Duration>) -> io::Result<()> {
    let nearby = Nearby::of(&[path])?;
    let Some(pause) = pause else {
        return nearby.changed().await;
    };
    match tokio::time::timeout(pause, nearby.changed()).await {
        Ok(changed) => changed,
        Err(_elapsed) => Ok(()),
    }
}

/// An inotify instance that the runtime can wait for. It is no pipe, but all that is asked of it is
/// what both have: to become readable. It is good for one change.
pub(crate) struct Nearby(pipe::Receiver);

impl Nearby {
    /// Watches beside each of `paths`, or above where that directory is missing too.
    pub(crate) fn of(paths: &[&Path]) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        for path in paths {
            add(&inotify, path)?;
        }
        pipe::Receiver::from_owned_fd_unchecked(inotify.into()).map(Self)
    }

    /// Waits until something happens there. Safe to cancel: nothing is taken.
    pub(crate) async fn changed(&self) -> io::Result<()> {
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
#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_in_a_directory_that_is_yet_to_come_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("dbus");
        let path = directory.join("system_bus_socket");
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { appeared(&path).await }
        });
        tokio::task::yield_now().await;
        std::fs::create_dir(&directory).unwrap();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_made_anew_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("system_bus_socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { stirred(&path, None).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        std::fs::remove_file(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        waiting.await.unwrap().unwrap();
    }
}
