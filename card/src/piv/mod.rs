//! The PIV profile (NIST SP 800-73-4): what Nitrokey, `YubiKey` and most tokens speak.
//!
//! Reading needs no PIN: SELECT, the manifest, one group, and a signature of the card's key (slot
//! 9E). Writing needs the management key (slot 9B).

mod administration;
mod command;
mod object;

use cardwarden_policy::manifest::{GroupEntry, MAX_GROUP, MAX_MANIFEST};
use cardwarden_policy::statement::Endorsement;
use sha2::{Digest as _, Sha256};

use self::command::tag;
use self::object::{Header, Held, Kind, MANIFEST};
use crate::apdu::{Channel, Command, Failure, Status};
use crate::management::ManagementKey;
use crate::profile::{Act, Error, Placement, Profile};
use crate::tlv;

/// A conversation with a PIV card.
#[derive(Debug)]
pub struct Piv<'t> {
    channel: Channel<'t>,
}

impl<'t> Piv<'t> {
    /// Selects the application.
    pub fn select(mut channel: Channel<'t>) -> Result<Self, Error> {
        match channel.send(&command::select()) {
            Ok(_properties) => Ok(Self { channel }),
            Err(Failure::Refused { .. }) => Err(Error::NoApplication),
            Err(source) => Err(Error::Exchange {
                act: Act::Select,
                source,
            }),
        }
    }

    fn send(&mut self, act: Act, command: &Command) -> Result<Vec<u8>, Error> {
        self.channel
            .send(command)
            .map_err(|source| Error::Exchange { act, source })
    }

    /// The content of a data object; `None` when there is no such object, or an empty one.
    fn content(&mut self, object: u32) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Read(object);
        let bytes = match self.channel.send(&command::get(object)) {
            Ok(bytes) => bytes,
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => return Ok(None),
            Err(source) => return Err(Error::Exchange { act, source }),
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let content =
            tlv::find(&bytes, tag::CONTENT).map_err(|source| Error::Unreadable { act, source })?;
        Ok((!content.is_empty()).then(|| content.to_vec()))
    }

    /// What an object is, by its first bytes.
    fn held(&mut self, object: u32) -> Result<Held, Error> {
        let bytes = match self.channel.peek(&command::get(object)) {
            Ok(bytes) => bytes,
            Err(failure) if failure.status() == Some(Status::NOT_FOUND) => {
                return Ok(Held::Nothing);
            }
            Err(source) => {
                return Err(Error::Exchange {
                    act: Act::Read(object),
                    source,
                });
            }
        };
        let begin = match tlv::begin(&bytes, tag::CONTENT) {
            Ok(begin) if !begin.is_empty() => begin,
            Ok(_empty) => return Ok(Held::Nothing),
            Err(_malformed) if bytes.is_empty() => return Ok(Held::Nothing),
            Err(_malformed) => return Ok(Held::Foreign),
        };
        Ok(Header::read(begin).map_or(Held::Foreign, |(header, _content)| Held::Ours(header)))
    }

    /// A part of ours; everything else is not what belongs there.
    fn part(&mut self, object: u32) -> Result<(Header, Vec<u8>), Error> {
        let value = self.content(object)?.ok_or(Error::Torn { object })?;
        Header::read(&value)
            .map(|(header, content)| (header, content.to_vec()))
            .ok_or(Error::Torn { object })
    }

    /// Signs the SHA-256 of some bytes; `None` when the slot has no P-256 key.
    fn sign(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Sign;
        let answer = match self
            .channel
            .send(&command::sign(&Sha256::digest(bytes).into()))
        {
            Ok(answer) => answer,
            Err(failure) if failure.status().is_some_and(tells_of_no_key) => return Ok(None),
            Err(source) => return Err(Error::Exchange { act, source }),
        };
        let signature = tlv::find(&answer, tag::TEMPLATE)
            .and_then(|template| tlv::find(template, tag::RESPONSE))
            .map_err(|source| Error::Unreadable { act, source })?;
        Ok(Some(signature.to_vec()))
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
        let first = self.content(MANIFEST)?.ok_or(Error::NoManifest)?;
        let (first, content) = Header::read(&first).ok_or(Error::NoManifest)?;
        if first.kind != Kind::Manifest || first.part != 0 {
            return Err(Error::Torn { object: MANIFEST });
        }
        let (mut manifest, mut next, mut part) = (content.to_vec(), first.next, 0_u8);
        while let Some(object) = next {
            part = part.saturating_add(1);
            let (header, content) = self.part(object)?;
            if header
                != (Header {
                    part,
                    next: header.next,
                    ..first
                })
            {
                return Err(Error::Torn { object });
            }
            manifest.extend(content);
            // Also ends a chain that bites its own tail.
            if manifest.len() > MAX_MANIFEST {
                return Err(Error::TooLong {
                    what: "manifest",
                    most: MAX_MANIFEST,
                });
            }
            next = header.next;
        }
        Ok(manifest)
    }

    fn read_group(&mut self, entry: &GroupEntry) -> Result<Vec<u8>, Error> {
        let too_long = Error::TooLong {
            what: "group",
            most: MAX_GROUP,
        };
        let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
        if length > MAX_GROUP || entry.containers.len() > object::parts(length) {
            return Err(too_long);
        }
        let mut group = Vec::new();
        for (&object, part) in entry.containers.iter().zip(0_u8..) {
            if !object::is_container(object) {
                return Err(Error::OutOfRange { object });
            }
            let (header, content) = self.part(object)?;
            if header.kind != Kind::Group || header.part != part {
                return Err(Error::Torn { object });
            }
            group.extend(content);
        }
        Ok(group)
    }

    fn endorse(&mut self, endorsement: &Endorsement) -> Result<Vec<u8>, Error> {
        self.sign(&endorsement.to_signed_bytes())?
            .ok_or(Error::NoKey)
    }

    fn card_key(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.recover_card_key()
    }

    fn authenticate(&mut self, key: &ManagementKey) -> Result<(), Error> {
        self.open_for_writing(key)
    }

    fn ensure_card_key(&mut self) -> Result<Vec<u8>, Error> {
        match self.recover_card_key()? {
            Some(key) => Ok(key),
            None => self.generate_card_key(),
        }
    }

    fn place(&mut self, lengths: &[usize]) -> Result<Placement, Error> {
        self.find_room(lengths)
    }

    fn write(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error> {
        self.write_issue(placement, manifest, groups)
    }

    fn erase(&mut self) -> Result<(), Error> {
        self.erase_all()
    }
}
