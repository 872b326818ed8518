//! Laws of the situation: time, surroundings, tasks, and who a policy is for.

use cardwarden_policy::facts::{Facts, PowerSource};
use cardwarden_policy::schedule::Fate;
use cardwarden_policy::trust::{Delegate, Delegation, Power, sign};
use cardwarden_policy::{Source, document::Direction};

use super::*;
use crate::status::ServerStatus;

/// Off from 14:00 to 14:35.
const MEETING: &str = r#"
    [[rules]]
    id = "meeting"
    functions = ["camera"]
    action = "disable"
    when.weekly = { days = "mon-sun", from = "14:00", to = "14:35", zone = "UTC" }
"#;

const NIGHTLY: &str = r#"
    zone = "UTC"

    [[tasks]]
    id = "nightly"
    functions = ["camera"]
    action = "disable"
    for = "8h"
    missed = "latest-only"
    at.weekly = { days = "mon-sun", time = "22:00" }
"#;

impl Bench {
    /// The wall clock shows `wall`, and `minutes` have passed since the boot.
    fn at(&mut self, wall: &str, minutes: i64) {
        let clocks = &mut self.owner.world.clocks;
        clocks.wall = wall.parse().unwrap();
        clocks.since_boot = SignedDuration::from_mins(minutes);
        self.owner.turn();
    }

    fn wakes_at(&self) -> String {
        self.owner.until().unwrap().to_string()
    }
}

#[test]
fn what_a_window_needs_of_the_kernel_is_attached_just_before_it_and_refuses_nothing() {
    let mut bench = Bench::new();
    bench.insert(MEETING, 1);
    let wakes_at = |bench: &Bench| bench.owner.alarm().unwrap().to_string();
    assert_eq!(wakes_at(&bench), "2026-11-23T13:59:59.5Z");
    bench.owner.on_alarm();
    assert!(bench.owner.kernel.state.hooks.contains(&Hook::DeviceOpen));
    assert!(!bench.is_refused());
    assert_eq!(wakes_at(&bench), "2026-11-23T14:00:00Z");
    bench.owner.world.clocks.wall = "2026-11-23T14:00:00Z".parse().unwrap();
    bench.owner.on_alarm();
    assert!(bench.is_refused());
    assert_eq!(wakes_at(&bench), "2026-11-23T14:35:00Z");
}

#[test]
fn a_window_begins_and_ends_on_its_second() {
    let mut bench = Bench::new();
    bench.insert(MEETING, 1);
    assert!(!bench.is_refused());
    assert_eq!(bench.wakes_at(), "2026-11-23T14:00:00Z");
    bench.at("2026-11-23T14:00:00Z", 61);
    assert!(bench.is_refused());
    assert_eq!(bench.wakes_at(), "2026-11-23T14:35:00Z");
    bench.at("2026-11-23T14:34:59Z", 95);
    assert!(bench.is_refused());
    bench.at("2026-11-23T14:35:00Z", 96);
    assert!(!bench.is_refused());
}

#[test]
fn a_clock_that_is_set_back_ends_no_restriction_and_the_loop_wakes_in_time() {
    let mut bench = Bench::new();
    bench.insert(MEETING, 1);
    bench.at("2026-11-23T14:10:00Z", 71);
    bench.at("2026-11-23T09:10:00Z", 71);
    assert!(bench.is_refused());
    // 14:35 comes when the clock that was set back shows 09:35.
    assert_eq!(bench.wakes_at(), "2026-11-23T09:35:00Z");
    bench.at("2026-11-23T09:35:00Z", 96);
    assert!(!bench.is_refused());
}

#[test]
fn a_clock_that_is_set_back_across_a_boot_restricts_until_it_is_set() {
    let mut bench = Bench::new();
    bench.insert(MEETING, 1);
    bench.at("2026-11-23T14:10:00Z", 71);
    bench.owner.world.clocks = Reading {
        wall: "2026-11-23T09:00:00Z".parse().unwrap(),
        since_boot: SignedDuration::from_mins(1),
        boot: Uuid::from_u128(2),
    };
    let mut bench = bench.restarted();
    assert!(bench.is_refused());
    let ruling = bench.status().functions[&Function::Camera].ruling.clone();
    assert!(matches!(ruling.source, Source::Rule { unknown: true, .. }));
    assert!(
        bench
            .status()
            .problems
            .iter()
            .any(|problem| problem.code == "clock")
    );
    bench.at("2026-11-23T15:00:00Z", 2);
    assert!(!bench.is_refused());
    assert!(bench.status().problems.is_empty());
}

#[test]
fn a_clock_before_the_signature_is_not_believed_and_the_servers_time_is() {
    let mut world = Fake::default();
    world.clocks.wall = "1970-01-01T00:10:00Z".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::in_folder(folder, Memory::default(), world);
    bench.insert(MEETING, 1);
    assert!(bench.is_refused());
    bench.owner.on_server(ServerStatus {
        time: Some("2026-11-23T15:00:00Z".parse().unwrap()),
        ..ServerStatus::default()
    });
    bench.owner.turn();
    assert!(!bench.is_refused());
}

