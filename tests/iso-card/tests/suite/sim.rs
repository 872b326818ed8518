//! The agent's thread for the SIM in a modem, with modems that come, go and misbehave.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cardwarden_card::Readers;
use cardwarden_iso_card::card::{Card, Habits};
use cardwarden_iso_card::modem::{Manners, Plugged};
use cardwarden_lab_card::pcscd::{self, Process, READER};
use cardwarden_policy::{Anchors, Properties};
use pcsc::State;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::card::{CardEvent, CardReading, Expectation, Order, PinNeeded, Threads, spawn};
use crate::lab;
use crate::modem_manager::{ModemManager, SystemBus, issued, path};
use crate::pins;

/// The threads, and what they say.
struct Agent {
    threads: Threads,
    events: mpsc::Receiver<CardEvent>,
    modem: String,
    _expectation: watch::Sender<Expectation>,
}

impl Agent {
    fn start(modem: &str) -> Self {
        let (expectation, expected) = watch::channel(Expectation {
            properties: Properties {
                kind: "laptop".to_owned(),
                ..Properties::default()
            },
            association: Uuid::nil(),
            bonds: Vec::new(),
            device_key: vec![1, 2, 3],
            anchors: Arc::new(Anchors::from_iter([lab::company().anchor().unwrap()])),
        });
        let (sender, events) = mpsc::channel(16);
        Self {
            threads: spawn(Some(modem.parse().unwrap()), expected, sender).unwrap(),
            events,
            modem: modem.to_owned(),
            _expectation: expectation,
        }
    }

    /// The next event that is not about pcscd and its readers as such.
    fn next(&mut self) -> CardEvent {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        loop {
            let event = async { tokio::time::timeout(pcscd::PATIENCE, self.events.recv()).await };
            let event = runtime.block_on(event);
            match event.expect("nothing happens").expect("the threads ended") {
                CardEvent::Service(_) | CardEvent::Readers(_) | CardEvent::Met => {}
                event @ (CardEvent::Reading(_)
                | CardEvent::Release { .. }
                | CardEvent::PinNeeded(_)
                | CardEvent::Fault { .. }
                | CardEvent::Removed { .. }) => return event,
            }
        }
    }

    fn reading(&mut self) -> CardReading {
        let event = self.next();
        let seen = format!("{event:?}");
        let CardEvent::Reading(reading) = event else {
            panic!("{seen}")
        };
        *reading
    }

    fn removed(&mut self) {
        let event = self.next();
        assert!(
            matches!(&event, CardEvent::Removed { reader } if *reader == self.modem),
            "{event:?}"
        );
    }

    fn fault(&mut self) -> &'static str {
        let event = self.next();
        let seen = format!("{event:?}");
        let CardEvent::Fault {
            reader,
            code,
            problem,
        } = event
        else {
            panic!("{seen}")
        };
        assert_eq!(reader, self.modem);
        assert!(problem.contains(&self.modem), "{problem}");
        println!("{code}: {problem}");
        code
    }

    fn pin_wanted(&mut self) -> PinNeeded {
        let event = self.next();
        let seen = format!("{event:?}");
        let CardEvent::PinNeeded(wanted) = event else {
            panic!("{seen}")
        };
        assert_eq!(wanted.reader, self.modem);
        wanted
    }

    fn give(&self, wanted: &PinNeeded, digits: &str) {
        self.threads.order(Order::Pin {
            reader: wanted.reader.clone(),
            insertion: wanted.insertion,
            pin: pins::pin(digits),
        });
    }
}

/// A place for a modem's device file.
struct Socket(TempDir);

impl Socket {
    fn new() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").unwrap())
    }

    fn device(&self) -> PathBuf {
        self.0.path().join("modem")
    }

    fn setting(&self) -> String {
        self.device().into_os_string().into_string().unwrap()
    }

    fn plug(&self, card: Card, manners: Manners) -> Plugged {
        Plugged::plug(&self.device(), card, manners).unwrap()
    }
}

/// A SIM on which a company's version lies.
fn sim(version: u64) -> Card {
    let mut card = lab::prepared(Habits::SIM);
    lab::write(&mut card, version, 1).unwrap();
    card.reset();
    card
}

