//! What is wrong with a policy, shown where it stands.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use cardwarden_policy::diagnosis::{Malformed, Place};
use cardwarden_policy::mo::Unreadable;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{Paint, harmless};

/// What is wrong with a policy.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The file, for people.
    pub(crate) file: String,
    /// What is wrong.
    message: String,
    /// What to do.
    help: Option<String>,
    /// The way to the place in the document.
    at: Option<String>,
    /// The text, and where in it.
    place: Option<(String, Place)>,
}

/// A fault as `check --json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Problem<'a> {
    message: &'a str,
    help: Option<&'a str>,
    /// Such as `rules[2].when.weekly`.
    at: Option<&'a str>,
    /// From 1.
    line: Option<usize>,
    /// From 1, in characters.
    column: Option<usize>,
}

impl Fault {
    /// What is wrong with a text.
    pub(crate) fn of_text(path: &Path, text: String, error: &Malformed) -> Self {
        let place = error.place.clone().map(|place| (text, place));
        Self {
            place,
            ..Self::of_malformed(path, error)
        }
    }

    fn of_malformed(path: &Path, error: &Malformed) -> Self {
        let (message, help) = split(&error.problem.to_string());
        Self {
            file: harmless(&path.display().to_string()),
            message,
            help,
            at: Some(error.at.to_string()).filter(|at| !at.is_empty()),
            place: None,
        }
    }

    /// What is wrong with a file that cannot even be read.
    pub(crate) fn of_file(path: &Path, failure: Failure) -> Self {
        Self {
            file: harmless(&path.display().to_string()),
            message: failure.text,
            help: None,
            at: None,
            place: None,
        }
    }

    /// What is wrong with Management Objects.
    pub(crate) fn of_objects(path: &Path, error: &Unreadable) -> Self {
        if let Unreadable::Policy(malformed) = error {
            return Self::of_malformed(path, malformed);
        }
        let (message, help) = split(&error.to_string());
        Self {
            file: harmless(&path.display().to_string()),
            message,
            help,
            at: None,
            place: None,
        }
    }

    /// For programs.
    pub(crate) fn problem(&self) -> Problem<'_> {
        let place = self.place.as_ref().map(|(_, place)| place);
        Problem {
            message: &self.message,
            help: self.help.as_deref(),
            at: self.at.as_deref(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
        }
    }

    /// For people: the line, what is wrong in it, and what to do.
    pub(crate) fn show(&self, paint: Paint) -> String {
        let renderer = match paint {
            Paint::Colour => Renderer::styled(),
            Paint::Plain => Renderer::plain(),
        };
        let title = match (&self.place, &self.at) {
            (None, Some(at)) => harmless(&format!("{at}: {}", self.message)),
            (Some(_), _) | (None, None) => harmless(&self.message),
        };
        let title = Level::ERROR.primary_title(title);
        let mut group = if let Some((text, place)) = &self.place {
            let mark = AnnotationKind::Primary.span(first_line(text, place));
            let mark = match &self.at {
                Some(at) => mark.label(harmless(at)),
                None => mark,
            };
            let lines = Snippet::source(shown(text))
                .path(self.file.as_str())
                .annotation(mark);
            title.element(lines)
        } else {
            title.element(Origin::path(self.file.as_str()))
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(harmless(help)));
        }
        renderer.render(&[group]) + "\n"
    }
}

/// The part of a place on its first line: a mark over a whole table would hide what it is about.
fn first_line(text: &str, place: &Place) -> std::ops::Range<usize> {
    let marked = text.get(place.bytes.clone()).unwrap_or_default();
    let length = marked.find('\n').unwrap_or(marked.len());
    place.bytes.start..place.bytes.start.saturating_add(length)
}

/// Words with which messages begin to say what to do.
const ADVICE: [&str; 6] = [
    "did you mean ",
    "write ",
    "give ",
    "add ",
    "name ",
    "allow ",
];

/// What is wrong, and what to do about it: messages say the first, then the second after a
/// semicolon.
fn split(message: &str) -> (String, Option<String>) {
    match message.split_once("; ") {
        Some((what, help)) if ADVICE.iter().any(|word| help.starts_with(word)) => {
            (what.to_owned(), Some(help.to_owned()))
        }
        Some(_) | None => (message.to_owned(), None),
    }
}

/// A text without control characters, in which everything is where it was.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let is_shown = !c.is_control() || matches!(c, '\n' | '\t');
            let (c, count) = if is_shown {
                (c, 1)
            } else {
                ('?', c.len_utf8())
            };
            std::iter::repeat_n(c, count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwarden_policy::Policy;

    #[test]
    fn a_fault_is_shown_in_its_line_with_what_to_do() {
        let text = "zone = \"UTC\"\n\n[baseline]\ncamra = \"disable\"\n";
        let error = Policy::from_toml(text).unwrap_err();
        let fault = Fault::of_text(Path::new("office.toml"), text.to_owned(), &error);
        let shown = fault.show(Paint::Plain);
        assert!(shown.contains("--> office.toml:4:1"), "{shown}");
        assert!(shown.contains("^^^^^"), "{shown}");
        assert!(shown.contains("help: did you mean `camera`?"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn what_comes_from_a_file_cannot_rewrite_the_terminal() {
        let text = "zone = \"UTC\"\n\"\u{9b}2J\u{1b}[2J\" = 1\n".replace('\u{1b}', "\\u001b");
        let error = Policy::from_toml(&text).unwrap_err();
        let shown = Fault::of_text(Path::new("a\u{1b}[2J.toml"), text, &error).show(Paint::Plain);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert!(!shown.contains('\u{9b}'), "{shown:?}");
    }
}
