//! The lab: Debian guests in virtual machines with the product installed, for tests, benchmarks, and people.
//!
//! From bottom to top, each module using only what stands above it:
//!
//! | module | what it is for |
//! |---|---|
//! | [`pins`] | every version, package and module name, in one place |
//! | [`place`], [`run`], [`say`] | where things are; starting host programs; speaking to the person |
//! | [`setup`], [`apt`] | the host's packages and tools |
//! | [`install`] | what the product's packages put where |
//! | [`image`] | root file system, kernels, start-up archive, product layer: all cached by content |
//! | [`channel`] | the line protocol between host and guest |
//! | [`machine`] | one virtual machine: boot, snapshot, restore, run commands, reboot |
//! | [`lab`] | the whole: a ready machine for a kernel |
//! | [`session`] | `cargo xtask lab` |
//! | [`scenario`] | what scenario tests, demonstration and benchmarks share |
//! | [`matrix`], [`attacks`] | the tables of what is held, and of what was tried against it |
//! | [`suite`], [`fuzz`], [`demo`], [`bench`] | `cargo xtask test`, `fuzz`, `demo` and `bench` |
//!
//! Nothing here is part of the product, and no product crate is used at build time: the lab sees only what a
//! user would see, namely installed files.

pub mod apt;
pub mod attacks;
pub mod bench;
pub mod channel;
pub mod demo;
pub mod faults;
pub mod fuzz;
pub mod image;
pub mod install;
pub mod lab;
pub mod machine;
pub mod matrix;
pub mod pins;
pub mod place;
pub mod power;
pub mod run;
pub mod say;
pub mod scenario;
pub mod session;
pub mod setup;
pub mod suite;
