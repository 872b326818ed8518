//! The management tree: who may do what with it, and what becomes of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong here fails the test"
)]

mod groups;
mod laws;
mod lists;
mod nodes;
mod world;
