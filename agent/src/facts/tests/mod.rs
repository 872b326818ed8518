//! The providers on a bus of their own, with the services played.

mod stand_ins;

use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::time::Duration;

use cardwarden_policy::facts::{Connection, Network, Point, Power, PowerSource, Session};
use tokio::task::LocalSet;

use super::*;
use stand_ins::{Ended, PrivateBus, geoclue, logind, network_manager, upower};

/// Longer than anything here takes; only a failure waits for it.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a test holds of the providers.
struct Stage {
    bus: PrivateBus,
    wanted: watch::Sender<Wanted>,
    facts: watch::Receiver<Facts>,
}

impl Stage {
    fn new(wanted: Wanted) -> Self {
        let bus = PrivateBus::start();
        let sources = Sources {
            bus: bus.socket(),
            resolver: bus.folder().join("resolv.conf"),
            supplies: bus.folder().join("power_supply"),
        };
        let (wanted, asked) = watch::channel(wanted);
        let facts = watch(&asked, &sources);
        Self { bus, wanted, facts }
    }

    /// Waits until the facts are such.
    async fn until(&mut self, what: impl Fn(&Facts) -> bool) -> Facts {
        let mut told = self.facts.clone();
        let waited = tokio::time::timeout(DEADLINE, told.wait_for(|facts| what(facts))).await;
        let Ok(facts) = waited else {
            panic!("still {:?}", self.facts.borrow());
        };
        facts.unwrap().clone()
    }
}

async fn on_stage(law: impl Future<Output = ()>) {
    LocalSet::new().run_until(law).await;
}

fn sessions() -> Wanted {
    Wanted {
        sessions: true,
        ..Wanted::default()
    }
}

fn anna(locked: bool) -> Session {
    Session {
        user: "anna".to_owned(),
        groups: BTreeSet::new(),
        active: true,
        locked,
        remote: false,
    }
}

