//! Talking with a program that holds something: a line there, a line back, and sometimes a descriptor.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

/// Connects.
pub(super) fn connect(socket: &Path, limit: Duration) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket)
        .with_context(|| format!("nobody listens at {}", socket.display()))?;
    stream
        .set_read_timeout(Some(limit))
        .context("set the deadline")?;
    Ok(stream)
}

/// Asks, and returns the answer without its line's end.
pub(super) fn ask(socket: &Path, words: &str, limit: Duration) -> Result<String> {
    let mut stream = connect(socket, limit)?;
    writeln!(stream, "{words}").context("ask")?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("read the answer")?;
    Ok(answer.trim().to_owned())
}

/// Has a descriptor handed over.
pub(super) fn receive(socket: &Path) -> Result<std::result::Result<OwnedFd, Errno>> {
    let mut stream = connect(socket, Duration::from_secs(5))?;
    writeln!(stream, "pass").context("ask")?;
    Ok(crate::syscall::receive(&stream))
}

/// Hands a descriptor over.
pub(super) fn send(stream: &UnixStream, number: i32) -> Result<()> {
    let parts = [std::io::IoSlice::new(b"d")];
    let rights = [number];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(
        stream.as_raw_fd(),
        &parts,
        &control,
        MsgFlags::empty(),
        None,
    )
    .context("send the descriptor")
    .map(drop)
}
