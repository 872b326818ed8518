//! Tries what is to be refused, and says what the kernel answered. No shell stands between the attempt and the
//! answer, so that an error of the shell is not taken for one of the kernel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
