//! Another process's descriptors: what they are of, a duplicate, and what stops a stream.
#![expect(unsafe_code, reason = "these system calls have no safe wrapper")]

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;

/// What a file is, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A character device.
    Node {
        /// Its major.
        major: u32,
        /// Its minor.
        minor: u32,
    },
    /// A socket.
    Socket,
    /// Anything else.
    Other,
}

/// `struct snd_pcm_info` (`include/uapi/sound/asound.h`), 288 bytes: 72 words, of which the third
/// says which stream it is.
type PcmInfo = [u32; 72];

nix::ioctl_write_ptr!(streamoff, b'V', 19, i32);
nix::ioctl_read!(pcm_info, b'A', 0x01, PcmInfo);
nix::ioctl_none!(pcm_drop, b'A', 0x43);

/// What lies behind a path. Nothing is asked of a file system's server (`AT_STATX_DONT_SYNC`), so
/// that one that does not answer holds nobody up.
pub(super) fn kind(path: &Path) -> Result<Kind, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_zero| Errno::EINVAL)?;
    stat(libc::AT_FDCWD, &path, libc::AT_STATX_DONT_SYNC)
}

/// What an own descriptor is of.
pub(super) fn kind_of(fd: impl AsFd) -> Result<Kind, Errno> {
    let flags = libc::AT_STATX_DONT_SYNC | libc::AT_EMPTY_PATH;
    stat(fd.as_fd().as_raw_fd(), &CString::default(), flags)
}

fn stat(folder: RawFd, path: &CString, flags: i32) -> Result<Kind, Errno> {
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path ends with a zero, and the call writes one `struct statx`.
    let answer = unsafe {
        libc::statx(
            folder,
            path.as_ptr(),
            flags,
            libc::STATX_TYPE,
            found.as_mut_ptr(),
        )
    };
    Errno::result(answer)?;
    // SAFETY: every bit pattern, zeroes too, is a `struct statx`.
    let found = unsafe { found.assume_init() };
    Ok(match u32::from(found.stx_mode) & libc::S_IFMT {
        libc::S_IFCHR => Kind::Node {
            major: found.stx_rdev_major,
            minor: found.stx_rdev_minor,
        },
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Other,
    })
}

/// `PIDFD_THREAD` (`include/uapi/linux/pidfd.h`, since Linux 6.9).
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL.cast_unsigned();

/// A process, which stays the same one whatever becomes of its number (`pidfd_open(2)`); or a single
/// thread of one, where the kernel hands those out.
pub(super) fn process(pid: i32) -> Result<OwnedFd, Errno> {
    let open = |flags: libc::c_uint| {
        // SAFETY: the call touches no memory of this process.
        let made = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
        owned(Errno::result(made)?)
    };
    // `EINVAL`: it is not the first thread of its process. `ENOENT` says so since Linux 6.9.
    match open(0) {
        Err(Errno::EINVAL | Errno::ENOENT) => open(PIDFD_THREAD),
        opened => opened,
    }
}

/// A duplicate of a process's descriptor (`pidfd_getfd(2)`).
pub(super) fn duplicate(process: impl AsFd, number: i32) -> Result<OwnedFd, Errno> {
    let process = process.as_fd().as_raw_fd();
    // SAFETY: the call touches no memory of this process.
    let made = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0) };
    owned(Errno::result(made)?)
}

/// The family of a socket (`SO_DOMAIN`).
pub(super) fn family(socket: impl AsFd) -> Result<i32, Errno> {
    let mut family = 0_i32;
    let mut length = libc::socklen_t::try_from(size_of::<i32>()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the call writes at most `length` bytes, the size of an `int`.
    let answer = unsafe {
        libc::getsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut family).cast(),
            &raw mut length,
        )
    };
    Errno::result(answer).map(|_zero| family)
}

/// Whether a socket has somebody at its other end, or is about to. `SO_ACCEPTCONN` does not tell of
/// Bluetooth's, whose states have numbers of their own; and some of them name an address of nothing but
/// zeroes.
pub(super) fn is_connected(socket: impl AsFd) -> Result<bool, Errno> {
    let mut address = [0_u8; size_of::<libc::sockaddr_storage>()];
    let mut length = libc::socklen_t::try_from(address.len()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the call writes at most `length` bytes, and how many there are.
    let answer = unsafe { libc::getpeername(socket, address.as_mut_ptr().cast(), &raw mut length) };
    match Errno::result(answer) {
        Ok(_zero) => {
            let length = usize::try_from(length).unwrap_or_default();
            // Behind the family. One without a name, of `AF_UNIX`, has nothing there.
            let named = address.get(2..length).unwrap_or_default();
            Ok(named.is_empty() || named.iter().any(|byte| *byte != 0))
        }
        Err(Errno::ENOTCONN | Errno::EOPNOTSUPP) => Ok(false),
        Err(error) => Err(error),
    }
}

/// `VIDIOC_STREAMOFF` for one type of buffers (`enum v4l2_buf_type`).
pub(super) fn stop_pictures(node: impl AsFd, buffers: i32) -> Result<(), Errno> {
    // SAFETY: the request reads one `int`.
    unsafe { streamoff(node.as_fd().as_raw_fd(), &raw const buffers) }.map(drop)
}

/// Whether a PCM captures (`SNDRV_PCM_IOCTL_INFO`; `SNDRV_PCM_STREAM_CAPTURE` is 1).
pub(super) fn captures(pcm: impl AsFd) -> Result<bool, Errno> {
    let mut answer: PcmInfo = [0; 72];
    // SAFETY: the request writes one `struct snd_pcm_info`, which is as long as `PcmInfo`.
    unsafe { pcm_info(pcm.as_fd().as_raw_fd(), &raw mut answer) }?;
    Ok(answer.get(2) == Some(&1))
}

/// `SNDRV_PCM_IOCTL_DROP`.
pub(super) fn stop_sound(pcm: impl AsFd) -> Result<(), Errno> {
    // SAFETY: the request has no argument.
    unsafe { pcm_drop(pcm.as_fd().as_raw_fd()) }.map(drop)
}

/// A descriptor that the kernel has just made for this process.
fn owned(number: libc::c_long) -> Result<OwnedFd, Errno> {
    let number = RawFd::try_from(number).map_err(|_too_large| Errno::EBADF)?;
    // SAFETY: every caller passes what a system call has just returned, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_fills_is_as_long_as_it_says() {
        assert_eq!(size_of::<PcmInfo>(), 288);
    }
}
