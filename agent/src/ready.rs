//! Waiting for a descriptor to become readable: the one place where descriptors meet the runtime.
#![expect(
    unsafe_code,
    reason = "registering a descriptor with the runtime is unsafe"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a descriptor for reading.
pub(crate) fn readable<T: AsFd + AsRawFd>(inner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: `AsFd` vouches that the descriptor is open for as long as `inner` lives, and nobody
    // here replaces it: `inner` is only read from.
    unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) }.map_err(io::Error::from)
}
