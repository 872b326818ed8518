//! Programs that use something and do not stop by themselves: what a new policy has to stop. Each runs as a unit
//! of systemd's, since it must outlive the shell that asked for it, and answers on a socket.

mod line;
pub(crate) mod usage;

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::result;
use clap::ValueEnum;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use usage::Usage;

/// Where the programs listen.
const HELD: &str = "/run/lab-held";

/// What a program can be busy with.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Films
    Camera,
    /// Records
    Microphone,
    /// Has a node open, and waits
    Node,
    /// Has a Bluetooth socket, and waits
    Bluetooth,
    /// Has an NFC socket, and waits
    Nfc,
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

/// What a program is to be.
pub(crate) struct Wish {
    /// What it is busy with.
    pub(crate) kind: Kind,
    /// With which node, if not the usual.
    pub(crate) path: Option<PathBuf>,
    /// Whose descriptor it uses, if not one of its own.
    pub(crate) of: Option<String>,
    /// Whether only a thread has the descriptor, in a table of its own.
    pub(crate) is_apart: bool,
}

/// Starts such a program and returns once it is busy; prints its name.
pub(crate) fn hold(wish: &Wish, name: Option<&str>) -> Result<()> {
    let kind_name = wish.kind.name();
    let name = name.unwrap_or(&kind_name);
    let own = std::env::current_exe().context("find this program")?;
    let mut run = Run::new("systemd-run")
        .args(["--quiet", "--collect", "--service-type=notify"])
        .arg(format!("--unit=lab-held-{name}"))
        .arg(own)
        .args(["hold", &kind_name, "--name", name, "--serve"]);
    if let Some(path) = &wish.path {
        run = run.arg("--path").arg(path);
    }
    if let Some(of) = &wish.of {
        run = run.args(["--of", of]);
    }
    if wish.is_apart {
        run = run.arg("--apart");
    }
    if let Err(error) = run.quietly() {
        let said = Run::new("journalctl")
            .arg(format!("--unit=lab-held-{name}"))
            .args(["-o", "cat", "-n", "3", "--no-pager"])
            .text()?;
        return Err(error.context(said));
    }
    result(name);
    Ok(())
}

/// Is such a program.
pub(crate) fn serve(wish: &Wish, name: &str) -> Result<()> {
    if !wish.is_apart {
        return be(wish, name);
    }
    // What it opens is in no table but its own, and those of threads that it starts.
    std::thread::scope(|scope| {
        let apart = scope.spawn(|| {
            unshare(CloneFlags::CLONE_FILES).context("have a table of descriptors alone")?;
            be(wish, name)
        });
        apart
            .join()
            .unwrap_or_else(|_panicked| bail!("the thread has ended"))
    })
}

fn be(wish: &Wish, name: &str) -> Result<()> {
    std::fs::create_dir_all(HELD).with_context(|| format!("make {HELD}"))?;
    let place = Path::new(HELD).join(name);
    if place.exists() {
        std::fs::remove_file(&place).with_context(|| format!("remove {}", place.display()))?;
    }
    let listener =
        UnixListener::bind(&place).with_context(|| format!("listen at {}", place.display()))?;
    let usage = Usage::start(wish)?;
    tell_ready()?;
    for stream in listener.incoming() {
        let stream = stream.context("accept")?;
        let mut asked = String::new();
        BufReader::new(&stream)
            .read_line(&mut asked)
            .context("read the question")?;
        // Who asked may have gone.
        drop(usage.answer(asked.trim(), &stream));
    }
    Ok(())
}

/// Tells systemd, whose unit this is, that what it was started for has begun.
pub(crate) fn tell_ready() -> Result<()> {
    let ready = std::env::var("NOTIFY_SOCKET").context("not started by systemd")?;
    UnixDatagram::unbound()
        .and_then(|socket| socket.send_to(b"READY=1", ready))
        .context("tell systemd")
        .map(drop)
}

/// What such a program can be asked about itself.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// What it does now.
    State,
    /// What it does once it has been stopped, or an error after so long.
    Stopped(Duration),
}

/// Prints `busy FRAMES LAST` or `stopped FRAMES LAST AT ERROR`: how often it got something, when it did last, when
/// it was stopped (in milliseconds since 1970), and what it was told.
pub(crate) fn state(name: &str, question: Question) -> Result<()> {
    let (words, limit) = match question {
        Question::State => ("state".to_owned(), Duration::from_secs(5)),
        Question::Stopped(limit) => (format!("stopped {}", limit.as_millis()), limit),
    };
    let said = line::ask(&socket(name), &words, limit + Duration::from_secs(5))?;
    result(&said);
    if matches!(question, Question::Stopped(_)) && !said.starts_with("stopped") {
        bail!("{name} has not been stopped within {limit:?}");
    }
    Ok(())
}

/// Has it try something with what it holds; one word.
pub(crate) fn attempt(name: &str, what: &str) -> Result<String> {
    line::ask(&socket(name), what, Duration::from_secs(20))
}

/// Takes its descriptor: handed over by itself, or without asking.
pub(crate) fn take(
    name: &str,
    is_handed_over: bool,
) -> Result<std::result::Result<OwnedFd, Errno>> {
    if is_handed_over {
        line::receive(&socket(name))
    } else {
        let place = line::ask(&socket(name), "place", Duration::from_secs(5))?;
        let (pid, number) = place
            .split_once(' ')
            .context("the program has no descriptor")?;
        Ok(crate::syscall::take(
            pid.parse().context("a process's number")?,
            number.parse().context("a descriptor's number")?,
        ))
    }
}

/// Ends it, and whatever it has started.
pub(crate) fn end(name: &str) -> Result<()> {
    let unit = format!("lab-held-{name}");
    let stopped = Run::new("systemctl").args(["stop", &unit]).output()?;
    // 5: there is no such unit, since the program has ended by itself.
    if !stopped.status.success() && stopped.status.code() != Some(5) {
        bail!(
            "cannot stop {unit}: {}",
            String::from_utf8_lossy(&stopped.stderr)
        );
    }
    Ok(())
}

fn socket(name: &str) -> PathBuf {
    Path::new(HELD).join(name)
}
