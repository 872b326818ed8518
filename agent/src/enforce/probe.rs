//! Probes: what an attempt to use a function really meets.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use cardwarden_policy::Function;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::getppid;

use super::bpf::syscall::detach_nothing;

/// What an attempt met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Met {
    /// `EPERM`: it is refused.
    Refused,
    /// It succeeded.
    Passed,
    /// Something else, such as a device that has just gone.
    Other(Errno),
}

/// Tries to open a device node, as anybody would.
pub(crate) fn open(node: &Path) -> Met {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
    match OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(node)
    {
        Ok(_) => Met::Passed,
        Err(error) => met(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
    }
}

/// The call that makes a socket of the family that carries a function; `None` where none is tried.
pub(crate) fn call(function: Function) -> Option<&'static str> {
    family_of(function).map(|(call, _family)| call)
}

/// Tries to make a socket of the family that carries a function; `None` where none is tried.
pub(crate) fn family(function: Function) -> Option<Met> {
    let (_call, family) = family_of(function)?;
    let made = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    Some(made.map_or_else(met, |_socket| Met::Passed))
}

fn family_of(function: Function) -> Option<(&'static str, AddressFamily)> {
    if function == Function::Bluetooth {
        Some(("socket(AF_BLUETOOTH)", AddressFamily::Bluetooth))
    } else if function == Function::Nfc {
        Some(("socket(AF_NFC)", AddressFamily::Nfc))
    } else if function == Function::Infrared {
        Some(("socket(AF_IRDA)", AddressFamily::Irda))
    } else {
        None
    }
}

/// Tries what the guard refuses to everybody: to detach a link, and to signal the agent, which started this process.
pub(crate) fn guard() -> Met {
    match kill(getppid(), Signal::SIGCONT) {
        Err(Errno::EPERM) => met(detach_nothing()),
        Err(error) => Met::Other(error),
        Ok(()) => Met::Passed,
    }
}

fn met(error: Errno) -> Met {
    if error == Errno::EPERM {
        Met::Refused
    } else {
        Met::Other(error)
    }
}
