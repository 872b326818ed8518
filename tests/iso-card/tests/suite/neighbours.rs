//! What others put on the card.

use cardwarden_card::pkcs15::object::{
    DataObject, OMA_DM_BOOTSTRAP, Path, read_dodf, read_odf, write_odf,
};
use cardwarden_card::profile::Error;
use cardwarden_card::{NotTaken, tlv};
use cardwarden_iso_card::card::{Card, Content, Habits};

use crate::lab;

/// A card of somebody else's: certificates at 4404, PINs at 4401, data objects at 4402 and 4405,
/// and padding between the entries.
fn foreign() -> Card {
    let mut card = lab::prepared(Habits::TOKEN);
    let directory = card.find(&[0x5015]).unwrap();
    let path = |fid: u16| tlv::encode(0x30, &tlv::encode(0x04, &fid.to_be_bytes()));
    let odf = [
        tlv::encode(0xA8, &path(0x4401)),
        vec![0, 0xFF],
        tlv::encode(0xA4, &path(0x4404)),
        write_odf(&Path::of(0x4405)),
        write_odf(&Path::of(0x4402)),
    ]
    .concat();
    put(&mut card, &[0x5015, 0x5031], &odf);
    let theirs = DataObject {
        label: "theirs".to_owned(),
        application: "Somebody".to_owned(),
        path: Path::of(0x3301),
        ..DataObject::default()
    };
    for (fid, bytes) in [
        (0x4401, b"\x30\x03\x04\x01\x01".to_vec()),
        (0x4404, b"\x30\x00".to_vec()),
        (0x4402, theirs.write()),
        (0x4405, theirs.write()),
        // The first file for groups, and one of the manifest's.
        (0x4545, vec![7; 300]),
        (0x4543, vec![8; 2048]),
    ] {
        card.add(directory, fid, Content::Bytes(bytes));
    }
    card
}

fn put(card: &mut Card, path: &[u16], begin: &[u8]) {
    let place = card.find(path).unwrap();
    match &mut card.files[place].content {
        Content::Bytes(bytes) => bytes[..begin.len()].copy_from_slice(begin),
        Content::Directory(_) | Content::Records(_) => panic!("the file has bytes"),
    }
}

#[test]
fn what_others_wrote_stays_as_it_is() {
    let mut card = foreign();
    let kept = [0x4401, 0x4402, 0x4404, 0x4405, 0x4545, 0x4543];
    let before: Vec<_> = kept
        .map(|fid| card.bytes(&[0x5015, fid]).map(<[u8]>::to_vec))
        .into();
    // The manifest's first file is somebody else's: nothing can be issued, and nothing changes.
    let refused = lab::write(&mut card, 1, 2).unwrap_err();
    assert_eq!(refused.code(), "foreign-object");
    put(&mut card, &[0x5015, 0x4543], &[0; 2048]);
    let odf = card.bytes(&[0x5015, 0x5031]).unwrap().to_vec();
    let end = odf.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for version in 1..=3 {
        card.reset();
        lab::write(&mut card, version, 2).unwrap();
        card.reset();
        assert_eq!(lab::read(&mut card).unwrap().mandate.version, version);
        let now = card.bytes(&[0x5015, 0x5031]).unwrap();
        assert_eq!(now[..end], odf[..end]);
        assert_eq!(read_odf(now).len(), 3);
    }
    card.reset();
    let mut profile = cardwarden_card::open(&mut card, cardwarden_card::WRITING_TIME).unwrap();
    profile.erase().unwrap();
    drop(profile);
    let after: Vec<_> = kept
        .map(|fid| card.bytes(&[0x5015, fid]).map(<[u8]>::to_vec))
        .into();
    assert_eq!(before[..5], after[..5]);
    assert_eq!(card.bytes(&[0x5015, 0x5031]).unwrap()[..end], odf[..end]);
}

#[test]
fn an_oma_dm_bootstrap_is_told_from_ours() {
    let mut card = lab::prepared(Habits::SIM);
    let directory = card.find(&[0x5015]).unwrap();
    // As OMA's document has it: oidDO [1] with an empty label.
    let path = tlv::encode(0x30, &tlv::encode(0x04, &[0x3F, 0, 0x7F, 0x50, 0x6F, 1]));
    let value = [tlv::encode(0x06, OMA_DM_BOOTSTRAP), path].concat();
    let object = [
        tlv::encode(0x30, &[]),
        tlv::encode(0x30, &[]),
        tlv::encode(0xA1, &tlv::encode(0x30, &value)),
    ]
    .concat();
    let dodf = tlv::encode(0xA1, &object);
    assert_eq!(read_dodf(&dodf)[0].oid.as_deref(), Some(OMA_DM_BOOTSTRAP));
    card.add(directory, 0x6430, Content::Bytes(dodf));
    put(&mut card, &[0x5015, 0x5031], &write_odf(&Path::of(0x6430)));
    let error = lab::read(&mut card).unwrap_err();
    assert_eq!(error.code(), "not-ours");
    assert!(matches!(error, NotTaken::Card(Error::Bootstrap)));
    card.reset();
    lab::write(&mut card, 1, 0).unwrap();
    card.reset();
    assert_eq!(lab::read(&mut card).unwrap().mandate.version, 1);
}

#[test]
fn a_card_whose_memory_ends_keeps_what_it_has() {
    let memory = 9 * 2048 + 1024;
    let mut card = lab::prepared(Habits {
        memory,
        ..Habits::TOKEN
    });
    lab::write(&mut card, 1, 0).unwrap();
    card.reset();
    let error = lab::write(&mut card, 2, 10).unwrap_err();
    assert_eq!(error.code(), "card-full");
    card.reset();
    assert_eq!(lab::read(&mut card).unwrap().mandate.version, 1);
}

#[test]
fn a_torn_pointer_shows_nothing_and_harms_nothing() {
    let mut card = lab::prepared(Habits::TOKEN);
    lab::write(&mut card, 1, 0).unwrap();
    let place = card.find(&[0x5015, 0x5031]).unwrap();
    for byte in 0..8 {
        for value in [0x00, 0xFF, 0x7F, 0x30] {
            let mut torn = card.clone();
            match &mut torn.files[place].content {
                Content::Bytes(bytes) => bytes[byte] = value,
                Content::Directory(_) | Content::Records(_) => panic!("EF(ODF) has bytes"),
            }
            torn.reset();
            match lab::read(&mut torn) {
                Ok(selected) => assert_eq!(selected.mandate.version, 1),
                Err(error) => assert!(!error.code().is_empty()),
            }
        }
    }
}
