//! Laws of association: whose card counts, and what ends it.

use super::*;
use crate::card::PinNeeded;
use crate::request::Pin;
use crate::status::CardProof;

const BLUETOOTH_OFF: &str = "[baseline]\nbluetooth = \"disable\"\n";
const CAMERA_OFF_WITH_OTHERS: &str = "companies = \"several\"\n[baseline]\ncamera = \"disable\"\n";

fn other() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32])
}

fn stranger(policy: &str, version: u64) -> Card {
    Card::new(other, policy, version).of("C Company").strange()
}

fn later(minutes: i64) -> String {
    let begin: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
    (begin + SignedDuration::from_mins(minutes)).to_string()
}

impl Bench {
    fn pending(&self) -> Vec<String> {
        let status = self.status();
        status
            .pending
            .iter()
            .map(|card| card.fingerprint.clone())
            .collect()
    }

    fn versions(&self) -> Vec<(String, u64)> {
        let status = self.status();
        let shown =
            |known: &crate::status::AssociationStatus| (known.company.clone(), known.version);
        status.associations.iter().map(shown).collect()
    }

    /// Lets a company release this device, from an instant on.
    fn release_from(&mut self, key: &SigningKey, company: &str, from: Option<&str>) {
        let status = self.status();
        let of_company = |known: &&crate::status::AssociationStatus| known.company == company;
        let association = status.associations.iter().find(of_company).unwrap().id;
        let release = Release {
            company: company.to_owned(),
            device: self.owner.identity.device.clone(),
            association,
            from: from.map(|from| from.parse().unwrap()),
        };
        self.owner.release(&key.sign(&release).unwrap()).unwrap();
        self.owner.turn();
    }

    fn clock(&mut self, minutes: i64) {
        self.owner.world.clocks.wall = later(minutes).parse().unwrap();
        self.owner.world.clocks.since_boot = SignedDuration::from_mins(1 + minutes);
        self.owner.turn();
    }

    /// The outcomes for one association.
    fn told_to(&self, association: Uuid) -> Vec<Event> {
        let pending = self.owner.fixed.queue.pending().unwrap();
        let of = |outcome: &cardwarden_policy::outcome::Outcome| {
            outcome.id.starts_with(&association.to_string())
        };
        pending
            .into_iter()
            .filter(of)
            .map(|outcome| outcome.event)
            .collect()
    }
}

#[test]
fn a_strangers_card_changes_nothing_until_a_person_agrees_to_its_key() {
    let mut bench = Bench::new();
    let before = std::fs::read(bench.folder.path().join("state.json")).ok();
    bench.put_in(&stranger(CAMERA_OFF, 1));
    assert!(!bench.is_refused());
    assert!(bench.has_problem("consent-needed"));
    assert!(bench.outcomes().is_empty());
    let after = std::fs::read(bench.folder.path().join("state.json")).ok();
    assert_eq!(before, after);
    let shown = bench.status().pending[0].clone();
    assert_eq!(
        (shown.company.as_str(), shown.proof),
        ("C Company", CardProof::OwnKey)
    );
    assert!(
        shown
            .restricts
            .iter()
            .any(|sentence| sentence.contains("camera")),
        "{shown:?}"
    );
    assert_eq!(
        bench.owner.associate("0000"),
        Err(Refusal::WrongFingerprint)
    );
    assert!(!bench.is_refused());
    assert_eq!(bench.owner.associate(&shown.fingerprint), Ok(()));
    bench.owner.turn();
    assert!(bench.is_refused());
    assert!(!bench.has_problem("consent-needed"));
    assert!(bench.pending().is_empty());
    let mut bench = bench.restarted();
    assert!(bench.is_refused());
    // From now on its cards count without a click.
    assert!(
        bench
            .expectation
            .borrow()
            .anchors
            .find(other().anchor().unwrap().id())
            .is_some()
    );
    let mut known = stranger(ALL_ON, 2);
    known.strange = false;
    bench.put_in(&known);
    assert!(!bench.is_refused());
}

#[test]
fn what_waits_for_consent_goes_with_its_card() {
    let mut bench = Bench::new();
    bench.put_in(&stranger(CAMERA_OFF, 1));
    let shown = bench.pending().remove(0);
    bench.pull_out("reader");
    assert!(bench.pending().is_empty());
    assert!(!bench.has_problem("consent-needed"));
    assert_eq!(bench.owner.associate(&shown), Err(Refusal::NotPending));
    assert!(!bench.is_refused());
}

