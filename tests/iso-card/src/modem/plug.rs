//! A modem with a device file: a pseudo-terminal behind a link, which comes and goes as the file of
//! a real one does.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

use super::{Manners, Modem};
use crate::card::Card;

/// A modem that is plugged in.
#[derive(Debug)]
pub struct Plugged {
    link: PathBuf,
    plug: UnixStream,
    modem: JoinHandle<Card>,
}

impl Plugged {
    /// Plugs a modem in: its device file is at `link` from then on.
    pub fn plug(link: &Path, card: Card, manners: Manners) -> io::Result<Self> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let device = ptsname_r(&master)?;
        // While nobody has the other end open, reading from the terminal fails.
        let held = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&device)?;
        let (plug, pulled) = UnixStream::pair()?;
        let terminal = Line {
            master,
            pulled,
            _held: held,
        };
        let modem = Modem::new(card, manners);
        let modem = std::thread::spawn(move || modem.serve(terminal));
        symlink(device, link)?;
        Ok(Self {
            link: link.to_owned(),
            plug,
            modem,
        })
    }

    /// Pulls it out; its SIM.
    pub fn unplug(self) -> io::Result<Card> {
        std::fs::remove_file(&self.link)?;
        drop(self.plug);
        self.modem
            .join()
            .map_err(|_panicked| io::Error::other("the modem failed"))
    }
}

/// The modem's end of the terminal.
struct Line {
    master: PtyMaster,
    /// Closed from the other side when the modem is pulled out.
    pulled: UnixStream,
    _held: File,
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ends = [
            PollFd::new(self.pulled.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.master.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut ends, PollTimeout::NONE)?;
        let [pulled, _master] = &ends;
        if pulled.any() == Some(true) {
            return Ok(0);
        }
        self.master.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.master.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.master.flush()
    }
}
