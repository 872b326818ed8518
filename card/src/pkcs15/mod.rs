//! The PKCS#15 profile: file-system cards (ISO/IEC 7816-4, 7816-9 and 7816-15), and SIMs, where
//! OMA DM looks for its bootstrap ([`crate::modem`]).
//!
//! Each group is a data object that any PKCS#15 program lists by the group's name. What we write
//! lies beside what others wrote, and is switched from one issue to the next by one command
//! ([`layout`]). Such cards have no key that signs without a PIN: they are known again by their
//! serial number, which a copy has too.

mod contents;
mod file;
mod layout;
pub mod object;
mod pin;
mod preparing;
mod publishing;

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::Manifest;
use cardwarden_policy::manifest::{CardIdentity, GroupEntry};
use cardwarden_policy::statement::{Endorsement, Proof};
use coset::CborSerializable as _;

use self::file::{Files, MF, Name, Structure, short_id};
use self::layout::{DIR, ICCID, TOKEN};
use self::object::{AID, PinObject};
pub use self::preparing::initialise;
use crate::apdu::Channel;
use crate::authority::{Authority, Pin};
use crate::profile::{Act, Application, Error, NotSelected, Placement, Profile, Wanted};
use crate::room::{self, Room};
use crate::shelf::{self, Container, Shelf as _};

/// What the profile is called, also in manifests.
const NAME: &str = "pkcs15";
/// Most bytes of EF(TokenInfo) that are looked at.
const MOST_TOKEN: usize = 1024;
/// Bytes of an ICCID (ITU-T E.118; TS 102 221, 13.2).
const ICCID_LENGTH: usize = 10;

/// What of ours a card shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Published {
    /// The file in which the manifest begins.
    manifest: u16,
    /// Bytes of that which mean something.
    length: usize,
}

/// What the directories of a card say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Known {
    /// What is ours.
    shown: Option<Published>,
    /// The directory file of ours that EF(ODF) names, which may be empty.
    directory: Option<u16>,
    /// Whether somebody put an OMA DM bootstrap there.
    has_bootstrap: bool,
}

/// A conversation with a PKCS#15 card.
#[derive(Debug)]
pub struct Pkcs15<'t> {
    files: Files<'t>,
    /// How the application is selected.
    application: Name,
    containers: Vec<Container>,
    /// What the directories say, once they were read.
    known: Option<Known>,
    has_no_short_ids: bool,
    is_surveyed: bool,
    has_given_pin: bool,
    /// Files that were looked for and are not there.
    absent: BTreeSet<u16>,
    /// Lengths of the values that were written.
    lengths: BTreeMap<u16, usize>,
    /// Names of the groups that are written.
    labels: Vec<String>,
    /// The card's PINs, once they were looked up.
    pins: Option<Vec<PinObject>>,
}

impl<'t> Pkcs15<'t> {
    /// Selects the application.
    pub fn select(channel: Channel<'t>) -> Result<Self, Error> {
        Self::begin(channel).map_err(|reason| match reason {
            NotSelected::Absent(_channel) => Error::NoApplication,
            NotSelected::Failed(error) => error,
        })
    }

    fn new(files: Files<'t>, application: Name) -> Self {
        Self {
            files,
            application,
            containers: layout::unseen(),
            known: None,
            has_no_short_ids: false,
            is_surveyed: false,
            has_given_pin: false,
            absent: BTreeSet::new(),
            lengths: BTreeMap::new(),
            labels: Vec::new(),
            pins: None,
        }
    }

    /// Makes the application's directory the current one again.
    fn select_application(&mut self) -> Result<(), Error> {
        let is_there = self.files.select(Act::Select, &self.application.clone())?;
        is_there.then_some(()).ok_or(Error::NoApplication)
    }

    /// The serial number in EF(TokenInfo).
    fn token_serial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Serial;
        let enough = |bytes: &[u8]| object::read_token(bytes).is_some();
        let serial = |bytes: Option<Vec<u8>>| {
            let token = object::read_token(&bytes.unwrap_or_default())?;
            Some(token.serial)
        };
        if !self.has_no_short_ids {
            let short = Some(short_id(TOKEN));
            let read = self.files.read(act, short, MOST_TOKEN, enough)?;
            if let Some(serial) = serial(read) {
                return Ok(Some(serial));
            }
        }
        if !self.files.select(act, &Name::Fid(TOKEN))? {
            return Ok(None);
        }
        let read = self.files.read(act, None, MOST_TOKEN, enough)?;
        Ok(serial(read))
    }

    /// The number of a UICC.
    fn iccid(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Serial;
        let is_there =
            self.files.select(act, &Name::Fid(MF))? && self.files.select(act, &Name::Fid(ICCID))?;
        let iccid = if is_there {
            self.files.read(act, None, ICCID_LENGTH, |_| false)?
        } else {
            None
        };
        self.select_application()?;
        Ok(iccid.filter(|iccid| iccid.len() == ICCID_LENGTH && !object::is_blank(iccid)))
    }

    fn serial(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self.token_serial()? {
            Some(serial) => Ok(Some(serial)),
            None => self.iccid(),
        }
    }

    /// What the card shows, as far as that is known.
    fn shown(&self) -> Option<Published> {
        self.known.and_then(|known| known.shown)
    }

    fn know(&mut self) -> Result<Known, Error> {
        if let Some(known) = self.known {
            return Ok(known);
        }
        let known = self.discover()?;
        self.known = Some(known);
        Ok(known)
    }
}

