//! The commands of an `OpenPGP` card (application 3.4, section 7.2), and its data objects.

use crate::apdu::{Answer, Command, Header};
use crate::tlv;

/// The application, as far as all cards have the same name (4.2.1).
const AID: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x24, 0x01];

/// Data objects (4.4).
pub(super) mod tag {
    /// Application identifier, with the card's serial number.
    pub(crate) const AID: u16 = 0x004F;
    /// Application related data: what the card is and can.
    pub(crate) const APPLICATION: u16 = 0x006E;
    /// PW status bytes: how long PINs are, and how often they may still be wrong.
    pub(crate) const PIN_STATUS: u16 = 0x00C4;
    /// How PINs are hashed before they are given to the card.
    pub(crate) const KDF: u16 = 0x00F9;
    /// Private use, read by all, written after the user's PIN.
    pub(crate) const PRIVATE_1: u16 = 0x0101;
    /// Private use, read by all, written after the administrator's PIN.
    pub(crate) const PRIVATE_2: u16 = 0x0102;
    /// Private use, read and written after the user's PIN.
    pub(crate) const PRIVATE_3: u16 = 0x0103;
    /// Cardholder certificate, of which there are three; written after the administrator's PIN.
    pub(crate) const CERTIFICATE: u16 = 0x7F21;
}

/// A PIN (7.2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reference {
    /// PW1 for everything but signatures: the user's.
    User,
    /// PW3: the administrator's.
    Admin,
}

impl Reference {
    /// Its number.
    const fn number(self) -> u8 {
        match self {
            Self::User => 0x82,
            Self::Admin => 0x83,
        }
    }
}

/// How a card wants to be told which of several objects is meant (7.2.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    /// As the specification says.
    Standard,
    /// With a length in front, as `YubiKey`s before 5.4.4 do.
    Counted,
}

/// SELECT by name.
pub(super) fn select() -> Command {
    Command::new(Header::new(0xA4, 0x04, 0x00), AID.to_vec(), Answer::Bytes)
}

/// GET DATA.
pub(super) fn get(tag: u16) -> Command {
    Command::new(named(0xCA, tag), Vec::new(), Answer::Bytes)
}

/// PUT DATA.
pub(super) fn put(tag: u16, value: &[u8]) -> Command {
    Command::new(named(0xDA, tag), value.to_vec(), Answer::Status)
}

/// SELECT DATA: which of the cardholder certificates the next command means, from 0.
pub(super) fn choose(instance: u8, naming: Naming) -> Command {
    let list = tlv::encode(0x5C, &tag::CERTIFICATE.to_be_bytes());
    let mut data = tlv::encode(0x60, &list);
    if naming == Naming::Counted {
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        data.insert(0, length);
    }
    Command::new(Header::new(0xA5, instance, 0x04), data, Answer::Status)
}

/// VERIFY.
pub(super) fn verify(reference: Reference, pin: &[u8]) -> Command {
    let header = Header::new(0x20, 0x00, reference.number());
    Command::new(header, pin.to_vec(), Answer::Status)
}

/// A command whose parameters name an object.
fn named(ins: u8, tag: u16) -> Header {
    let [p1, p2] = tag.to_be_bytes();
    Header::new(ins, p1, p2)
}
