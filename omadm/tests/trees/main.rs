//! Management trees and their descriptions.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod arbitrary;
mod check;
mod laws;
mod samples;
