//! The card's PINs: the user's, behind which groups may lie, and the security officer's, which
//! opens the card for writing.

use zeroize::Zeroizing;

use super::Pkcs15;
use super::layout::ODF;
use super::object::{self, PinObject};
use crate::apdu::{Answer, Command, Header};
use crate::authority::Pin;
use crate::profile::{Act, Error};

/// VERIFY (ISO/IEC 7816-4, 11.5.6).
const VERIFY: u8 = 0x20;
/// What a SIM has, which says nothing of its PINs in PKCS#15: PIN 1 of applications and ADM 1
/// (TS 102 221, table 9.3), both of eight bytes, filled with `FF` (9.5.1).
const PIN_1: PinObject = PinObject {
    reference: 0x01,
    least: 4,
    stored: 8,
    pad: Some(0xFF),
    is_officers: false,
};
/// See [`PIN_1`].
const ADM_1: PinObject = PinObject {
    reference: 0x0A,
    is_officers: true,
    ..PIN_1
};

impl Pkcs15<'_> {
    /// See [`crate::Profile::pin_tries`].
    pub(super) fn ask_tries(&mut self) -> Result<Option<u8>, Error> {
        let pin = self.pin(false)?;
        let header = Header::new(VERIFY, 0, pin.reference);
        let command = Command::new(header, Vec::new(), Answer::Status);
        let (_nothing, status) = self.files.ask(Act::Verify, &command)?;
        Ok(status.tries())
    }

    /// See [`crate::Profile::verify_pin`].
    pub(super) fn give_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        let object = self.pin(false)?;
        self.verify(object, pin, |tries| Error::WrongPin { tries })?;
        self.has_given_pin = true;
        Ok(())
    }

    /// Opens the card for writing.
    pub(super) fn give_officers_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        let object = self.pin(true)?;
        self.verify(object, pin, |tries| Error::WrongAdminPin { tries })
    }

    /// Gives a PIN, once.
    fn verify(
        &mut self,
        object: PinObject,
        pin: &Pin,
        wrong: impl Fn(Option<u8>) -> Error,
    ) -> Result<(), Error> {
        let digits = pin.as_bytes();
        let most = object.stored.max(object.least);
        if digits.len() < object.least || digits.len() > most {
            return Err(Error::PinLength {
                least: object.least,
                most,
            });
        }
        let mut padded = Zeroizing::new(Vec::with_capacity(most));
        padded.extend(digits);
        if let Some(pad) = object.pad {
            padded.resize(most, pad);
        }
        let header = Header::new(VERIFY, 0, object.reference);
        // The command wipes what it takes.
        let command = Command::new(header, std::mem::take(&mut *padded), Answer::Status);
        let (_nothing, status) = self.files.ask(Act::Verify, &command)?;
        if status.0 == 0x9000 {
            return Ok(());
        }
        match status.tries() {
            Some(0) => Err(Error::PinBlocked),
            tries if status.is_failed_verification() => Err(wrong(tries)),
            _ => Err(self.files.refused(Act::Verify, &command, status)),
        }
    }

    /// The user's PIN or the officer's.
    fn pin(&mut self, is_officers: bool) -> Result<PinObject, Error> {
        let pins = match self.pins.take() {
            Some(pins) => pins,
            None => self.read_pins()?,
        };
        let found = pins.iter().find(|pin| pin.is_officers == is_officers);
        let default = if is_officers { ADM_1 } else { PIN_1 };
        let pin = found.copied().unwrap_or(default);
        self.pins = Some(pins);
        Ok(pin)
    }

    /// What the card says of its PINs.
    fn read_pins(&mut self) -> Result<Vec<PinObject>, Error> {
        let odf = self.read_whole(ODF)?;
        let mut pins = Vec::new();
        for directory in object::read_pin_files(&odf) {
            let bytes = self.read_directory(&directory.path, false, |_| false)?;
            pins.extend(object::read_aodf(&bytes.unwrap_or_default()));
        }
        Ok(pins)
    }
}
