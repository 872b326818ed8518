//! The data objects of an `OpenPGP` card as a shelf.
//!
//! The manifest begins in the private use object 0102, which only the administrator writes and
//! everybody reads. Where that is too small (255 bytes on most cards) or somebody else's, it begins
//! in the third cardholder certificate, which few people use. Groups fill the certificates from the
//! third to the first; a group behind the PIN lies in 0103. The rest of a manifest that is larger
//! than all that goes to 0101: the user can write there, and then the manifest's signature fails.

use super::OpenPgp;
use super::command::{self, Naming, tag};
use super::limits::Limits;
use crate::apdu::{Command, Failure, Status};
use crate::profile::{Act, Error};
use crate::shelf::{Container, Header, Held, Kind, Shelf, Shown};

/// First choice for the begin of the manifest.
pub(super) const MANIFEST: u32 = 0x0102;
/// The first of the cardholder certificates, as a container; the others follow. The card knows
/// them by one tag and a number.
const CERTIFICATE: u32 = 0x007F_2110;
/// The last of them: second choice for the begin of the manifest.
const LAST_CERTIFICATE: u32 = 0x007F_2112;
/// The container behind the user's PIN.
const BEHIND_PIN: u32 = 0x0103;
/// The container that the user can write.
const USERS: u32 = 0x0101;
/// Least capacity of 0102 for a manifest to begin there: one with three groups has 500 bytes.
const LEAST: usize = 1024;
/// What every private use object takes (4.4.1), before the card said more.
const SMALLEST: usize = 254;

/// Which object a container is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place {
    tag: u16,
    /// Which one, where there are several.
    instance: Option<u8>,
}

impl Place {
    /// The object of a container.
    fn of(id: u32) -> Option<Self> {
        let single = |tag| Place {
            tag,
            instance: None,
        };
        let certificate = |instance| Place {
            tag: tag::CERTIFICATE,
            instance: Some(instance),
        };
        match id {
            USERS => Some(single(tag::PRIVATE_1)),
            MANIFEST => Some(single(tag::PRIVATE_2)),
            BEHIND_PIN => Some(single(tag::PRIVATE_3)),
            CERTIFICATE => Some(certificate(0)),
            0x007F_2111 => Some(certificate(1)),
            LAST_CERTIFICATE => Some(certificate(2)),
            _other => None,
        }
    }
}

/// Where groups and further parts of the manifest may lie, in the order to fill. `has_all`: whether
/// the card has all three certificates. `is_user`: whether what only the user can write may be
/// filled; where not, it is there to be read.
pub(super) fn containers(limits: Option<Limits>, has_all: bool, is_user: bool) -> Vec<Container> {
    let certificate = limits.map_or(SMALLEST, |limits| limits.certificate);
    let special = limits.map_or(SMALLEST, |limits| limits.special);
    let first = if has_all {
        LAST_CERTIFICATE
    } else {
        CERTIFICATE
    };
    let mut containers: Vec<Container> = (CERTIFICATE..=first)
        .rev()
        .map(|id| Container {
            id,
            capacity: certificate,
            pin: false,
        })
        .collect();
    containers.push(Container {
        id: BEHIND_PIN,
        capacity: special,
        pin: true,
    });
    containers.push(Container {
        id: USERS,
        capacity: if is_user { special } else { 0 },
        pin: false,
    });
    containers
}

