//! What the tests share.

use cardwarden_card::reader::Error;
use cardwarden_card::{
    Authority, Issue, NamedGroup, NotIssued, NotTaken, Receipt, Selected, Transport, WRITING_TIME,
    issue, open, pkcs15, read_selected,
};
use cardwarden_iso_card::card::{Card, Content, Habits};
use cardwarden_policy::manifest::Selectors;
use cardwarden_policy::{Anchors, Group, Policy, Properties, SigningKey};

/// A company of the tests' own.
pub(crate) fn company() -> SigningKey {
    SigningKey::p256_from_seed(&[7; 32]).unwrap()
}

/// What the company says: the camera is off, on a card of so many more groups.
pub(crate) fn content(version: u64, others: usize) -> Issue {
    let policy = Policy::from_toml("[baseline]\ncamera = \"disable\"\n").unwrap();
    let group = |name: &str, kind: &str| {
        let group = Group {
            policy: policy.clone(),
            account: None,
        };
        NamedGroup {
            name: name.to_owned(),
            selectors: Selectors {
                kinds: [kind.to_owned()].into(),
                ..Selectors::default()
            },
            pin: false,
            group,
        }
    };
    let mut groups: Vec<NamedGroup> = (0..others)
        .map(|i| group(&format!("other {i}"), "watch"))
        .collect();
    groups.push(group("laptops", "laptop"));
    Issue {
        company: "B Company".to_owned(),
        version,
        issued: jiff::Timestamp::now(),
        groups,
        releases: Vec::new(),
    }
}

/// Makes a card a PKCS#15 card.
pub(crate) fn initialise(card: impl Transport) -> Result<(), cardwarden_card::profile::Error> {
    pkcs15::initialise(card, WRITING_TIME, &Authority::None)
}

/// Issues a version with so many more groups.
pub(crate) fn write(
    card: impl Transport,
    version: u64,
    others: usize,
) -> Result<Receipt, NotIssued> {
    let mut profile = open(card, WRITING_TIME).map_err(NotIssued::Card)?;
    let sign = |manifest: &_| company().sign(manifest);
    issue(
        profile.as_mut(),
        &Authority::None,
        &content(version, others),
        sign,
    )
}

/// Reads what is for a laptop.
pub(crate) fn read(card: impl Transport) -> Result<Selected, NotTaken> {
    let anchors = Anchors::from_iter([company().anchor().unwrap()]);
    let mut profile = open(card, WRITING_TIME).map_err(NotTaken::Card)?;
    let device = Properties {
        kind: "laptop".to_owned(),
        ..Properties::default()
    };
    read_selected(profile.as_mut(), &anchors, &device, None)
}

/// A card that is pulled out before its next command.
pub(crate) struct Cut<T> {
    pub(crate) card: T,
    pub(crate) left: u32,
}

impl<T: Transport> Transport for Cut<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::Removed {
            reader: "test".to_owned(),
        })?;
        self.card.transmit(command)
    }
}

/// A card that is a PKCS#15 card.
pub(crate) fn prepared(habits: Habits) -> Card {
    let mut card = Card::new(habits);
    initialise(&mut card).unwrap();
    card.reset();
    card
}

/// A SIM whose PKCS#15 application is found by EF.DIR only, which has records.
pub(crate) fn nameless_sim() -> Card {
    let mut card = prepared(Habits::SIM);
    card.habits.has_names = false;
    let listed = card.find(&[0x2F00]).unwrap();
    let entry = match &card.files[listed].content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Directory(_) | Content::Records(_) => panic!("EF.DIR has bytes"),
    };
    let mut record = entry[..60].to_vec();
    record
        .iter_mut()
        .skip(usize::from(entry[1]) + 2)
        .for_each(|byte| *byte = 0xFF);
    // Another application first, and room for one more.
    let usim = [
        &[0x61, 0x09, 0x4F, 0x07][..],
        b"\xA0\0\0\0\x87\x10\x02",
        &[0xFF; 49],
    ]
    .concat();
    card.files[listed].content = Content::Records(vec![usim, record, vec![0xFF; 60]]);
    card
}