#[test]
fn a_task_runs_at_its_time_ends_at_its_end_and_is_told_once() {
    let mut bench = Bench::new();
    bench.insert(NIGHTLY, 1);
    assert_eq!(bench.wakes_at(), "2026-11-23T22:00:00Z");
    bench.at("2026-11-23T22:00:00Z", 541);
    assert!(bench.is_refused());
    assert_eq!(bench.wakes_at(), "2026-11-24T06:00:00Z");
    let mut bench = bench.restarted();
    assert!(bench.is_refused(), "it stands across a restart");
    bench.at("2026-11-24T06:00:00Z", 1021);
    assert!(!bench.is_refused());
    let runs = |bench: &Bench| {
        let of_task = |event: &Event| {
            matches!(
                event,
                Event::Task {
                    fate: Fate::Ran,
                    ..
                }
            )
        };
        bench
            .outcomes()
            .iter()
            .filter(|event| of_task(event))
            .count()
    };
    assert_eq!(runs(&bench), 1);
}

#[test]
fn of_the_runs_that_were_missed_the_latest_is_run_late() {
    let mut bench = Bench::new();
    bench.insert(NIGHTLY, 1);
    bench.at("2026-11-26T12:00:00Z", 4261);
    assert!(bench.is_refused());
    let fates: Vec<_> = bench
        .outcomes()
        .into_iter()
        .filter_map(|event| {
            let Event::Task { fate, .. } = event else {
                return None;
            };
            Some(fate)
        })
        .collect();
    assert_eq!(fates, [Fate::Skipped, Fate::Skipped, Fate::RanLate]);
    assert_eq!(bench.wakes_at(), "2026-11-26T20:00:00Z");
}

#[test]
fn what_surrounds_the_device_is_asked_only_while_a_policy_asks() {
    let mut bench = Bench::new();
    assert_eq!(*bench.wanted.borrow(), Wanted::default());
    let text = r#"
        [[rules]]
        id = "on-the-way"
        functions = ["camera"]
        action = "disable"
        when.power.source = "battery"
    "#;
    bench.insert(text, 1);
    assert!(bench.wanted.borrow().power);
    assert!(!bench.wanted.borrow().network);
    assert!(bench.is_refused(), "an unknown fact restricts");
    let power = |source| Facts {
        power: Some(cardwarden_policy::facts::Power {
            source,
            charge: None,
        }),
        ..Facts::default()
    };
    assert!(bench.owner.on_facts(power(PowerSource::Mains)));
    bench.owner.turn();
    assert!(!bench.is_refused());
    assert!(bench.owner.on_facts(power(PowerSource::Battery)));
    bench.owner.turn();
    assert!(bench.is_refused());
    bench.insert(ALL_ON, 2);
    assert!(!bench.wanted.borrow().power);
}

#[test]
fn a_rule_about_the_card_follows_the_card() {
    let text = r#"
        [[rules]]
        id = "card"
        functions = ["camera"]
        action = "disable"
        when.card = "absent"
    "#;
    let mut bench = Bench::new();
    bench.owner.on_card(CardEvent::Service(true));
    bench.insert(text, 1);
    assert!(!bench.is_refused());
    let reader = "reader".to_owned();
    bench.owner.on_card(CardEvent::Removed { reader });
    bench.owner.turn();
    assert!(bench.is_refused());
    bench.insert(text, 1);
    assert!(!bench.is_refused());
    bench.owner.on_card(CardEvent::Service(false));
    bench.owner.turn();
    assert!(bench.is_refused(), "nobody knows");
}

#[test]
fn the_sim_in_a_modem_is_there_without_the_service_for_cards() {
    let text = r#"
        [[rules]]
        id = "card"
        functions = ["camera"]
        action = "disable"
        when.card = "absent"
    "#;
    let mut bench = Bench::new();
    let modem = "/dev/wwan0at0";
    bench.owner.fixed.settings.modem = Some(modem.parse().unwrap());
    let mut sim = Card::new(company, text, 1).read(&bench.expectation.borrow());
    modem.clone_into(&mut sim.reader);
    bench.owner.on_card(CardEvent::Reading(Box::new(sim)));
    bench.owner.turn();
    assert!(!bench.is_refused());
    bench.owner.on_card(CardEvent::Service(false));
    bench.owner.turn();
    assert!(!bench.is_refused(), "the SIM is where it was");
    bench.pull_out(modem);
    assert!(bench.is_refused(), "nobody knows of other cards");
}