/// How a card's PKCS#15 application is selected; `None` where it has none.
fn find(files: &mut Files<'_>) -> Result<Option<Name>, Error> {
    let act = Act::Select;
    let by_name = Name::Application(AID);
    if files.select(act, &by_name)? {
        return Ok(Some(by_name));
    }
    if !files.select(act, &Name::Fid(MF))? {
        return Ok(None);
    }
    let applications = match files.examine(act, &Name::Fid(DIR))? {
        Some(Structure::Transparent(size)) => {
            let bytes = files.read(act, None, size.max(1), |_| false)?;
            object::read_applications(&bytes.unwrap_or_default())
        }
        Some(Structure::Records) => files
            .records(act)?
            .iter()
            .flat_map(|record| object::read_applications(record))
            .collect(),
        Some(Structure::Other) | None => Vec::new(),
    };
    let path = applications
        .into_iter()
        .find(|application| application.aid.starts_with(AID))
        .and_then(|application| application.path);
    let Some(path) = path else {
        return Ok(None);
    };
    let by_path = Name::of_path(&path.file);
    Ok(files.select(act, &by_path)?.then_some(by_path))
}

impl<'t> Application<'t> for Pkcs15<'t> {
    /// A SIM is reached through [`crate::modem::Sim`], which has a channel of its own.
    const SHARES: bool = false;

    fn begin(mut channel: Channel<'t>) -> Result<Self, NotSelected<'t>> {
        channel.speak_to("card's PKCS#15 application");
        let mut files = Files { channel };
        match find(&mut files) {
            Ok(Some(application)) => Ok(Self::new(files, application)),
            Ok(None) => Err(NotSelected::Absent(files.channel)),
            // Cards without files say so in many ways.
            Err(Error::Exchange { source, .. }) if source.status().is_some() => {
                Err(NotSelected::Absent(files.channel))
            }
            Err(error) => Err(NotSelected::Failed(error)),
        }
    }

    fn holds(&mut self) -> Result<bool, Error> {
        Ok(self.know()?.shown.is_some())
    }

    fn into_channel(self) -> Channel<'t> {
        self.files.channel
    }
}

impl Profile for Pkcs15<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn exchanges(&self) -> u32 {
        self.files.channel.exchanges()
    }

    fn read_manifest(&mut self) -> Result<Vec<u8>, Error> {
        let known = self.know()?;
        if known.shown.is_none() && known.has_bootstrap {
            return Err(Error::Bootstrap);
        }
        shelf::read_manifest(self)
    }

    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error> {
        shelf::read_group(self, entry)
    }

    fn identity(&mut self) -> Result<Option<CardIdentity>, Error> {
        let serial = self.serial()?;
        Ok(serial.map(|serial| CardIdentity::Serial {
            profile: NAME.to_owned(),
            serial,
        }))
    }

    fn prove(
        &mut self,
        identity: &CardIdentity,
        _endorsement: &Endorsement,
    ) -> Result<Proof, Error> {
        match identity {
            CardIdentity::Key(_point) => Err(Error::NoIdentity {
                what: "key of its own",
            }),
            CardIdentity::Serial { .. } => {
                let serial = self.serial()?;
                serial.map(Proof::Serial).ok_or(Error::NoIdentity {
                    what: "serial number",
                })
            }
        }
    }

    fn pin_tries(&mut self) -> Result<Option<u8>, Error> {
        self.ask_tries()
    }

    fn verify_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        self.give_pin(pin)
    }

    fn authenticate(&mut self, authority: &Authority) -> Result<(), Error> {
        match authority {
            Authority::None => Ok(()),
            Authority::AdminPin(pin) => self.give_officers_pin(pin),
            Authority::ManagementKey(_) => Err(Error::OtherAuthority {
                profile: NAME,
                needed: "the security officer's PIN, or nothing",
                given: authority.name(),
            }),
        }
    }

    fn ensure_identity(&mut self) -> Result<CardIdentity, Error> {
        if let Some(identity) = self.identity()? {
            return Ok(identity);
        }
        self.prepare()?;
        self.identity()?.ok_or(Error::NoIdentity {
            what: "serial number",
        })
    }

    fn place(&mut self, wanted: &[Wanted]) -> Result<Placement, Error> {
        self.know()?;
        self.survey()?;
        shelf::place(self, wanted)
    }

    fn write(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error> {
        self.know()?;
        self.survey()?;
        self.prepare()?;
        self.labels = labels(manifest);
        shelf::write(self, placement, manifest, groups)
    }

    fn erase(&mut self) -> Result<(), Error> {
        self.know()?;
        self.survey()?;
        shelf::erase(self)
    }

    fn room(&mut self) -> Result<Vec<Room>, Error> {
        self.know()?;
        self.survey()?;
        let mut room = room::survey(self)?;
        if self.shown().is_none()
            && let Some(first) = room.first_mut()
        {
            let next = self.next_manifest();
            first.id = next.id;
            first.capacity = next.room();
        }
        Ok(room)
    }
}

/// The groups' names, for the labels of their objects. Nothing depends on them, so that they come
/// from a manifest that was not verified.
fn labels(manifest: &[u8]) -> Vec<String> {
    let read = || -> Option<Manifest> {
        let signed = coset::CoseSign1::from_slice(manifest).ok()?;
        ciborium::from_reader(signed.payload?.as_slice()).ok()
    };
    let groups = read().map(|manifest| manifest.groups);
    groups
        .into_iter()
        .flatten()
        .map(|group| group.name)
        .collect()
}
