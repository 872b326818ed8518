//! Tries what is to be refused, and says what the kernel answered. No shell stands between the attempt and the
//! answer, so that an error of the shell is not taken for one of the kernel.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::result;
use clap::{Subcommand, ValueEnum};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::stat::Mode;

use crate::camera::Camera;
use crate::{held, netlink, using};

/// A use of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Ask the device what it is
    Ioctl,
    /// Read
    Read,
    /// Write
    Write,
    /// Map memory
    Mmap,
    /// Start filming once more
    Restart,
}

/// Whose descriptor is used.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// A new one of this program
    Own,
    /// That of a program of `lab hold`, by itself
    Held,
    /// That of such a program, handed over in a message (`SCM_RIGHTS`)
    Passed,
    /// That of such a program, taken with `pidfd_getfd(2)`
    Taken,
}

/// What to try. Each prints one word for each attempt: `open` or `works`, or the kernel's error, such as `EPERM`.
#[derive(Subcommand)]
pub(crate) enum Try {
    /// Open files for reading
    Open {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Write what a file begins with over itself, down to the device
    Overwrite {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Make a Bluetooth socket
    Bluetooth,
    /// Make an NFC socket
    Nfc,
    /// Ask the kernel for its NFC devices over netlink
    NfcNetlink,
    /// Film one picture with a node
    Stream {
        /// The node
        path: PathBuf,
    },
    /// Record a moment's sound with a capture node
    Record {
        /// The node
        path: PathBuf,
    },
    /// Open the usbfs node of a USB device and ask it something
    Usbfs {
        /// The device, as sysfs calls it: 1-1
        device: String,
    },
    /// Use a descriptor: that of a file opened for it, of a program of `lab hold`, or one that such a program hands
    /// over or that is taken from it
    Use {
        /// How
        way: Way,
        /// The file, or the program's name
        of: PathBuf,
        /// Whose descriptor
        #[arg(long, value_enum, default_value = "own")]
        from: From,
    },
    /// Open a file again and again; prints how often it was opened and how often refused
    Hammer {
        /// For writing, and from before it is there
        #[arg(long)]
        write: bool,
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
    /// Count the bytes of all BPF maps that the kernel holds
    CountMaps,
    /// Count the instructions of an open(2): the most frequent of 1000 counts
    Count {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Count the instructions of a socket(2) of family `AF_UNIX`: the most frequent of 1000 counts, five times
    CountSockets,
}

/// The longest a hammer goes on.
const HAMMER: Duration = Duration::from_mins(5);

/// Tries it.
pub(crate) fn attempt(what: &Try) -> Result<()> {
    match what {
        Try::Open { paths } => {
            for path in paths {
                say(opened(path), "open");
            }
        }
        Try::Overwrite { paths } => {
            for path in paths {
                say(overwrite(path), "works");
            }
        }
        Try::Bluetooth => say(bluetooth(), "open"),
        Try::Nfc => say(nfc(), "open"),
        Try::NfcNetlink => say(netlink::nfc(), "works"),
        Try::Stream { path } => say(
            Camera::start(path).and_then(|camera| camera.frame()),
            "works",
        ),
        Try::Record { path } => result(record(path)?),
        Try::Usbfs { device } => say(usbfs(device)?, "works"),
        Try::Use { way, of, from } => result(use_descriptor(*way, of, *from)?),
        Try::Hammer { write, path, until } => hammer(*write, path, until)?,
        Try::Until {
            answer,
            path,
            seconds,
        } => until(answer, path, Duration::from_secs(*seconds))?,
        Try::Count { paths } => {
            for path in paths {
                result(crate::count::opening(path)?);
            }
        }
        Try::CountMaps => result(crate::count::bytes_of_maps()?),
        Try::CountSockets => {
            for _ in 0..5 {
                result(crate::count::making_a_socket()?);
            }
        }
    }
    Ok(())
}

fn opened(path: &Path) -> Result<(), Errno> {
    opened_for(OFlag::O_RDONLY, path)
}

fn opened_for(access: OFlag, path: &Path) -> Result<(), Errno> {
    open(
        path,
        access | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
        Mode::empty(),
    )
    .map(drop)
}

/// A sector, which is as little as a disk takes; nothing is other than before.
fn overwrite(path: &Path) -> Result<(), Errno> {
    let attempt = || {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut sector = [0; 512];
        file.read_exact_at(&mut sector, 0)?;
        file.write_all_at(&sector, 0)?;
        file.sync_all()
    };
    attempt().map_err(|error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// The kernel's error, or this word.
pub(crate) fn word<T>(attempt: Result<T, Errno>, success: &str) -> String {
    attempt.map_or_else(|errno| format!("{errno:?}"), |_| success.to_owned())
}

fn say<T>(attempt: Result<T, Errno>, success: &str) {
    result(word(attempt, success));
}

/// A Bluetooth socket: a raw one of the HCI protocol.
pub(crate) fn bluetooth() -> Result<OwnedFd, Errno> {
    any_socket(AddressFamily::Bluetooth)
}

/// An NFC socket: a raw one.
pub(crate) fn nfc() -> Result<OwnedFd, Errno> {
    any_socket(AddressFamily::Nfc)
}

/// A socket of the family's protocol 0: L2CAP, and NFC's raw one.
fn any_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket(family, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
}

/// By `arecord`: `works` if a tenth of a second was recorded, else what it says.
fn record(node: &Path) -> Result<String> {
    let device = held::usage::sound_device(node)?;
    let recorded = Run::new("arecord")
        .args(["-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2"])
        .args(["-s", "4800", "-D", &device])
        .into_command()
        .output()
        .context("start arecord")?;
    if recorded.status.success() && !recorded.stdout.is_empty() {
        return Ok("works".to_owned());
    }
    let said = String::from_utf8_lossy(&recorded.stderr).into_owned();
    Ok(if said.contains("Operation not permitted") {
        format!("{:?}", Errno::EPERM)
    } else {
        said.split_whitespace().collect::<Vec<_>>().join("-")
    })
}

/// The node of a device by its bus and number there.
fn usbfs(device: &str) -> Result<Result<(), Errno>> {
    let number = |name: &str| -> Result<u32> {
        let path = Path::new("/sys/bus/usb/devices").join(device).join(name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        text.trim()
            .parse()
            .with_context(|| format!("read {}", path.display()))
    };
    let node = format!(
        "/dev/bus/usb/{:03}/{:03}",
        number("busnum")?,
        number("devnum")?
    );
    match open(
        Path::new(&node),
        OFlag::O_RDWR | OFlag::O_CLOEXEC,
        Mode::empty(),
    ) {
        Ok(descriptor) => using::attempt("ioctl", &descriptor.into()),
        Err(errno) => Ok(Err(errno)),
    }
}

fn use_descriptor(way: Way, of: &Path, from: From) -> Result<String> {
    let value = way.to_possible_value();
    let way = value
        .as_ref()
        .map(clap::builder::PossibleValue::get_name)
        .unwrap_or_default();
    let name = of.to_string_lossy();
    let descriptor = match from {
        From::Held => return held::attempt(&name, way),
        From::Own => open(
            of,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
            Mode::empty(),
        ),
        From::Passed => held::take(&name, true)?,
        From::Taken => held::take(&name, false)?,
    };
    Ok(match descriptor {
        Ok(descriptor) => word(using::attempt(way, &descriptor.into())?, "works"),
        Err(errno) => word::<()>(Err(errno), ""),
    })
}

fn until(answer: &str, path: &Path, limit: Duration) -> Result<()> {
    let start = Instant::now();
    let mut others = 0_u64;
    loop {
        // The clock is read first: the answer was given at this instant or later.
        let at = SystemTime::now();
        let said = word(opened(path), "open");
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

fn hammer(writes: bool, path: &Path, until: &Path) -> Result<()> {
    let access = if writes {
        OFlag::O_WRONLY
    } else {
        OFlag::O_RDONLY
    };
    let (mut open, mut refused) = (0_u64, 0_u64);
    let start = Instant::now();
    while !until.exists() {
        match opened_for(access, path) {
            Ok(()) => open += 1,
            Err(Errno::EPERM) => refused += 1,
            Err(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO | Errno::ENOMEDIUM) if writes => {}
            Err(errno) => return Err(errno).context("hammering"),
        }
        if start.elapsed() > HAMMER {
            bail!("nobody stopped the hammer");
        }
    }
    result(format!("open {open} refused {refused}"));
    Ok(())
}
