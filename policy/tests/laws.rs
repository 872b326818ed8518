//! Laws that every policy, decision and plan obeys.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is the failure"
)]

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::document::{Action, OnUnknown, Policy, Rule, Switch};
use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::plan::{ClosedFamily, ClosedMajor};
use cardwarden_policy::*;
use jiff::Timestamp;
use proptest::prelude::*;

const ZONES: [&str; 4] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
];

fn function() -> impl Strategy<Value = Function> {
    prop::sample::select(Function::ALL.to_vec())
}

fn condition() -> impl Strategy<Value = serde_json::Value> {
    let days =
        prop::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1..=7);
    let weekly = (
        days,
        0_u16..1440,
        1_u16..1440,
        prop::sample::select(ZONES.to_vec()),
    )
        .prop_map(|(days, from, length, zone)| {
            let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let to = (from + length) % 1440;
            serde_json::json!({"weekly": {
                "days": days, "from": clock(from), "to": clock(to), "zone": zone,
            }})
        });
    weekly.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3)
                .prop_map(|all| serde_json::json!({"all": all})),
            prop::collection::vec(inner.clone(), 1..3)
                .prop_map(|any| serde_json::json!({"any": any})),
            inner.prop_map(|not| serde_json::json!({"not": not})),
        ]
    })
}

prop_compose! {
    fn rule(index: usize)(
        functions in prop::collection::btree_set(function(), 1..4),
        action in prop::sample::select(vec![Action::Enable, Action::Disable, Action::Audit]),
        when in prop::option::of(condition()),
        on_unknown in prop::sample::select(vec![OnUnknown::Restrict, OnUnknown::Ignore]),
        notify in prop::option::of("[a-z ]{1,20}"),
    ) -> Rule {
        Rule {
            id: format!("rule-{index}"),
            functions,
            action,
            when: when.map(|json| serde_json::from_value(json).unwrap()),
            on_unknown,
            notify,
        }
    }
}

prop_compose! {
    fn policy()(
        baseline in prop::collection::btree_map(
            function(), prop::sample::select(vec![Switch::Enable, Switch::Disable]), 0..7,
        ),
        rules in (0_usize..5).prop_flat_map(|count| (0..count).map(rule).collect::<Vec<_>>()),
        contact in prop::option::of("[a-z@.]{1,20}"),
    ) -> Policy {
        Policy { contact, baseline, rules }
    }
}

fn instant() -> impl Strategy<Value = Timestamp> {
    // From 2024 to 2030.
    (1_704_067_200_i64..1_893_456_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[7; 32])
}

fn manifest_of(group: &[u8], version: u64) -> Manifest {
    Manifest {
        layout: 1,
        company: "B Company".to_owned(),
        version,
        issued: Timestamp::from_second(1_700_000_000).unwrap(),
        card: vec![4; 65],
        groups: vec![GroupEntry::describing(
            1,
            "office",
            group,
            vec![0x005F_C11F],
        )],
    }
}

fn mandate(policy: Policy) -> Verified<Mandate> {
    let bytes = Group {
        policy,
        account: None,
    }
    .to_bytes();
    let signed = key().sign(&manifest_of(&bytes, 3)).unwrap();
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let manifest = anchors.verify::<Manifest>(&signed).unwrap();
    manifest.group(&manifest.groups[0], &bytes).unwrap()
}

fn proven(policy: Policy) -> Standing {
    Standing::Proven(Box::new(mandate(policy)))
}

fn verdicts(decision: &Decision) -> BTreeMap<Function, Verdict> {
    decision
        .rulings
        .iter()
        .map(|(function, ruling)| (*function, ruling.verdict))
        .collect()
}

prop_compose! {
    fn table()(
        majors in prop::collection::btree_map(
            prop::sample::select(vec![81_u32, 236, 237]),
            (function(), 0_u16..20, prop::collection::btree_set(0_u32..6, 0..4)),
            0..3,
        ),
        families in prop::collection::btree_map(
            prop::sample::select(vec![23_u8, 31, 39]), (function(), 0_u16..20), 0..3,
        ),
    ) -> Table {
        Table {
            majors: majors.into_iter().map(|(major, (function, counter, except))| {
                (major, ClosedMajor { function, counter, except })
            }).collect(),
            families: families.into_iter().map(|(family, (function, counter))| {
                (family, ClosedFamily { function, counter })
            }).collect(),
        }
    }
}

prop_compose! {
    fn state()(
        table in table(),
        hooks in prop::collection::btree_set(
            prop::sample::select(vec![Hook::DeviceOpen, Hook::SocketCreate, Hook::FileOpen]), 0..4,
        ),
    ) -> KernelState {
        KernelState { table, hooks }
    }
}

/// Everything that a state could refuse.
fn refusals(state: &KernelState) -> BTreeSet<(u32, u32)> {
    let devices = [81, 236, 237]
        .into_iter()
        .flat_map(|major| (0..8).map(move |minor| (major, minor)))
        .filter(|(major, minor)| state.refuses_device(*major, *minor));
    let sockets = [23_u8, 31, 39]
        .into_iter()
        .filter(|family| state.refuses_family(*family));
    devices
        .chain(sockets.map(|family| (u32::MAX, u32::from(family))))
        .collect()
}

