//! `iso-card count [--extended]`: how many APDUs reading a manifest and a group of 1,500 bytes takes on a card with
//! files, as one JSON object.

use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the result goes to whoever called"
)]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_extended = match words.as_slice() {
        ["count"] => false,
        ["count", "--extended"] => true,
        _ => {
            eprintln!("usage: iso-card count [--extended]");
            return ExitCode::from(2);
        }
    };
    match cardwarden_iso_card::count::count(is_extended) {
        Ok(apdus) => {
            println!("{{\"apdus\":{apdus}}}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
