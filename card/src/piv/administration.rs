//! Writing to a PIV card: opening it, its own key, finding room, and the order of writes that
//! keeps it whole at every moment.

use p256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::command::{self, CARD_KEY, MANAGEMENT_KEY, tag};
use super::object::{self, CARD_CERTIFICATE, FIRST, Held, Kind, MANIFEST};
use super::{Piv, tells_of_no_key};
use crate::apdu::Failure;
use crate::management::{Algorithm, ManagementKey};
use crate::profile::{Act, Error, Placement};
use crate::tlv;

/// What the card signs so that its public key becomes known. Begins unlike an endorsement.
const KEY_PROBES: [&[u8]; 2] = [b"cardwarden card key 1\0a", b"cardwarden card key 1\0b"];
/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;
/// Most bytes of a manifest without its groups: names, keys, headers and signature.
const MANIFEST_BASE: usize = 400;
/// Most bytes of a usual group's entry in the manifest.
const MANIFEST_ENTRY: usize = 250;

impl Piv<'_> {
    /// Answers the card's challenge with the management key.
    pub(super) fn open_for_writing(&mut self, key: &ManagementKey) -> Result<(), Error> {
        let act = Act::Authenticate;
        for algorithm in self.management_algorithms(key)? {
            let answer = match self.channel.send(&command::challenge(algorithm)) {
                Ok(answer) => answer,
                Err(failure) if failure.status().is_some_and(tells_of_no_key) => continue,
                Err(source) => return Err(Error::Exchange { act, source }),
            };
            let challenge = tlv::find(&answer, tag::TEMPLATE)
                .and_then(|template| tlv::find(template, tag::CHALLENGE))
                .map_err(|source| Error::Unreadable { act, source })?;
            let response = key
                .encrypt(algorithm, challenge)
                .ok_or(Error::ManagementKeyLength {
                    needed: algorithm.key_length(),
                    length: key.length(),
                })?;
            return match self.channel.send(&command::respond(algorithm, &response)) {
                Ok(_nothing) => Ok(()),
                Err(Failure::Refused { .. }) => Err(Error::WrongManagementKey),
                Err(source) => Err(Error::Exchange { act, source }),
            };
        }
        Err(Error::WrongManagementKey)
    }

    /// The algorithm that the card names, or what a key of this length can be.
    fn management_algorithms(&mut self, key: &ManagementKey) -> Result<Vec<Algorithm>, Error> {
        let description = self.describe(MANAGEMENT_KEY)?;
        let Ok(&[number]) = tlv::find(&description, tag::ALGORITHM) else {
            return Ok(key.candidates());
        };
        let algorithm = Algorithm::from_number(number)
            .ok_or(Error::ManagementAlgorithm { algorithm: number })?;
        if algorithm.key_length() != key.length() {
            return Err(Error::ManagementKeyLength {
                needed: algorithm.key_length(),
                length: key.length(),
            });
        }
        Ok(vec![algorithm])
    }

    /// What the card tells of a key; nothing when it does not know the command.
    fn describe(&mut self, key: u8) -> Result<Vec<u8>, Error> {
        match self.channel.send(&command::describe(key)) {
            Ok(description) => Ok(description),
            Err(Failure::Refused { .. }) => Ok(Vec::new()),
            Err(source) => Err(Error::Exchange {
                act: Act::Describe,
                source,
            }),
        }
    }

    /// The public part of the card's key. PIV has no command that reads one, and a certificate
    /// need not be there; but a signature leaves few keys possible, and two leave one.
    pub(super) fn recover_card_key(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let [first, second] = KEY_PROBES;
        let Some(one) = self.sign(first)? else {
            // A key of another algorithm answers alike; it is not ours to replace.
            let used = !self.describe(CARD_KEY)?.is_empty()
                || self.held(CARD_CERTIFICATE)? != Held::Nothing;
            return if used { Err(Error::OtherKey) } else { Ok(None) };
        };
        let other = self.sign(second)?.ok_or(Error::OtherKey)?;
        let possible = signers(second, &other);
        let key = signers(first, &one)
            .into_iter()
            .find(|key| possible.contains(key));
        key.map(|key| Some(key.to_sec1_point(false).as_bytes().to_vec()))
            .ok_or(Error::OtherKey)
    }

    /// Makes a key in the slot, which is known to be empty.
    pub(super) fn generate_card_key(&mut self) -> Result<Vec<u8>, Error> {
        let act = Act::Generate;
        let answer = self.send(act, &command::generate())?;
        let point = tlv::find(&answer, tag::PUBLIC_KEY)
            .and_then(|key| tlv::find(key, tag::POINT))
            .map_err(|source| Error::Unreadable { act, source })?;
        if point.len() == POINT {
            Ok(point.to_vec())
        } else {
            Err(Error::OtherKey)
        }
    }

    /// What all our containers hold, from the manifest downwards.
    fn survey(&mut self) -> Result<Vec<(u32, Held)>, Error> {
        (FIRST..=MANIFEST)
            .rev()
            .map(|object| Ok((object, self.held(object)?)))
            .collect()
    }

    /// See [`crate::profile::Profile::place`].
    pub(super) fn find_room(&mut self, lengths: &[usize]) -> Result<Placement, Error> {
        let survey = self.survey()?;
        let current = match survey.first() {
            Some((object, Held::Foreign)) => return Err(Error::Foreign { object: *object }),
            Some((_, Held::Ours(header))) => Some(header.issue),
            Some((_, Held::Nothing)) | None => None,
        };
        let containers = survey.iter().skip(1);
        let mut issue = 0;
        let (mut free, mut used) = (Vec::new(), Vec::new());
        for (object, held) in containers {
            match held {
                Held::Nothing => free.push(*object),
                Held::Foreign => {}
                Held::Ours(header) => {
                    issue = issue.max(header.issue);
                    let is_read = Some(header.issue) == current;
                    if is_read {
                        used.push(*object);
                    } else {
                        free.push(*object);
                    }
                }
            }
        }
        let issue = issue.max(current.unwrap_or(0)).saturating_add(1);
        let content: usize = lengths.iter().map(|length| object::parts(*length)).sum();
        let manifest = MANIFEST_BASE.saturating_add(lengths.len().saturating_mul(MANIFEST_ENTRY));
        let wanted = content
            .saturating_add(object::parts(manifest))
            .saturating_sub(1);
        let replaces = free.len() < wanted;
        if replaces {
            free.append(&mut used);
            free.sort_unstable_by(|a, b| b.cmp(a));
        }
        // The manifest's true length is known once it is signed; writing looks again.
        if free.len() < content {
            return Err(Error::Full {
                needed: content,
                free: free.len(),
            });
        }
        let mut room = free.into_iter();
        let groups = lengths
            .iter()
            .map(|length| room.by_ref().take(object::parts(*length)).collect())
            .collect();
        Ok(Placement {
            groups,
            spare: room.collect(),
            replaces,
            issue,
        })
    }

    /// See [`crate::profile::Profile::write`].
    pub(super) fn write_issue(
        &mut self,
        placement: &Placement,
        manifest: &[u8],
        groups: &[Vec<u8>],
    ) -> Result<(), Error> {
        let fits = groups.len() == placement.groups.len()
            && groups
                .iter()
                .zip(&placement.groups)
                .all(|(group, tags)| object::parts(group.len()) == tags.len());
        if !fits {
            let (given, placed) = (groups.len(), placement.groups.len());
            return Err(Error::OtherGroups { given, placed });
        }
        let more = object::parts(manifest.len()).saturating_sub(1);
        let rest = placement.spare.get(..more).ok_or(Error::Full {
            needed: more,
            free: placement.spare.len(),
        })?;
        if placement.replaces {
            self.put(MANIFEST, &[])?;
        }
        for (group, tags) in groups.iter().zip(&placement.groups) {
            for (tag, value) in object::split(Kind::Group, placement.issue, group, tags) {
                self.put(tag, &value)?;
            }
        }
        // The first part comes last: with it, and not before, everything changes.
        let tags: Vec<u32> = [MANIFEST].into_iter().chain(rest.iter().copied()).collect();
        let parts = object::split(Kind::Manifest, placement.issue, manifest, &tags);
        for (tag, value) in parts.iter().rev() {
            self.put(*tag, value)?;
        }
        self.clear(|header_issue| header_issue != placement.issue)
    }

    /// See [`crate::profile::Profile::erase`].
    pub(super) fn erase_all(&mut self) -> Result<(), Error> {
        self.clear(|_every_issue| true)
    }

    /// Empties our objects of certain issues, the manifest first.
    fn clear(&mut self, concerns: impl Fn(u32) -> bool) -> Result<(), Error> {
        for (object, held) in self.survey()? {
            match held {
                Held::Ours(header) if concerns(header.issue) => self.put(object, &[])?,
                Held::Ours(_) | Held::Nothing | Held::Foreign => {}
            }
        }
        Ok(())
    }

    /// Writes an object, unless it is somebody else's.
    fn put(&mut self, object: u32, value: &[u8]) -> Result<(), Error> {
        if self.held(object)? == Held::Foreign {
            return Err(Error::Foreign { object });
        }
        self.send(Act::Write(object), &command::put(object, value))
            .map(drop)
    }
}

/// The keys that may have made a signature.
fn signers(message: &[u8], signature: &[u8]) -> Vec<VerifyingKey> {
    let Ok(signature) = Signature::from_der(signature) else {
        return Vec::new();
    };
    let digest = Sha256::digest(message);
    (0..=RecoveryId::MAX)
        .filter_map(RecoveryId::from_byte)
        .filter_map(|id| VerifyingKey::recover_from_prehash(&digest, &signature, id).ok())
        .collect()
}
