//! Prints two sessions between a device and a server: `docs/session.md`.
//!
//! ```sh
//! cargo run -p omadm --example session
//! ```
#![expect(clippy::print_stdout, reason = "that is what it is for")]

mod capture;

fn main() -> capture::Outcome<()> {
    print!("{}", capture::capture()?);
    Ok(())
}
