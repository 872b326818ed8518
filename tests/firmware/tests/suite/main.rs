//! The lab's card with the card crate and the agent's reader thread: in one program, since each
//! would else be linked with the firmware anew.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(clippy::print_stdout, reason = "measurements, for who asks for them")
)]

/// The agent's reader thread, as the agent has it: its crate is a program, which no test can use.
#[cfg(test)]
#[path = "../../../../agent/src/card/mod.rs"]
mod card;
#[cfg(test)]
mod counts;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod issuing;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod openpgp;
#[cfg(test)]
mod opensc;
#[cfg(test)]
mod pcscd;
#[cfg(test)]
mod reader;
