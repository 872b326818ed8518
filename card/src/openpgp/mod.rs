//! The `OpenPGP` profile (application 3.x, "Functional Specification of the `OpenPGP` application on
//! ISO Smart Card Operating Systems"): Nitrokeys, `YubiKey`s, Gnuk, and cards by several makers.
//!
//! Reading needs no PIN: SELECT, the manifest, one group. Writing needs the administrator's PIN
//! (PW3). Keys of such a card sign only after the user's PIN, so it can prove nothing by itself: it
//! is known by the serial number in its name, which a copy can have too.

mod access;
mod command;
mod kdf;
mod limits;
mod objects;

use cardwarden_policy::manifest::{CardIdentity, GroupEntry};
use cardwarden_policy::statement::{Endorsement, Proof};

use self::command::{Naming, tag};
use self::limits::Limits;
use crate::apdu::{Channel, Command, Failure};
use crate::authority::{Authority, Pin};
use crate::profile::{Act, Application, Error, NotSelected, Placement, Profile, Wanted};
use crate::room::{self, Room};
use crate::shelf::{self, Container};

/// What the profile is called, also in identities.
const NAME: &str = "openpgp";
/// Where maker and serial number are in the application identifier (4.2.1).
const SERIAL: std::ops::Range<usize> = 8..14;
/// How many of those bytes are the maker.
const MAKER: usize = 2;

/// A conversation with an `OpenPGP` card.
#[derive(Debug)]
pub struct OpenPgp<'t> {
    channel: Channel<'t>,
    /// What the card can; asked for when it is opened by a PIN or written.
    limits: Option<Limits>,
    /// Whether what follows is known as well as writing needs it.
    is_prepared: bool,
    /// How the card is told which certificate is meant; `None` when it has one only.
    naming: Option<Naming>,
    /// Where the manifest begins that the card shows.
    shown: u32,
    /// Where the next manifest will begin.
    next: u32,
    containers: Vec<Container>,
    /// Whether the user's PIN was given.
    is_user: bool,
    /// A value that was read ahead, and of what.
    found: Option<(u32, Vec<u8>)>,
}

impl<'t> OpenPgp<'t> {
    /// Selects the application.
    pub fn select(channel: Channel<'t>) -> Result<Self, Error> {
        Self::begin(channel).map_err(|reason| match reason {
            NotSelected::Absent(_channel) => Error::NoApplication,
            NotSelected::Failed(error) => error,
        })
    }

    fn send(&mut self, act: Act, command: &Command) -> Result<Vec<u8>, Error> {
        self.channel
            .send(command)
            .map_err(|source| Error::Exchange { act, source })
    }

    /// Maker and serial number; `None` on a card that was given no number.
    fn serial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let aid = self.send(Act::Serial, &command::get(tag::AID))?;
        let serial = aid.get(SERIAL).unwrap_or_default();
        let number = serial.get(MAKER..).unwrap_or_default();
        let is_blank = number.iter().all(|byte| *byte == 0);
        Ok((!is_blank).then(|| serial.to_vec()))
    }
}

impl<'t> Application<'t> for OpenPgp<'t> {
    const SHARES: bool = false;

    fn begin(mut channel: Channel<'t>) -> Result<Self, NotSelected<'t>> {
        channel.speak_to("card's OpenPGP application");
        match channel.send(&command::select()) {
            Ok(_properties) => Ok(Self {
                channel,
                limits: None,
                is_prepared: false,
                naming: Some(Naming::Standard),
                shown: objects::MANIFEST,
                next: objects::MANIFEST,
                containers: objects::containers(None, true, true),
                is_user: false,
                found: None,
            }),
            Err(Failure::Refused { .. }) => Err(NotSelected::Absent(channel)),
            Err(source) => {
                let act = Act::Select;
                Err(NotSelected::Failed(Error::Exchange { act, source }))
            }
        }
    }

    fn holds(&mut self) -> Result<bool, Error> {
        self.find()
    }

    fn into_channel(self) -> Channel<'t> {
        self.channel
    }
}

impl Profile for OpenPgp<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn exchanges(&self) -> u32 {
        self.channel.exchanges()
    }

    fn read_manifest(&mut self) -> Result<Vec<u8>, Error> {
        if self.find()? {
            shelf::read_manifest(self)
        } else {
            Err(Error::NoManifest)
        }
    }

    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error> {
        shelf::read_group(self, entry)
    }

    fn identity(&mut self) -> Result<Option<CardIdentity>, Error> {
        Ok(self.serial()?.map(|serial| CardIdentity::Serial {
            profile: NAME.to_owned(),
            serial,
        }))
    }

    fn prove(
        &mut self,
        identity: &CardIdentity,
        _endorsement: &Endorsement,
    ) -> Result<Proof, Error> {
        let what = match identity {
            CardIdentity::Serial { .. } => "serial number",
            CardIdentity::Key(_point) => "key that signs without a PIN",
        };
        let serial = match identity {
            CardIdentity::Serial { .. } => self.serial()?,
            CardIdentity::Key(_point) => None,
        };
        serial.map(Proof::Serial).ok_or(Error::NoIdentity { what })
    }

    fn pin_tries(&mut self) -> Result<Option<u8>, Error> {
        self.user_tries()
    }

    fn verify_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        self.give_user_pin(pin)
    }

    fn authenticate(&mut self, authority: &Authority) -> Result<(), Error> {
        match authority {
            Authority::AdminPin(pin) => self.open_for_writing(pin),
            Authority::ManagementKey(_) | Authority::None => Err(Error::OtherAuthority {
                profile: NAME,
                needed: "an administrator's PIN",
                given: authority.name(),
            }),
        }
    }

    fn ensure_identity(&mut self) -> Result<CardIdentity, Error> {
        let what = "serial number";
        self.identity()?.ok_or(Error::NoIdentity { what })
    }

    fn place(&mut self, wanted: &[Wanted]) -> Result<Placement, Error> {
        self.prepare()?;
        shelf::place(self, wanted)
    }

    fn write(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error> {
        self.prepare()?;
        shelf::write(self, placement, manifest, groups)
    }

    fn erase(&mut self) -> Result<(), Error> {
        self.prepare()?;
        shelf::erase(self)
    }

    fn room(&mut self) -> Result<Vec<Room>, Error> {
        self.prepare()?;
        room::survey(self)
    }
}
