//! Opening a PIV card: with the management key (slot 9B) for writing, with the PIN for reading.

use super::command::{self, MANAGEMENT_KEY, tag};
use super::{Piv, tells_of_no_key};
use crate::apdu::{Failure, Status};
use crate::authority::Pin;
use crate::management::{Algorithm, ManagementKey};
use crate::profile::{Act, Error};
use crate::tlv;

/// Characters of a PIN (SP 800-73-4 part 2, 2.4.3).
const PIN: std::ops::RangeInclusive<usize> = 6..=8;

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
    pub(super) fn describe(&mut self, key: u8) -> Result<Vec<u8>, Error> {
        match self.channel.send(&command::describe(key)) {
            Ok(description) => Ok(description),
            Err(Failure::Refused { .. }) => Ok(Vec::new()),
            Err(source) => Err(Error::Exchange {
                act: Act::Describe,
                source,
            }),
        }
    }

    /// Gives the PIN, once.
    pub(super) fn give_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        let (least, most) = (*PIN.start(), *PIN.end());
        if !PIN.contains(&pin.as_bytes().len()) {
            return Err(Error::PinLength { least, most });
        }
        let act = Act::Verify;
        match self.channel.send(&command::verify(pin)) {
            Ok(_nothing) => Ok(()),
            Err(Failure::Refused {
                status: Status::BLOCKED,
                ..
            }) => Err(Error::PinBlocked),
            Err(Failure::Refused { status, .. }) if status.is_failed_verification() => {
                match status.tries() {
                    Some(0) => Err(Error::PinBlocked),
                    tries => Err(Error::WrongPin { tries }),
                }
            }
            Err(source) => Err(Error::Exchange { act, source }),
        }
    }
}
