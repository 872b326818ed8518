//! The commands of a PIV card (SP 800-73-4 part 2, section 3).

use crate::apdu::{Answer, Command, Header};
use crate::authority::Pin;
use crate::management::Algorithm;
use crate::tlv;

/// The PIV application, in full: some cards do not take a shortened name.
const AID: [u8; 11] = [0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0];
/// Slot of the card authentication key, which signs without a PIN.
pub(crate) const CARD_KEY: u8 = 0x9E;
/// Slot of the management key.
pub(crate) const MANAGEMENT_KEY: u8 = 0x9B;
/// The PIN of the application.
const PIN: u8 = 0x80;
/// Bytes of a PIN on its way to the card.
const PIN_LENGTH: usize = 8;
/// Elliptic curve P-256 (SP 800-78-4, table 6-2).
const P256: u8 = 0x11;

/// Data objects of GENERAL AUTHENTICATE (SP 800-73-4 part 2, table 7).
pub(crate) mod tag {
    /// Everything is in here.
    pub(crate) const TEMPLATE: u32 = 0x7C;
    /// What is to be signed or encrypted.
    pub(crate) const CHALLENGE: u32 = 0x81;
    /// The result.
    pub(crate) const RESPONSE: u32 = 0x82;
    /// A public key, in the answer to GENERATE.
    pub(crate) const PUBLIC_KEY: u32 = 0x7F49;
    /// An elliptic curve's point, in there.
    pub(crate) const POINT: u32 = 0x86;
    /// The content of a data object.
    pub(crate) const CONTENT: u32 = 0x53;
    /// The name of a data object.
    pub(crate) const NAME: u32 = 0x5C;
    /// An algorithm, in the answer to GET METADATA.
    pub(crate) const ALGORITHM: u32 = 0x01;
}

/// SELECT by name.
pub(crate) fn select() -> Command {
    Command::new(Header::new(0xA4, 0x04, 0x00), AID.to_vec(), Answer::Bytes)
}

/// GET DATA.
pub(crate) fn get(object: u32) -> Command {
    Command::new(Header::new(0xCB, 0x3F, 0xFF), name(object), Answer::Bytes)
}

/// PUT DATA.
pub(crate) fn put(object: u32, content: &[u8]) -> Command {
    let mut data = name(object);
    tlv::push(&mut data, tag::CONTENT, content);
    Command::new(Header::new(0xDB, 0x3F, 0xFF), data, Answer::Status)
}

fn name(object: u32) -> Vec<u8> {
    let [_zero, tag @ ..] = object.to_be_bytes();
    tlv::encode(tag::NAME, &tag)
}

/// GENERAL AUTHENTICATE: sign a SHA-256 digest with the card's key.
pub(crate) fn sign(digest: &[u8; 32]) -> Command {
    let mut template = tlv::encode(tag::RESPONSE, &[]);
    tlv::push(&mut template, tag::CHALLENGE, digest);
    authenticate(P256, CARD_KEY, &template, Answer::Bytes)
}

/// GENERAL AUTHENTICATE: a challenge, to be encrypted with the management key.
pub(crate) fn challenge(algorithm: Algorithm) -> Command {
    let template = tlv::encode(tag::CHALLENGE, &[]);
    authenticate(algorithm.number(), MANAGEMENT_KEY, &template, Answer::Bytes)
}

/// GENERAL AUTHENTICATE: the encrypted challenge.
pub(crate) fn respond(algorithm: Algorithm, response: &[u8]) -> Command {
    let template = tlv::encode(tag::RESPONSE, response);
    authenticate(
        algorithm.number(),
        MANAGEMENT_KEY,
        &template,
        Answer::Status,
    )
}

fn authenticate(algorithm: u8, key: u8, template: &[u8], answer: Answer) -> Command {
    let data = tlv::encode(tag::TEMPLATE, template);
    Command::new(Header::new(0x87, algorithm, key), data, answer)
}

/// GENERATE ASYMMETRIC KEY PAIR in the card's slot.
pub(crate) fn generate() -> Command {
    let algorithm = tlv::encode(0x80, &[P256]);
    Command::new(
        Header::new(0x47, 0x00, CARD_KEY),
        tlv::encode(0xAC, &algorithm),
        Answer::Bytes,
    )
}

/// GET METADATA, which Yubico added and others took over.
pub(crate) fn describe(key: u8) -> Command {
    Command::new(Header::new(0xF7, 0x00, key), Vec::new(), Answer::Bytes)
}

/// VERIFY without a PIN: how often a wrong one may still be given.
pub(crate) fn tries() -> Command {
    Command::new(Header::new(0x20, 0x00, PIN), Vec::new(), Answer::Status)
}

/// VERIFY: the PIN, filled up to eight bytes (SP 800-73-4 part 2, 2.4.3).
pub(crate) fn verify(pin: &Pin) -> Command {
    let mut data = Vec::with_capacity(PIN_LENGTH);
    data.extend(pin.as_bytes());
    data.resize(PIN_LENGTH, 0xFF);
    Command::new(Header::new(0x20, 0x00, PIN), data, Answer::Status)
}

/// GET VERSION, which Yubico added and others took over.
pub(crate) fn version() -> Command {
    Command::new(Header::new(0xFD, 0x00, 0x00), Vec::new(), Answer::Bytes)
}
