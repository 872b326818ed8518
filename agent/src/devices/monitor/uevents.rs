//! The kernel's own events (`NETLINK_KOBJECT_UEVENT`, group 1).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

/// The group of the kernel's own events; the second is udev's.
const KERNEL: u32 = 1;
/// `UEVENT_BUFFER_SIZE` (`include/linux/kobject.h`) and the header before it.
const LONGEST: usize = 4096;
/// Most events that are taken before others get their turn: what the default buffer of a socket
/// holds, and more.
const MOST: usize = 1024;

/// The kernel's events. Only privileged programs can send in its stead, and it would not matter:
/// an event only says that it is time to look.
#[derive(Debug)]
pub(super) struct Uevents(OwnedFd);

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// Nothing of the subsystems that were asked about.
    Nothing,
    /// Something of them, or that events were lost.
    Ours,
    /// The same, and there is more.
    More,
}

impl Uevents {
    pub(super) fn listen() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL))?;
        Ok(Self(socket))
    }

    /// Takes what is there. Events that were lost because there were too many (`ENOBUFS`) count as
    /// heard.
    pub(super) fn drain(&self, subsystems: &[&str]) -> io::Result<Heard> {
        let mut heard = Heard::Nothing;
        let mut buffer = [0; LONGEST];
        for _ in 0..MOST {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let event = buffer.get(..length).unwrap_or_default();
                    if is_of(event, subsystems) {
                        heard = Heard::Ours;
                    }
                }
                Err(Errno::ENOBUFS) => heard = Heard::Ours,
                Err(Errno::EAGAIN) => return Ok(heard),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Heard::More)
    }
}

/// Whether an event is of one of the subsystems: `ACTION@PATH`, then `KEY=VALUE`s, each ended by a
/// zero byte (`kobject_uevent_env`).
fn is_of(event: &[u8], subsystems: &[&str]) -> bool {
    event
        .split(|byte| *byte == 0)
        .filter_map(|line| line.strip_prefix(b"SUBSYSTEM="))
        .any(|subsystem| subsystems.iter().any(|one| one.as_bytes() == subsystem))
}

impl AsFd for Uevents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Uevents {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_by_its_subsystem_alone() {
        let event = b"add@/devices/usb1/1-2\0ACTION=add\0SUBSYSTEM=usb\0SEQNUM=7\0";
        assert!(is_of(event, &["block", "usb"]));
        assert!(!is_of(event, &["block", "us"]));
        assert!(!is_of(b"add@/SUBSYSTEM=usb", &["usb"]));
        assert!(!is_of(b"", &["usb"]));
    }

    #[test]
    fn what_nobody_asked_about_is_not_heard() {
        let uevents = Uevents::listen().unwrap();
        assert_ne!(uevents.drain(&[]).unwrap(), Heard::Ours);
    }
}