#[test]
fn a_stranger_who_is_refused_anyway_is_not_shown_for_consent() {
    let mut bench = Bench::new();
    bench.put_in(&stranger("audience.kinds = [\"toaster\"]", 1));
    assert!(bench.pending().is_empty());
    assert!(bench.has_problem("other-audience"));
}

#[test]
fn no_consent_is_a_way_out_of_a_company_or_of_a_lost_state() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.put_in(&stranger(ALL_ON, 9));
    assert!(bench.pending().is_empty());
    assert!(bench.has_problem("other-company"));
    crate::durable::replace(&bench.folder.path().join("state.json"), b"{").unwrap();
    let mut bench = bench.restarted();
    bench.put_in(&stranger(ALL_ON, 9));
    assert!(bench.pending().is_empty());
    assert!(bench.is_refused());
}

#[test]
fn a_lost_state_restricts_across_any_number_of_starts() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 2);
    crate::durable::replace(&bench.folder.path().join("state.json"), b"{").unwrap();
    for _ in 0..3 {
        bench = bench.restarted();
        assert!(bench.is_refused());
        assert_eq!(bench.status().posture, Posture::Unproven);
    }
    bench.insert(ALL_ON, 1);
    assert!(bench.is_refused(), "its floor is kept elsewhere");
    bench.insert(ALL_ON, 3);
    assert!(!bench.is_refused());
    let bench = bench.restarted();
    assert_eq!(bench.status().posture, Posture::Enforcing);
}

#[test]
fn floors_survive_the_loss_of_either_place_and_a_release() {
    for lost in ["state.json", "elsewhere/floor.json"] {
        let mut bench = Bench::new();
        bench.insert(CAMERA_OFF, 5);
        std::fs::remove_file(bench.folder.path().join(lost)).unwrap();
        let mut bench = bench.restarted();
        assert!(bench.has_problem("floor-healed"), "{lost}");
        bench.insert(CAMERA_OFF, 4);
        assert!(bench.has_problem("rolled-back"), "{lost}");
        let bench = bench.restarted();
        assert!(bench.folder.path().join("elsewhere/floor.json").exists());
    }
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 5);
    bench.release_from(&company(), "B Company", None);
    let mut bench = bench.restarted();
    bench.insert(CAMERA_OFF, 4);
    assert!(!bench.is_refused());
    assert!(bench.has_problem("rolled-back"));
}

#[test]
fn a_version_whose_floor_cannot_be_saved_does_not_count() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    std::fs::create_dir(bench.folder.path().join("elsewhere/floor.json.new")).unwrap();
    bench.insert(ALL_ON, 2);
    assert!(bench.is_refused());
    assert!(bench.has_problem("not-saved"));
}

#[test]
fn of_several_cards_the_newest_wins_in_whatever_order_and_reader() {
    let cards = || {
        let one = |policy, version, reader| Card::new(company, policy, version).in_reader(reader);
        [
            one(ALL_ON, 1, "first"),
            one(BLUETOOTH_OFF, 2, "second"),
            one(CAMERA_OFF, 3, "third"),
        ]
    };
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut bench = Bench::new();
        for place in order {
            bench.put_in(&cards()[place]);
        }
        assert!(bench.is_refused(), "{order:?}");
        assert_eq!(bench.versions(), [("B Company".to_owned(), 3)]);
        for reader in ["first", "second", "third"] {
            assert!(bench.status().card.inserted.is_some(), "{order:?}");
            bench.pull_out(reader);
        }
        assert_eq!(bench.status().card.inserted, None);
    }
}

#[test]
fn a_card_issued_again_counts_and_the_lost_one_no_more() {
    let mut bench = Bench::new();
    let lost = Card::new(company, ALL_ON, 1);
    let mut again = Card::new(company, CAMERA_OFF, 1).issued("2026-02-01T00:00:00Z");
    again.manifest.card = CardIdentity::Key(vec![5; 65]);
    bench.put_in(&lost);
    bench.put_in(&again);
    assert!(bench.is_refused());
    bench.put_in(&lost);
    assert!(bench.is_refused());
    assert!(bench.has_problem("replaced-card"));
    let told = bench.outcomes();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Rejected { code, .. } if code == "replaced-card")),
        "{told:?}"
    );
}

