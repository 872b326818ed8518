//! Which group of a card a device takes.

use std::collections::BTreeSet;

use cardwarden_policy::manifest::MAX_MANIFEST;
use cardwarden_policy::statement::Endorsement;
use cardwarden_policy::trust::sign_introducing;
use cardwarden_policy::*;
use proptest::prelude::*;

use super::signed::{key, manifest_of};

fn words() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[ab]", 0..3)
}

fn functions() -> impl Strategy<Value = BTreeSet<Function>> {
    let function = prop::sample::select(vec![Function::Camera, Function::Nfc]);
    prop::collection::btree_set(function, 0..3)
}

prop_compose! {
    fn selectors()(
        kinds in words(),
        models in words(),
        serials in words(),
        devices in words(),
        functions in functions(),
        labels in words(),
        priority in -1_i16..2,
    ) -> Selectors {
        Selectors { kinds, models, serials, devices, functions, labels, priority }
    }
}

prop_compose! {
    fn device()(
        kind in "[abA]?",
        model in "[abA]?",
        serial in "[ab]?",
        device in "[ab]?",
        functions in functions(),
        labels in words(),
        group in prop::option::of("[xy]"),
    ) -> Properties {
        Properties { kind, model, serial, device, functions, labels, group }
    }
}

prop_compose! {
    fn manifest()(groups in prop::collection::vec(("[xy]", selectors(), any::<bool>()), 0..6)) -> Manifest {
        let mut manifest = manifest_of(b"group", 1);
        manifest.groups = (1_u16..).zip(groups).map(|(id, (name, selectors, is_release))| {
            let entry = GroupEntry::describing(id, &name, b"group", vec![u32::from(id)]);
            if is_release && id == 2 {
                GroupEntry::releasing(id, "a", b"statement", vec![u32::from(id)])
            } else {
                GroupEntry { selectors, ..entry }
            }
        }).collect();
        manifest
    }
}

proptest! {
    #[test]
    fn a_device_takes_the_first_of_the_highest_groups_that_are_for_it(
        manifest in manifest(), device in device(),
    ) {
        let is_for_it = |entry: &&GroupEntry| {
            !entry.is_release()
                && entry.selectors.admit(&device)
                && device.group.as_ref().is_none_or(|wanted| *wanted == entry.name)
        };
        let rank = |entry: &&GroupEntry| (entry.selectors.priority, std::cmp::Reverse(entry.id));
        let expected = manifest.groups.iter().filter(is_for_it).max_by_key(rank);
        prop_assert_eq!(manifest.select(&device), expected);
    }

    #[test]
    fn a_narrower_group_admits_no_more_devices(selectors in selectors(), device in device()) {
        let wider = [
            Selectors { kinds: [].into(), ..selectors.clone() },
            Selectors { models: [].into(), ..selectors.clone() },
            Selectors { serials: [].into(), ..selectors.clone() },
            Selectors { devices: [].into(), ..selectors.clone() },
            Selectors { functions: [].into(), ..selectors.clone() },
            Selectors { labels: [].into(), ..selectors.clone() },
        ];
        if selectors.admit(&device) {
            prop_assert!(wider.iter().all(|wider| wider.admit(&device)));
        }
    }

    #[test]
    fn a_release_is_found_by_the_name_of_its_device_alone(manifest in manifest()) {
        if let Some(entry) = manifest.release_for("a") {
            prop_assert!(entry.is_release());
        }
        prop_assert_eq!(manifest.release_for("c"), None);
    }

    #[test]
    fn a_directory_that_is_signed_says_the_same_again(manifest in manifest()) {
        let signed = key().sign(&manifest).unwrap();
        let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
        prop_assert_eq!(&*anchors.verify::<Manifest>(&signed).unwrap(), &manifest);
    }
}

#[test]
fn a_directory_is_as_short_as_two_answers_of_a_card() {
    let root = SigningKey::p256_from_seed(&[9; 32]).unwrap();
    let length = |groups: u16| {
        let group = Group {
            policy: Policy::default(),
            account: None,
        };
        let bytes = group.to_bytes().unwrap();
        let mut manifest = manifest_of(&bytes, 7);
        let entry = |id| GroupEntry {
            selectors: Selectors {
                kinds: ["laptop".to_owned()].into(),
                ..Selectors::default()
            },
            ..GroupEntry::describing(id, "site-berlin", &bytes, vec![0x005F_C11F])
        };
        manifest.groups = (1..=groups).map(entry).collect();
        let root_key = root.anchor().unwrap();
        sign_introducing(&root, &manifest, &root_key).unwrap().len()
    };
    // Two answers of 256 bytes, less the headers of the object.
    assert!(length(1) <= 490, "{} bytes", length(1));
    // And as many groups as a card has room for fit in what a manifest may have.
    assert!(length(2) - length(1) <= 105, "{}", length(2) - length(1));
    assert!(length(19) <= MAX_MANIFEST);
}

#[test]
fn a_directory_that_names_other_objects_than_the_group_has_is_not_believed() {
    let group = Group {
        policy: Policy::default(),
        account: None,
    };
    let bytes = group.to_bytes().unwrap();
    let mut manifest = manifest_of(&bytes, 7);
    assert_eq!(manifest.groups[0].members, [mo::POLICY.to_owned()].into());
    manifest.groups[0].members.insert(mo::ACCOUNT.to_owned());
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let signed = key().sign(&manifest).unwrap();
    let verified = anchors.verify::<Manifest>(&signed).unwrap();
    let refused = verified.group(&verified.groups[0], &bytes).unwrap_err();
    assert_eq!(refused.code(), "other-members");
}

#[test]
fn a_card_shows_that_it_is_the_right_one_only_in_the_way_that_its_directory_says() {
    let endorsement = Endorsement {
        device: "urn:uuid:1".to_owned(),
        association: uuid::Uuid::nil(),
        device_key: vec![1],
        nonce: vec![2; 32],
    };
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let mut manifest = manifest_of(b"group", 1);
    manifest.card = CardIdentity::Serial {
        profile: "openpgp".to_owned(),
        serial: vec![7; 16],
    };
    let signed = key().sign(&manifest).unwrap();
    let verified = anchors.verify::<Manifest>(&signed).unwrap();
    let meets = |proof: Proof| endorsement.verify(&verified, &proof);
    assert_eq!(
        meets(Proof::Serial(vec![7; 16])),
        Ok(Authenticity::Copyable)
    );
    assert_eq!(meets(Proof::Serial(vec![8; 16])), Err(Rejected::Copy));
    assert_eq!(meets(Proof::Signature(vec![7; 16])), Err(Rejected::Copy));
}
