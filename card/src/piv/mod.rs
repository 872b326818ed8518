//! The PIV profile (NIST SP 800-73-4): what Nitrokey, `YubiKey` and most tokens speak.
//!
//! Reading needs no PIN: SELECT, the manifest, one group, and a signature of the card's key (slot
//! 9E). Writing needs the management key (slot 9B), and groups behind the PIN the PIN.

mod authority;
mod certificate;
mod command;
mod key;
mod objects;

use cardwarden_policy::manifest::{CardIdentity, GroupEntry};
use cardwarden_policy::statement::{Endorsement, Proof};

use self::objects::{MANIFEST, PORTABLE};
use crate::apdu::{Channel, Failure, Status};
use crate::authority::{Authority, Pin};
use crate::profile::{Act, Application, Error, NotSelected, Placement, Profile, Wanted};
use crate::room::{self, Room};
use crate::shelf::{self, Container, Header, Shelf as _};

/// A conversation with a PIV card.
#[derive(Debug)]
pub struct Piv<'t> {
    channel: Channel<'t>,
    /// Most bytes of one object.
    capacity: usize,
    containers: Vec<Container>,
    /// The begin of the manifest, read when the card was asked whether it holds one.
    found: Option<Vec<u8>>,
}

impl<'t> Piv<'t> {
    /// Selects the application.
    pub fn select(channel: Channel<'t>) -> Result<Self, Error> {
        Self::begin(channel).map_err(|reason| match reason {
            NotSelected::Absent(_channel) => Error::NoApplication,
            NotSelected::Failed(error) => error,
        })
    }
}

impl<'t> Application<'t> for Piv<'t> {
    const SHARES: bool = false;

    fn begin(mut channel: Channel<'t>) -> Result<Self, NotSelected<'t>> {
        channel.speak_to("card's PIV application");
        match channel.send(&command::select()) {
            Ok(_properties) => Ok(Self {
                channel,
                capacity: PORTABLE,
                containers: objects::containers(PORTABLE),
                found: None,
            }),
            Err(Failure::Refused { .. }) => Err(NotSelected::Absent(channel)),
            Err(source) => Err(NotSelected::Failed(Error::Exchange {
                act: Act::Select,
                source,
            })),
        }
    }

    fn holds(&mut self) -> Result<bool, Error> {
        match self.content(MANIFEST) {
            Ok(content) => {
                self.found = content.filter(|value| Header::read(value).is_some());
                Ok(self.found.is_some())
            }
            Err(
                Error::Exchange {
                    source: Failure::Refused { .. },
                    ..
                }
                | Error::Unreadable { .. }
                | Error::PinNeeded { .. },
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn into_channel(self) -> Channel<'t> {
        self.channel
    }
}

/// The ways in which cards say that a slot holds no key of the algorithm.
fn tells_of_no_key(status: Status) -> bool {
    [
        Status::CONDITIONS,
        Status::WRONG_DATA,
        Status::NOT_FOUND,
        Status::WRONG_PARAMETERS,
        Status::NO_REFERENCE,
    ]
    .contains(&status)
}

impl Profile for Piv<'_> {
    fn name(&self) -> &'static str {
        "piv"
    }

    fn exchanges(&self) -> u32 {
        self.channel.exchanges()
    }

    fn read_manifest(&mut self) -> Result<Vec<u8>, Error> {
        shelf::read_manifest(self)
    }

    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error> {
        shelf::read_group(self, entry)
    }

    fn identity(&mut self) -> Result<Option<CardIdentity>, Error> {
        self.recover_card_key()
    }

    fn prove(
        &mut self,
        identity: &CardIdentity,
        endorsement: &Endorsement,
    ) -> Result<Proof, Error> {
        match identity {
            CardIdentity::Key(_point) => self
                .sign(&endorsement.to_signed_bytes())?
                .map(Proof::Signature)
                .ok_or(Error::NoKey),
            CardIdentity::Serial { .. } => Err(Error::NoIdentity {
                what: "serial number of a PIV card",
            }),
        }
    }

    fn pin_tries(&mut self) -> Result<Option<u8>, Error> {
        self.tries()
    }

    fn verify_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        self.give_pin(pin)
    }

    fn authenticate(&mut self, authority: &Authority) -> Result<(), Error> {
        match authority {
            Authority::ManagementKey(key) => self.open_for_writing(key),
            Authority::AdminPin(_) | Authority::None => Err(Error::OtherAuthority {
                profile: self.name(),
                needed: "a management key",
                given: authority.name(),
            }),
        }
    }

    fn ensure_identity(&mut self) -> Result<CardIdentity, Error> {
        match self.recover_card_key()? {
            Some(key) => Ok(key),
            None => self.generate_card_key(),
        }
    }

    fn place(&mut self, wanted: &[Wanted]) -> Result<Placement, Error> {
        self.learn_capacity()?;
        shelf::place(self, wanted)
    }

    fn write(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error> {
        shelf::write(self, placement, manifest, groups)
    }

    fn erase(&mut self) -> Result<(), Error> {
        shelf::erase(self)
    }

    fn room(&mut self) -> Result<Vec<Room>, Error> {
        self.learn_capacity()?;
        room::survey(self)
    }

    fn write_certificate(&mut self, certificate: &[u8]) -> Result<bool, Error> {
        self.put_certificate(certificate)
    }
}
