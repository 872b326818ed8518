//! The agent's reader thread with a real pcscd.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cardwarden_policy::{Anchors, Manifest, SigningKey, Verified};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::card::{CardEvent, CardReading, Expectation, PinNeeded, Threads, spawn};
use crate::lab::{self, READER};

/// The thread, and what it says.
pub(crate) struct Thread {
    pub(crate) reader: Threads,
    events: mpsc::Receiver<CardEvent>,
    expectation: watch::Sender<Expectation>,
}

impl Thread {
    pub(crate) fn start(trusted: &SigningKey) -> Self {
        let expectation = Expectation {
            properties: lab::laptop(),
            association: Uuid::nil(),
            bonds: Vec::new(),
            device_key: vec![1, 2, 3],
            anchors: anchors(trusted),
        };
        let (expectation, receiver) = watch::channel(expectation);
        let (sender, events) = mpsc::channel(16);
        Self {
            reader: spawn(None, receiver, sender).unwrap(),
            events,
            expectation,
        }
    }

    /// The next event, whatever it is; the test's own end bounds the wait.
    fn next(&mut self) -> CardEvent {
        self.events.blocking_recv().expect("the thread ended")
    }

    /// A PIN that is wanted.
    pub(crate) fn pin_wanted(&mut self) -> PinNeeded {
        let event = self.next_news();
        let seen = format!("{event:?}");
        let CardEvent::PinNeeded(wanted) = event else {
            panic!("{seen}")
        };
        wanted
    }

    /// The next event that is not about the list of readers.
    pub(crate) fn next_news(&mut self) -> CardEvent {
        loop {
            let event = self.next();
            if !matches!(event, CardEvent::Readers(_) | CardEvent::Met) {
                return event;
            }
        }
    }

    pub(crate) fn reading(&mut self) -> CardReading {
        let event = self.next_news();
        let seen = format!("{event:?}");
        let CardEvent::Reading(reading) = event else {
            panic!("{seen}")
        };
        *reading
    }

    fn fault(&mut self) -> &'static str {
        let event = self.next_news();
        let seen = format!("{event:?}");
        let CardEvent::Fault {
            reader,
            code,
            problem,
        } = event
        else {
            panic!("{seen}")
        };
        assert_eq!(reader, READER);
        assert!(
            problem.contains(READER) && problem.contains(": "),
            "{problem}"
        );
        println!("{code}: {problem}");
        code
    }

    pub(crate) fn service(&mut self, expected: bool) {
        let event = self.next_news();
        assert!(
            matches!(event, CardEvent::Service(there) if there == expected),
            "{event:?}"
        );
    }

    pub(crate) fn removed(&mut self) {
        let event = self.next_news();
        assert!(
            matches!(&event, CardEvent::Removed { reader } if reader == READER),
            "{event:?}"
        );
    }
}

fn anchors(trusted: &SigningKey) -> Arc<Anchors> {
    Arc::new(Anchors::from_iter([trusted.anchor().unwrap()]))
}

/// A card that the lab's company issued.
fn issued(folder: &Path) -> std::path::PathBuf {
    let image = folder.join("image");
    let key = lab::file(folder, "company.pem", &lab::company().to_pem().unwrap());
    let policy = lab::file(folder, "policy.toml", "[baseline]\ncamera = \"disable\"\n");
    let paths = [&image, &key, &policy].map(|path| path.to_str().unwrap());
    lab::lab_card(&[
        "provision",
        "--image",
        paths[0],
        "--company",
        "B Company",
        "--key",
        paths[1],
        "--version",
        "7",
        "--policy",
        paths[2],
    ]);
    image
}

#[test]
fn an_inserted_card_is_read_once_and_its_removal_is_told() {
    lab::isolated(|folder| {
        let image = issued(folder);
        let _pcscd = lab::pcscd();
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        let card = lab::insert(&image, None);
        let reading = thread.reading();
        assert_eq!(reading.reader, READER);
        assert_eq!(reading.mandate.version, 7);
        assert!(!reading.was_inside);
        let manifest: Verified<Manifest> =
            anchors(&lab::company()).verify(&reading.manifest).unwrap();
        assert!(manifest.group(&manifest.groups[0], &reading.group).is_ok());
        assert!(
            reading
                .endorsement
                .verify(&manifest, &reading.proof)
                .is_ok()
        );
        println!(
            "{} APDUs: read in {:?} (first after {:?}, card and reader {:?}), verified in {:?}, {:?} after the event",
            reading.apdus,
            reading.read,
            reading.first,
            reading.exchange,
            reading.verify,
            reading.event_at.elapsed()
        );
        drop(card);
        thread.removed();
        let _again = lab::insert(&image, None);
        let again = thread.reading();
        assert_ne!(again.endorsement.nonce, reading.endorsement.nonce);
    });
}

#[test]
fn a_card_is_met_whether_pcscd_comes_late_goes_or_comes_back() {
    lab::isolated(|folder| {
        let image = issued(folder);
        let mut thread = Thread::start(&lab::company());
        let pcscd = lab::pcscd();
        thread.service(true);
        let card = lab::insert(&image, None);
        thread.reading();
        drop(pcscd);
        drop(card);
        thread.removed();
        thread.service(false);
        let _pcscd = lab::pcscd();
        thread.service(true);
        let _card = lab::insert(&image, None);
        thread.reading();
    });
}

