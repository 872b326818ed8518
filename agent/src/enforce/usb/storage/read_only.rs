//! Marks block devices as read-only: `BLKROSET` (`include/uapi/linux/fs.h`).
#![expect(unsafe_code, reason = "an ioctl has no safe wrapper")]

use std::ffi::c_int;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

nix::ioctl_write_ptr_bad!(blkroset, nix::request_code_none!(0x12, 93), c_int);

/// Makes a block device read-only, or writable again. It is opened for reading only.
pub(super) fn set(node: &Path, is_read_only: bool) -> io::Result<()> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(node)?;
    let value = c_int::from(is_read_only);
    // SAFETY: the request reads one `int`, which lives until the call returns, and the descriptor
    // is open.
    unsafe { blkroset(file.as_raw_fd(), &raw const value) }?;
    Ok(())
}