#[tokio::test]
async fn a_new_session_is_known_without_asking_again() {
    on_stage(async {
        let mut stage = Stage::new(sessions());
        let logind = logind::start(&stage.bus).await;
        stage.until(|facts| facts.sessions == Some(vec![])).await;
        logind.log_in("greeter", "gdm").await;
        logind.log_in("user", "anna").await;
        stage
            .until(|facts| facts.sessions == Some(vec![anna(false)]))
            .await;
        logind.lock("anna").await;
        stage
            .until(|facts| facts.sessions == Some(vec![anna(true)]))
            .await;
        logind.log_out("anna").await;
        stage.until(|facts| facts.sessions == Some(vec![])).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_goes_away_makes_its_fact_unknown() {
    on_stage(async {
        let mut stage = Stage::new(sessions());
        for _ in 0..2 {
            let logind = logind::start(&stage.bus).await;
            logind.log_in("user", "anna").await;
            stage
                .until(|facts| facts.sessions == Some(vec![anna(false)]))
                .await;
            drop(logind);
            stage.until(|facts| facts.sessions.is_none()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_bus_that_goes_away_is_joined_again() {
    on_stage(async {
        let mut stage = Stage::new(sessions());
        for _ in 0..2 {
            let logind = logind::start(&stage.bus).await;
            stage.until(|facts| facts.sessions == Some(vec![])).await;
            stage.bus.stop();
            stage.until(|facts| facts.sessions.is_none()).await;
            drop(logind);
            stage.bus.again();
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_signals_holds_nothing_up() {
    on_stage(async {
        let mut stage = Stage::new(sessions());
        let logind = logind::start(&stage.bus).await;
        logind.log_in("user", "anna").await;
        for _ in 0..500 {
            logind.lock("nobody").await;
        }
        logind.lock("anna").await;
        stage
            .until(|facts| facts.sessions == Some(vec![anna(true)]))
            .await;
    })
    .await;
}

#[tokio::test]
async fn too_many_sessions_are_unknown() {
    on_stage(async {
        let mut stage = Stage::new(sessions());
        let logind = logind::start(&stage.bus).await;
        logind.log_in("user", "anna").await;
        stage.until(|facts| facts.sessions.is_some()).await;
        for number in 0..256 {
            logind.log_in("user", &format!("user{number}")).await;
        }
        stage.until(|facts| facts.sessions.is_none()).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_runs_that_no_policy_asks_for() {
    on_stage(async {
        let mut stage = Stage::new(Wanted::default());
        let upower = upower::start(&stage.bus).await;
        let _logind = logind::start(&stage.bus).await;
        let before = stage.bus.members().await;

        stage.wanted.send_replace(sessions());
        let facts = stage.until(|facts| facts.sessions.is_some()).await;
        assert_eq!(
            (facts.power, facts.network, facts.place),
            (None, None, None)
        );
        assert_eq!(upower.reads(), 0);
        let with_us = stage.bus.members().await;
        assert_eq!(with_us.len(), before.len() + 1);

        let mut ends = Ended::watch(&stage.bus).await;
        stage.wanted.send_replace(Wanted::default());
        stage.until(|facts| facts.sessions.is_none()).await;
        ends.one_of(with_us.difference(&before)).await;
    })
    .await;
}

#[tokio::test]
async fn the_place_is_told_again_when_the_device_moves() {
    on_stage(async {
        let mut stage = Stage::new(Wanted {
            place: Some(100),
            ..Wanted::default()
        });
        let at = |latitude, longitude| Point::new(latitude, longitude).unwrap();
        for _ in 0..2 {
            let geoclue = geoclue::start(&stage.bus).await;
            geoclue.moved_to(52.52, 13.4, 20.5).await;
            let facts = stage.until(|facts| facts.place.is_some()).await;
            let fix = facts.place.unwrap();
            assert_eq!((fix.at, fix.accuracy), (at(52.52, 13.4), 21));
            assert_eq!(geoclue.asked(), ("cardwarden".to_owned(), 8, 50));
            geoclue.moved_to(48.1, 11.6, 5.0).await;
            stage
                .until(|facts| facts.place.is_some_and(|fix| fix.at == at(48.1, 11.6)))
                .await;
            drop(geoclue);
            stage.until(|facts| facts.place.is_none()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn upower_tells_before_the_kernel_and_the_kernel_without_upower() {
    on_stage(async {
        let mut stage = Stage::new(Wanted {
            power: true,
            ..Wanted::default()
        });
        let battery = stage.bus.folder().join("power_supply/BAT0");
        std::fs::create_dir_all(&battery).unwrap();
        for (name, text) in [("type", "Battery"), ("status", "Full"), ("capacity", "7")] {
            let mut file = File::create(battery.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        let is =
            |source, charge| move |facts: &Facts| facts.power == Some(Power { source, charge });
        for _ in 0..2 {
            let upower = upower::start(&stage.bus).await;
            stage.until(is(PowerSource::Mains, Some(80))).await;
            upower.unplug().await;
            stage.until(is(PowerSource::Battery, Some(80))).await;
            drop(upower);
            stage.until(is(PowerSource::Mains, Some(7))).await;
        }
    })
    .await;
}

#[tokio::test]
async fn networks_are_told_as_networkmanager_knows_them_and_servers_as_they_answer() {
    on_stage(async {
        let server = stand_ins::tls::start().await;
        let mut stage = Stage::new(Wanted {
            servers: vec![server.address.clone()],
            ..Wanted::default()
        });
        let manager = network_manager::start(&stage.bus).await;
        let none = |facts: &Facts| facts.network == Some(Network::default());
        stage.until(none).await;
        manager.connect().await;
        let reached = BTreeSet::from([server.fingerprint]);
        let expected = Network {
            connections: vec![Connection {
                id: "Head office".to_owned(),
                ssid: Some("corp".to_owned()),
                domains: BTreeSet::from(["corp.example".to_owned(), "lab.example".to_owned()]),
                gateway: None,
            }],
            reached,
        };
        stage
            .until(|facts| facts.network == Some(expected.clone()))
            .await;
        manager.disconnect().await;
        stage.until(none).await;
    })
    .await;
}

#[tokio::test]
async fn without_networkmanager_the_kernel_tells_the_networks() {
    on_stage(async {
        let mut stage = Stage::new(Wanted {
            network: true,
            ..Wanted::default()
        });
        let facts = stage.until(|facts| facts.network.is_some()).await;
        let connections = facts.network.unwrap().connections;
        assert!(connections.iter().all(|connection| connection.id != "lo"));
        let manager = network_manager::start(&stage.bus).await;
        manager.connect().await;
        let office = |facts: &Facts| {
            let network = facts.network.as_ref();
            network
                .is_some_and(|network| network.connections.iter().any(|it| it.id == "Head office"))
        };
        stage.until(office).await;
        drop(manager);
        stage.until(|facts| !office(facts)).await;
    })
    .await;
}
