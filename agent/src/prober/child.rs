//! The child's side: reads a question, tries, answers with the error number. It ends with the
//! agent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use cardwarden_policy::Function;
use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::enforce::probe::{self, Met};

/// A question.
#[derive(Clone, Copy, Debug)]
enum Question<'a> {
    Open(&'a Path),
    Socket(Function),
    Guard,
}

/// Answers until nobody asks any more.
pub(crate) fn run() -> ExitCode {
    // An agent that is killed leaves no child behind.
    if set_pdeathsig(Signal::SIGKILL).is_err() {
        return ExitCode::FAILURE;
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_gone) => ExitCode::FAILURE,
    }
}

fn serve() -> std::io::Result<()> {
    let line = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut questions = BufReader::new(line);
    let mut question = String::new();
    while questions.read_line(&mut question)? > 0 {
        let met = read(question.trim_end()).map_or(Met::Other(Errno::EINVAL), try_it);
        writeln!(questions.get_mut(), "{}", number(met))?;
        question.clear();
    }
    Ok(())
}

/// Whether a question makes sense.
#[cfg(test)]
pub(super) fn is_understood(question: &str) -> bool {
    read(question).is_some()
}

fn read(question: &str) -> Option<Question<'_>> {
    match question.split_once(' ')? {
        ("open", path) => Some(Question::Open(Path::new(path))),
        ("socket", function) => Some(Question::Socket(function.parse().ok()?)),
        ("undo", "it") => Some(Question::Guard),
        (_, _) => None,
    }
}

fn try_it(question: Question<'_>) -> Met {
    match question {
        Question::Open(path) => probe::open(path),
        Question::Guard => probe::guard(),
        Question::Socket(function) => probe::family(function).unwrap_or(Met::Other(Errno::EINVAL)),
    }
}

/// The error number of what was met, 0 for none.
fn number(met: Met) -> i32 {
    match met {
        Met::Passed => 0,
        Met::Refused => raw(Errno::EPERM),
        Met::Other(error) => raw(error),
    }
}

#[expect(clippy::as_conversions, reason = "the enum has the kernel's numbers")]
const fn raw(error: Errno) -> i32 {
    error as i32
}