#[test]
fn a_renewal_leaves_no_gap() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let held = bench.owner.kernel.steps.len();
    let rule = "[[rules]]\nid = \"all-day\"\nfunctions = [\"camera\", \"bluetooth\"]\n\
                action = \"disable\"\nwhen.weekly = { days = \"mon-sun\", from = \"00:00\", \
                to = \"24:00\", zone = \"UTC\" }\n";
    bench.insert(rule, 2);
    assert!(bench.owner.kernel.state.refuses_family(31));
    let mut state = KernelState::default();
    for (number, step) in bench.owner.kernel.steps.iter().enumerate() {
        state = state.after(step);
        assert!(
            number + 1 < held || state.refuses_device(81, 0),
            "after step {number}"
        );
    }
}

#[test]
fn a_card_without_a_key_counts_and_is_shown_as_copyable() {
    let mut bench = Bench::new();
    bench.put_in(&Card::new(company, CAMERA_OFF, 1).copyable());
    assert!(bench.is_refused());
    assert_eq!(bench.status().associations[0].proof, CardProof::Copyable);
    assert_eq!(
        bench.restarted().status().associations[0].proof,
        CardProof::Copyable
    );
}

#[test]
fn a_second_company_is_let_in_only_where_the_first_says_so_and_then_the_stricter_wins() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF_WITH_OTHERS, 1);
    let first = bench.status().associations[0].id;
    bench.put_in(&stranger(BLUETOOTH_OFF, 1));
    assert_eq!(bench.versions().len(), 1, "it needs consent too");
    let shown = bench.pending().remove(0);
    bench.owner.associate(&shown).unwrap();
    bench.owner.turn();
    assert!(bench.is_refused());
    assert!(bench.owner.kernel.state.refuses_family(31));
    let bench = bench.restarted();
    let second = bench.status().associations[1].id;
    assert_ne!(first, second);
    let status = bench.status();
    assert_eq!(status.functions[&Function::Camera].company, "B Company");
    assert_eq!(status.functions[&Function::Bluetooth].company, "C Company");
    let of = |association| -> Vec<Function> {
        let told = bench.told_to(association).into_iter();
        told.filter_map(|event| {
            let Event::Function(outcome) = event else {
                return None;
            };
            Some(outcome.function)
        })
        .collect()
    };
    assert_eq!(of(first), [Function::Camera]);
    assert_eq!(of(second), [Function::Bluetooth]);
}

#[test]
fn one_of_two_companies_lets_go_and_the_other_stays() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF_WITH_OTHERS, 1);
    bench.put_in(&stranger(CAMERA_OFF, 1));
    let shown = bench.pending().remove(0);
    bench.owner.associate(&shown).unwrap();
    bench.owner.turn();
    let first = bench.status().associations[0].id;
    bench.release_from(&company(), "B Company", None);
    assert!(bench.is_refused());
    assert_eq!(bench.versions(), [("C Company".to_owned(), 1)]);
    let told = bench.told_to(first);
    assert!(
        matches!(told.last(), Some(Event::Function(outcome))
        if outcome.function == Function::Camera && outcome.verdict == Verdict::Enabled),
        "{told:?}"
    );
    bench.release_from(&other(), "C Company", None);
    assert!(!bench.is_refused());
    assert_eq!(bench.status().posture, Posture::Unmanaged);
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.folder.path().join("state.json")).unwrap())
            .unwrap();
    assert_eq!(state["associations"], serde_json::json!([]));
    assert_eq!(state["untold"], serde_json::json!([]));
    bench.put_in(&stranger(CAMERA_OFF, 1));
    assert!(
        !bench.is_refused(),
        "a company that was let go needs consent anew"
    );
}

#[test]
fn a_release_with_a_date_waits_for_it_across_a_restart() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.release_from(&company(), "B Company", Some(&later(60)));
    assert!(bench.is_refused());
    assert_eq!(bench.owner.until().unwrap().to_string(), later(60));
    let mut bench = bench.restarted();
    assert_eq!(
        bench.status().associations[0].ends.unwrap().to_string(),
        later(60)
    );
    bench.insert(CAMERA_OFF, 2);
    bench.clock(59);
    assert!(bench.is_refused());
    bench.clock(60);
    assert!(!bench.is_refused());
    assert!(
        bench
            .outcomes()
            .iter()
            .any(|event| matches!(event, Event::Released { .. }))
    );
}

#[test]
fn a_clock_that_is_behind_brings_no_release_forward() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.clock(10);
    bench.release_from(&company(), "B Company", Some(&later(60)));
    bench.owner.world.clocks = Reading {
        wall: "2026-11-23T09:00:00Z".parse().unwrap(),
        since_boot: SignedDuration::from_mins(1),
        boot: Uuid::from_u128(2),
    };
    let bench = bench.restarted();
    assert!(bench.is_refused());
    assert!(bench.has_problem("clock"));
}

