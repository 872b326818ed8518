//! Speaking to the person at the terminal. Progress goes to standard error, results to standard output.

use std::io::Write as _;

/// Prints one line of progress to standard error.
#[expect(
    clippy::print_stderr,
    reason = "the one place where progress is printed"
)]
pub fn progress(line: impl std::fmt::Display) {
    eprintln!("{line}");
}

/// Prints one line of a result to standard output.
pub fn result(line: impl std::fmt::Display) {
    pass_through(false, format!("{line}\n").as_bytes());
}

/// Passes bytes of a guest's output through, at once.
///
/// A reader that went away (a closed pipe) is no error of the guest's command.
pub fn pass_through(to_error: bool, bytes: &[u8]) {
    let written = if to_error {
        let mut stream = std::io::stderr().lock();
        stream.write_all(bytes).and_then(|()| stream.flush())
    } else {
        let mut stream = std::io::stdout().lock();
        stream.write_all(bytes).and_then(|()| stream.flush())
    };
    drop(written);
}
