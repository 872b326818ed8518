//! AT commands over a serial line, or anything else that can be read, written and waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::termios;

use super::answer::{Line, Lines};
use super::{Failure, Terminal};

/// How often a modem that was in the middle of something is asked whether it listens.
const GREETINGS: u32 = 3;
/// How long a modem takes to say that it listens.
const GREETING_TIME: Duration = Duration::from_secs(2);
/// Most bytes that are thrown away before a command: what the modem said unasked.
const MAX_STALE: usize = 64 * 1024;

/// A modem's command line.
#[derive(Debug)]
pub struct Port<T> {
    line: T,
    /// What arrived of a line whose end did not, so that no half of one is taken for a whole.
    arriving: Lines,
    /// Whether an answer may still come that was given up: all that follows would be mistaken.
    is_lost: bool,
}

impl Port<File> {
    /// Opens a modem's device file (`/dev/ttyUSB2`, `/dev/wwan0at0`), and takes the line as it
    /// is, without echo or translation.
    pub fn open(device: &Path) -> Result<Self, Failure> {
        let failed = |source| Failure::Line { source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // A terminal would else become the program's own, and wait for a carrier.
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
            .open(device)
            .map_err(failed)?;
        // A WWAN port is no terminal, and needs no setting.
        if let Ok(mut attributes) = termios::tcgetattr(&file) {
            termios::cfmakeraw(&mut attributes);
            termios::tcsetattr(&file, termios::SetArg::TCSANOW, &attributes)
                .map_err(|error| failed(error.into()))?;
        }
        Self::greet(file)
    }
}

impl<T: Read + Write + AsFd> Port<T> {
    /// Takes a line that is open already, and waits until a modem answers on it.
    pub fn greet(line: T) -> Result<Self, Failure> {
        let mut port = Self {
            line,
            arriving: Lines::default(),
            is_lost: false,
        };
        let mut last = Failure::Silent { command: "AT" };
        for _ in 0..GREETINGS {
            // Any answer shows that it listens: half a command may have lain in its buffer.
            match port.command("AT", "AT", "", GREETING_TIME) {
                Ok(_) | Err(Failure::Refused { .. }) => return Ok(port),
                Err(failure @ Failure::Silent { .. }) => {
                    port.is_lost = false;
                    last = failure;
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    /// Throws away what the modem said unasked.
    fn drain(&mut self) -> Result<(), Failure> {
        let mut left = MAX_STALE;
        while left > 0 && self.is_ready(PollFlags::POLLIN, Instant::now())? {
            match self.read()? {
                Some(bytes) => {
                    left = left.saturating_sub(bytes.len());
                    for byte in bytes {
                        drop(self.arriving.push(byte));
                    }
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Waits until the line can be read or written; not beyond `end`.
    fn is_ready(&self, wish: PollFlags, end: Instant) -> Result<bool, Failure> {
        let failed = |error: nix::Error| Failure::Line {
            source: error.into(),
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.line.as_fd(), wish)];
            match nix::poll::poll(&mut fds, timeout) {
                Ok(count) => return Ok(count > 0),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// What there is to read now; `None` when there is nothing after all.
    fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut buffer = [0; 512];
        match self.line.read(&mut buffer) {
            Ok(0) => Err(Failure::Gone),
            Ok(count) => Ok(buffer.get(..count).map(<[u8]>::to_vec)),
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) if is_unplugged(&error) => Err(Failure::Gone),
            Err(source) => Err(Failure::Line { source }),
        }
    }

    /// Writes all of it; `false` when the time is over before.
    fn write(&mut self, mut bytes: &[u8], end: Instant) -> Result<bool, Failure> {
        while !bytes.is_empty() {
            if !self.is_ready(PollFlags::POLLOUT, end)? {
                return Ok(false);
            }
            match self.line.write(bytes) {
                Ok(0) => return Err(Failure::Gone),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(Failure::Gone),
                Err(source) => return Err(Failure::Line { source }),
            }
        }
        Ok(true)
    }

    /// Gathers lines until one ends the answer; `None` when the time is over before.
    fn answer(&mut self, word: &str, end: Instant) -> Result<Option<Reply>, Failure> {
        let mut answers = Vec::new();
        while self.is_ready(PollFlags::POLLIN, end)? {
            for byte in self.read()?.unwrap_or_default() {
                let Some(line) = self.arriving.push(byte) else {
                    continue;
                };
                match Line::of(&line, word) {
                    Line::Done => return Ok(Some(Ok(answers))),
                    Line::Refused(reason) => return Ok(Some(Err(reason.to_owned()))),
                    Line::Answer(answer) => answers.push(answer.to_owned()),
                    Line::Other => {}
                }
                // One answer has one line; a modem that chatters is none.
                answers.truncate(16);
            }
            if Instant::now() >= end {
                break;
            }
        }
        Ok(None)
    }
}

/// The lines of an answer, or why there is none.
type Reply = Result<Vec<String>, String>;

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// What the kernel says of a terminal whose other end is gone.
fn is_unplugged(error: &io::Error) -> bool {
    error.raw_os_error().map(nix::Error::from_raw) == Some(nix::Error::EIO)
}

impl<T: Read + Write + AsFd> Terminal for Port<T> {
    fn command(
        &mut self,
        line: &str,
        name: &'static str,
        word: &str,
        time: Duration,
    ) -> Result<Vec<String>, Failure> {
        if self.is_lost {
            return Err(Failure::Lost);
        }
        let now = Instant::now();
        let end = now.checked_add(time).unwrap_or(now);
        self.drain()?;
        let command = format!("{line}\r");
        let reply = if self.write(command.as_bytes(), end)? {
            self.answer(word, end)?
        } else {
            None
        };
        match reply {
            Some(Ok(answers)) => Ok(answers),
            Some(Err(reason)) => Err(Failure::Refused {
                command: name,
                reason,
            }),
            None => {
                self.is_lost = true;
                Err(Failure::Silent { command: name })
            }
        }
    }
}
