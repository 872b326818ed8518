//! `cargo xtask demo`: the main job, live in a virtual machine, in words a person can follow.
//!
//! Every line that is shown was run in the machine just then, and every claim is checked: the demonstration ends
//! with an error if something is not as it says.

use anyhow::{Context as _, Result, ensure};

use crate::lab;
use crate::machine::Machine;
use crate::pins::Kernel;
use crate::say::result;
use crate::scenario::{CAMERA, COPY, OFFICE};

/// A camera read as a program would; fails unless frames come.
const FRAMES: &str = "v4l2-ctl -d /dev/video0 --set-fmt-video=width=320,height=180 --stream-mmap --stream-count=3 --stream-to=/dev/null";

/// What a command's output has to be.
enum Wanted<'a> {
    /// It succeeds.
    Success,
    /// It succeeds and prints exactly this, apart from white space.
    Exactly(&'a str),
    /// It succeeds and prints all of these somewhere.
    Words(&'a [&'a str]),
}

use Wanted::{Exactly, Success, Words};

/// A machine that is shown.
struct Stage(Machine);

/// Shows everything on this kernel.
pub fn run(kernel: Kernel) -> Result<()> {
    say(
        "A machine with Cardwarden installed is being prepared (minutes the first time, seconds later).",
    );
    let mut stage = Stage(lab::ready(kernel)?);
    let shown = stage.show();
    if shown.is_err() {
        stage.0.keep_evidence();
    }
    shown?;
    heading("Everything was as said.");
    Ok(())
}

fn say(words: &str) {
    result(words);
}

fn heading(words: &str) {
    result(format!("\n== {words}"));
}

impl Stage {
    fn show(&mut self) -> Result<()> {
        self.before()?;
        self.card_goes_in()?;
        self.who_says_so()?;
        self.server_knows()?;
        self.it_stays()?;
        self.release()
    }

    /// Runs a command, shows it with its output, and checks the output.
    fn run(&mut self, command: &str, wanted: &Wanted<'_>) -> Result<()> {
        result(format!("  # {command}"));
        let outcome = self.0.sh(command)?;
        for line in outcome.stdout.lines().chain(outcome.stderr.lines()) {
            result(format!("    {line}"));
        }
        ensure!(
            outcome.status == 0,
            "`{command}` ended with status {}",
            outcome.status
        );
        let printed: Vec<&str> = outcome.stdout.split_whitespace().collect();
        match wanted {
            Success => {}
            Exactly(text) => ensure!(
                printed == text.split_whitespace().collect::<Vec<_>>(),
                "`{command}` should have printed {text}"
            ),
            Words(words) => {
                for word in *words {
                    ensure!(
                        outcome.stdout.contains(word),
                        "`{command}` should have said {word}"
                    );
                }
            }
        }
        Ok(())
    }

    fn before(&mut self) -> Result<()> {
        heading("1. Before: no company has a say here.");
        self.run("lab plug camera; lab plug bluetooth; lab settle", &Success)?;
        say("  A copy of the camera's node, kept for later:");
        self.run(
            &format!("mkdir /srv/copies && mknod -m 666 {COPY} c 81 0"),
            &Success,
        )?;
        say("  The camera delivers frames, to root and to alice, who sits at the machine:");
        self.run(FRAMES, &Success)?;
        self.run(&format!("lab as-user {FRAMES}"), &Success)?;
        say("  A Bluetooth socket opens:");
        self.run("lab try bluetooth", &Exactly("open"))?;
        self.run("lab as-user lab try bluetooth", &Exactly("open"))
    }

