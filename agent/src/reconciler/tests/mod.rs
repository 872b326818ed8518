//! The whole loop on a kernel in memory: laws of the turn, of new facts, and of failures.

use std::path::{Path, PathBuf};

use cardwarden_policy::manifest::{Group, Manifest};
use cardwarden_policy::outcome::Event;
use cardwarden_policy::{Function, GroupEntry, Policy, Release, SigningKey, Verdict, Verified};
use tempfile::TempDir;
use tokio::sync::{Notify, broadcast, watch};
use uuid::Uuid;

use super::*;
use crate::card::{CardEvent, CardReading};
use crate::devices::Node;
use crate::enforce::memory::Memory;
use crate::enforce::probe::Met;
use crate::facts::Wanted;
use crate::request::Refused as Refusal;
use crate::status::{Posture, Status};

mod situation;

/// A machine with one camera. What it meets follows from the kernel as of the last scan.
struct Fake {
    clocks: Reading,
    /// What attempts meet instead of a refusal.
    leaks: bool,
    announced: Vec<(Function, bool)>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            clocks: Reading {
                wall: "2026-11-23T13:00:00Z".parse().unwrap(),
                since_boot: SignedDuration::from_mins(1),
                boot: Uuid::from_u128(1),
            },
            leaks: false,
            announced: Vec::new(),
        }
    }
}

impl World for Fake {
    fn clocks(&mut self) -> Reading {
        self.clocks
    }

    fn scan(&mut self, _kernel: &mut dyn Kernel) -> Found {
        let mut found = Found::default();
        found.inventory.majors.insert(81, Function::Camera);
        found.inventory.others.insert(81, [5].into());
        found.nodes.push(Node {
            function: Function::Camera,
            number: (81, 0),
            path: "/dev/video0".into(),
            syspath: "/sys/video0".into(),
        });
        found
    }

    fn try_open(&mut self, _node: &Path) -> Met {
        if self.leaks {
            Met::Passed
        } else {
            Met::Refused
        }
    }

    fn try_socket(&mut self, _function: Function) -> Option<(&'static str, Met)> {
        None
    }

    fn announce(&mut self, _found: &Found, function: Function, decided: bool) {
        self.announced.push((function, decided));
    }
}

struct Bench {
    folder: TempDir,
    owner: Reconciler<Memory, Fake>,
    status: watch::Receiver<Published>,
    link: watch::Receiver<Option<Arc<Link>>>,
    expectation: watch::Receiver<Expectation>,
    wanted: watch::Receiver<Wanted>,
}

fn company() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32])
}

const CAMERA_OFF: &str = "[baseline]\ncamera = \"disable\"\n";
const ALL_ON: &str = "";

impl Bench {
    fn new() -> Self {
        Self::in_folder(
            tempfile::tempdir().unwrap(),
            Memory::default(),
            Fake::default(),
        )
    }

    /// Starts an agent on what another left: its state and its kernel.
    fn in_folder(folder: TempDir, kernel: Memory, world: Fake) -> Self {
        let identity = Identity::load_or_make(folder.path()).unwrap();
        let anchors: Arc<Anchors> = Arc::new([company().anchor().unwrap()].into_iter().collect());
        let (status, published) = watch::channel(Arc::new(Status::at_start(&identity)));
        let (link, linked) = watch::channel(None);
        let (expectation, expected) = watch::channel(Expectation {
            device: identity.device.clone(),
            association: identity.association,
            device_key: identity.spki.clone(),
            kind: "laptop".to_owned(),
            anchors: Arc::clone(&anchors),
        });
        let (wanted, asked) = watch::channel(Wanted::default());
        let outputs = Outputs {
            status,
            link,
            expectation,
            wanted,
            nudge: Arc::new(Notify::new()),
            denials: broadcast::channel(4).0,
        };
        let fixed = Fixed {
            settings: Settings::default(),
            folder: folder.path().to_owned(),
            anchors,
            model: "Book 1".to_owned(),
            queue: Arc::new(Queue::open(folder.path()).unwrap()),
        };
        let mut owner = Reconciler::new(kernel, world, fixed, outputs, identity);
        owner.turn();
        Self {
            folder,
            owner,
            status: published,
            link: linked,
            expectation: expected,
            wanted: asked,
        }
    }

    /// The agent ends without a word, and another starts.
    fn restarted(self) -> Self {
        let Self { folder, owner, .. } = self;
        let clocks = owner.world.clocks;
        let world = Fake {
            clocks,
            ..Fake::default()
        };
        Self::in_folder(folder, owner.kernel, world)
    }

