//! Standard objects: what they say, as trees and against their descriptions.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod accounts;
mod descriptions;
mod samples;
mod schedules;