#[test]
fn a_sim_is_read_at_the_start_and_whenever_its_modem_comes_back() {
    pcscd::isolated(|_folder| {
        let socket = Socket::new();
        let mut modem = socket.plug(sim(1), Manners::default());
        let mut agent = Agent::start(&socket.setting());
        let reading = agent.reading();
        assert_eq!(
            (&reading.reader, reading.mandate.version),
            (&agent.modem, 1)
        );
        assert!(reading.was_inside);
        println!(
            "{} APDUs: read in {:?} (modem {:?})",
            reading.apdus, reading.read, reading.exchange
        );
        for version in 2..4 {
            let card = modem.unplug().unwrap();
            assert_eq!(card.open_channels(), 0, "the channel is given back");
            agent.removed();
            modem = socket.plug(sim(version), Manners::default());
            let reading = agent.reading();
            assert_eq!(reading.mandate.version, version);
            assert!(!reading.was_inside);
        }
        agent.threads.order(Order::ReadAgain);
        assert!(agent.reading().was_inside);
    })
    .unwrap();
}

#[test]
fn a_modem_that_is_not_there_yet_is_waited_for() {
    pcscd::isolated(|_folder| {
        let socket = Socket::new();
        let mut agent = Agent::start(&socket.setting());
        let _modem = socket.plug(sim(1), Manners::default());
        assert_eq!(agent.reading().mandate.version, 1);
    })
    .unwrap();
}

#[test]
fn a_sims_pin_is_asked_for_and_shown_once_to_the_sim_that_wants_it() {
    pcscd::isolated(|_folder| {
        let mut card = pins::guarded();
        pins::write(&mut card, 1, Some("1234")).unwrap();
        card.reset();
        let socket = Socket::new();
        let modem = socket.plug(card, Manners::default());
        let mut agent = Agent::start(&socket.setting());
        let first = agent.pin_wanted();
        assert_eq!((first.tries, first.wrong), (Some(3), false));
        agent.give(&first, "9999");
        let second = agent.pin_wanted();
        assert_eq!((second.tries, second.wrong), (Some(2), true));
        let another = PinNeeded {
            insertion: second.insertion + 1,
            ..second.clone()
        };
        agent.give(&another, "8888");
        agent.give(&second, "1234");
        assert_eq!(agent.reading().mandate.version, 1);
        let card = modem.unplug().unwrap();
        assert_eq!(card.tries, 3, "the PIN for another insertion was not shown");
    })
    .unwrap();
}

#[test]
fn a_sim_that_is_not_ready_is_told_once_and_read_when_it_is() {
    pcscd::isolated(|_folder| {
        let socket = Socket::new();
        let manners = Manners {
            refusals: 6,
            ..Manners::default()
        };
        let _modem = socket.plug(sim(1), manners);
        let mut agent = Agent::start(&socket.setting());
        assert_eq!(agent.fault(), "card-fault");
        assert_eq!(agent.reading().mandate.version, 1);
    })
    .unwrap();
}

#[test]
fn a_sim_of_nobodys_is_told_and_not_asked_again() {
    pcscd::isolated(|_folder| {
        let socket = Socket::new();
        let modem = socket.plug(lab::prepared(Habits::SIM), Manners::default());
        let mut agent = Agent::start(&socket.setting());
        assert_eq!(agent.fault(), "not-ours");
        let_pass(Duration::from_secs(1));
        let asked = modem.unplug().unwrap().log;
        let opened = asked.iter().filter(|command| command[..3] == [0, 0x70, 0]);
        assert_eq!(opened.count(), 1);
    })
    .unwrap();
}

/// Puts a card that has nothing of ours into the reader.
fn insert() -> Process {
    let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/vicc.py");
    let card = Process::spawn(Command::new("/usr/bin/python3").args([launcher, "-t", "iso7816"]));
    pcscd::wait_for(State::PRESENT, true).unwrap();
    card.unwrap()
}

