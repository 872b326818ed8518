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

    /// Takes what is there, and notes the names of USB devices that came. Events that were lost
    /// because there were too many (`ENOBUFS`) count as heard.
    pub(super) fn drain(&self, subsystems: &[&str], came: &mut Vec<String>) -> io::Result<Heard> {
        let mut heard = Heard::Nothing;
        let mut buffer = [0; LONGEST];
        for _ in 0..MOST {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    let event = buffer.get(..length).unwrap_or_default();
                    if is_of(event, subsystems) {
                        heard = Heard::Ours;
                        came.extend(newcomer(event).map(str::to_owned));
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

/// The lines of an event: `ACTION@PATH`, then `KEY=VALUE`s, each ended by a zero byte
/// (`kobject_uevent_env`).
fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    event.split(|byte| *byte == 0)
}

/// The name of the USB device that an event says has come.
fn newcomer(event: &[u8]) -> Option<&str> {
    let path = lines(event).next()?.strip_prefix(b"add@")?;
    let is_device = || lines(event).any(|line| line == b"DEVTYPE=usb_device");
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    std::str::from_utf8(name).ok().filter(|_| is_device())
}

/// Whether an event is of one of the subsystems.
fn is_of(event: &[u8], subsystems: &[&str]) -> bool {
    lines(event)
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
    fn only_a_usb_device_that_is_added_is_a_newcomer() {
        let event = b"add@/devices/pci0000:00/usb1/1-2\0ACTION=add\0DEVTYPE=usb_device\0";
        assert_eq!(newcomer(event), Some("1-2"));
        for other in [
            &b"bind@/devices/usb1/1-2\0DEVTYPE=usb_device\0"[..],
            b"add@/devices/usb1/1-2/1-2:1.0\0DEVTYPE=usb_interface\0",
            b"remove@/devices/usb1/1-2\0DEVTYPE=usb_device\0",
            b"add@/devices/usb1/1-2\xff\0DEVTYPE=usb_device\0",
            b"",
        ] {
            assert_eq!(newcomer(other), None);
        }
    }

    #[test]
    fn what_nobody_asked_about_is_not_heard() {
        let uevents = Uevents::listen().unwrap();
        assert_ne!(uevents.drain(&[], &mut Vec::new()).unwrap(), Heard::Ours);
    }
}