    fn card_goes_in(&mut self) -> Result<()> {
        heading("2. The card of B Company goes into the reader.");
        self.0
            .put("/srv/policy.toml", 0o644, OFFICE.as_bytes())
            .context("hand over the policy")?;
        self.run("cat /srv/policy.toml", &Success)?;
        self.run("lab card insert /srv/policy.toml && lab settle", &Success)?;
        say("  The kernel itself now refuses: root,");
        self.run(&format!("lab try open {CAMERA}"), &Exactly("EPERM"))?;
        self.run("lab try bluetooth", &Exactly("EPERM"))?;
        say("  a person, by the node and by a copy whose mode lets everybody in,");
        self.run(
            &format!("lab as-user lab try open {CAMERA}"),
            &Exactly("EPERM"),
        )?;
        self.run(
            &format!("lab as-user lab try open {COPY}"),
            &Exactly("EPERM"),
        )?;
        self.run("lab as-user lab try bluetooth", &Exactly("EPERM"))?;
        say("  root by the copy, and inside a new mount namespace with a /dev of its own:");
        self.run(&format!("lab try open {COPY}"), &Exactly("EPERM"))?;
        let other =
            "mkdir -p /mnt/dev; mount -t devtmpfs dev /mnt/dev; lab try open /mnt/dev/video0";
        self.run(
            &format!("unshare --mount sh -c '{other}'"),
            &Exactly("EPERM"),
        )?;
        say("  What is no camera is as before:");
        self.run("lab try open /dev/null /dev/urandom", &Exactly("open open"))
    }

    fn who_says_so(&mut self) -> Result<()> {
        heading("3. Who says so, since when, and what holds it.");
        self.run("cardwarden status", &Words(&["camera", "B Company"]))?;
        self.run(
            "cardwarden why camera",
            &Words(&["office", "cgroup-device"]),
        )?;
        say("  The same over D-Bus, as alice:");
        let property = "busctl get-property org.cardwarden.Agent1 /org/cardwarden/Agent1/functions/camera org.cardwarden.Agent1.Function";
        self.run(
            &format!("lab as-user {property} Verdict Reason Enforcers Since"),
            &Words(&["disabled", "rule:office", "cgroup-device"]),
        )?;
        say("  How long it took, in microseconds, from the reader's event to proven in force:");
        self.run("busctl get-property org.cardwarden.Agent1 /org/cardwarden/Agent1 org.cardwarden.Agent1 Timings", &Words(&["total"]))
    }

    fn server_knows(&mut self) -> Result<()> {
        heading("4. The company's server knows.");
        self.run("lab settle 60 --reported", &Success)?;
        self.run("lab server devices", &Words(&["urn:uuid:"]))?;
        self.run(
            "lab server outcomes",
            &Words(&["associated", "camera", "bluetooth", "enforced"]),
        )
    }

    fn it_stays(&mut self) -> Result<()> {
        heading("5. It stays, whatever happens.");
        say("  The card comes out:");
        self.run("lab card remove && lab settle", &Success)?;
        self.run(
            &format!("lab try open {CAMERA}; lab try bluetooth"),
            &Exactly("EPERM EPERM"),
        )?;
        say(
            "  The agent is killed, and starts again, while something tries to open the camera all the time:",
        );
        let hammer =
            format!("lab try hammer {CAMERA} --until /srv/enough >/srv/hammered & hammer=$!");
        let kill = "systemctl kill --signal=KILL cardwardend";
        let again = "systemctl restart cardwardend; cardwarden wait --settled --timeout 30";
        self.run(
            &format!(
                "{hammer}; {kill}; lab try open {CAMERA}; {again}; touch /srv/enough; wait $hammer"
            ),
            &Exactly("EPERM"),
        )?;
        self.run("cat /srv/hammered", &Words(&["open 0 refused "]))?;
        say(
            "  The machine reboots. The first program after system start, long before a login, tries:",
        );
        let early = format!(
            "modprobe vivid n_devs=1 node_types=0x1\nlab try open {CAMERA}\nlab try bluetooth\nsystemctl is-active systemd-user-sessions.service\ntrue\n"
        );
        self.0.put("/var/lib/lab/early", 0o755, early.as_bytes())?;
        self.0.reboot()?;
        self.run(
            "cat /var/lib/lab/early.log",
            &Exactly("EPERM EPERM inactive"),
        )
    }

    fn release(&mut self) -> Result<()> {
        heading("6. The company releases the device.");
        self.run("lab settle && lab release && lab settle", &Success)?;
        self.run(FRAMES, &Success)?;
        self.run(&format!("lab as-user {FRAMES}"), &Success)?;
        self.run("lab as-user lab try bluetooth", &Exactly("open"))?;
        self.run("lab settle 60 --reported", &Success)?;
        self.run("lab server outcomes | tail -3", &Words(&["released"]))
    }
}
