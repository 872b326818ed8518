//! What a policy can say of single USB devices: which device it means ([`Match`]), which of many
//! matches mean a device ([`Index`]), which lists would shut everybody out ([`danger`]), what a device
//! says of itself ([`descriptors`]), and what another program's rules say in these words
//! ([`usbguard`]).
//!
//! A [`Device`] is what the kernel was told by the device itself. Nothing of it is proven: who
//! makes a device chooses its numbers, its strings and its serial number. Only the port and the
//! kind of connection are the machine's own knowledge. A match is therefore a way to name honest
//! devices, and a hurdle for the others.
//!
//! Not in here: what follows from a match. That is the business of rules.

mod class;
pub mod danger;
pub mod descriptors;
mod device;
mod identity;
mod index;
mod interfaces;
mod matching;
mod meeting;
pub mod usbguard;
mod words;

pub use class::{ClassPattern, Interface, NoClass, NoInterface};
pub use device::{Connection, Device};
pub use identity::{IdPattern, NoId, NoPort, PortPattern};
pub use index::Index;
pub use interfaces::{InterfaceSet, MAX_PATTERNS};
pub use matching::{Impossible, MAX_TEXT, Match};
