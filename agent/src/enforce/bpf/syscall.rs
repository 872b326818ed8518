//! Commands of bpf(2) that aya does not offer as they are needed here: a map of maps whose inner
//! maps carry no type information, a link of a cgroup program, and the pins of both.
#![expect(unsafe_code, reason = "the system call has no safe wrapper")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::maps::MapData;

/// `BPF_MAP_CREATE` (`enum bpf_cmd`, `include/uapi/linux/bpf.h`).
const MAP_CREATE: libc::c_long = 0;
/// `BPF_MAP_UPDATE_ELEM`.
const MAP_UPDATE: libc::c_long = 2;
/// `BPF_MAP_DELETE_ELEM`.
const MAP_DELETE: libc::c_long = 3;
/// `BPF_MAP_FREEZE`.
const MAP_FREEZE: libc::c_long = 22;
/// `BPF_OBJ_PIN`.
const OBJ_PIN: libc::c_long = 6;
/// `BPF_LINK_DETACH`.
const LINK_DETACH: libc::c_long = 34;
/// In place of the descriptor of a link.
const NO_LINK: RawFd = -1;
/// `BPF_LINK_CREATE`.
const LINK_CREATE: libc::c_long = 28;
/// `BPF_MAP_TYPE_ARRAY_OF_MAPS` (`enum bpf_map_type`).
const ARRAY_OF_MAPS: u32 = 12;
/// `BPF_CGROUP_DEVICE` (`enum bpf_attach_type`).
const CGROUP_DEVICE: u32 = 6;

/// The part of `union bpf_attr` that `BPF_MAP_CREATE` needs.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: RawFd,
    numa_node: u32,
    map_name: [u8; 16],
}

/// The part of `union bpf_attr` that commands on the elements of a map read.
#[repr(C)]
struct Element {
    map_fd: RawFd,
    unused: u32,
    key: u64,
    value: u64,
    flags: u64,
}

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
    pin_new(fd, pin)
}

/// Makes an array of one map, for inner maps like `template`, and pins it.
///
/// Up to Linux 6.1 an inner map fits only if it was made like the template, with type information
/// or without (`bpf_map_meta_equal` compares `timer_off`, which is `-ENOENT` with and `-EINVAL`
/// without). aya makes templates with it and maps without.
pub(super) fn make_outer_and_pin(template: BorrowedFd<'_>, pin: &Path) -> io::Result<()> {
    let create = MapCreate {
        map_type: ARRAY_OF_MAPS,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        map_flags: 0,
        inner_map_fd: template.as_raw_fd(),
        numa_node: 0,
        map_name: *b"CWD_DECISION\0\0\0\0",
    };
    let fd = RawFd::try_from(bpf(MAP_CREATE, &create)?).map_err(io::Error::other)?;
    pin_new(fd, pin)
}

/// A descriptor of this process, by which maps know it.
pub(super) fn this_process() -> io::Result<OwnedFd> {
    let process = libc::c_long::from(std::process::id());
    // SAFETY: the call takes two numbers and gives a new descriptor.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) };
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets the value of a process in a storage of tasks.
pub(super) fn put<T: zerocopy::IntoBytes + zerocopy::Immutable>(
    map: &MapData,
    process: &OwnedFd,
    value: &T,
) -> io::Result<()> {
    let value = value.as_bytes().as_ptr();
    element(MAP_UPDATE, map, process.as_raw_fd(), value).map(drop)
}

/// Removes the value of a process from a storage of tasks.
pub(super) fn remove(map: &MapData, process: &OwnedFd) -> io::Result<()> {
    element(MAP_DELETE, map, process.as_raw_fd(), std::ptr::null()).map(drop)
}

fn element(
    command: libc::c_long,
    map: &MapData,
    key: RawFd,
    value: *const u8,
) -> io::Result<libc::c_long> {
    let address = |address: usize| u64::try_from(address).map_err(io::Error::other);
    let element = Element {
        map_fd: map.fd().as_fd().as_raw_fd(),
        unused: 0,
        key: address(std::ptr::from_ref(&key).addr())?,
        value: address(value.addr())?,
        flags: 0,
    };
    bpf(command, &element)
}

/// What detaching a link meets that is none: the guard refuses it before anybody looks which link is meant. Whoever
/// has no right to kernel programs at all meets the same.
pub(crate) fn detach_nothing() -> nix::errno::Errno {
    let met = bpf(LINK_DETACH, &NO_LINK).err();
    let number = met.and_then(|error| error.raw_os_error());
    nix::errno::Errno::from_raw(number.unwrap_or_default())
}

/// Keeps a map from being changed by anybody (`BPF_MAP_FREEZE`).
pub(super) fn freeze(map: &MapData) -> io::Result<()> {
    bpf(MAP_FREEZE, &map.fd().as_fd().as_raw_fd()).map(drop)
}

/// Pins what a command has just made, and closes the descriptor: the pin holds it from now on.
fn pin_new(fd: RawFd, pin: &Path) -> io::Result<()> {
    // SAFETY: the kernel has just made this descriptor for us alone.
    let made = unsafe { OwnedFd::from_raw_fd(fd) };
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let pathname = u64::try_from(path.as_ptr().addr()).map_err(io::Error::other)?;
    bpf(
        OBJ_PIN,
        &ObjPin {
            pathname,
            bpf_fd: made.as_raw_fd(),
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
