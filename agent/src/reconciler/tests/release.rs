//! Laws of releases: who lets a device go, once and for good.

use super::*;

#[test]
fn only_the_company_releases_and_only_this_association() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.release(&company(), Uuid::nil()),
        Err(Refusal::NotAssociated)
    );
    bench.insert(CAMERA_OFF, 1);
    let association = bench.owner.identity.association;
    let stranger = SigningKey::ed25519_from_seed(&[2; 32]);
    assert!(matches!(
        bench.release(&stranger, association),
        Err(Refusal::Rejected(_))
    ));
    assert!(matches!(
        bench.release(&company(), Uuid::nil()),
        Err(Refusal::Rejected(_))
    ));
    assert!(bench.is_refused());
    assert_eq!(bench.release(&company(), association), Ok(()));
    assert!(!bench.is_refused());
    assert_eq!(bench.status().posture, Posture::Unmanaged);
    let told = bench.outcomes();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Released { .. }))
    );
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Function(outcome)
        if outcome.function == Function::Camera && outcome.verdict == Verdict::Enabled))
    );
}

#[test]
fn an_old_release_serves_no_second_time() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let association = bench.owner.identity.association;
    bench.release(&company(), association).unwrap();
    assert_ne!(bench.expectation.borrow().association, association);
    bench.insert(CAMERA_OFF, 1);
    assert!(bench.is_refused());
    assert!(matches!(
        bench.release(&company(), association),
        Err(Refusal::Rejected(_))
    ));
    assert!(bench.is_refused());
}

#[test]
fn a_release_that_was_saved_is_told_even_if_the_agent_died_before() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let association = bench.owner.identity.association;
    let release = Release {
        company: "B Company".to_owned(),
        device: bench.owner.identity.device.clone(),
        association,
        from: None,
    };
    // The agent dies after the state is saved and before its turn.
    bench
        .owner
        .release(&company().sign(&release).unwrap())
        .unwrap();
    let bench = bench.restarted();
    assert!(!bench.is_refused());
    assert!(
        bench
            .outcomes()
            .iter()
            .any(|event| matches!(event, Event::Released { .. }))
    );
    assert_ne!(bench.owner.identity.association, association);
}

#[test]
fn a_card_that_was_inside_at_its_release_counts_only_when_put_in_again() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let association = bench.owner.identity.association;
    bench.release(&company(), association).unwrap();
    let CardEvent::Reading(mut seen) =
        reading(&company(), CAMERA_OFF, 1, &bench.expectation.borrow())
    else {
        panic!("a reading");
    };
    seen.was_inside = true;
    bench.owner.on_card(CardEvent::Reading(seen));
    bench.owner.turn();
    assert!(!bench.is_refused());
    bench.insert(CAMERA_OFF, 1);
    assert!(bench.is_refused());
}