impl OpenPgp<'_> {
    /// Finds the manifest. What is read for that is not read again.
    pub(super) fn find(&mut self) -> Result<bool, Error> {
        if self.found.is_some() {
            return Ok(true);
        }
        for place in [MANIFEST, LAST_CERTIFICATE] {
            let Some(value) = self.read(place)? else {
                continue;
            };
            let is_manifest = Header::read(&value)
                .is_some_and(|(header, _content)| header.kind != Kind::Group && header.part == 0);
            if is_manifest {
                self.shown = place;
                self.found = Some((place, value));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Learns what the card can, before it is written.
    pub(super) fn prepare(&mut self) -> Result<(), Error> {
        if self.is_prepared {
            return Ok(());
        }
        let limits = self.ask_limits()?;
        let is_there = self.find()? && self.shown == MANIFEST;
        let has_all = self.reach(Act::Describe, 2)?;
        self.containers = containers(Some(limits), has_all, self.is_user);
        let is_foreign = !is_there && self.peek(MANIFEST)? == Held::Foreign;
        let is_small = limits.special < LEAST.min(limits.certificate);
        let goes_elsewhere =
            has_all && (is_small || is_foreign) && self.peek(LAST_CERTIFICATE)? != Held::Foreign;
        if goes_elsewhere {
            self.next = LAST_CERTIFICATE;
        }
        if is_foreign {
            // What is there is shown to others, not by us.
            self.shown = self.next;
        }
        self.is_prepared = true;
        Ok(())
    }

    /// A container by its number.
    fn container(&self, id: u32) -> Container {
        let known = self.containers.iter().find(|container| container.id == id);
        known.copied().unwrap_or(Container {
            id,
            capacity: self.limits.map_or(SMALLEST, |limits| limits.special),
            pin: false,
        })
    }

    /// Lets the user's object be filled, now that the user's PIN was given.
    pub(super) fn admit_user(&mut self) {
        self.is_user = true;
        for container in &mut self.containers {
            if let (USERS, Some(limits)) = (container.id, self.limits) {
                container.capacity = limits.special;
            }
        }
    }

    /// Points the card at one of its certificates; whether it has it.
    fn reach(&mut self, act: Act, instance: u8) -> Result<bool, Error> {
        let Some(naming) = self.naming else {
            return Ok(instance == 0);
        };
        let mut attempts = match naming {
            Naming::Standard => [Naming::Standard, Naming::Counted].as_slice(),
            Naming::Counted => [Naming::Counted].as_slice(),
        }
        .iter();
        for &naming in attempts.by_ref() {
            match self.channel.send(&command::choose(instance, naming)) {
                Ok(_nothing) => {
                    self.naming = Some(naming);
                    return Ok(true);
                }
                Err(Failure::Refused { .. }) => {}
                Err(source) => return Err(Error::Exchange { act, source }),
            }
        }
        self.naming = None;
        Ok(instance == 0)
    }

    /// What GET DATA brings of a container; `None` when the card has no such object.
    fn get(
        &mut self,
        id: u32,
        ask: impl FnOnce(&mut Self, &Command) -> Result<Vec<u8>, Failure>,
    ) -> Result<Option<Vec<u8>>, Got> {
        let act = Act::Read(id);
        let Some(place) = Place::of(id) else {
            return Ok(None);
        };
        if let Some(instance) = place.instance
            && !self.reach(act, instance).map_err(Got::Failed)?
        {
            return Ok(None);
        }
        match ask(self, &command::get(place.tag)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Failure::Refused {
                status: Status::NOT_FOUND | Status::NO_REFERENCE,
                ..
            }) => Ok(None),
            Err(Failure::Refused {
                status: Status::UNAUTHENTICATED,
                ..
            }) => Err(Got::Hidden),
            Err(source) => Err(Got::Failed(Error::Exchange { act, source })),
        }
    }
}

/// Why nothing was got.
enum Got {
    /// The user's PIN has to be given first.
    Hidden,
    Failed(Error),
}

impl Shelf for OpenPgp<'_> {
    fn manifest(&self) -> Container {
        self.container(self.shown)
    }

    fn next_manifest(&self) -> Container {
        self.container(self.next)
    }

    fn containers(&self) -> &[Container] {
        &self.containers
    }

    fn peek(&mut self, id: u32) -> Result<Held, Error> {
        match self.get(id, |card, command| card.channel.peek(command)) {
            Ok(Some(bytes)) => Ok(Held::of(&bytes)),
            Ok(None) => Ok(Held::Nothing),
            Err(Got::Hidden) => Ok(Held::Hidden),
            Err(Got::Failed(error)) => Err(error),
        }
    }

    fn read(&mut self, id: u32) -> Result<Option<Vec<u8>>, Error> {
        match self.found.take() {
            Some((found, value)) if found == id => return Ok(Some(value)),
            Some(_) | None => {}
        }
        match self.get(id, |card, command| card.channel.send(command)) {
            Ok(bytes) => Ok(bytes.filter(|bytes| !bytes.is_empty())),
            Err(Got::Hidden) => {
                let tries = self.tries()?;
                Err(Error::PinNeeded { tries })
            }
            Err(Got::Failed(error)) => Err(error),
        }
    }

    fn write(&mut self, id: u32, value: &[u8]) -> Result<(), Error> {
        self.found = None;
        let act = Act::Write(id);
        let Some(place) = Place::of(id) else {
            return Err(Error::OutOfRange { object: id });
        };
        if let Some(instance) = place.instance
            && !self.reach(act, instance)?
        {
            return Err(Error::OutOfRange { object: id });
        }
        match self.channel.send(&command::put(place.tag, value)) {
            Ok(_nothing) => Ok(()),
            Err(Failure::Refused {
                status: Status::UNAUTHENTICATED,
                ..
            }) if matches!(id, USERS | BEHIND_PIN) => {
                let tries = self.tries()?;
                Err(Error::PinNeeded { tries })
            }
            Err(source) => Err(Error::Exchange { act, source }),
        }
    }

    /// A manifest in 0102 hides one in the certificate: the one APDU takes it away.
    fn publish(&mut self, shown: Option<&Shown>) -> Result<(), Error> {
        if shown.is_none() || self.shown == self.next {
            return Ok(());
        }
        if self.shown == MANIFEST {
            self.write(MANIFEST, &[])?;
        }
        self.shown = self.next;
        Ok(())
    }

    fn tries(&mut self) -> Result<Option<u8>, Error> {
        self.user_tries()
    }
}
