//! Messages and their bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong here fails the test"
)]

mod arbitrary;
mod laws;
mod samples;
mod wbxml;