#[test]
fn a_modem_that_hangs_keeps_no_card_in_a_reader_waiting() {
    pcscd::isolated(|_folder| {
        let _pcscd = pcscd::start().unwrap();
        let _card = insert();
        let mut connection = Readers::open().unwrap().connect(Some(READER)).unwrap();
        lab::initialise(connection.transaction().unwrap()).unwrap();
        lab::write(connection.transaction().unwrap(), 7, 0).unwrap();
        drop(connection);
        let socket = Socket::new();
        let manners = Manners {
            is_mute: true,
            ..Manners::default()
        };
        let _modem = socket.plug(sim(1), manners);
        let mut agent = Agent::start(&socket.setting());
        let reading = agent.reading();
        assert_eq!(
            (reading.reader.as_str(), reading.mandate.version),
            (READER, 7)
        );
        agent.threads.order(Order::ReadAgain);
        assert_eq!(agent.reading().reader, READER);
        assert_eq!(agent.fault(), "card-fault", "the modem is given up");
    })
    .unwrap();
}

#[test]
fn a_sim_behind_modemmanager_is_read_whenever_its_modem_or_the_service_comes_back() {
    pcscd::isolated(|folder| {
        let mut agent = Agent::start("modemmanager");
        let bus = SystemBus::start(folder);
        let service = ModemManager::start(true);
        service.plug(0, issued(1));
        assert_eq!(agent.reading().mandate.version, 1);
        service.unplug(0);
        agent.removed();
        service.plug(1, issued(2));
        assert_eq!(agent.reading().mandate.version, 2);
        drop(service);
        agent.removed();
        let service = ModemManager::start(true);
        service.plug(0, issued(3));
        assert_eq!(agent.reading().mandate.version, 3);
        drop(bus);
        agent.removed();
    })
    .unwrap();
}

#[test]
fn one_of_several_modems_is_read_by_its_path_and_without_it_the_choice_is_told() {
    pcscd::isolated(|folder| {
        let _bus = SystemBus::start(folder);
        let service = ModemManager::start(true);
        service.plug(0, issued(1));
        service.plug(1, issued(2));
        let mut agent = Agent::start(&path(1));
        assert_eq!(agent.reading().mandate.version, 2);
        let mut agent = Agent::start("modemmanager");
        assert_eq!(agent.fault(), "no-reader");
        service.unplug(0);
        agent.removed();
        assert_eq!(agent.reading().mandate.version, 2);
    })
    .unwrap();
}

/// How often a SIM's thread gave up the processor of its own accord.
fn wake_ups() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let texts = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("status")));
    texts
        .map(Result::unwrap)
        .find(|text| text.starts_with("Name:\tSIM\n"))
        .and_then(|text| {
            text.lines()
                .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:\t")?.parse().ok())
        })
        .expect("there is no thread")
}

/// Lets time pass in which nothing is to happen.
fn let_pass(time: Duration) {
    let (_sender, nothing) = std::sync::mpsc::channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

/// Asserts that the thread sleeps while nothing happens.
fn assert_idle(what: &str) {
    let_pass(Duration::from_millis(500));
    let before = wake_ups();
    let_pass(Duration::from_secs(3));
    assert_eq!(wake_ups(), before, "{what}");
}

#[test]
fn an_idle_thread_does_not_wake_and_ends_with_its_owner() {
    pcscd::isolated(|_folder| {
        let socket = Socket::new();
        let mut agent = Agent::start(&socket.setting());
        assert_idle("without a modem");
        let _modem = socket.plug(sim(1), Manners::default());
        agent.reading();
        assert_idle("with a modem");
        drop(agent.threads);
        assert!(agent.events.blocking_recv().is_none());
    })
    .unwrap();
}

#[test]
fn a_thread_on_the_bus_does_not_wake_while_nothing_happens() {
    pcscd::isolated(|folder| {
        let _bus = SystemBus::start(folder);
        let service = ModemManager::start(true);
        let mut agent = Agent::start("modemmanager");
        assert_idle("without a modem");
        service.plug(0, issued(1));
        agent.reading();
        assert_idle("with a modem");
        drop(agent.threads);
        assert!(agent.events.blocking_recv().is_none());
    })
    .unwrap();
}
