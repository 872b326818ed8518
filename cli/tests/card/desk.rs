//! Whoever makes cards, as the tests have them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use cardwarden_lab_card::pcscd::{self, Process};
use pcsc::State;
use serde_json::Value;

/// How long a card that went in may be unknown to pcscd before it is put in again, and how often.
pub(crate) const SOON: Duration = Duration::from_secs(3);
pub(crate) const ATTEMPTS: usize = 5;
/// Where the virtual reader listens.
pub(crate) const PORT: u16 = 35963;
/// A card with a file system and nothing on it, which others wrote; it forgets all when it goes.
const VICC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/iso-card/vicc.py");
/// The PINs that `OpenPGP` cards leave the factory with.
pub(crate) const ADMIN_PIN: &str = "12345678";
pub(crate) const PIN: &str = "123456";

pub(crate) const OFFICE: &str = include_str!("../../templates/office.toml");
pub(crate) const TEMPLATE: &str = "\
company = \"B Company\"
version = 7

[[groups]]
name = \"own laptop of {name}\"
policy = \"office.toml\"
serials = [\"{laptop}\"]
priority = 10

[[groups]]
name = \"all\"
policy = \"office.toml\"
labels = [\"{labels?}\"]
";
pub(crate) const STAFF: &str =
    "name,id,laptop,labels\nAda Lovelace,17,PF1,field;lab\nAlan Turing,18,PF2,\n";

/// Whoever makes cards: a folder with the company's key, a policy, a template and a list.
pub(crate) struct Desk<'f> {
    pub(crate) folder: &'f Path,
    _pcscd: Process,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) said: String,
    pub(crate) noted: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            said: String::from_utf8(output.stdout).unwrap(),
            noted: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl<'f> Desk<'f> {
    pub(crate) fn new(folder: &'f Path) -> Self {
        let desk = Self {
            folder,
            _pcscd: pcscd::start().unwrap(),
        };
        for (name, content) in [
            ("office.toml", OFFICE),
            ("cards.toml", TEMPLATE),
            ("staff.csv", STAFF),
            ("admin.pin", ADMIN_PIN),
            ("pin", PIN),
        ] {
            std::fs::write(desk.path(name), content).unwrap();
        }
        desk.succeed("policy keygen --key company.pem --public trust.pem");
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwarden"));
        command
            .args(line.split(' '))
            .current_dir(self.folder)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ended {
        self.command(line).output().unwrap().into()
    }

    pub(crate) fn succeed(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.status, 0, "{line}: {ended:?}");
        ended.said
    }

    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.succeed(&format!("{line} --json"))).unwrap()
    }

    /// Puts a card in, and waits until pcscd knows it.
    pub(crate) fn insert(&self, image: &str, profile: &str, fault: Option<&str>) -> Process {
        self.put_until(image, profile, fault, is_present)
    }

    /// Puts a card in until something comes of it. pcscd looks for cards every 400 ms, and misses
    /// one that comes sooner after the last one went; a person puts it in once more.
    pub(crate) fn put_until(
        &self,
        image: &str,
        profile: &str,
        fault: Option<&str>,
        comes: impl Fn(Duration) -> bool,
    ) -> Process {
        for _attempt in 0..ATTEMPTS {
            let card = self.put(image, profile, fault);
            if comes(SOON) {
                return card;
            }
        }
        panic!("nothing comes of the card {image}")
    }

    pub(crate) fn put(&self, image: &str, profile: &str, fault: Option<&str>) -> Process {
        if profile == "pkcs15" {
            let mut command = Command::new("/usr/bin/python3");
            command
                .args([VICC, "-t", "iso7816"])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            return Process::spawn(&mut command).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "the_card", "--ignored", "--nocapture"])
            .env("CARD_IMAGE", self.path(image))
            .env("CARD_PROFILE", profile)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(fault) = fault {
            command.env("CARD_FAULT", fault);
        }
        Process::spawn(&mut command).unwrap()
    }
}

/// Whether a card is there, soon.
pub(crate) fn is_present(soon: Duration) -> bool {
    let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
    let reader = std::ffi::CString::new(pcscd::READER).unwrap();
    let mut states = [pcsc::ReaderState::new(reader, State::UNAWARE)];
    loop {
        if context.get_status_change(soon, &mut states).is_err() {
            return false;
        }
        if states[0].event_state().contains(State::PRESENT) {
            return true;
        }
        states[0].sync_current_state();
    }
}

pub(crate) fn take_out(card: Process) {
    drop(card);
    pcscd::wait_for(State::EMPTY, true).unwrap();
}

pub(crate) const BOX: &str = "card issue --template cards.toml --key company.pem --csv staff.csv";

/// A run over a box of cards.
pub(crate) struct Run {
    pub(crate) process: Child,
    /// What the person is told, line by line.
    pub(crate) notes: mpsc::Receiver<String>,
}

impl Run {
    pub(crate) fn begin(desk: &Desk<'_>) -> Self {
        let mut process = desk
            .command(&format!("{BOX} --json"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(process.stderr.take().unwrap());
        let (sender, notes) = mpsc::channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, notes }
    }

    /// Waits until the person is told something.
    pub(crate) fn told(&self, part: &str) -> String {
        self.told_within(pcscd::PATIENCE, part)
            .unwrap_or_else(|all| panic!("never told “{part}”: {all:?}"))
    }

    /// The line, or what was told instead.
    pub(crate) fn told_within(
        &self,
        patience: Duration,
        part: &str,
    ) -> Result<String, Vec<String>> {
        let mut all = Vec::new();
        loop {
            match self.notes.recv_timeout(patience) {
                Ok(line) if line.contains(part) => return Ok(line),
                Ok(line) => all.push(line),
                Err(_silence) => return Err(all),
            }
        }
    }

    pub(crate) fn end(self) -> Value {
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
