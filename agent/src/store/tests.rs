//! Laws of the store: what is kept, what is lost and what an upgrade brings over.

use cardwarden_policy::SigningKey;
use cardwarden_policy::manifest::{CardIdentity, Group, GroupEntry};
use proptest::prelude::*;

use super::*;

fn store(folder: &Path) -> Store {
    Store::new(folder, &folder.join("elsewhere/floor.json"))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What an agent of layout 2 kept of an association.
fn layout_2(key: &SigningKey) -> serde_json::Value {
    let group = Group {
        policy: cardwarden_policy::Policy::from_toml("baseline.camera = \"disable\"\n").unwrap(),
        account: None,
    };
    let group = group.to_bytes().unwrap();
    let manifest = Manifest {
        layout: cardwarden_policy::manifest::LAYOUT,
        company: "B Company".to_owned(),
        version: 4,
        issued: at(1_780_000_000),
        card: CardIdentity::Key(vec![4; 65]),
        groups: vec![GroupEntry::describing(1, "office", &group, vec![1])],
    };
    let anchor = key.anchor().unwrap();
    let mut floors = serde_json::Map::new();
    floors.insert(anchor.id().to_string(), 4.into());
    serde_json::json!({
        "layout": 2,
        "association": {
            "anchor": STANDARD.encode(anchor.spki()),
            "manifest": STANDARD.encode(key.sign(&manifest).unwrap()),
            "group": STANDARD.encode(&group),
            "endorsement": {
                "device": "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e",
                "association": "0b5f0f0e-52cb-4f35-9d50-8cfbd9d4e8c1",
                "device_key": [1, 2, 3],
                "nonce": [4, 5, 6],
            },
            "signature": STANDARD.encode([7, 8, 9]),
            "since": "2026-06-01T00:00:00Z",
            "taken": "2026-06-02T00:00:00Z",
        },
        "floors": floors,
        "released": null,
        "high_water": null,
        "contact": "2026-06-03T00:00:00Z",
        "operations": [],
        "ledger": {},
        "told": {},
        "untold": [],
    })
}

#[test]
fn nothing_kept_means_that_no_company_has_a_say() {
    let folder = tempfile::tempdir().unwrap();
    let found = store(folder.path()).load();
    assert!(found.standings.is_empty());
    assert_eq!(found.healed, None);
}

#[test]
fn a_damaged_state_restricts_instead_of_letting_go_even_once_it_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    for damaged in [
        &b"{"[..],
        b"",
        b"[]",
        b"{}",
        b"{\"layout\":3}",
        b"{\"layout\":9}",
    ] {
        durable::replace(&folder.path().join("state.json"), damaged).unwrap();
        let store = store(folder.path());
        let found = store.load();
        assert!(
            matches!(found.standings[..], [Standing::Unproven { .. }]),
            "{damaged:?}"
        );
        store.save(&found.state).unwrap();
        let again = store.load();
        assert!(
            matches!(again.standings[..], [Standing::Unproven { .. }]),
            "{damaged:?}"
        );
    }
}

#[test]
fn an_upgrade_of_the_agent_keeps_the_association() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::ed25519_from_seed(&[1; 32]);
    let kept = layout_2(&key).to_string();
    durable::replace(&folder.path().join("state.json"), kept.as_bytes()).unwrap();
    let store = store(folder.path());
    let found = store.load();
    assert_eq!(found.healed, None);
    assert!(
        matches!(found.standings[..], [Standing::Proven(_)]),
        "{:?}",
        found.standings
    );
    let association = &found.state.associations[0];
    assert_eq!(association.id, association.endorsement.association);
    assert_eq!(association.proof, Proof::Signature(vec![7, 8, 9]));
    assert_eq!(
        association.contact,
        Some("2026-06-03T00:00:00Z".parse().unwrap())
    );
    let company = association.signer().unwrap().to_string();
    let issue = |version, issued| Issue { version, issued };
    assert!(found.state.floors.admit(&company, issue(3, at(0))).is_err());
    assert!(found.state.floors.admit(&company, issue(4, at(0))).is_ok());
    store.save(&found.state).unwrap();
    let again = store.load();
    assert_eq!(again.state.associations, found.state.associations);
    assert!(matches!(again.standings[..], [Standing::Proven(_)]));
}

#[test]
fn a_crash_between_the_two_places_lowers_no_floor() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut old = State::default();
    old.floors.raise(
        "key",
        Issue {
            version: 1,
            issued: at(1),
        },
    );
    store.save(&old).unwrap();
    let mut new = old.clone();
    new.floors.raise(
        "key",
        Issue {
            version: 2,
            issued: at(2),
        },
    );
    // A folder stands where the new state would be written.
    std::fs::create_dir(folder.path().join("state.json.new")).unwrap();
    assert!(store.save(&new).is_err());
    let found = store.load();
    assert_eq!(found.state.floors, new.floors);
    assert!(found.healed.is_some());
}

#[test]
fn the_higher_of_both_places_counts_whichever_was_brought_back() {
    for brought_back in ["state.json", "elsewhere/floor.json"] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let mut state = State::default();
        state.floors.raise(
            "key",
            Issue {
                version: 1,
                issued: at(1),
            },
        );
        store.save(&state).unwrap();
        let old = std::fs::read(folder.path().join(brought_back)).unwrap();
        state.floors.raise(
            "key",
            Issue {
                version: 2,
                issued: at(2),
            },
        );
        store.save(&state).unwrap();
        durable::replace(&folder.path().join(brought_back), &old).unwrap();
        let found = store.load();
        assert_eq!(found.state.floors, state.floors, "{brought_back}");
        assert!(brought_back != "state.json" || found.healed.is_some());
        assert_eq!(
            SecondPlace::new(&folder.path().join("elsewhere/floor.json")).load(),
            Ok(Some(state.floors))
        );
    }
}

proptest! {
    #[test]
    fn a_floor_never_sinks_and_admits_nothing_older(
        issues in prop::collection::vec((0_u64..4, 0_i64..4), 1..12),
        offered in (0_u64..4, 0_i64..4),
    ) {
        let issue = |(version, second)| Issue { version, issued: at(second) };
        let mut floors = Floors::default();
        for one in &issues {
            floors.raise("key", issue(*one));
        }
        let newest = issues.iter().copied().max().unwrap();
        prop_assert_eq!(floors.admit("key", issue(offered)).is_ok(), offered >= newest);
        prop_assert!(floors.admit("another", issue(offered)).is_ok());
    }
}
