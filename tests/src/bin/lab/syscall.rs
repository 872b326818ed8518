//! What programs do with a descriptor that they have, and the standard library does not offer: ioctls, mappings,
//! and taking a descriptor from another process.
#![expect(unsafe_code, reason = "these system calls have no safe wrapper")]

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// An ioctl whose argument is a structure without pointers; its number says how long that is
/// (`include/uapi/asm-generic/ioctl.h`).
#[derive(Clone, Copy)]
pub(crate) struct Request(u64);

impl Request {
    /// `VIDIOC_QUERYCAP`, `struct v4l2_capability` (`include/uapi/linux/videodev2.h`).
    pub(crate) const CAMERA_ABILITIES: Self = Self(0x8068_5600);
    /// `VIDIOC_REQBUFS`, `struct v4l2_requestbuffers`.
    pub(crate) const CAMERA_BUFFERS: Self = Self(0xc014_5608);
    /// `VIDIOC_QBUF`, `struct v4l2_buffer`, whose one pointer is not used with `V4L2_MEMORY_MMAP`.
    pub(crate) const CAMERA_QUEUE: Self = Self(0xc058_560f);
    /// `VIDIOC_DQBUF`, `struct v4l2_buffer`.
    pub(crate) const CAMERA_DEQUEUE: Self = Self(0xc058_5611);
    /// `VIDIOC_STREAMON`, `int`.
    pub(crate) const CAMERA_START: Self = Self(0x4004_5612);
    /// `SNDRV_PCM_IOCTL_INFO`, `struct snd_pcm_info` (`include/uapi/sound/asound.h`).
    pub(crate) const SOUND_INFO: Self = Self(0x8120_4101);
    /// `LIRC_GET_FEATURES`, `__u32` (`include/uapi/linux/lirc.h`).
    pub(crate) const INFRARED_FEATURES: Self = Self(0x8004_6900);
    /// `USBDEVFS_GET_CAPABILITIES`, `__u32` (`include/uapi/linux/usbdevice_fs.h`).
    pub(crate) const USB_ABILITIES: Self = Self(0x8004_551a);

    /// The length of the argument, in bytes.
    pub(crate) fn length(self) -> usize {
        usize::try_from((self.0 >> 16) & 0x3fff).unwrap_or_default()
    }
}

/// Makes the request; `EINVAL` if the argument has not the length that it asks for.
pub(crate) fn ioctl(fd: impl AsFd, request: Request, argument: &mut [u8]) -> Result<(), Errno> {
    if argument.len() != request.length() {
        return Err(Errno::EINVAL);
    }
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel reads and writes as many bytes as the request's number says, which is the length of the
    // argument, and follows no pointer in it: see each request.
    let answer = unsafe { libc::ioctl(fd, request.0, argument.as_mut_ptr()) };
    Errno::result(answer).map(drop)
}

/// Maps the first page of what the descriptor is of, and lets it go again.
pub(crate) fn map(fd: impl AsFd) -> Result<(), Errno> {
    const PAGE: usize = 4096;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: a new mapping, at an address that the kernel chooses, of which no reference is made.
    let at = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE,
            libc::PROT_READ,
            libc::MAP_SHARED,
            fd,
            0,
        )
    };
    if at == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    // SAFETY: exactly what was mapped above.
    Errno::result(unsafe { libc::munmap(at, PAGE) }).map(drop)
}

/// A duplicate of another process's descriptor (`pidfd_getfd(2)`).
pub(crate) fn take(pid: i32, number: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: the call touches no memory of this process.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let process = owned(Errno::result(process)?)?;
    let from = process.as_raw_fd();
    // SAFETY: as above.
    let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, from, number, 0) };
    owned(Errno::result(taken)?)
}

/// A descriptor that somebody sends on this connection. `EPERM` when the message comes without it: that is how the
/// kernel refuses a descriptor on its way (`scm_detach_fds`, `net/core/scm.c`).
pub(crate) fn receive(connection: &UnixStream) -> Result<OwnedFd, Errno> {
    let mut byte = [0_u8; 1];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 1]);
    let message = recvmsg::<()>(
        connection.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    // There is room for one, so it is not our buffer that was too short.
    if message.flags.contains(MsgFlags::MSG_CTRUNC) {
        return Err(Errno::EPERM);
    }
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control
            && let Some(number) = numbers.first()
        {
            return owned(*number);
        }
    }
    Err(Errno::EPERM)
}

/// A descriptor that the kernel has just made for this process: nobody else has it.
fn owned(number: impl TryInto<i32>) -> Result<OwnedFd, Errno> {
    let number = number.try_into().map_err(|_too_large| Errno::EBADF)?;
    // SAFETY: every caller passes what a system call has just returned, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
