//! Sessions between this crate's client and server: over a line that loses things, and with peers
//! that break the rules.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong here fails the test"
)]

mod client_faults;
mod groups;
mod large;
mod line;
mod server_faults;
mod storm;
mod world;
