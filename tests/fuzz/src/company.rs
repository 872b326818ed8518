//! The company that the device trusts, and what it signed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cardwarden_policy::document::{Direction, Switch};
use cardwarden_policy::statement::Order;
use cardwarden_policy::trust::{Delegate, Delegation, Power, sign};
use cardwarden_policy::{
    Account, Anchors, CardIdentity, Function, Group, GroupEntry, Manifest, Policy, Release,
    SigningKey,
};
use jiff::{Timestamp, ToSpan as _};
use uuid::Uuid;

/// A policy with every construct of the language.
pub(crate) const POLICY: &str = include_str!("../../../policy/tests/documents/everything.toml");

/// When the company signed.
pub(crate) const ISSUED: Timestamp = Timestamp::UNIX_EPOCH;

/// The company's two keys, and what it signed.
pub(crate) struct Company {
    pub(crate) p256: SigningKey,
    pub(crate) ed25519: SigningKey,
    pub(crate) anchors: Anchors,
    pub(crate) manifest: Manifest,
    pub(crate) release: Release,
    pub(crate) order: Order,
    /// The order, signed by a server to which the company delegated.
    pub(crate) delegated: Vec<u8>,
    /// The group that the manifest names.
    pub(crate) group: Vec<u8>,
}

/// The one that is used everywhere.
pub(crate) static COMPANY: LazyLock<Company> = LazyLock::new(Company::new);

impl Company {
    fn new() -> Self {
        let p256 = SigningKey::p256_from_seed(&[1; 32]).unwrap();
        let ed25519 = SigningKey::ed25519_from_seed(&[2; 32]);
        let anchors = [&p256, &ed25519]
            .map(|key| key.anchor().unwrap())
            .into_iter()
            .collect();
        let group = Group {
            policy: Policy::from_toml(POLICY).unwrap(),
            account: Some(Account {
                server_url: "https://dm.b-company.example".to_owned(),
                server_id: "b-company".to_owned(),
                ca: vec![0x30, 0x03, 0x02, 0x01, 0x05],
            }),
        }
        .to_bytes()
        .unwrap();
        let order = order();
        let delegation = ed25519.sign(&delegation()).unwrap();
        let server = Delegate::new(server(), delegation).unwrap();
        Self {
            delegated: sign(&server, &order).unwrap(),
            order,
            p256,
            ed25519,
            anchors,
            manifest: manifest(vec![GroupEntry::describing(
                1,
                "all",
                &group,
                vec![0x005F_C11F],
            )]),
            release: Release {
                company: "B Company".to_owned(),
                device: "urn:uuid:5e9f0001-0000-4000-8000-000000000000".to_owned(),
                association: Uuid::from_u128(7),
                from: None,
            },
            group,
        }
    }
}

/// A manifest of these groups.
pub(crate) fn manifest(groups: Vec<GroupEntry>) -> Manifest {
    Manifest {
        layout: cardwarden_policy::manifest::LAYOUT,
        company: "B Company".to_owned(),
        version: 7,
        issued: ISSUED,
        card: CardIdentity::Key(vec![4; 65]),
        groups,
    }
}

fn server() -> SigningKey {
    SigningKey::p256_from_seed(&[3; 32]).unwrap()
}

/// What the company lets its server sign.
pub(crate) fn delegation() -> Delegation {
    Delegation {
        company: "B Company".to_owned(),
        key: server().anchor().unwrap().spki().to_vec(),
        powers: BTreeSet::from([Power::Orders]),
        functions: BTreeSet::from([Function::Camera]),
        may: Direction::Loosen,
        not_before: ISSUED,
        not_after: ISSUED.checked_add(8760.hours()).unwrap(),
    }
}

fn order() -> Order {
    Order {
        company: "B Company".to_owned(),
        device: "urn:uuid:5e9f0001-0000-4000-8000-000000000000".to_owned(),
        association: Uuid::from_u128(7),
        issued: ISSUED,
        functions: BTreeSet::from([Function::Camera]),
        action: Switch::Disable,
        ends: None,
    }
}