#[test]
fn silence_of_the_server_counts_from_the_last_answer_across_a_restart() {
    let text = r#"
        [[rules]]
        id = "silence"
        functions = ["camera"]
        action = "disable"
        when.server.silent-for = "7d"
    "#;
    let mut bench = Bench::new();
    bench.insert(text, 1);
    bench.owner.on_server(ServerStatus {
        last_contact: Some("2026-11-25T13:00:00Z".parse().unwrap()),
        ..ServerStatus::default()
    });
    let mut bench = bench.restarted();
    bench.at("2026-12-02T12:59:59Z", 12_960);
    assert!(!bench.is_refused());
    assert_eq!(bench.wakes_at(), "2026-12-02T13:00:00Z");
    bench.at("2026-12-02T13:00:00Z", 12_961);
    assert!(bench.is_refused());
}

#[test]
fn a_policy_for_others_or_out_of_its_time_is_refused_and_told_and_what_was_in_force_stays() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    for (policy, code) in [
        ("audience.kinds = [\"toaster\"]", "other-audience"),
        ("audience.models = [\"Book 2\"]", "other-audience"),
        (
            "validity.not-before = \"2030-01-01T00:00:00Z\"",
            "not-yet-valid",
        ),
        ("validity.not-after = \"2026-06-01T00:00:00Z\"", "expired"),
    ] {
        bench.insert(policy, 2);
        assert!(bench.is_refused(), "{policy}");
        assert_eq!(bench.status().problems[0].code, code, "{policy}");
        let told = bench.outcomes();
        assert!(
            matches!(told.last(), Some(Event::Rejected { code: told, .. }) if told == code),
            "{told:?}"
        );
    }
    bench.insert("audience.models = [\"Book 1\"]", 2);
    assert!(!bench.is_refused());
}

/// A key to which the company delegated until the end of 2026.
fn delegate() -> Delegate<SigningKey> {
    let key = SigningKey::ed25519_from_seed(&[9; 32]);
    let delegation = Delegation {
        company: "B Company".to_owned(),
        key: key.anchor().unwrap().spki().to_vec(),
        powers: Power::ALL.into_iter().collect(),
        functions: Function::ALL.into_iter().collect(),
        may: Direction::Loosen,
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
    };
    let delegation = company().sign(&delegation).unwrap();
    Delegate::new(key, delegation).unwrap()
}

/// The reading of a card that the delegate signed, by a thread whose clock shows `wall`.
fn delegated(policy: &str, version: u64, wall: &str, expected: &Expectation) -> CardEvent {
    let CardEvent::Reading(mut read) = reading(&company(), policy, version, expected) else {
        panic!("a reading is one")
    };
    let anchors: Anchors = [company().anchor().unwrap()].into_iter().collect();
    let manifest: Verified<Manifest> = anchors.verify(&read.manifest).unwrap();
    read.manifest = sign(&delegate(), &*manifest).unwrap();
    let now = Some(wall.parse().unwrap());
    let manifest: Verified<Manifest> = anchors.verify_at(&read.manifest, now).unwrap();
    read.mandate = manifest.group(&manifest.groups[0], &read.group).unwrap();
    CardEvent::Reading(read)
}

#[test]
fn a_delegates_card_and_release_count_and_its_end_takes_nothing_back() {
    let mut bench = Bench::new();
    let event = delegated(
        CAMERA_OFF,
        1,
        "2026-11-23T13:00:00Z",
        &bench.expectation.borrow(),
    );
    bench.owner.on_card(event);
    bench.owner.turn();
    assert!(bench.is_refused());
    bench.at("2027-06-01T00:00:00Z", 300_000);
    let mut bench = bench.restarted();
    assert!(bench.is_refused());
    let release = Release {
        company: "B Company".to_owned(),
        device: bench.owner.identity.device.clone(),
        association: bench.owner.identity.association,
        from: None,
    };
    let release = sign(&delegate(), &release).unwrap();
    assert!(bench.owner.release(&release).is_err(), "too late");
    assert!(bench.is_refused());
}

#[test]
fn a_clock_that_is_set_back_does_not_bring_a_delegate_back() {
    let mut bench = Bench::new();
    bench.at("2027-06-01T00:00:00Z", 300_000);
    bench.at("2026-11-23T13:00:00Z", 300_001);
    let event = delegated(
        CAMERA_OFF,
        1,
        "2026-11-23T13:00:00Z",
        &bench.expectation.borrow(),
    );
    bench.owner.on_card(event);
    bench.owner.turn();
    assert!(!bench.is_refused());
    assert_eq!(bench.status().problems[0].code, "delegation-ended");
}

#[test]
fn a_delegates_release_in_time_lets_the_device_go() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let release = Release {
        company: "B Company".to_owned(),
        device: bench.owner.identity.device.clone(),
        association: bench.owner.identity.association,
        from: None,
    };
    let release = sign(&delegate(), &release).unwrap();
    bench.owner.release(&release).unwrap();
    bench.owner.turn();
    assert!(!bench.is_refused());
}
