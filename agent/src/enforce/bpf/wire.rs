//! The one bridge between the types that the kernel programs share and aya's marker for them.
#![expect(
    unsafe_code,
    reason = "aya's marker trait is unsafe; zerocopy proves what it asks"
)]

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A shared type, as aya wants it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(super) struct Wire<T>(pub(super) T);

// SAFETY: `Pod` asks that the type can be made of any bytes and holds no reference. `FromBytes`
// proves the first, `IntoBytes` and `Immutable` that it is plain bytes without padding.
unsafe impl<T> aya::Pod for Wire<T> where
    T: Copy + FromBytes + IntoBytes + Immutable + KnownLayout + 'static
{
}
