//! The stop that a subsystem has for what somebody else does with it.

use std::os::fd::{AsFd, OwnedFd};

use cardwarden_policy::Function;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};

use super::closed::Closed;
use super::holders::Holder;
use super::syscall::{self, Kind};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`, `VBI_CAPTURE`, `SLICED_VBI_CAPTURE`, `VIDEO_CAPTURE_MPLANE`,
/// `SDR_CAPTURE`, `META_CAPTURE` (`enum v4l2_buf_type`, `include/uapi/linux/videodev2.h`).
const CAPTURES: [i32; 6] = [1, 4, 6, 9, 11, 13];

/// What became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stopped {
    /// It was stopped. The program still has it open, if it is a node.
    Done,
    /// There was nothing to stop, or the subsystem has no stop for it. It is still open.
    Idle,
    /// Only memory of it is mapped: there is no descriptor to stop it by.
    Mapped,
    /// The program ended, closed it, or has something else under the number now.
    Gone,
}

/// Stops what a program does with a descriptor, if it still is of something closed.
pub(super) fn stop(holder: &Holder, closed: &Closed) -> Result<Stopped, Errno> {
    let Some(number) = holder.number else {
        return Ok(Stopped::Mapped);
    };
    let taken =
        syscall::process(holder.pid).and_then(|process| syscall::duplicate(process, number));
    let taken = match taken {
        Ok(taken) => taken,
        Err(Errno::ESRCH | Errno::EBADF) => return Ok(Stopped::Gone),
        // A single thread has it, in a table of its own, of which no kernel before 6.9 hands out anything.
        Err(Errno::EINVAL) => return Ok(Stopped::Idle),
        Err(error) => return Err(error),
    };
    let flags = OFlag::from_bits_truncate(fcntl(&taken, FcntlArg::F_GETFL)?);
    if flags.contains(OFlag::O_PATH) {
        // It names a place and is of no use there: whoever opens that is refused like anybody.
        return Ok(Stopped::Gone);
    }
    let reads = flags & OFlag::O_ACCMODE != OFlag::O_WRONLY;
    match syscall::kind_of(&taken)? {
        Kind::Node { major, minor } => match closed.node(major, minor, reads) {
            Some(function) => stop_node(&taken, function),
            None => Ok(Stopped::Gone),
        },
        Kind::Socket if closed.family(syscall::family(&taken)?).is_some() => stop_socket(&taken),
        Kind::Socket | Kind::Other => Ok(Stopped::Gone),
    }
}

fn stop_node(node: &OwnedFd, function: Function) -> Result<Stopped, Errno> {
    match function {
        Function::Camera => stop_camera(node),
        Function::Microphone => match syscall::captures(node) {
            Ok(true) => outcome(syscall::stop_sound(node)),
            Ok(false) | Err(Errno::ENOTTY) => Ok(Stopped::Idle),
            Err(error) => outcome(Err(error)),
        },
        Function::Bluetooth
        | Function::Usb
        | Function::UsbStorage
        | Function::UsbHid
        | Function::UsbNetwork
        | Function::UsbAudio
        | Function::UsbVideo
        | Function::UsbSerial
        | Function::UsbPrinter
        | Function::UsbSmartcard
        | Function::UsbOther
        | Function::UsbGadget
        | Function::Infrared
        | Function::Nfc => Ok(Stopped::Idle),
    }
}

/// Every type is tried: a node refuses those that it has not.
fn stop_camera(node: &OwnedFd) -> Result<Stopped, Errno> {
    let mut all = Stopped::Idle;
    for buffers in CAPTURES {
        match outcome(syscall::stop_pictures(node, buffers))? {
            Stopped::Done => all = Stopped::Done,
            Stopped::Gone => return Ok(Stopped::Gone),
            Stopped::Idle | Stopped::Mapped => {}
        }
    }
    Ok(all)
}

/// Shuts both directions of a connection. One that listens is left as it is: nobody can come to it any
/// more, and its program, told that something happened, would ask for ever who came. The program's wish that this waits (`SO_LINGER`) is dropped first: it would
/// hold us up for as long as the program likes.
fn stop_socket(socket: &OwnedFd) -> Result<Stopped, Errno> {
    if !syscall::is_connected(socket)? {
        return Ok(Stopped::Idle);
    }
    let at_once = libc::linger {
        l_onoff: 0,
        l_linger: 0,
    };
    setsockopt(&socket.as_fd(), sockopt::Linger, &at_once)?;
    outcome(shutdown(
        std::os::fd::AsRawFd::as_raw_fd(socket),
        Shutdown::Both,
    ))
}

/// What an answer means. `EINVAL`, `ENOTTY`: the node has no such stream. `EOPNOTSUPP`: the socket has
/// nobody at its other end, such as one to a controller. `EBUSY`: the stream is
/// another descriptor's, or is driven by `read(2)`. `EBADFD`: no recording is set up. `ENOTCONN`:
/// nobody is connected. `ENODEV`: the device went.
fn outcome(answer: Result<(), Errno>) -> Result<Stopped, Errno> {
    match answer {
        Ok(()) => Ok(Stopped::Done),
        Err(Errno::ENODEV) => Ok(Stopped::Gone),
        Err(
            Errno::EINVAL
            | Errno::ENOTTY
            | Errno::EBUSY
            | Errno::EBADFD
            | Errno::ENOTCONN
            | Errno::EOPNOTSUPP,
        ) => Ok(Stopped::Idle),
        Err(error) => Err(error),
    }
}
