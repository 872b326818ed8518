//! The PKCS#15 profile, and SIMs behind modems.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(clippy::print_stdout, reason = "measurements, for who asks for them")
)]

/// The agent's card threads, as the agent has them: its crate is a program, which no test can use.
#[cfg(test)]
#[path = "../../../../agent/src/card/mod.rs"]
#[expect(dead_code, reason = "the agent uses more of it")]
mod card;
#[cfg(test)]
mod counting;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod modem;
#[cfg(test)]
mod modem_manager;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod removal;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod vicc;