#[test]
fn a_card_brings_a_release_and_an_old_one_is_refused() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let release = Release {
        company: "B Company".to_owned(),
        device: bench.owner.identity.device.clone(),
        association: bench.owner.identity.association,
        from: None,
    };
    let statement = company().sign(&release).unwrap();
    let anchors: Anchors = [company().anchor().unwrap()].into_iter().collect();
    let manifest = company()
        .sign(&Card::new(company, ALL_ON, 2).manifest)
        .unwrap();
    let directory: Verified<Manifest> = anchors.verify(&manifest).unwrap();
    let put_in = |bench: &mut Bench| {
        bench.owner.on_card(CardEvent::Release {
            reader: "reader".to_owned(),
            directory: Box::new(directory.clone()),
            statement: statement.clone(),
        });
        bench.owner.turn();
    };
    put_in(&mut bench);
    assert!(!bench.is_refused());
    put_in(&mut bench);
    assert!(
        !bench.has_problem("release-refused"),
        "there is nothing to release"
    );
    bench.insert(CAMERA_OFF, 1);
    put_in(&mut bench);
    assert!(bench.is_refused());
    assert!(bench.has_problem("release-refused"));
}

#[test]
fn the_server_asks_for_a_group_and_the_card_is_read_again() {
    let mut bench = Bench::new();
    let mut card = Card::new(company, CAMERA_OFF, 1);
    card.add("travel", ALL_ON);
    bench.put_in(&card);
    assert_eq!(bench.status().associations[0].group, "travel");
    let association = bench.status().associations[0].id;
    let wish = |bench: &mut Bench, group: Option<&str>| {
        bench
            .owner
            .want_group(association, group.map(str::to_owned))
    };
    assert_eq!(wish(&mut bench, Some("office")), Ok(()));
    assert!(matches!(bench.orders.try_recv(), Ok(Order::ReadAgain)));
    let mut bench = bench.restarted();
    card.was_inside = true;
    bench.put_in(&card);
    assert!(bench.is_refused());
    assert_eq!(bench.status().associations[0].group, "office");
    assert_eq!(wish(&mut bench, None), Ok(()));
    bench.put_in(&card);
    assert_eq!(bench.status().associations[0].group, "travel");
    let nobody = bench.owner.want_group(Uuid::nil(), None);
    assert_eq!(nobody, Err(Refusal::NotAssociated));
}

#[test]
fn a_pin_reaches_only_the_insertion_that_asked_and_wrong_ones_are_counted() {
    let mut bench = Bench::new();
    let pin = || Pin::new(b"1234".to_vec().into());
    let needed = |insertion, tries, wrong| {
        CardEvent::PinNeeded(PinNeeded {
            reader: "reader".to_owned(),
            insertion,
            company: "B Company".to_owned(),
            group: "office".to_owned(),
            tries: Some(tries),
            wrong,
        })
    };
    let give =
        |bench: &mut Bench, insertion| bench.owner.give_pin("reader".to_owned(), insertion, &pin());
    assert_eq!(give(&mut bench, 1), Err(Refusal::NoPinWanted));
    bench.owner.on_card(needed(1, 3, false));
    bench.owner.turn();
    assert_eq!(bench.status().pin.as_ref().unwrap().tries, Some(3));
    assert!(bench.has_problem("pin-needed"));
    assert_eq!(give(&mut bench, 2), Err(Refusal::NoPinWanted));
    assert_eq!(give(&mut bench, 1), Ok(()));
    assert!(matches!(
        bench.orders.try_recv(),
        Ok(Order::Pin { insertion: 1, .. })
    ));
    bench.owner.on_card(needed(1, 2, true));
    bench.owner.turn();
    let shown = bench.status().pin.clone().unwrap();
    assert_eq!((shown.tries, shown.wrong), (Some(2), 1));
    assert!(
        bench.orders.try_recv().is_err(),
        "nothing is tried by itself"
    );
    bench.pull_out("reader");
    assert_eq!(bench.status().pin, None);
    assert_eq!(give(&mut bench, 1), Err(Refusal::NoPinWanted));
}

#[test]
fn a_card_that_was_read_for_an_ended_association_is_read_again() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    let old = Card::new(company, CAMERA_OFF, 2).read(&bench.expectation.borrow());
    bench.release_from(&company(), "B Company", None);
    bench.owner.on_card(CardEvent::Reading(Box::new(old)));
    bench.owner.turn();
    assert!(!bench.is_refused());
    assert!(matches!(bench.orders.try_recv(), Ok(Order::ReadAgain)));
}
