//! Opening an `OpenPGP` card: with PW3 for writing, with PW1 for what is behind the PIN; and what
//! the card says of itself.

use zeroize::Zeroizing;

use super::OpenPgp;
use super::command::{self, Reference, tag};
use super::kdf;
use super::limits::Limits;
use crate::apdu::{Failure, Status};
use crate::authority::Pin;
use crate::profile::{Act, Error};
use crate::transport::Lengths;

/// Bytes of PW1 (4.3.1).
const USER_PIN: std::ops::RangeInclusive<usize> = 6..=127;
/// Bytes of PW3 (4.3.1).
const ADMIN_PIN: std::ops::RangeInclusive<usize> = 8..=127;
/// Where PW1's counter is in the PW status bytes (4.4.3.9).
const USER_COUNTER: usize = 4;
/// Where PW3's is.
const ADMIN_COUNTER: usize = 6;

impl OpenPgp<'_> {
    /// Gives PW3, once.
    pub(super) fn open_for_writing(&mut self, pin: &Pin) -> Result<(), Error> {
        let act = Act::Authenticate;
        if self.give(act, Reference::Admin, pin, ADMIN_PIN)? {
            return Ok(());
        }
        let tries = self.counter(ADMIN_COUNTER)?;
        Err(Error::WrongAdminPin { tries })
    }

    /// Gives PW1, once.
    pub(super) fn give_user_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        if self.give(Act::Verify, Reference::User, pin, USER_PIN)? {
            self.admit_user();
            return Ok(());
        }
        match self.user_tries()? {
            Some(0) => Err(Error::PinBlocked),
            tries => Err(Error::WrongPin { tries }),
        }
    }

    /// How often PW1 may still be wrong.
    pub(super) fn user_tries(&mut self) -> Result<Option<u8>, Error> {
        self.counter(USER_COUNTER)
    }

    /// What the card can. It is asked once.
    pub(super) fn ask_limits(&mut self) -> Result<Limits, Error> {
        if let Some(limits) = self.limits {
            return Ok(limits);
        }
        let act = Act::Describe;
        let bytes = self.send(act, &command::get(tag::APPLICATION))?;
        let limits = Limits::read(&bytes).map_err(|source| Error::Unreadable { act, source })?;
        if let Lengths::Extended { command, answer } = limits.lengths {
            self.channel.allow_extended(command, answer);
        }
        Ok(*self.limits.insert(limits))
    }

    /// Gives a PIN; whether it is the card's.
    fn give(
        &mut self,
        act: Act,
        reference: Reference,
        pin: &Pin,
        lengths: std::ops::RangeInclusive<usize>,
    ) -> Result<bool, Error> {
        if !lengths.contains(&pin.as_bytes().len()) {
            let (least, most) = (*lengths.start(), *lengths.end());
            return Err(Error::PinLength { least, most });
        }
        let given = self.hashed(act, reference, pin)?;
        match self.channel.send(&command::verify(reference, &given)) {
            Ok(_nothing) => Ok(true),
            // Cards differ in how they say that a PIN is wrong (7.2.2); the counter tells.
            Err(Failure::Refused { status, .. })
                if status.is_failed_verification()
                    || matches!(status, Status::UNAUTHENTICATED | Status::BLOCKED) =>
            {
                Ok(false)
            }
            Err(source) => Err(Error::Exchange { act, source }),
        }
    }

    /// The PIN as the card wants it.
    fn hashed(
        &mut self,
        act: Act,
        reference: Reference,
        pin: &Pin,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !self.ask_limits()?.kdf {
            return Ok(Zeroizing::new(pin.as_bytes().to_vec()));
        }
        let object = match self.channel.send(&command::get(tag::KDF)) {
            Ok(object) => object,
            Err(Failure::Refused {
                status: Status::NOT_FOUND | Status::NO_REFERENCE,
                ..
            }) => Vec::new(),
            Err(source) => return Err(Error::Exchange { act, source }),
        };
        kdf::derive(&object, reference, pin.as_bytes())
            .map_err(|source| Error::Unreadable { act, source })
    }

    /// A counter of the PW status bytes; `None` when the card does not say.
    fn counter(&mut self, at: usize) -> Result<Option<u8>, Error> {
        let status = self.send(Act::Verify, &command::get(tag::PIN_STATUS))?;
        Ok(status.get(at).copied())
    }
}
