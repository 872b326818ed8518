//! Giving memory back.
#![expect(unsafe_code, reason = "the C library's call has no safe wrapper")]

/// Gives what the heap no longer needs back to the system. Reading the kernel's type information
/// takes some 15 MiB for a moment, which the C library would keep.
pub(crate) fn give_back() {
    // SAFETY: the call takes a number and touches only memory that is free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
