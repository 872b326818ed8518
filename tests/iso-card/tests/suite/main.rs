//! The PKCS#15 profile, and SIMs behind modems.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    expect(clippy::print_stdout, reason = "measurements, for who asks for them")
)]

#[cfg(test)]
mod counting;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod modem;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod removal;
#[cfg(test)]
mod vicc;
