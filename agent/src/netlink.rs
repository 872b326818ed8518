//! Questions to the kernel and its events (`netlink(7)`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use netlink_packet_core::{Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// Room for what one read gives: the kernel fills no more than this in a dump.
const BUFFER: usize = 32 * 1024;
/// Most that is read of one answer, in bytes: a router's whole table is not wanted.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// Longest time for the kernel to answer, in seconds.
const ANSWER: i64 = 2;

/// An end of a conversation with the kernel.
pub(crate) struct Socket(OwnedFd);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Socket {
    /// A new one.
    pub(crate) fn new(protocol: SockProtocol, flags: SockFlag) -> io::Result<Self> {
        let flags = flags | SockFlag::SOCK_CLOEXEC;
        Ok(Self(socket(
            AddressFamily::Netlink,
            SockType::Raw,
            flags,
            protocol,
        )?))
    }

    /// Reads what the kernel sent; `None` for what another process sent, which anyone may.
    pub(crate) fn read<'a>(&self, buffer: &'a mut [u8]) -> nix::Result<Option<&'a [u8]>> {
        let (length, from) = recvfrom::<NetlinkAddr>(self.as_raw_fd(), buffer)?;
        Ok(buffer
            .get(..length)
            .filter(|_| from.is_some_and(|from| from.pid() == 0)))
    }
}

/// Gives each whole message of `bytes`.
pub(crate) fn messages(mut bytes: &[u8], mut each: impl FnMut(u16, &[u8])) {
    while let Ok(message) = NetlinkBuffer::new_checked(&bytes) {
        each(message.message_type(), message.payload());
        let Ok(length) = usize::try_from(message.length()) else {
            return;
        };
        let Some(rest) = bytes.get(length.next_multiple_of(4)..) else {
            return;
        };
        bytes = rest;
    }
}

/// How many messages answer a question.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Answer {
    /// One.
    One,
    /// As many as there are (`NLM_F_DUMP`).
    All,
}

/// Asks the kernel, which answers at once, and gives each message's body.
pub(crate) fn query(
    protocol: SockProtocol,
    kind: u16,
    answer: Answer,
    wish: &impl Emitable,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let socket = Socket::new(protocol, SockFlag::empty())?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(ANSWER, 0))?;
    send(
        socket.as_raw_fd(),
        &request(kind, answer, wish)?,
        MsgFlags::empty(),
    )?;
    let mut buffer = vec![0; BUFFER];
    let mut total = 0_usize;
    loop {
        let Some(bytes) = socket.read(&mut buffer)? else {
            continue;
        };
        total = total.saturating_add(bytes.len());
        if total > MAX_ANSWER {
            return Err(io::Error::other("the kernel's answer is too long"));
        }
        let mut end = None;
        messages(bytes, |kind, body| match i32::from(kind) {
            libc::NLMSG_DONE => end = end.or(Some(0)),
            libc::NLMSG_ERROR => {
                let code = body.first_chunk().copied().map_or(0, i32::from_ne_bytes);
                end = Some(code.saturating_neg());
            }
            _ => {
                each(body);
                if answer == Answer::One {
                    end = end.or(Some(0));
                }
            }
        });
        match end {
            Some(0) => return Ok(()),
            Some(code) => return Err(io::Error::from_raw_os_error(code)),
            None => {}
        }
    }
}

fn request(kind: u16, answer: Answer, wish: &impl Emitable) -> io::Result<Vec<u8>> {
    let mut header = NetlinkHeader::default();
    let length = header.buffer_len().saturating_add(wish.buffer_len());
    header.length = u32::try_from(length).map_err(io::Error::other)?;
    header.message_type = kind;
    header.flags = match answer {
        Answer::One => NLM_F_REQUEST,
        Answer::All => NLM_F_REQUEST | NLM_F_DUMP,
    };
    let mut bytes = vec![0; length];
    let (head, body) = bytes.split_at_mut(header.buffer_len());
    header.emit(head);
    wish.emit(body);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::neighbour::NeighbourMessage;

    #[test]
    fn damaged_messages_end_the_reading() {
        let wish = NeighbourMessage::default();
        let whole = request(libc::RTM_GETNEIGH, Answer::One, &wish).unwrap();
        let twice = [whole.clone(), whole.clone()].concat();
        for length in 0..=twice.len() {
            let mut count = 0;
            messages(&twice[..length], |kind, _| {
                assert_eq!(kind, libc::RTM_GETNEIGH);
                count += 1;
            });
            assert_eq!(count, length / whole.len(), "{length}");
        }
    }
}
