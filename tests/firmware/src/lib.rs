//! A smart card for the lab: the firmware (PIV or `OpenPGP`) of a token that people buy, on an
//! image file, with or without a virtual reader. It is a test's card: nobody keeps its keys safe.
//!
//! [`firmware`] is the card, [`vpcd`] its way into the reader, [`provision`] and [`copy`] are
//! what people do to it, [`fault`] is what goes wrong, and [`count`] what reading it takes. [`pcscd`] gives each test that needs
//! one a smart card service of its own.

#![forbid(unsafe_code)]

pub mod copy;
pub mod count;
mod dispatch;
pub mod fault;
pub mod firmware;
pub mod pcscd;
pub mod provision;
pub mod vpcd;
pub mod vscard;
