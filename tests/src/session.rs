//! A person's use of a machine: `lab run` and `lab shell`.

use std::io::{IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::termios::{self, SetArg};

use crate::channel::{self, Kind};
use crate::machine::Machine;
use crate::say::{pass_through, progress};

/// The longest a script may run: half an hour.
const SCRIPT: Duration = Duration::from_mins(30);

/// Puts the card of the policy file `card` in (unless it says "none"), then runs a script of the host in the
/// machine, as root, and passes its output through.
pub fn run_script(machine: &mut Machine, card: &str, script: &Path) -> Result<ExitCode> {
    let content = std::fs::read(script).with_context(|| format!("read {}", script.display()))?;
    if card != "none" {
        insert_card(machine, Path::new(card))?;
    }
    machine.put("/root/script", 0o755, &content)?;
    let arguments: &[&str] = if content.starts_with(b"#!") {
        &["/root/script"]
    } else {
        &["sh", "/root/script"]
    };
    let status = machine.streaming(SCRIPT, arguments, &mut pass_through);
    if status.as_ref().map_or(true, |status| *status != 0) {
        machine.keep_evidence();
    }
    Ok(ExitCode::from(u8::try_from(status?).unwrap_or(u8::MAX)))
}

fn insert_card(machine: &mut Machine, policy: &Path) -> Result<()> {
    let content = std::fs::read(policy).with_context(|| format!("read {}", policy.display()))?;
    machine.put("/root/policy.toml", 0o644, &content)?;
    let steps: [&[&str]; 2] = [
        &["lab", "card", "insert", "/root/policy.toml"],
        &["lab", "settle"],
    ];
    for step in steps {
        let outcome = machine.run(step)?;
        if outcome.status != 0 {
            machine.keep_evidence();
            bail!(
                "`{}` failed: {}{}",
                step.join(" "),
                outcome.stdout,
                outcome.stderr
            );
        }
    }
    Ok(())
}

/// Lets a person use the machine from this terminal until the shell there ends.
pub fn shell(machine: &mut Machine) -> Result<ExitCode> {
    let stdin = std::io::stdin();
    let is_terminal = stdin.is_terminal();
    progress(
        "lab: this machine is yours; `lab --help` plays the outside world; ends with the shell",
    );
    let shell = if is_terminal {
        // script(1) gives the shell a terminal of its own, of this one's size.
        let (rows, columns) = terminal_size();
        let inner = format!("stty rows {rows} cols {columns}; exec bash -il");
        vec![
            "env".to_owned(),
            "TERM=xterm".to_owned(),
            "script".to_owned(),
            "-qefc".to_owned(),
            inner,
            "/dev/null".to_owned(),
        ]
    } else {
        vec!["bash".to_owned()]
    };
    let shell: Vec<&str> = shell.iter().map(String::as_str).collect();
    machine.link().start_conversation(&shell)?;
    let saved = termios::tcgetattr(stdin.as_fd())
        .ok()
        .filter(|_| is_terminal);
    if let Some(saved) = &saved {
        let mut raw = saved.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSANOW, &raw).context("set the terminal")?;
    }
    let talked = talk(machine);
    if let Some(saved) = &saved {
        termios::tcsetattr(stdin.as_fd(), SetArg::TCSANOW, saved).context("reset the terminal")?;
    }
    Ok(ExitCode::from(u8::try_from(talked?).unwrap_or(u8::MAX)))
}

fn terminal_size() -> (String, String) {
    let size = crate::run::Run::new("stty")
        .args(["-F", "/dev/tty", "size"])
        .text()
        .unwrap_or_default();
    let mut words = size.split_whitespace().map(str::to_owned);
    (
        words.next().unwrap_or_else(|| "24".into()),
        words.next().unwrap_or_else(|| "80".into()),
    )
}

/// Carries bytes both ways until the guest's shell ends; returns its status.
fn talk(machine: &mut Machine) -> Result<i32> {
    let mut from = machine.link().stream()?;
    let mut to = from.try_clone().context("copy the connection")?;
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 4096];
        let mut stdin = std::io::stdin();
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            if channel::write(
                &mut to,
                Kind::Input,
                buffer.get(..length).unwrap_or_default(),
            )
            .is_err()
            {
                return;
            }
        }
        // The machine may be gone already.
        drop(channel::write(&mut to, Kind::InputEnd, b""));
    });
    loop {
        match channel::read(&mut from).context("read from the guest")? {
            (Kind::Output, bytes) => pass_through(false, &bytes),
            (Kind::ErrorOutput, bytes) => pass_through(true, &bytes),
            (Kind::Ended, status) => {
                return String::from_utf8_lossy(&status)
                    .parse()
                    .context("read the exit status");
            }
            (Kind::Refused, why) => bail!("{}", String::from_utf8_lossy(&why)),
            (Kind::Hello, _) => bail!("the machine rebooted"),
            _ => {}
        }
    }
}
