//! Machines in which attacks are tried: every device is there, and programs have some of them open, since before the
//! policy came.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use cardwarden_tests::attacks::{self, Start, Vector, Who};
use cardwarden_tests::lab;
use cardwarden_tests::machine::Machine;
use cardwarden_tests::pins::Kernel;
use cardwarden_tests::scenario::{COPY, expect};

/// Where the attacks lie in the machine.
const FOLDER: &str = "/srv/attacks";

const DEVICES: &str = include_str!("devices.sh");

/// All but this machine's own being a USB device, since the lab's USB devices are just that, seen from the other end.
const EVERYTHING: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "everything"
functions = ["camera", "microphone", "bluetooth", "infrared", "nfc", "usb"]
action = "disable"
"#;

const GADGET: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "gadget"
functions = ["camera", "microphone", "bluetooth", "infrared", "nfc", "usb", "usb-gadget"]
action = "disable"
"#;

const READ_ONLY: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "radio-and-pictures"
functions = ["camera", "bluetooth"]
action = "disable"

[[rules]]
id = "read-only"
functions = ["usb.storage"]
action = "disable"
storage = "read-only"
"#;

const HOURS: &str = r#"contact = "security@b-company.example"

[[rules]]
id = "until"
functions = ["camera", "bluetooth"]
action = "disable"
when.period = { from = "2020-01-01", to = "2090-01-01", zone = "UTC" }
"#;

/// What came of an attempt.
pub(crate) struct Attempt {
    pub(crate) succeeded: bool,
    pub(crate) said: String,
}

/// What is in force in a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InForce {
    /// A policy, with the guard.
    Everything,
    /// The same policy without the guard.
    Unguarded,
    /// No policy.
    Nothing,
}

/// Machines of one kernel, one after the other.
pub(crate) struct Ground {
    kernel: Kernel,
    in_force: InForce,
    machine: Option<(Start, Machine)>,
}

impl Ground {
    /// Without a machine yet.
    pub(crate) fn new(kernel: Kernel, in_force: InForce) -> Self {
        Self {
            kernel,
            in_force,
            machine: None,
        }
    }

    /// Tries an attack, in the machine where the last was tried if that will do.
    pub(crate) fn attempt(&mut self, vector: &Vector, who: Who) -> Result<Attempt> {
        let will_do = |start: Start| start == vector.start && !vector.is_alone;
        if !self
            .machine
            .as_ref()
            .is_some_and(|(start, _)| will_do(*start))
        {
            // The old one ends before: a machine needs one of few places.
            self.machine = None;
            self.machine = Some((vector.start, self.enter(vector.start)?));
        }
        let (_, machine) = self.machine.as_mut().context("there is no machine")?;
        let file = format!("{FOLDER}/{}", vector.file);
        machine.put(&file, 0o755, &vector.content)?;
        let as_whom = match who {
            Who::User => "lab as-user",
            Who::Root => "",
        };
        let outcome = machine.sh(&format!(
            "{as_whom} timeout -k 2 40 {} {file}",
            vector.program()
        ))?;
        let said = outcome.stdout.trim().lines().last().unwrap_or_default();
        let succeeded = match (outcome.status, said.split(':').next()) {
            (0, Some("succeeded")) => true,
            (1, Some("refused")) => false,
            (status, _) => bail!(
                "it broke with status {status}:\n{}{}",
                outcome.stdout,
                outcome.stderr
            ),
        };
        Ok(Attempt {
            succeeded,
            said: said.to_owned(),
        })
    }

    /// Camera and Bluetooth are refused to root, whatever has been tried.
    pub(crate) fn stands(&mut self) -> Result<()> {
        let (_, machine) = self.machine.as_mut().context("there is no machine")?;
        expect(
            machine,
            &format!("lab try open {COPY}; lab try bluetooth"),
            "EPERM EPERM",
        )
    }

    /// The next attack has another machine.
    pub(crate) fn leave(&mut self, is_evidence: bool) {
        if let Some((_, mut machine)) = self.machine.take()
            && is_evidence
        {
            machine.keep_evidence();
        }
    }

    fn enter(&self, start: Start) -> Result<Machine> {
        let mut script = String::new();
        // The keeper is one of them, and starts before the policy comes.
        for (name, content) in attacks::shared_files()? {
            let text = String::from_utf8(content).with_context(|| format!("{name} is no text"))?;
            writeln!(
                script,
                "mkdir -p {FOLDER}\ncat >{FOLDER}/{name} <<'END'\n{text}END"
            )?;
        }
        script += DEVICES;
        if self.in_force != InForce::Nothing {
            let policy = match start {
                Start::Everything => EVERYTHING,
                Start::Gadget => GADGET,
                Start::ReadOnly => READ_ONLY,
                Start::Hours => HOURS,
            };
            let guard = if self.in_force == InForce::Unguarded {
                "guard = \"off\"\n"
            } else {
                ""
            };
            writeln!(
                script,
                "cat >/srv/policy.toml <<'END'\n{guard}{policy}END\nlab card insert /srv/policy.toml --version 5\nlab settle"
            )?;
        }
        let mut machine = lab::prepared(self.kernel, &script)?;
        if self.in_force != InForce::Nothing {
            let status = machine.ok("cardwarden status --json")?;
            ensure!(
                status.contains("enforcing") || status.contains("degraded"),
                "no policy is in force: {status}"
            );
        }
        Ok(machine)
    }
}
