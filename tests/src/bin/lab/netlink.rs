//! Asking the kernel's NFC stack for its devices, over generic netlink, as `neard` does.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_NAME` (`include/uapi/linux/genetlink.h`).
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_NAME: u16 = 2;
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;
/// `NFC_CMD_GET_DEVICE` (`include/uapi/linux/nfc.h`).
const GET_DEVICE: u8 = 1;
/// `NLM_F_REQUEST`, and with `NLM_F_DUMP` (`include/uapi/linux/netlink.h`).
const REQUEST: u16 = 1;
const DUMP: u16 = 0x301;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// Of `struct nlmsghdr`, and of that with `struct genlmsghdr`.
const HEADER: usize = 16;
const BOTH_HEADERS: usize = 20;

/// Asks for every NFC device.
pub(crate) fn nfc() -> Result<(), Errno> {
    let line = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    let mut name = Vec::new();
    name.extend(8_u16.to_ne_bytes());
    name.extend(FAMILY_NAME.to_ne_bytes());
    name.extend(b"nfc\0");
    let family = exchange(&line, CONTROL, REQUEST, GET_FAMILY, &name)?;
    let family = find(&family, FAMILY_ID).ok_or(Errno::EPROTO)?;
    exchange(&line, family, DUMP, GET_DEVICE, &[]).map(drop)
}

fn exchange(
    line: &OwnedFd,
    kind: u16,
    flags: u16,
    command: u8,
    attributes: &[u8],
) -> Result<Vec<u8>, Errno> {
    let length =
        u32::try_from(BOTH_HEADERS + attributes.len()).map_err(|_too_long| Errno::EMSGSIZE)?;
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([command, 1, 0, 0]);
    message.extend(attributes);
    send(line.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut answer = vec![0; 16 * 1024];
    let length = recv(line.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    answer.truncate(length);
    let error = answer
        .get(HEADER..HEADER + 4)
        .and_then(|bytes| bytes.try_into().ok());
    match (word(&answer, 4), error.map(i32::from_ne_bytes)) {
        (Some(ERROR), Some(error)) if error != 0 => Err(Errno::from_raw(-error)),
        _ => Ok(answer),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

/// The value of a 16-bit attribute.
fn find(message: &[u8], wanted: u16) -> Option<u16> {
    let mut at = BOTH_HEADERS;
    loop {
        let length = usize::from(word(message, at)?);
        if word(message, at + 2)? == wanted {
            return word(message, at + 4);
        }
        at += length.max(4).next_multiple_of(4);
    }
}
