//! A card that is taken out at any moment: what is on it is what was there before, nothing, or
//! what was to be written. And what belongs to others stays, whatever happens.

use std::collections::BTreeMap;

use cardwarden_card::piv::Piv;
use cardwarden_card::profile::Error;
use cardwarden_card::{
    Authority, Lengths, ManagementKey, Pin, Profile, READING_TIME, Wanted, apdu::Channel,
};
use cardwarden_policy::GroupEntry;
use proptest::prelude::*;
use std::time::Instant;

use crate::card::{Card, Removal, Session};

/// What a company writes: a manifest, and groups of which some are behind the PIN.
#[derive(Clone, Debug)]
struct Content {
    manifest: Vec<u8>,
    groups: Vec<(Vec<u8>, bool)>,
}

impl Content {
    /// Bytes that tell contents, groups and places apart.
    fn new(mark: u8, manifest: usize, groups: &[(usize, bool)]) -> Self {
        let bytes = |number: u8, length: usize| {
            (0..length)
                .map(|at| mark ^ number ^ at.to_le_bytes()[0] ^ at.to_le_bytes()[1])
                .collect()
        };
        Self {
            manifest: bytes(0, manifest),
            groups: groups
                .iter()
                .zip(1_u8..)
                .map(|(&(length, pin), number)| (bytes(number, length), pin))
                .collect(),
        }
    }
}

/// A conversation with a card, up to when it is taken out.
fn speak<T>(
    card: &mut Card,
    (removal, lengths): (Removal, Lengths),
    act: impl FnOnce(&mut dyn Profile) -> Result<T, Error>,
) -> (Result<T, Error>, u32) {
    let mut count = 0;
    let session = Session::new(card, removal, lengths, &mut count);
    let end = Instant::now() + READING_TIME;
    let result = Piv::select(Channel::new(session, end)).and_then(|mut piv| act(&mut piv));
    (result, count)
}

/// Writes some content; where its groups lie.
fn write(profile: &mut dyn Profile, content: &Content) -> Result<Vec<Vec<u32>>, Error> {
    profile.authenticate(&Authority::ManagementKey(ManagementKey::factory()))?;
    if content.groups.iter().any(|(_, pin)| *pin) {
        profile.verify_pin(&Pin::new(b"123456".to_vec()).unwrap())?;
    }
    let wanted: Vec<Wanted> = content
        .groups
        .iter()
        .map(|(bytes, pin)| Wanted {
            length: bytes.len(),
            pin: *pin,
        })
        .collect();
    let placement = profile.place(&wanted)?;
    let groups: Vec<Vec<u8>> = content.groups.iter().map(|group| group.0.clone()).collect();
    profile.write(&placement, &content.manifest, &groups)?;
    Ok(placement.groups)
}

/// Whether the card shows exactly this content, given where its groups lie.
fn shows(card: &Card, content: &Content, places: &[Vec<u32>]) -> bool {
    let mut card = card.clone();
    let (result, _) = speak(&mut card, (Removal::Never, Lengths::Short), |profile| {
        profile.verify_pin(&Pin::new(b"123456".to_vec()).unwrap())?;
        if profile.read_manifest()? != content.manifest {
            return Ok(false);
        }
        for ((bytes, _pin), places) in content.groups.iter().zip(places) {
            let entry = GroupEntry::describing(1, "group", bytes, places.clone());
            if profile.read_group(&entry)? != *bytes {
                return Ok(false);
            }
        }
        Ok(true)
    });
    result.unwrap_or(false)
}

/// Whether the card shows nothing of ours.
fn is_empty(card: &Card) -> bool {
    let mut card = card.clone();
    let (result, _) = speak(&mut card, (Removal::Never, Lengths::Short), |profile| {
        profile.read_manifest()
    });
    matches!(result, Err(Error::NoManifest))
}

fn foreign() -> BTreeMap<u32, Vec<u8>> {
    [0x005F_C10D, 0x005F_C11E, 0x005F_C103, 0x005F_C105]
        .map(|object| (object, vec![0x70, 0x82, 1, 2, 3]))
        .into()
}

fn foreign_of(card: &Card) -> BTreeMap<u32, Vec<u8>> {
    let ours = |value: &[u8]| value.starts_with(b"CWMO");
    let objects = card.objects.clone().into_iter();
    objects.filter(|(_, value)| !ours(value)).collect()
}

/// Every moment at which a card can be taken out of so many commands.
fn moments(commands: u32) -> impl Iterator<Item = Removal> {
    (0..commands).flat_map(|last| [Removal::Before(last), Removal::Within(last)])
}

