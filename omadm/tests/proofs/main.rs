//! Credentials, nonces, and the server's call for a session.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong here fails the test"
)]

mod credentials;
mod notification;
mod sessions;
