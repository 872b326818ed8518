//! The host's end of the channel: asks the guest for one thing at a time, each with a deadline.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use crate::channel::{self, Kind};

/// What a program in the guest left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status; 128 + signal number if a signal ended it.
    pub status: i32,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// A moment after which waiting is given up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    /// This long from now, stretched by `CARDWARDEN_LAB_PATIENCE` (a factor, for slow machines; 1 to 100).
    pub fn within(allowed: Duration) -> Self {
        let factor = std::env::var("CARDWARDEN_LAB_PATIENCE")
            .ok()
            .and_then(|text| text.parse::<u32>().ok())
            .map_or(1, |factor| factor.clamp(1, 100));
        let allowed = allowed * factor;
        Self {
            at: Instant::now() + allowed,
            allowed,
        }
    }

    /// What is left; an error once nothing is.
    pub fn left(self) -> Result<Duration> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            bail!("no answer within {} s", self.allowed.as_secs());
        }
        Ok(left)
    }
}

/// A connection to the guest's channel.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
}

impl Link {
    /// Over a connection to QEMU's end of the port.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Waits until the guest says that it has started.
    pub fn await_hello(&mut self, deadline: Deadline) -> Result<()> {
        loop {
            if self
                .receive(deadline)
                .context("wait for the guest to start")?
                .0
                == Kind::Hello
            {
                return Ok(());
            }
        }
    }

    fn receive(&mut self, deadline: Deadline) -> Result<(Kind, Vec<u8>)> {
        // A frame is small or comes in one go, so a time-out between its parts means a dead guest as well.
        self.stream
            .set_read_timeout(Some(deadline.left()?))
            .context("set the deadline")?;
        channel::read(&mut self.stream).map_err(|error| {
            let late = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
            let allowed = deadline.allowed.as_secs();
            let context = if late {
                format!("no answer within {allowed} s")
            } else {
                "the machine is gone".into()
            };
            anyhow::Error::new(error).context(context)
        })
    }

    fn send(&mut self, kind: Kind, bytes: &[u8]) -> Result<()> {
        channel::write(&mut self.stream, kind, bytes).context("write to the guest")
    }

    /// Runs a program; `sink` gets its output as it comes (true: standard error). Returns the exit status.
    pub fn execute(
        &mut self,
        arguments: &[&str],
        input: &[u8],
        deadline: Deadline,
        sink: &mut dyn FnMut(bool, &[u8]),
    ) -> Result<i32> {
        let request = serde_json::to_vec(arguments).context("write the request")?;
        self.send(Kind::Execute, &request)?;
        for part in input.chunks(64 * 1024) {
            self.send(Kind::Input, part)?;
        }
        self.send(Kind::InputEnd, b"")?;
        loop {
            match self.receive(deadline) {
                Ok((Kind::Output, bytes)) => sink(false, &bytes),
                Ok((Kind::ErrorOutput, bytes)) => sink(true, &bytes),
                Ok((Kind::Ended, status)) => {
                    return String::from_utf8_lossy(&status)
                        .parse()
                        .context("read the exit status");
                }
                Ok((Kind::Refused, why)) => bail!("{}", String::from_utf8_lossy(&why)),
                // A machine that reboots says hello instead of an exit status.
                Ok((Kind::Hello, _)) => bail!("the machine rebooted meanwhile"),
                Ok(_) => {}
                Err(error) => {
                    self.give_up();
                    return Err(
                        error.context(format!("run `{}` in the guest", arguments.join(" ")))
                    );
                }
            }
        }
    }

    /// Kills what runs, so that the machine can still be asked for its journal.
    fn give_up(&mut self) {
        let soon = Deadline::within(Duration::from_secs(5));
        if self.send(Kind::Kill, b"").is_ok() {
            while let Ok((kind, _)) = self.receive(soon) {
                if kind == Kind::Ended {
                    break;
                }
            }
        }
    }

    fn ask(&mut self, kind: Kind, request: &[u8], deadline: Deadline) -> Result<Vec<u8>> {
        self.send(kind, request)?;
        loop {
            match self.receive(deadline)? {
                (Kind::Done, _) => return Ok(Vec::new()),
                (Kind::Content, content) => return Ok(content),
                (Kind::Refused, why) => bail!("{}", String::from_utf8_lossy(&why)),
                _ => {}
            }
        }
    }

    /// Writes a file in the guest.
    pub fn put(&mut self, path: &str, mode: u32, content: &[u8], deadline: Deadline) -> Result<()> {
        let mut request = format!("{mode:o} {path}\n").into_bytes();
        request.extend_from_slice(content);
        self.ask(Kind::Put, &request, deadline).map(drop)
    }

    /// Reads a file of the guest.
    pub fn take(&mut self, path: &str, deadline: Deadline) -> Result<Vec<u8>> {
        self.ask(Kind::Take, path.as_bytes(), deadline)
    }

    /// Sets the guest's clock to the host's.
    pub fn set_clock(&mut self, deadline: Deadline) -> Result<()> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("the host's clock")?;
        self.ask(Kind::Clock, now.as_nanos().to_string().as_bytes(), deadline)
            .map(drop)
    }

    /// Starts a program that talks with a person; see [`Link::into_stream`].
    pub fn start_conversation(&mut self, arguments: &[&str]) -> Result<()> {
        let request = serde_json::to_vec(arguments).context("write the request")?;
        self.send(Kind::Execute, &request)
    }

    /// The bare connection, for a caller that carries frames itself.
    pub fn stream(&self) -> Result<UnixStream> {
        self.stream
            .set_read_timeout(None)
            .context("lift the deadline")?;
        self.stream.try_clone().context("copy the connection")
    }
}
