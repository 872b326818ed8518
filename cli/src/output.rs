//! The only place that prints. Everything else gives text back, so that it can be tested as text.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where output goes out"
)]

use std::io::{BufRead as _, IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::{Exit, Failure};

/// How often what is being done is shown anew.
const TICK: Duration = Duration::from_millis(120);

/// What a command says, and how it ends.
#[derive(Debug)]
pub(crate) struct Output {
    text: String,
    notes: String,
    exit: ExitCode,
}

impl Output {
    /// Text for people, and success.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            notes: String::new(),
            exit: ExitCode::SUCCESS,
        }
    }

    /// JSON for programs, and success.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        serde_json::to_string_pretty(value)
            .map(|text| Self::text(text + "\n"))
            .map_err(|error| Failure::because("the answer cannot be written as JSON", &error))
    }

    /// The same, with something for people beside what was asked for (on the standard error).
    pub(crate) fn noting(mut self, notes: impl AsRef<str>) -> Self {
        self.notes.push_str(notes.as_ref());
        self
    }

    /// The same, ending otherwise.
    pub(crate) fn exiting(self, exit: Exit) -> Self {
        Self {
            exit: exit.status().into(),
            ..self
        }
    }

    /// Prints it.
    pub(crate) fn print(self) -> ExitCode {
        print!("{}", self.text);
        eprint!("{}", self.notes);
        self.exit
    }
}

/// Text that grows line by line.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a line.
    pub(crate) fn add(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// Adds a name and what it stands for, in two columns.
    pub(crate) fn pair(&mut self, name: &str, what: &str) {
        self.add(&format!("{name:<9}{what}"));
    }

    /// Adds text that has lines of its own.
    pub(crate) fn append(&mut self, lines: &Self) {
        self.0.push_str(&lines.0);
    }

    /// The whole.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Prints why a command failed.
pub(crate) fn complain(failure: &Failure) -> ExitCode {
    eprintln!("cardwarden: {}", failure.text);
    failure.exit.status().into()
}

/// Questions to the person at the terminal, or to whatever stands on the standard input. They are
/// asked on the standard error, so that the standard output holds the result alone.
pub(crate) struct Questions {
    answers: std::io::StdinLock<'static>,
}

impl Questions {
    /// Says what is to come.
    pub(crate) fn begin(greeting: &str) -> Self {
        eprint!("{greeting}");
        Self {
            answers: std::io::stdin().lock(),
        }
    }

    /// Asks until the answer makes sense; nothing at all stands for `usual`.
    pub(crate) fn ask<T>(
        &mut self,
        question: &str,
        usual: Option<&str>,
        sense: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        loop {
            let shown = usual.map_or_else(String::new, |usual| format!(" [{usual}]"));
            eprint!("{question}{shown} ");
            let failed = |error| Failure::because("the question cannot be asked", &error);
            std::io::stderr().flush().map_err(failed)?;
            let mut line = String::new();
            let length = self.answers.read_line(&mut line).map_err(failed)?;
            if length == 0 {
                return Err(Failure::new(
                    "there was no answer; use --template where nobody can answer",
                ));
            }
            let answer = match (line.trim(), usual) {
                ("", Some(usual)) => usual,
                (answer, _) => answer,
            };
            match sense(answer) {
                Ok(sense) => return Ok(sense),
                Err(problem) => eprintln!("  {}", harmless(&problem)),
            }
        }
    }
}

/// Something that takes a while, shown with its time on the standard error while it lasts, where
/// that is a terminal.
#[derive(Debug)]
pub(crate) struct Working(ProgressBar);

impl Working {
    /// Begins it.
    pub(crate) fn begin(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(harmless(what));
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Shows the person something of several lines before a question, on the standard error.
pub(crate) fn show(text: &str) {
    eprintln!("{text}");
}

/// Tells the person how far something is, on the standard error.
pub(crate) fn tell(line: &str) {
    eprintln!("{}", harmless(line));
}

/// Asks the person whether to go on; anything but `yes` is a refusal, and so is nobody to ask.
pub(crate) fn confirm(question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "nobody can be asked here; --yes does it without asking",
        ));
    }
    eprint!("{question} [yes/no] ");
    let failed = |error| Failure::because("the question cannot be asked", &error);
    std::io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(failed)?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        Ok(())
    } else {
        Err(Failure::new("nothing was done").exiting(Exit::Refused))
    }
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Paint {
    /// For a terminal.
    Colour,
    /// For everything else.
    Plain,
}

impl Paint {
    /// Colour for a terminal, unless `NO_COLOR` (no-color.org) or `TERM=dumb` says otherwise.
    pub(crate) fn for_terminal() -> Self {
        Self::on(&std::io::stdout())
    }

    /// The same for what goes to the standard error.
    pub(crate) fn for_errors() -> Self {
        Self::on(&std::io::stderr())
    }

    fn on(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !refused {
            Self::Colour
        } else {
            Self::Plain
        }
    }

    /// What matters: headings and names.
    pub(crate) fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What is as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// What is off.
    pub(crate) fn off(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// What is wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// In one of the 256 colours of terminals, on another one where it is given.
    pub(crate) fn tint(self, colour: u8, on: Option<u8>, text: &str) -> String {
        match on {
            Some(on) => self.wrap(&format!("38;5;{colour};48;5;{on}"), text),
            None => self.wrap(&format!("38;5;{colour}"), text),
        }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

pub(crate) use cardwarden_dbus::harmless;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_rewrite_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn plain_text_has_no_colour() {
        assert_eq!(Paint::Plain.bad("off"), "off");
        assert_eq!(Paint::Colour.bad("off"), "\u{1b}[31moff\u{1b}[0m");
    }
}