    fn insert(&mut self, policy: &str, version: u64) {
        self.owner.on_card(reading(
            &company(),
            policy,
            version,
            &self.expectation.borrow(),
        ));
        self.owner.turn();
    }

    fn status(&self) -> Published {
        self.status.borrow().clone()
    }

    fn camera(&self) -> Verdict {
        self.status().functions[&Function::Camera].ruling.verdict
    }

    fn is_refused(&self) -> bool {
        self.owner.kernel.state.refuses_device(81, 0)
    }

    fn outcomes(&self) -> Vec<Event> {
        self.owner
            .fixed
            .queue
            .pending()
            .unwrap()
            .into_iter()
            .map(|outcome| outcome.event)
            .collect()
    }

    fn release(&mut self, key: &SigningKey, association: Uuid) -> Result<(), Refusal> {
        let release = Release {
            company: "B Company".to_owned(),
            device: self.owner.identity.device.clone(),
            association,
        };
        let result = self.owner.release(&key.sign(&release).unwrap());
        self.owner.turn();
        result
    }
}

fn reading(key: &SigningKey, policy: &str, version: u64, expected: &Expectation) -> CardEvent {
    let policy = Policy::from_toml(policy).unwrap();
    let group = Group {
        policy,
        account: None,
    }
    .to_bytes()
    .unwrap();
    let manifest = Manifest {
        layout: 1,
        company: "B Company".to_owned(),
        version,
        issued: "2026-01-01T00:00:00Z".parse().unwrap(),
        card: vec![4; 65],
        groups: vec![GroupEntry::describing(1, "office", &group, vec![1])],
    };
    let signed = key.sign(&manifest).unwrap();
    let anchors: Anchors = [key.anchor().unwrap()].into_iter().collect();
    let manifest: Verified<Manifest> = anchors.verify(&signed).unwrap();
    let mandate = manifest.group(&manifest.groups[0], &group).unwrap();
    CardEvent::Reading(Box::new(CardReading {
        reader: "reader".to_owned(),
        manifest: signed,
        group,
        mandate,
        endorsement: cardwarden_policy::Endorsement {
            device: expected.device.clone(),
            association: expected.association,
            device_key: expected.device_key.clone(),
            nonce: vec![0; 32],
        },
        signature: Vec::new(),
        present_at_start: false,
        event_at: Instant::now(),
        apdus: 5,
        read: Duration::ZERO,
        verify: Duration::ZERO,
    }))
}

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
fn what_an_attempt_finds_is_what_is_reported() {
    let mut bench = Bench::new();
    bench.owner.world.leaks = true;
    bench.insert(CAMERA_OFF, 1);
    let camera = bench.status().functions[&Function::Camera].clone();
    assert_eq!(
        camera.achieved,
        cardwarden_policy::outcome::Achieved::Failed
    );
    assert_eq!(camera.proof, "open(/dev/video0) succeeded");
    assert_eq!(bench.status().posture, Posture::Degraded);
}

#[test]
fn a_node_is_given_to_people_only_when_the_function_is_decided_on() {
    let mut bench = Bench::new();
    bench.owner.world.announced.clear();
    bench.owner.world.leaks = true;
    bench.insert(CAMERA_OFF, 1);
    assert_eq!(bench.owner.world.announced, [(Function::Camera, false)]);
    bench.owner.world.leaks = false;
    bench.owner.turn();
    bench.owner.turn();
    assert_eq!(
        bench.owner.world.announced,
        [(Function::Camera, false), (Function::Camera, true)]
    );
}

#[test]
fn what_no_enforcer_holds_is_reported_as_not_held() {
    let mut bench = Bench::new();
    bench.insert(
        "[baseline]\nmicrophone = \"disable\"\nnfc = \"disable\"\n",
        1,
    );
    let status = bench.status();
    let achieved = |function| status.functions[&function].achieved;
    assert_eq!(
        achieved(Function::Microphone),
        cardwarden_policy::outcome::Achieved::Failed
    );
    assert_eq!(
        achieved(Function::Nfc),
        cardwarden_policy::outcome::Achieved::Partly
    );
    assert_eq!(bench.owner.retry(), None, "another attempt would not help");
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
    seen.present_at_start = true;
    bench.owner.on_card(CardEvent::Reading(seen));
    bench.owner.turn();
    assert!(!bench.is_refused());
    bench.insert(CAMERA_OFF, 1);
    assert!(bench.is_refused());
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
        bench.link.borrow().is_none(),
        "a group without an account links to no server"
    );
}
