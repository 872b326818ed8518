//! What is wrong with a document, and where: a path for every spelling, line and column for text.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::condition::Impossible;
use crate::document::Unfit;
use crate::nearest::nearest;

/// The way to a place in a document, such as `rules[2].when.weekly.from`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where.
    pub at: Path,
    /// What.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// It cannot be read. The text is the reader's, with the nearest correct spelling.
    #[error("{0}")]
    Unreadable(String),
    /// It says what no policy can mean.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It is a condition that cannot be meant.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// It is a match of USB devices that cannot be meant.
    #[error(transparent)]
    Match(#[from] crate::usb::Impossible),
}

/// Why a document is no policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Malformed {
    /// Where it is wrong, when it could be read at all.
    pub at: Path,
    /// What is wrong.
    pub problem: Problem,
    /// Where in its text; `None` when it came as Management Objects.
    pub place: Option<Place>,
}

/// A place in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The bytes.
    pub bytes: Range<usize>,
    /// The line of the first, from 1.
    pub line: usize,
    /// The character of it in that line, from 1.
    pub column: usize,
}

impl Path {
    /// One key further.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// One item of a list further, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// What is wrong here.
    pub fn fault(&self, problem: impl Into<Problem>) -> Fault {
        Fault {
            at: self.clone(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                // People count from one.
                Step::Index(index) => write!(f, "[{}]", index.saturating_add(1))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "line {}, column {}: ", place.line, place.column)?;
        }
        if !self.at.0.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for Malformed {}

impl From<Fault> for Malformed {
    fn from(Fault { at, problem }: Fault) -> Self {
        Self {
            at,
            problem,
            place: None,
        }
    }
}

impl Malformed {
    /// The same, with its place in the text that it came from.
    #[must_use]
    pub(crate) fn found_in(mut self, text: &str) -> Self {
        let found = DeTable::parse(text)
            .ok()
            .and_then(|table| locate(table.get_ref(), table.span(), &self.at.0));
        self.place = found.map(|bytes| Place::of(text, bytes));
        self
    }

    /// What a reader of values complains about.
    pub(crate) fn unspelt(message: &str) -> Self {
        Self::from(Path::default().fault(Problem::Unreadable(spelling(message))))
    }

    /// What TOML's reader complains about.
    pub(crate) fn unreadable(text: &str, error: &toml::de::Error) -> Self {
        Self {
            at: Path::default(),
            problem: Problem::Unreadable(spelling(error.message())),
            place: error.span().map(|bytes| Place::of(text, bytes)),
        }
    }
}

impl Place {
    fn of(text: &str, bytes: Range<usize>) -> Self {
        let before = text.get(..bytes.start).unwrap_or(text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before
            .chars()
            .rev()
            .take_while(|c| *c != '\n')
            .count()
            .saturating_add(1);
        Self {
            bytes,
            line,
            column,
        }
    }
}

/// The bytes of what a path leads to, or of the last thing on the way that is there.
fn locate(table: &DeTable<'_>, whole: Range<usize>, path: &[Step]) -> Option<Range<usize>> {
    let Some((Step::Key(first), rest)) = path.split_first() else {
        return Some(whole);
    };
    let (mut found, mut value) = entry(table, first)?;
    for step in rest {
        let next = match step {
            Step::Key(key) => value
                .get_ref()
                .as_table()
                .and_then(|table| entry(table, key)),
            Step::Index(index) => value
                .get_ref()
                .as_array()
                .and_then(|list| list.get(*index))
                .map(|item| (item.span(), item)),
        };
        match next {
            Some((span, inner)) => (found, value) = (span, inner),
            None => break,
        }
    }
    Some(found)
}

/// A key's place, and its value.
fn entry<'t>(
    table: &'t DeTable<'_>,
    wanted: &str,
) -> Option<(Range<usize>, &'t Spanned<DeValue<'t>>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == wanted)?;
    Some((key.span(), value))
}

/// Serde's complaint about a word that it does not know, with the one that was likely meant. Its
/// wording, with each word between backticks and the unknown one first, is that of
/// `serde::de::Error`, whose defaults toml uses; a test holds it.
fn spelling(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown_word =
        message.starts_with("unknown field") || message.starts_with("unknown variant");
    match quoted.next() {
        Some(word) if is_unknown_word => {
            format!("{message}{}", nearest(word, &quoted.collect::<Vec<_>>()))
        }
        Some(_) | None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_complaint_names_line_column_and_the_nearest_word() {
        let wrong = |text: &str| Policy::from_toml(text).unwrap_err();
        let unknown = wrong("contact = \"x\"\n\n[baseline]\ncamra = \"disable\"\n");
        assert!(
            unknown.to_string().contains("did you mean `camera`?"),
            "{unknown}"
        );
        let place = unknown.place.unwrap();
        assert_eq!((place.line, place.column), (4, 1));

        let key = wrong("contakt = \"x\"\n");
        assert!(key.to_string().contains("line 1, column 1"), "{key}");
        assert!(key.to_string().contains("did you mean `contact`?"), "{key}");

        let rule = "[[rules]]\nid = \"a\"\nfunctions = [\"camera\"]\naction = \"disable\"\n\
                    when.weekly = { days = \"mon\", from = \"08:00\", to = \"08:00\", zone = \"UTC\" }\n";
        let window = wrong(rule);
        assert_eq!(window.at.to_string(), "rules[1].when.weekly");
        let place = window.place.clone().unwrap();
        assert_eq!((place.line, place.column), (5, 6), "{window}");
    }
}
