//! Laws of the turn: what a card brings about, what lasts, and what a failure leaves in force.

use super::*;

#[test]
fn without_a_company_nothing_is_refused_or_attached() {
    let bench = Bench::new();
    assert_eq!(bench.status().posture, Posture::Unmanaged);
    assert_eq!(bench.owner.kernel.state, KernelState::default());
    assert!(bench.outcomes().is_empty());
}

#[test]
fn a_card_switches_the_camera_off_and_the_server_is_told_once() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    assert!(bench.is_refused());
    assert_eq!(bench.camera(), Verdict::Disabled);
    assert_eq!(bench.status().posture, Posture::Enforcing);
    assert!(
        !bench.owner.kernel.state.refuses_device(81, 5),
        "a codec stays usable"
    );
    let told = bench.outcomes();
    assert!(
        matches!(told[0], Event::Associated { version: 1, .. }),
        "{told:?}"
    );
    assert!(matches!(&told[1], Event::Function(outcome) if outcome.function == Function::Camera));
    assert_eq!(told.len(), 2);
    bench.owner.turn();
    bench.insert(CAMERA_OFF, 1);
    assert_eq!(bench.outcomes().len(), 2);
}

#[test]
fn removing_the_card_keeps_the_camera_off() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.owner.on_card(CardEvent::Removed {
        reader: "reader".to_owned(),
    });
    bench.owner.turn();
    assert!(bench.is_refused());
    assert_eq!(bench.status().card.inserted, None);
}

#[test]
fn another_start_adopts_what_it_finds_without_a_step() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let steps = bench.owner.kernel.steps.len();
    let bench = bench.restarted();
    assert!(bench.is_refused());
    assert_eq!(bench.owner.kernel.steps.len(), steps);
    assert_eq!(bench.outcomes().len(), 2);
}

#[test]
fn a_reboot_brings_it_all_back() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let bench = Bench::in_folder(bench.folder, Memory::default(), Fake::default());
    assert!(bench.is_refused());
}

#[test]
fn an_older_version_and_another_company_change_nothing() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 5);
    bench.insert(ALL_ON, 4);
    assert!(bench.is_refused());
    assert!(
        bench
            .status()
            .problems
            .iter()
            .any(|problem| problem.code == "rolled-back")
    );
    let stranger = SigningKey::ed25519_from_seed(&[2; 32]);
    let event = reading(&stranger, ALL_ON, 9, &bench.expectation.borrow());
    bench.owner.on_card(event);
    bench.owner.turn();
    assert!(bench.is_refused());
    assert!(
        bench
            .status()
            .problems
            .iter()
            .any(|problem| problem.code == "other-company")
    );
    let refused = bench
        .outcomes()
        .into_iter()
        .filter(|event| matches!(event, Event::Rejected { .. }));
    assert_eq!(refused.count(), 2);
}

#[test]
fn a_newer_policy_of_the_company_replaces_the_older() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.insert(ALL_ON, 2);
    assert!(!bench.is_refused());
    assert!(
        bench.owner.kernel.state.hooks.is_empty(),
        "nothing is attached that nothing needs"
    );
    assert_eq!(bench.camera(), Verdict::Enabled);
}

#[test]
fn after_a_failed_tightening_nothing_is_loosened_and_it_is_tried_again() {
    let mut bench = Bench::new();
    bench.insert("[baseline]\nbluetooth = \"disable\"\n", 1);
    assert!(bench.owner.kernel.state.refuses_family(31));
    bench.owner.kernel.good_for = Some(1);
    bench.insert(CAMERA_OFF, 2);
    assert!(bench.owner.kernel.state.refuses_family(31));
    assert!(!bench.is_refused());
    assert!(bench.owner.retry().is_some());
    assert_eq!(bench.status().posture, Posture::Degraded);
    assert!(!bench.status().settled);
    bench.owner.kernel.good_for = None;
    bench.owner.turn();
    assert!(bench.is_refused());
    assert!(!bench.owner.kernel.state.refuses_family(31));
    assert_eq!(bench.owner.retry(), None);
}

#[test]
fn a_state_that_cannot_be_saved_changes_nothing() {
    let mut bench = Bench::new();
    let state = bench.folder.path().join("state.json");
    // A folder stands where the new state would be written.
    std::fs::create_dir(PathBuf::from(format!("{}.new", state.display()))).unwrap();
    bench.insert(CAMERA_OFF, 1);
    assert!(!bench.is_refused());
    assert!(
        bench
            .status()
            .problems
            .iter()
            .any(|problem| problem.code == "not-saved")
    );
    assert!(bench.status().associations.is_empty());
}

#[test]
fn a_damaged_state_keeps_everything_off_until_the_company_speaks() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    crate::durable::replace(&bench.folder.path().join("state.json"), b"{").unwrap();
    let mut bench = bench.restarted();
    assert!(bench.is_refused());
    assert_eq!(bench.status().posture, Posture::Unproven);
    bench.insert(ALL_ON, 2);
    assert!(!bench.is_refused());
}

#[test]
fn no_reader_and_no_service_are_told_and_change_nothing() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.owner.on_card(CardEvent::Readers(Vec::new()));
    bench.owner.on_card(CardEvent::Service(false));
    bench.owner.turn();
    let status = bench.status();
    let codes: Vec<_> = status
        .problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect();
    assert_eq!(codes, ["no-reader", "no-service"]);
    assert!(bench.is_refused());
    assert!(
        bench.links.borrow().is_empty(),
        "a group without an account links to no server"
    );
}
