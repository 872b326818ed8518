//! Laws of signatures and of what they vouch for.

use cardwarden_policy::{
    Anchors, Authenticity, CardIdentity, Endorsement, Floor, GroupEntry, Manifest, Policy, Proof,
    Rejected, Release, SigningKey,
};
use proptest::prelude::*;

use crate::signed::{key, manifest_of};

proptest! {
    #[test]
    fn what_is_signed_is_believed_and_one_changed_bit_is_not(
        version in any::<u64>(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let p256 = SigningKey::p256_from_seed(&[9; 32]).unwrap();
        for key in [key(), p256] {
            let anchors: Anchors = [key.anchor().unwrap()].into_iter().collect();
            let mut signed = key.sign(&manifest_of(b"group", version)).unwrap();
            prop_assert_eq!(anchors.verify::<Manifest>(&signed).unwrap().version, version);
            let place = place.index(signed.len());
            signed[place] ^= 1 << bit;
            prop_assert!(anchors.verify::<Manifest>(&signed).is_err());
        }
    }

    #[test]
    fn any_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
        prop_assert!(anchors.verify::<Manifest>(&bytes).is_err());
        prop_assert!(anchors.verify::<Release>(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        drop(Policy::from_toml(&text));
    }

    #[test]
    fn a_truncated_manifest_is_rejected(length in any::<prop::sample::Index>()) {
        let signed = key().sign(&manifest_of(b"group", 1)).unwrap();
        let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
        let length = length.index(signed.len());
        prop_assert!(anchors.verify::<Manifest>(&signed[..length]).is_err());
    }
}

#[test]
fn a_group_that_was_not_signed_is_rejected() {
    let signed = key().sign(&manifest_of(b"group", 1)).unwrap();
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let manifest = anchors.verify::<Manifest>(&signed).unwrap();
    let entry = manifest.groups[0].clone();
    let mismatch = manifest.group(&entry, b"other").unwrap_err();
    assert_eq!(mismatch.code(), "group-mismatch");
    let foreign = GroupEntry { id: 2, ..entry };
    assert_eq!(
        manifest.group(&foreign, b"group").unwrap_err(),
        Rejected::ForeignGroup
    );
}

#[test]
fn a_stranger_and_a_signature_over_something_else_are_rejected() {
    let stranger = SigningKey::ed25519_from_seed(&[8; 32]);
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let signed = stranger.sign(&manifest_of(b"group", 1)).unwrap();
    assert_eq!(
        anchors.verify::<Manifest>(&signed).unwrap_err().code(),
        "unknown-signer"
    );
    let release = Release {
        company: "B".to_owned(),
        device: "d".to_owned(),
        association: uuid::Uuid::nil(),
        from: None,
    };
    let signed = key().sign(&release).unwrap();
    assert_eq!(
        anchors.verify::<Manifest>(&signed).unwrap_err().code(),
        "other-kind"
    );
}

#[test]
fn a_floor_only_rises() {
    let floor = Floor::at(5);
    assert_eq!(
        floor.admit(4),
        Err(Rejected::RolledBack {
            version: 4,
            floor: 5
        })
    );
    assert_eq!(floor.admit(5), Ok(Floor::at(5)));
    assert_eq!(floor.admit(9), Ok(Floor::at(9)));
}

#[test]
fn a_card_that_cannot_answer_is_a_copy() {
    use p256::ecdsa::signature::Signer as _;
    let card = p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
    let other = p256::ecdsa::SigningKey::from_slice(&[4; 32]).unwrap();
    let mut manifest = manifest_of(b"group", 1);
    let point = card.verifying_key().to_sec1_point(false);
    manifest.card = CardIdentity::Key(point.as_bytes().to_vec());
    let signed = key().sign(&manifest).unwrap();
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let manifest = anchors.verify::<Manifest>(&signed).unwrap();
    let endorsement = Endorsement {
        device: "urn:uuid:1".to_owned(),
        association: uuid::Uuid::nil(),
        device_key: vec![1, 2, 3],
        nonce: vec![5; 32],
    };
    let signed_by = |key: &p256::ecdsa::SigningKey| {
        let signature: p256::ecdsa::DerSignature = key.sign(&endorsement.to_signed_bytes());
        Proof::Signature(signature.as_bytes().to_vec())
    };
    assert_eq!(
        endorsement.verify(&manifest, &signed_by(&card)),
        Ok(Authenticity::OwnKey)
    );
    assert_eq!(
        endorsement.verify(&manifest, &signed_by(&other)),
        Err(Rejected::Copy)
    );
    assert_eq!(
        endorsement.verify(&manifest, &Proof::Signature(Vec::new())),
        Err(Rejected::Copy)
    );
}
