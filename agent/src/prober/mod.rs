//! Attempts to use a function as an ordinary process makes them: in a child that has none of the
//! agent's permissions. The child is this same program, started once and asked over a socket, so
//! that an attempt costs no start of a process.
//!
//! ```text
//! reconciler ── "open /dev/video0" ──► child ── open(2) ──► kernel
//!            ◄──────── "1" (EPERM) ────┘
//! ```

pub(crate) mod child;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwarden_policy::Function;
use nix::errno::Errno;

use crate::enforce::probe::Met;

/// The word that makes this program the child.
pub(crate) const WORD: &str = "probe";
/// How long an attempt may take: opening waits for a driver that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// One attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt<'a> {
    /// Opening a node.
    Open(&'a Path),
    /// Making a socket of the family that carries a function.
    Socket(Function),
    /// Undoing what is in force.
    Undo,
}

/// The child, as the agent sees it. It is started at the first attempt, and anew when it is gone.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    line: BufReader<UnixStream>,
}

impl Prober {
    /// The child's process number, for what the kernel programs are to know of it; `None` when it
    /// cannot be started.
    pub(crate) fn process(&mut self) -> Option<u32> {
        self.started().map(|running| running.child.id())
    }

    /// What an attempt meets. `EIO` stands for a child that cannot be had or does not answer.
    pub(crate) fn attempt(&mut self, attempt: Attempt<'_>) -> Met {
        let answer = self
            .started()
            .and_then(|running| running.ask(&attempt.spelt()?));
        if answer.is_none() {
            // Its next answer would be that to an earlier question.
            self.running = None;
        }
        answer.map_or(Met::Other(Errno::EIO), met)
    }

    fn started(&mut self) -> Option<&mut Running> {
        if self.running.is_none() {
            match Running::start() {
                Ok(running) => self.running = Some(running),
                Err(error) => tracing::warn!("nothing can be tried in a child: {error}"),
            }
        }
        self.running.as_mut()
    }
}

impl Running {
    fn start() -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        ours.set_write_timeout(Some(PATIENCE))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the daemon starts no programs but itself, here alone"
        )]
        let child = Command::new("/proc/self/exe")
            .arg(WORD)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .env_clear()
            .spawn()?;
        Ok(Self {
            child,
            line: BufReader::new(ours),
        })
    }

    /// The error number that the child met, 0 for none.
    fn ask(&mut self, question: &str) -> Option<i32> {
        self.line.get_mut().write_all(question.as_bytes()).ok()?;
        let mut answer = String::new();
        self.line.read_line(&mut answer).ok()?;
        answer.trim_end().parse().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its socket closes with this, and so it ends; one that hangs in a driver does not.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::debug!("the child that tries is gone: {error}");
        }
    }
}

impl Attempt<'_> {
    /// The question to the child; `None` for a path that fits on no line.
    fn spelt(self) -> Option<String> {
        match self {
            Self::Open(path) => {
                let path = path.to_str().filter(|path| !path.contains('\n'))?;
                Some(format!("open {path}\n"))
            }
            Self::Socket(function) => Some(format!("socket {function}\n")),
            Self::Undo => Some("undo it\n".to_owned()),
        }
    }
}

fn met(error: i32) -> Met {
    match error {
        0 => Met::Passed,
        _ if Errno::from_raw(error) == Errno::EPERM => Met::Refused,
        _ => Met::Other(Errno::from_raw(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reads_back_as_it_was_meant() {
        for attempt in [
            Attempt::Open(Path::new("/dev/a node")),
            Attempt::Socket(Function::Bluetooth),
            Attempt::Undo,
        ] {
            let spelt = attempt.spelt().unwrap();
            assert!(spelt.ends_with('\n'));
            assert!(child::is_understood(spelt.trim_end()), "{spelt:?}");
        }
        assert_eq!(Attempt::Open(Path::new("/dev/a\nb")).spelt(), None);
    }

    #[test]
    fn what_the_child_meets_is_told() {
        assert_eq!(met(0), Met::Passed);
        assert_eq!(met(1), Met::Refused);
        assert_eq!(met(19), Met::Other(Errno::ENODEV));
    }
}
