//! Watching for files that come and go, by inotify.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Watches for a path that is not there: the nearest directory above it that is.
pub fn above(path: &Path) -> io::Result<Inotify> {
    // A socket's mode is changed by some once they listen.
    let events = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF;
    let inotify = begin()?;
    for directory in path.ancestors().skip(1) {
        match inotify.add_watch(directory, events) {
            Ok(_watch) => return Ok(inotify),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::ENOENT.into())
}

/// Watches a file that is there, and the link that leads to it where the path is one: what happens
/// to them, not beside them. `None` where there is none any more.
pub fn on(path: &Path) -> io::Result<Option<Inotify>> {
    // A file that is open somewhere is not deleted yet when it loses its name.
    let events =
        AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
    let inotify = begin()?;
    for events in [events, events | AddWatchFlags::IN_DONT_FOLLOW] {
        match inotify.add_watch(path, events) {
            Ok(_watch) => {}
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(Some(inotify))
}

fn begin() -> io::Result<Inotify> {
    Ok(Inotify::init(
        InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK,
    )?)
}
