//! A system bus of the test's own, `ModemManager` on it as far as it passes AT commands on, and how
//! SIMs are reached through it. In namespaces, where no other bus is in sight.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwarden_card::modem::{Bus, Failure, Sim, Terminal as _, open};
use cardwarden_card::reader::Error;
use cardwarden_iso_card::card::Habits;
use cardwarden_iso_card::modem::{Manners, Modem};
use cardwarden_lab_card::pcscd;
use tokio::runtime::Runtime;

use crate::lab;

/// Where the system bus listens.
const SOCKET: &str = "/run/dbus/system_bus_socket";
const NAME: &str = "org.freedesktop.ModemManager1";
const ROOT: &str = "/org/freedesktop/ModemManager1";

/// A system bus that starts nothing and lets everyone do everything.
pub(crate) struct SystemBus(Child);

impl SystemBus {
    pub(crate) fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(Path::new(SOCKET).parent().unwrap()).unwrap();
        drop(std::fs::remove_file(SOCKET));
        let config = folder.join("bus.conf");
        let text = format!(
            r#"<busconfig><type>custom</type><listen>unix:path={SOCKET}</listen>
            <auth>EXTERNAL</auth><policy context="default"><allow user="*"/><allow own="*"/>
            <allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"#
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(config)
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is needed");
        // It prints its address once it listens.
        let mut line = String::new();
        let mut said = BufReader::new(daemon.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("unix:"), "{line}");
        Self(daemon)
    }
}

impl Drop for SystemBus {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// `ModemManager`; its modems are gone with it.
pub(crate) struct ModemManager {
    runtime: Runtime,
    connection: zbus::Connection,
    passes_commands_on: bool,
}

/// One of its modems.
struct Object {
    modem: Modem,
    passes_commands_on: bool,
}

/// What it says no with.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.ModemManager1.Error")]
enum Refused {
    #[zbus(name = "Core.Unauthorized")]
    Unauthorized(String),
    #[zbus(name = "MobileEquipment.Unknown")]
    Equipment(String),
}

#[zbus::interface(name = "org.freedesktop.ModemManager1.Modem")]
impl Object {
    fn command(&mut self, command: &str, timeout: u32) -> Result<String, Refused> {
        if timeout == 0 {
            return Err(Refused::Equipment("no time for it".to_owned()));
        }
        if !self.passes_commands_on {
            let why = "Cannot send AT command to modem: operation only allowed in debug mode";
            return Err(Refused::Unauthorized(why.to_owned()));
        }
        let answer = self.modem.answer(command);
        let lines: Vec<&str> = answer.lines().filter(|line| !line.is_empty()).collect();
        match lines.as_slice() {
            [answer @ .., "OK"] => Ok(answer.join("\r\n")),
            other => Err(Refused::Equipment(other.join(" "))),
        }
    }
}

/// The path of a modem.
pub(crate) fn path(number: u32) -> String {
    format!("{ROOT}/Modem/{number}")
}

impl ModemManager {
    /// Starts it, with `--debug` or without.
    pub(crate) fn start(passes_commands_on: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connection = runtime.block_on(async {
            zbus::connection::Builder::system()
                .serve_at(ROOT, zbus::fdo::ObjectManager)
                .name(NAME)
                .build()
                .await
                .unwrap()
        });
        Self {
            runtime,
            connection,
            passes_commands_on,
        }
    }

    /// Plugs a modem in.
    pub(crate) fn plug(&self, number: u32, modem: Modem) {
        let object = Object {
            modem,
            passes_commands_on: self.passes_commands_on,
        };
        let objects = self.connection.object_server();
        let added = self.runtime.block_on(objects.at(path(number), object));
        assert!(added.unwrap().is_none());
    }

    /// Pulls it out.
    pub(crate) fn unplug(&self, number: u32) {
        let objects = self.connection.object_server();
        let removed = objects.remove::<Object, _>(path(number));
        assert!(self.runtime.block_on(removed).unwrap());
    }
}

/// A modem with a SIM on which a company's version lies.
pub(crate) fn issued(version: u64) -> Modem {
    let mut card = lab::prepared(Habits::SIM);
    lab::write(&mut card, version, 1).unwrap();
    card.reset();
    Modem::new(card, Manners::default())
}

#[test]
fn a_sim_is_read_and_written_through_modemmanager() {
    pcscd::isolated(|folder| {
        let _bus = SystemBus::start(folder);
        let service = ModemManager::start(true);
        for (number, has_sessions) in [(0, false), (1, true)] {
            let manners = Manners {
                has_sessions,
                ..Manners::default()
            };
            let card = lab::prepared(Habits::SIM);
            service.plug(number, Modem::new(card, manners));
            for place in ["modemmanager".to_owned(), path(number)] {
                let sim = || open(&place.parse().unwrap()).unwrap();
                lab::write(sim(), 1, 1).unwrap();
                assert_eq!(lab::read(sim()).unwrap().mandate.version, 1);
            }
            service.unplug(number);
        }
    })
    .unwrap();
}

#[test]
fn what_modemmanager_cannot_give_is_told_by_its_reason() {
    pcscd::isolated(|folder| {
        let reach = || Bus::open(None);
        assert!(matches!(reach(), Err(Failure::NoService(_))), "no bus");
        let _bus = SystemBus::start(folder);
        assert!(matches!(reach(), Err(Failure::NoService(_))), "no service");

        let service = ModemManager::start(true);
        assert!(matches!(reach(), Err(Failure::Modems { count: 0 })));
        service.plug(0, issued(1));
        let mut bus = reach().unwrap();
        let answer = |bus: &mut Bus, line: &str| {
            bus.command(line, "AT+CSIM", "+CSIM", Duration::from_secs(5))
        };
        assert_eq!(
            answer(&mut bus, "AT+CSIM=10,\"0070000001\"").unwrap(),
            ["6,\"019000\""]
        );
        let refused = answer(&mut bus, "AT+CSIM=9,\"0070000001\"").unwrap_err();
        let Failure::Refused { command, reason } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((command, reason.as_str()), ("AT+CSIM", "+CME ERROR: 50"));
        service.plug(1, issued(1));
        assert!(matches!(reach(), Err(Failure::Modems { count: 2 })));
        drop(service);

        let service = ModemManager::start(false);
        service.plug(0, issued(1));
        let error = Sim::open(reach().unwrap(), "test").unwrap_err();
        assert!(error.code() == "no-service", "{error}");
        let Error::Modem { source, .. } = error else {
            panic!("{error}")
        };
        assert!(matches!(source, Failure::NotAllowed), "{source}");
        assert!(source.to_string().contains("--debug"));
    })
    .unwrap();
}