fn short() -> Lengths {
    Lengths::Short
}

fn long() -> Lengths {
    Lengths::extended(4096, 4096)
}

/// Old content, new content, and whether the card may be empty between them.
fn cases() -> Vec<(Content, Content, bool)> {
    let small = |mark| Content::new(mark, 400, &[(1500, false), (30, false)]);
    let large = |mark| Content::new(mark, 2500, &[(10_000, false), (9000, false)]);
    let hidden = |mark| Content::new(mark, 500, &[(700, true), (100, false)]);
    vec![
        (small(0), small(0x55), false),
        (small(0), Content::new(0x55, 4000, &[(5000, false)]), false),
        (small(0), hidden(0x55), false),
        (hidden(0), hidden(0x55), false),
        (large(0), large(0x55), true),
        (large(0), small(0x55), false),
    ]
}

#[test]
fn a_card_taken_out_while_it_is_written_holds_the_old_or_nothing_or_the_new() {
    for (old, new, may_be_empty) in cases() {
        for lengths in [short(), long()] {
            let mut before = Card {
                objects: foreign(),
                ..Card::default()
            };
            let way = (Removal::Never, lengths);
            let old_places = speak(&mut before, way, |profile| write(profile, &old))
                .0
                .unwrap();
            let mut whole = before.clone();
            let (new_places, commands) = speak(&mut whole, way, |profile| write(profile, &new));
            let new_places = new_places.unwrap();
            assert!(shows(&before, &old, &old_places) && shows(&whole, &new, &new_places));
            for removal in moments(commands) {
                let mut card = before.clone();
                let result = speak(&mut card, (removal, lengths), |profile| {
                    write(profile, &new)
                });
                assert_eq!(result.0.unwrap_err().code(), "removed");
                assert!(
                    shows(&card, &old, &old_places)
                        || shows(&card, &new, &new_places)
                        || (may_be_empty && is_empty(&card)),
                    "{removal:?}"
                );
                assert_eq!(foreign_of(&card), foreign(), "{removal:?}");
                let again = speak(&mut card, way, |profile| write(profile, &new));
                assert!(shows(&card, &new, &again.0.unwrap()), "{removal:?}");
                assert_eq!(foreign_of(&card), foreign(), "{removal:?}");
            }
        }
    }
}

#[test]
fn a_card_taken_out_while_it_is_erased_holds_the_old_or_nothing() {
    let old = Content::new(0, 2500, &[(3000, false), (700, false)]);
    let mut before = Card {
        objects: foreign(),
        ..Card::default()
    };
    let way = (Removal::Never, short());
    let places = speak(&mut before, way, |profile| write(profile, &old))
        .0
        .unwrap();
    let erase = |profile: &mut dyn Profile| {
        profile.authenticate(&Authority::ManagementKey(ManagementKey::factory()))?;
        profile.erase()
    };
    let mut erased = before.clone();
    let (result, commands) = speak(&mut erased, way, erase);
    result.unwrap();
    assert_eq!(erased.objects, foreign());
    for removal in moments(commands) {
        let mut card = before.clone();
        let (result, _) = speak(&mut card, (removal, short()), erase);
        assert_eq!(result.unwrap_err().code(), "removed");
        assert!(
            shows(&card, &old, &places) || is_empty(&card),
            "{removal:?}"
        );
        assert_eq!(foreign_of(&card), foreign(), "{removal:?}");
    }
}

#[test]
fn a_card_taken_out_while_it_is_read_says_so_and_is_as_it_was() {
    let content = Content::new(0, 2500, &[(3000, false)]);
    let mut card = Card::default();
    for lengths in [short(), long()] {
        let way = (Removal::Never, lengths);
        let places = speak(&mut card, way, |profile| write(profile, &content))
            .0
            .unwrap();
        let read = |profile: &mut dyn Profile| {
            let entry = GroupEntry::describing(1, "x", &content.groups[0].0, places[0].clone());
            profile.read_manifest().and(profile.read_group(&entry))
        };
        let before = card.clone();
        let (result, commands) = speak(&mut card, way, read);
        assert_eq!(result.unwrap(), content.groups[0].0);
        for removal in moments(commands) {
            let (result, _) = speak(&mut card, (removal, lengths), read);
            assert_eq!(result.unwrap_err().code(), "removed");
            assert_eq!(card, before);
        }
    }
}