proptest! {
    #[test]
    fn toml_and_card_bytes_say_the_same(policy in policy()) {
        let toml = Policy::from_toml(&policy.to_toml().unwrap()).unwrap();
        prop_assert_eq!(&toml, &policy);
        prop_assert_eq!(&mandate(policy.clone()).group.policy, &policy);
    }

    #[test]
    fn the_same_inputs_give_the_same_decision(policy in policy(), now in prop::option::of(instant())) {
        let standing = proven(policy);
        let context = Context { now };
        prop_assert_eq!(decide(&standing, &context), decide(&standing, &context));
    }

    #[test]
    fn every_function_has_a_ruling(policy in policy(), now in prop::option::of(instant())) {
        for standing in [
            Standing::Absent,
            Standing::Unproven { problem: String::new() },
            proven(policy),
        ] {
            let decision = decide(&standing, &Context { now });
            prop_assert_eq!(decision.rulings.len(), Function::ALL.len());
        }
    }

    #[test]
    fn adding_a_disabling_rule_never_loosens(
        policy in policy(), rule in rule(99), now in prop::option::of(instant()),
    ) {
        let before = verdicts(&decide(&proven(policy.clone()), &Context { now }));
        let mut more = policy;
        more.rules.push(Rule { action: Action::Disable, ..rule });
        let after = verdicts(&decide(&proven(more), &Context { now }));
        for (function, verdict) in before {
            prop_assert!(after[&function] >= verdict, "{function}");
        }
    }

    #[test]
    fn not_knowing_the_time_restricts_unless_a_rule_says_otherwise(
        policy in policy(), now in instant(),
    ) {
        let mut policy = policy;
        for rule in &mut policy.rules {
            rule.on_unknown = OnUnknown::Restrict;
        }
        let standing = proven(policy);
        let known = verdicts(&decide(&standing, &Context { now: Some(now) }));
        let unknown = verdicts(&decide(&standing, &Context { now: None }));
        for (function, verdict) in known {
            prop_assert!(unknown[&function] >= verdict, "{function}");
        }
    }

    #[test]
    fn a_ruling_holds_until_its_end_and_changes_there(policy in policy(), now in instant(), part in 0.0..1.0) {
        let standing = proven(policy);
        let decision = decide(&standing, &Context { now: Some(now) });
        for (function, ruling) in &decision.rulings {
            let Some(until) = ruling.until else { continue };
            prop_assert!(until > now);
            let span = until.as_second() - now.as_second();
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::as_conversions, reason = "a point in between, roughly")]
            let offset = (span as f64 * part) as i64;
            let between = Timestamp::from_second(now.as_second() + offset).unwrap();
            let then = decide(&standing, &Context { now: Some(between.max(now)) });
            prop_assert_eq!(then.rulings[function].verdict, ruling.verdict);
            prop_assert_eq!(&then.rulings[function].source, &ruling.source);
        }
    }

    #[test]
    fn a_plan_from_a_state_to_itself_is_empty(state in state()) {
        prop_assert!(plan(&state, &state).is_empty());
    }

    #[test]
    fn a_plan_reaches_its_goal(observed in state(), goal in state()) {
        let Plan { tightening, loosening } = plan(&observed, &goal);
        let reached = tightening.iter().chain(&loosening).fold(observed, KernelState::after);
        prop_assert_eq!(reached, goal);
    }

    #[test]
    fn every_prefix_refuses_what_both_ends_refuse(observed in state(), goal in state()) {
        let both: BTreeSet<_> =
            refusals(&observed).intersection(&refusals(&goal)).copied().collect();
        let Plan { tightening, loosening } = plan(&observed, &goal);
        let mut state = observed.clone();
        for step in &tightening {
            state = state.after(step);
            prop_assert!(refusals(&state).is_superset(&refusals(&observed)));
        }
        prop_assert!(refusals(&state).is_superset(&refusals(&goal)));
        for step in &loosening {
            state = state.after(step);
            prop_assert!(refusals(&state).is_superset(&both));
        }
    }

    #[test]
    fn a_step_may_be_repeated(observed in state(), goal in state()) {
        let Plan { tightening, loosening } = plan(&observed, &goal);
        for step in tightening.iter().chain(&loosening) {
            let once = observed.clone().after(step);
            prop_assert_eq!(once.clone().after(step), once);
        }
    }

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
    manifest.card = card
        .verifying_key()
        .to_sec1_point(false)
        .as_bytes()
        .to_vec();
    let signed = key().sign(&manifest).unwrap();
    let anchors: Anchors = [key().anchor().unwrap()].into_iter().collect();
    let manifest = anchors.verify::<Manifest>(&signed).unwrap();
    let endorsement = Endorsement {
        device: "urn:uuid:1".to_owned(),
        association: uuid::Uuid::nil(),
        device_key: vec![1, 2, 3],
        nonce: vec![5; 32],
    };
    let sign = |key: &p256::ecdsa::SigningKey| -> p256::ecdsa::DerSignature {
        key.sign(&endorsement.to_signed_bytes())
    };
    assert_eq!(
        endorsement.verify(&manifest, sign(&card).as_bytes()),
        Ok(())
    );
    assert_eq!(
        endorsement.verify(&manifest, sign(&other).as_bytes()),
        Err(Rejected::Copy)
    );
    assert_eq!(endorsement.verify(&manifest, &[]), Err(Rejected::Copy));
}

#[test]
fn a_clock_before_the_signature_is_an_unknown_time() {
    let policy = Policy::from_toml(
        r#"
        [[rules]]
        id = "office"
        functions = ["camera"]
        action = "disable"
        when.weekly = { days = ["mon"], from = "08:00", to = "18:00", zone = "Europe/Berlin" }
        "#,
    )
    .unwrap();
    let decision = decide(
        &proven(policy),
        &Context {
            now: Some(Timestamp::UNIX_EPOCH),
        },
    );
    let camera = &decision.rulings[&Function::Camera];
    assert_eq!(camera.verdict, Verdict::Disabled);
    assert!(matches!(camera.source, Source::Rule { unknown: true, .. }));
}
