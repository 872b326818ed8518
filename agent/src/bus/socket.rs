//! Waiting for the bus's socket: by inotify on the nearest directory that exists, since in early
//! boot neither the socket nor its directory does.

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe;

/// Waits until `path` exists.
pub(super) async fn appeared(path: &Path) -> io::Result<()> {
    loop {
        if path.exists() {
            return Ok(());
        }
        let watch = Watch::above(path)?;
        // It may have come between the look and the watch.
        if !path.exists() {
            watch.changed().await?;
        }
    }
}

/// Waits until something happens beside `path`, but no longer than `pause`, when given.
pub(super) async fn replaced(path: &Path, pause: Option<Duration>) -> io::Result<()> {
    let watch = Watch::above(path)?;
    let Some(pause) = pause else {
        return watch.changed().await;
    };
    match tokio::time::timeout(pause, watch.changed()).await {
        Ok(changed) => changed,
        Err(_elapsed) => Ok(()),
    }
}

/// An inotify instance that the runtime can wait for. It is no pipe, but all that is asked of it is
/// what both have: to become readable.
struct Watch(pipe::Receiver);

impl Watch {
    /// Watches the nearest directory above `path` that exists.
    fn above(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        for directory in path.ancestors().skip(1) {
            match inotify.add_watch(directory, events) {
                Ok(_) => return pipe::Receiver::from_owned_fd_unchecked(inotify.into()).map(Self),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::ENOENT.into())
    }

    async fn changed(&self) -> io::Result<()> {
        self.0.readable().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_in_a_directory_that_is_yet_to_come_is_noticed() {
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
    async fn a_socket_that_is_bound_anew_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("system_bus_socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { replaced(&path, None).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        std::fs::remove_file(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        waiting.await.unwrap().unwrap();
    }
}