#[test]
fn what_lies_behind_the_pin_is_neither_seen_nor_written_over_without_it() {
    let hidden = Content::new(0, 300, &[(2500, true)]);
    let mut card = Card::default();
    let way = (Removal::Never, short());
    let places = speak(&mut card, way, |profile| write(profile, &hidden))
        .0
        .unwrap();
    let before = card.clone();
    let manage = |profile: &mut dyn Profile| {
        profile.authenticate(&Authority::ManagementKey(ManagementKey::factory()))
    };
    let results = [
        speak(&mut card, way, |profile| {
            let mut entry = GroupEntry::describing(1, "x", &hidden.groups[0].0, places[0].clone());
            entry.pin = true;
            profile.read_group(&entry).map(drop)
        }),
        speak(&mut card, way, |profile| {
            manage(profile)?;
            profile
                .place(&[Wanted {
                    length: 1,
                    pin: false,
                }])
                .map(drop)
        }),
        speak(&mut card, way, |profile| {
            manage(profile)?;
            profile.erase()
        }),
    ];
    for (result, _) in results {
        assert!(
            matches!(result, Err(Error::PinNeeded { tries: Some(3) })),
            "{result:?}"
        );
    }
    assert_eq!(card, before);
}

#[test]
fn a_wrong_pin_is_given_once_and_a_blocked_one_is_told() {
    let mut card = Card::default();
    let way = (Removal::Never, short());
    for left in [Some(2), Some(1), None] {
        let wrong =
            |profile: &mut dyn Profile| profile.verify_pin(&Pin::new(b"000000".to_vec()).unwrap());
        let (result, commands) = speak(&mut card, way, wrong);
        assert_eq!(commands, 2);
        match left {
            Some(left) => {
                assert!(matches!(result, Err(Error::WrongPin { tries }) if tries == Some(left)));
            }
            None => assert!(matches!(result, Err(Error::PinBlocked)), "{result:?}"),
        }
    }
    let (tries, _) = speak(&mut card, way, |profile| profile.pin_tries());
    assert_eq!(tries.unwrap(), Some(0));
}

#[test]
fn a_card_that_is_known_to_take_more_is_given_more() {
    let content = Content::new(0, 400, &[(3000, false)]);
    for (version, capacity, parts) in [
        (None, 1905, 2),
        (Some(vec![1, 0, 4]), 1905, 2),
        (Some(vec![5, 4, 3]), 3052, 1),
    ] {
        let mut card = Card {
            capacity,
            version,
            ..Card::default()
        };
        let way = (Removal::Never, short());
        let places = speak(&mut card, way, |profile| write(profile, &content))
            .0
            .unwrap();
        assert_eq!(places[0].len(), parts);
        assert!(shows(&card, &content, &places));
    }
}

/// `most` APDUs for SELECT, a manifest and a group, by the given lengths.
fn assert_apdus(lengths: Lengths, most: u32) {
    let content = Content::new(0, 500 - 12, &[(1500, false), (1500, false), (1500, false)]);
    let mut card = Card::default();
    let places = speak(&mut card, (Removal::Never, short()), |profile| {
        write(profile, &content)
    });
    let entry = GroupEntry::describing(2, "x", &content.groups[1].0, places.0.unwrap()[1].clone());
    let mut count = 0;
    let session = Session::new(&mut card, Removal::Never, lengths, &mut count);
    let mut profile = cardwarden_card::open(session, READING_TIME).unwrap();
    assert_eq!(profile.read_manifest().unwrap(), content.manifest);
    assert_eq!(profile.read_group(&entry).unwrap(), content.groups[1].0);
    assert_eq!(profile.exchanges(), most);
    drop(profile);
    assert_eq!(count, most);
}

#[test]
fn a_manifest_and_one_group_take_nine_short_apdus_or_three_extended_ones() {
    assert_apdus(short(), 9);
    assert_apdus(long(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_others_keep_on_a_card_stays_there(
        theirs in prop::collection::btree_map(
            0x005F_C101_u32..=0x005F_C122, prop::collection::vec(any::<u8>(), 1..40), 0..20),
        lengths in prop::collection::vec(0_usize..6000, 0..5),
        manifest in 0_usize..5000,
    ) {
        let groups: Vec<(usize, bool)> = lengths.iter().map(|length| (*length, false)).collect();
        let mut card = Card { objects: theirs.clone(), ..Card::default() };
        for mark in [0, 0x55] {
            let content = Content::new(mark, manifest, &groups);
            let way = (Removal::Never, short());
            let (result, _) = speak(&mut card, way, |profile| write(profile, &content));
            match result {
                Ok(places) => prop_assert!(shows(&card, &content, &places)),
                Err(error) => prop_assert!(
                    ["card-full", "foreign-object"].contains(&error.code()), "{error:?}"),
            }
            prop_assert_eq!(foreign_of(&card), theirs.clone());
        }
    }
}
