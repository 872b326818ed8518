//! Two commands of bpf(2) that aya does not offer for cgroup programs: make a link, and pin it.
#![expect(unsafe_code, reason = "the system call has no safe wrapper")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// `BPF_OBJ_PIN` (`enum bpf_cmd`, `include/uapi/linux/bpf.h`).
const OBJ_PIN: libc::c_long = 6;
/// `BPF_LINK_CREATE`.
const LINK_CREATE: libc::c_long = 28;
/// `BPF_CGROUP_DEVICE` (`enum bpf_attach_type`).
const CGROUP_DEVICE: u32 = 6;

/// The part of `union bpf_attr` that `BPF_LINK_CREATE` reads.
#[repr(C)]
struct LinkCreate {
    prog_fd: RawFd,
    target_fd: RawFd,
    attach_type: u32,
    flags: u32,
}

/// The part of `union bpf_attr` that `BPF_OBJ_PIN` reads.
#[repr(C)]
struct ObjPin {
    pathname: u64,
    bpf_fd: RawFd,
    file_flags: u32,
}

/// Attaches a cgroup-device program to a cgroup, beside whatever else is attached, and pins the
/// link so that it outlives this process.
pub(super) fn attach_and_pin(
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    pin: &Path,
) -> io::Result<()> {
    let create = LinkCreate {
        prog_fd: program.as_raw_fd(),
        target_fd: cgroup.as_raw_fd(),
        attach_type: CGROUP_DEVICE,
        flags: 0,
    };
    let fd = RawFd::try_from(bpf(LINK_CREATE, &create)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us alone.
    let link = unsafe { OwnedFd::from_raw_fd(fd) };
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let pathname = u64::try_from(path.as_ptr().addr()).map_err(io::Error::other)?;
    bpf(
        OBJ_PIN,
        &ObjPin {
            pathname,
            bpf_fd: link.as_raw_fd(),
            file_flags: 0,
        },
    )?;
    Ok(())
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<libc::c_long> {
    // SAFETY: `attributes` is a `repr(C)` prefix of `union bpf_attr` without padding, its length
    // is passed, what it points to outlives the call, and the commands above only read it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
