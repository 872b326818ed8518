//! What a company of these tests signs.

use cardwarden_policy::manifest::{LAYOUT, Mandate};
use cardwarden_policy::{
    Anchors, CardIdentity, Group, GroupEntry, Manifest, Policy, SigningKey, Standing, Verified,
};
use jiff::Timestamp;

pub(crate) fn key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[7; 32])
}

pub(crate) fn manifest_of(group: &[u8], version: u64) -> Manifest {
    Manifest {
        layout: LAYOUT,
        company: "B Company".to_owned(),
        version,
        issued: Timestamp::from_second(1_700_000_000).unwrap(),
        card: CardIdentity::Key(vec![4; 65]),
        groups: vec![GroupEntry::describing(
            1,
            "office",
            group,
            vec![0x005F_C11F],
        )],
    }
}

pub(crate) fn mandate(policy: Policy) -> Verified<Mandate> {
    let bytes = Group {
        policy,
        account: None,
    }
    .to_bytes()
    .unwrap();
    let signed = key().sign(&manifest_of(&bytes, 3)).unwrap();
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let manifest = anchors.verify::<Manifest>(&signed).unwrap();
    manifest.group(&manifest.groups[0], &bytes).unwrap()
}

pub(crate) fn proven(policy: Policy) -> Standing {
    Standing::Proven(Box::new(mandate(policy)))
}
