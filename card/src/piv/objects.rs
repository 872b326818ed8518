//! The data objects of a PIV card as a shelf.
//!
//! Retired key certificates' containers (SP 800-73-4 part 1, table 3) take any bytes and are read
//! without a PIN. The manifest begins in the last of them; groups fill from there downwards, since
//! real retired keys fill from the first upwards. Groups behind the PIN lie in the containers that
//! the standard made for biometrics, which few cards use.

use super::{Piv, command};
use crate::apdu::{Command, Failure, Status};
use crate::piv::command::tag;
use crate::profile::{Act, Error};
use crate::shelf::{Container, Held, Shelf};
use crate::tlv;

/// Begin of the manifest: retired key certificate 20.
pub(super) const MANIFEST: u32 = 0x005F_C120;
/// First container that is used: retired key certificate 1.
const FIRST: u32 = 0x005F_C10D;
/// Cardholder fingerprints, facial image and iris images. Not printed information (5FC109), where
/// a `YubiKey` keeps its management key behind the PIN.
const BEHIND_PIN: [u32; 3] = [0x005F_C103, 0x005F_C108, 0x005F_C121];
/// Certificate of the card authentication key; there when somebody else uses slot 9E.
pub(super) const CARD_CERTIFICATE: u32 = 0x005F_C101;
/// Most bytes of a container that every card has (SP 800-73-4 part 1, table 3).
pub(super) const PORTABLE: usize = 1905;
/// Most bytes of an object of a card that tells its version as a `YubiKey` does, from version 4
/// (Yubico's documentation of PIV objects). Nitrokey tells one too, and takes 7,500.
const LARGE: usize = 3052;
/// First version of these.
const LARGE_SINCE: u8 = 4;

/// Where groups may lie when each container has this capacity, in the order to fill.
pub(super) fn containers(capacity: usize) -> Vec<Container> {
    let open = (FIRST..MANIFEST).rev().map(|id| (id, false));
    let hidden = BEHIND_PIN.into_iter().map(|id| (id, true));
    open.chain(hidden)
        .map(|(id, pin)| Container { id, capacity, pin })
        .collect()
}

impl Piv<'_> {
    /// The content of a data object; `None` when there is no such object, or an empty one.
    pub(super) fn content(&mut self, object: u32) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Read(object);
        let bytes = match self.channel.send(&command::get(object)) {
            Ok(bytes) => bytes,
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => return Ok(None),
            Err(failure) if failure.status() == Some(Status::UNAUTHENTICATED) => {
                let tries = self.tries()?;
                return Err(Error::PinNeeded { tries });
            }
            Err(source) => return Err(Error::Exchange { act, source }),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let content =
            tlv::find(&bytes, tag::CONTENT).map_err(|source| Error::Unreadable { act, source })?;
        Ok((!content.is_empty()).then(|| content.to_vec()))
    }

    /// Finds out how much an object can hold, when that is about to matter: readers take what
    /// there is.
    pub(super) fn learn_capacity(&mut self) -> Result<(), Error> {
        let capacity = match self.channel.send(&command::version()) {
            Ok(version) if version.first().is_some_and(|major| *major >= LARGE_SINCE) => LARGE,
            Ok(_) | Err(Failure::Refused { .. }) => PORTABLE,
            Err(source) => {
                let act = Act::Describe;
                return Err(Error::Exchange { act, source });
            }
        };
        self.capacity = capacity;
        self.containers = containers(capacity);
        Ok(())
    }

    pub(super) fn send(&mut self, act: Act, command: &Command) -> Result<Vec<u8>, Error> {
        self.channel
            .send(command)
            .map_err(|source| Error::Exchange { act, source })
    }
}

impl Shelf for Piv<'_> {
    fn manifest(&self) -> Container {
        Container {
            id: MANIFEST,
            capacity: self.capacity,
            pin: false,
        }
    }

    fn containers(&self) -> &[Container] {
        &self.containers
    }

    fn peek(&mut self, object: u32) -> Result<Held, Error> {
        let bytes = match self.channel.peek(&command::get(object)) {
            Ok(bytes) => bytes,
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => {
                return Ok(Held::Nothing);
            }
            Err(failure) if failure.status() == Some(Status::UNAUTHENTICATED) => {
                return Ok(Held::Hidden);
            }
            Err(source) => {
                let act = Act::Read(object);
                return Err(Error::Exchange { act, source });
            }
        };
        Ok(match tlv::begin(&bytes, tag::CONTENT) {
            Ok(begin) => Held::of(begin),
            Err(_malformed) if bytes.is_empty() => Held::Nothing,
            Err(_malformed) => Held::Foreign,
        })
    }

    fn read(&mut self, object: u32) -> Result<Option<Vec<u8>>, Error> {
        match self.found.take() {
            Some(manifest) if object == MANIFEST => Ok(Some(manifest)),
            Some(_) | None => self.content(object),
        }
    }

    fn write(&mut self, object: u32, value: &[u8]) -> Result<(), Error> {
        self.found = None;
        self.send(Act::Write(object), &command::put(object, value))
            .map(drop)
    }

    fn tries(&mut self) -> Result<Option<u8>, Error> {
        match self.channel.send(&command::tries()) {
            // The PIN is known already.
            Ok(_nothing) => Ok(None),
            Err(Failure::Refused { status, .. }) => Ok(status.tries()),
            Err(source) => {
                let act = Act::Verify;
                Err(Error::Exchange { act, source })
            }
        }
    }
}
