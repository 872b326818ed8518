//! Which card it is, and what is on it: EF(TokenInfo) and EF.DIR.

use super::{Path, framed, tag};
use crate::tlv;

/// Which card it is (PKCS#15 v1.1, 6.9).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// The serial number.
    pub serial: Vec<u8>,
    /// The manufacturer's name.
    pub manufacturer: String,
}

/// Reads EF(TokenInfo).
pub fn read_token(bytes: &[u8]) -> Option<Token> {
    let sequence = framed(bytes)
        .into_iter()
        .find(|object| object.tag == tag::SEQUENCE)?
        .value;
    // A BER number of 512 bytes is none of a card's.
    let serial = tlv::find(sequence, tag::OCTETS)
        .ok()
        .filter(|serial| !serial.is_empty() && serial.len() <= 64)?;
    let manufacturer = tlv::find(sequence, tag::TEXT).unwrap_or_default();
    Some(Token {
        serial: serial.to_vec(),
        manufacturer: String::from_utf8_lossy(manufacturer).into_owned(),
    })
}

/// Writes EF(TokenInfo): version 1 (number 0), no flags.
pub fn write_token(token: &Token) -> Vec<u8> {
    let mut sequence = tlv::encode(tag::INTEGER, &[0]);
    tlv::push(&mut sequence, tag::OCTETS, &token.serial);
    tlv::push(&mut sequence, tag::TEXT, token.manufacturer.as_bytes());
    tlv::push(&mut sequence, tag::BITS, &[0]);
    tlv::encode(tag::SEQUENCE, &sequence)
}

/// An application on a card, as EF.DIR lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Application {
    /// Its identifier.
    pub aid: Vec<u8>,
    /// Its name, for people.
    pub label: String,
    /// Where it lies, when that is told.
    pub path: Option<Path>,
}

/// Reads what EF.DIR holds: the whole of a transparent file, or one record.
pub fn read_applications(bytes: &[u8]) -> Vec<Application> {
    framed(bytes)
        .into_iter()
        .filter(|object| object.tag == tag::APPLICATION)
        .filter_map(|object| {
            let of = |tag| tlv::find(object.value, tag).ok();
            let path = of(tag::APPLICATION_PATH).map(|file| Path {
                file: file.to_vec(),
                ..Path::default()
            });
            Some(Application {
                aid: of(tag::APPLICATION_ID)?.to_vec(),
                label: String::from_utf8_lossy(of(tag::APPLICATION_LABEL).unwrap_or_default())
                    .into_owned(),
                path: path.filter(|path| {
                    path.file.len() >= 2
                        && path.file.len() <= 16
                        && path.file.len().is_multiple_of(2)
                }),
            })
        })
        .collect()
}

/// Writes an application's entry of EF.DIR.
pub fn write_application(application: &Application) -> Vec<u8> {
    let mut template = tlv::encode(tag::APPLICATION_ID, &application.aid);
    tlv::push(
        &mut template,
        tag::APPLICATION_LABEL,
        application.label.as_bytes(),
    );
    if let Some(path) = &application.path {
        tlv::push(&mut template, tag::APPLICATION_PATH, &path.file);
    }
    tlv::encode(tag::APPLICATION, &template)
}
