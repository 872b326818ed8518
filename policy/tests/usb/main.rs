//! Laws of what a policy says of USB devices.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, a panic is the failure"
)]

mod classes;
mod danger;
mod descriptors;
mod devices;
mod import;
mod index;
mod matches;
mod usbguard;
