//! Tries what is to be refused, and says what the kernel answered. No shell stands between the attempt and the
//! answer, so that an error of the shell is not taken for one of the kernel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::say::result;
use clap::Subcommand;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::Mode;

/// What to try. Each prints one word for each attempt: `open`, or the kernel's error, such as `EPERM`.
#[derive(Subcommand)]
pub(crate) enum Try {
    /// Open files for reading
    Open {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Make a Bluetooth socket
    Bluetooth,
    /// Open a file again and again; prints how often it was opened and how often refused
    Hammer {
        /// The file
        path: PathBuf,
        /// Until this file exists
        #[arg(long)]
        until: PathBuf,
    },
    /// Open a file again and again until the kernel answers so; prints when it did first, in milliseconds since 1970
    /// by the wall clock, and how often it had answered otherwise
    Until {
        /// `open` or an error, such as `EPERM`
        answer: String,
        /// The file
        path: PathBuf,
        /// How long at most, whatever the wall clock says
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Count the instructions of an open(2): the most frequent of 1000 counts
    Count {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

/// The longest a hammer goes on.
const HAMMER: Duration = Duration::from_mins(5);

/// Tries it.
pub(crate) fn attempt(what: &Try) -> Result<()> {
    match what {
        Try::Open { paths } => {
            for path in paths {
                result(word(opened(path)));
            }
            Ok(())
        }
        Try::Bluetooth => {
            let made = socket(
                AddressFamily::Bluetooth,
                SockType::SeqPacket,
                SockFlag::SOCK_CLOEXEC,
                None,
            );
            result(word(made.map(drop)));
            Ok(())
        }
        Try::Hammer { path, until } => hammer(path, until),
        Try::Until {
            answer,
            path,
            seconds,
        } => until(answer, path, Duration::from_secs(*seconds)),
        Try::Count { paths } => {
            for path in paths {
                result(crate::count::most_frequent(path)?);
            }
            Ok(())
        }
    }
}

fn opened(path: &Path) -> Result<(), Errno> {
    open(
        path,
        OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
        Mode::empty(),
    )
    .map(drop)
}

fn word(attempt: Result<(), Errno>) -> String {
    attempt.map_or_else(|errno| format!("{errno:?}"), |()| "open".to_owned())
}

fn until(answer: &str, path: &Path, limit: Duration) -> Result<()> {
    let start = Instant::now();
    let mut others = 0_u64;
    loop {
        // The clock is read first: the answer was given at this instant or later.
        let at = SystemTime::now();
        let said = word(opened(path));
        if said == answer {
            let at = at.duration_since(UNIX_EPOCH).context("read the clock")?;
            result(format!("{} {others}", at.as_millis()));
            return Ok(());
        }
        others += 1;
        if start.elapsed() > limit {
            bail!("after {limit:?} the kernel still answers {said}");
        }
    }
}

fn hammer(path: &Path, until: &Path) -> Result<()> {
    let (mut open, mut refused) = (0_u64, 0_u64);
    let start = Instant::now();
    while !until.exists() {
        match opened(path) {
            Ok(()) => open += 1,
            Err(Errno::EPERM) => refused += 1,
            Err(errno) => return Err(errno).context("hammering"),
        }
        if start.elapsed() > HAMMER {
            bail!("nobody stopped the hammer");
        }
    }
    result(format!("open {open} refused {refused}"));
    Ok(())
}
