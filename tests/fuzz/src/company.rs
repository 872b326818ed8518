//! The company that the device trusts, and what it signed.

use std::sync::LazyLock;

use cardwarden_policy::{
    Account, Anchors, Group, GroupEntry, Manifest, Policy, Release, SigningKey,
};
use uuid::Uuid;

/// A policy with every construct.
pub(crate) const POLICY: &str = r#"
contact = "security@b-company.example"

[baseline]
nfc = "disable"
camera = "enable"

[[rules]]
id = "work-hours"
functions = ["camera", "bluetooth"]
action = "disable"
when.weekly = { days = ["mon", "fri"], from = "22:00", to = "06:00", zone = "Europe/Berlin" }
notify = "No pictures in the office."

[[rules]]
id = "either"
functions = ["microphone"]
action = "audit"
on-unknown = "ignore"

[[rules.when.any]]
not.weekly = { days = ["sat"], from = "08:00", to = "18:00", zone = "UTC" }

[[rules.when.any]]
all = [{ weekly = { days = ["sun"], from = "08:00", to = "18:00", zone = "Asia/Kathmandu" } }]
"#;

/// The company's two keys, and what it signed.
pub(crate) struct Company {
    pub(crate) p256: SigningKey,
    pub(crate) ed25519: SigningKey,
    pub(crate) anchors: Anchors,
    pub(crate) manifest: Manifest,
    pub(crate) release: Release,
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
        .to_bytes();
        Self {
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
        issued: jiff::Timestamp::UNIX_EPOCH,
        card: vec![4; 65],
        groups,
    }
}
