//! Credentials, nonces, and the server's call for a session.

mod credentials;
mod notification;
