//! Messages and their bytes.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod arbitrary;
mod laws;
mod samples;