#[test]
fn a_card_that_was_there_before_the_agent_is_marked_so() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let _card = lab::insert(&issued(folder), None);
        lab::wait_for(pcsc::State::PRESENT, true);
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        assert!(thread.reading().was_inside);
    });
}

#[test]
fn what_a_device_expects_counts_from_the_next_insertion() {
    lab::isolated(|folder| {
        let image = issued(folder);
        let _pcscd = lab::pcscd();
        let stranger = SigningKey::p256_from_seed(&[9; 32]).unwrap();
        let mut thread = Thread::start(&stranger);
        thread.service(true);
        let card = lab::insert(&image, None);
        assert!(thread.reading().stranger.is_some());
        thread
            .expectation
            .send_modify(|expected| expected.anchors = anchors(&lab::company()));
        drop(card);
        thread.removed();
        let _card = lab::insert(&image, None);
        let reading = thread.reading();
        assert_eq!(reading.mandate.company, "B Company");
        assert_eq!(reading.stranger, None);
    });
}

#[test]
fn every_bad_card_is_refused_by_its_own_word() {
    lab::isolated(|folder| {
        let image = issued(folder);
        let copy = folder.join("copy");
        cardwarden_lab_card::copy::copy(&image, &copy, lab::PIV).unwrap();
        let empty = folder.join("empty");
        let _pcscd = lab::pcscd();
        let mut thread = Thread::start(&lab::company());
        thread.service(true);
        for (card, fault, code) in [
            (&empty, None, "not-ours"),
            (&copy, None, "copied-card"),
            (&image, Some("drop-after:3"), "removed"),
            (&image, Some("endless-61xx"), "card-fault"),
            (&image, Some("garbage"), "card-fault"),
        ] {
            let card = lab::insert(card, fault);
            assert_eq!(thread.fault(), code, "{fault:?}");
            drop(card);
            thread.removed();
        }
    });
}

#[test]
fn the_thread_ends_wherever_it_waits() {
    lab::isolated(|_folder| {
        let mut waiting_for_pcscd = Thread::start(&lab::company());
        drop(waiting_for_pcscd.reader);
        assert!(waiting_for_pcscd.events.blocking_recv().is_none());
        let _pcscd = lab::pcscd();
        let mut waiting_for_cards = Thread::start(&lab::company());
        waiting_for_cards.service(true);
        assert!(matches!(waiting_for_cards.next(), CardEvent::Readers(names) if names.len() == 2));
        drop(waiting_for_cards.reader);
        assert!(waiting_for_cards.events.blocking_recv().is_none());
    });
}

/// How often the reader thread gave up the processor of its own accord.
fn wake_ups() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let texts = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("status")));
    texts
        .map(Result::unwrap)
        .find(|text| text.starts_with("Name:\tcard reader\n"))
        .and_then(|text| {
            text.lines()
                .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:\t")?.parse().ok())
        })
        .expect("there is no reader thread")
}

/// Lets time pass in which nothing is to happen.
fn let_pass(time: Duration) {
    let (_sender, nothing) = std::sync::mpsc::channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

#[test]
fn an_idle_thread_does_not_wake() {
    lab::isolated(|folder| {
        let idle = Duration::from_secs(
            std::env::var("LAB_CARD_IDLE").map_or(2, |seconds| seconds.parse().unwrap()),
        );
        let image = issued(folder);
        let mut thread = Thread::start(&lab::company());
        let_pass(Duration::from_millis(200));
        let before = wake_ups();
        let_pass(idle);
        assert_eq!(wake_ups(), before, "while there is no pcscd");
        let _pcscd = lab::pcscd();
        thread.service(true);
        let _card = lab::insert(&image, None);
        thread.reading();
        // pcscd tells once more when our own use of the card is over and when it powers it down.
        let_pass(Duration::from_secs(2));
        let before = wake_ups();
        let_pass(idle);
        assert_eq!(wake_ups(), before, "while a card is in the reader");
    });
}

#[test]
fn a_card_that_another_program_keeps_for_itself_is_read_when_it_lets_go() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        for (index, model) in lab::MODELS.into_iter().enumerate() {
            let image = folder.join(index.to_string());
            lab::write(&image, model, 7, 0);
            let card = lab::insert_model(&image, model, None);
            lab::wait_for(pcsc::State::PRESENT, true);
            let context = pcsc::Context::establish(pcsc::Scope::System).unwrap();
            let reader = std::ffi::CString::new(READER).unwrap();
            let theirs = context
                .connect(&reader, pcsc::ShareMode::Exclusive, pcsc::Protocols::ANY)
                .unwrap();
            let mut thread = Thread::start(&lab::company());
            thread.service(true);
            assert_eq!(thread.fault(), "in-use", "{model:?}");
            drop(theirs);
            assert_eq!(thread.reading().mandate.version, 7, "{model:?}");
            drop(card);
            thread.removed();
        }
    });
}
