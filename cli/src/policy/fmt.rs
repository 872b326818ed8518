//! `cardwarden policy fmt`: the usual layout. What people wrote is laid out in place, so that their
//! comments and their spelling stay.

use std::path::Path;

use cardwarden_policy::Policy;
use cardwarden_policy::document::MAX_DOCUMENT;

use super::args::Fmt;
use super::document::NoPolicy;
use super::fault::Fault;
use super::layout::lay_out;
use crate::failure::{Exit, Failure};
use crate::file;
use crate::output::{Lines, Output, harmless};

/// Lays files out, or says which would change.
pub(super) fn fmt(arguments: &Fmt) -> Result<Output, Failure> {
    let mut changed = Lines::default();
    for path in &arguments.files {
        let text = file::read_text(path, MAX_DOCUMENT)?;
        let formatted = format(path, &text)?;
        if formatted == text {
            continue;
        }
        let name = harmless(&path.display().to_string());
        if arguments.check {
            changed.add(&format!("{name} would change"));
        } else {
            file::replace(path, formatted.as_bytes())?;
            changed.add(&format!("{name} is laid out anew"));
        }
    }
    let changed = changed.into_text();
    let would_change = arguments.check && !changed.is_empty();
    let output = Output::text(changed);
    Ok(if would_change {
        output.exiting(Exit::Failed)
    } else {
        output
    })
}

/// The usual layout of a policy. That it says the same afterwards is looked at each time.
fn format(path: &Path, text: &str) -> Result<String, Failure> {
    let policy = Policy::from_toml(text).map_err(|error| {
        let fault = Fault::of_text(path, text.to_owned(), &error);
        NoPolicy::Faulty(Box::new(fault)).into_failure()
    })?;
    let formatted =
        lay_out(text).filter(|formatted| Policy::from_toml(formatted).as_ref() == Ok(&policy));
    formatted.ok_or_else(|| {
        Failure::new(format!(
            "{} cannot be laid out without changing what it says; it is left as it is",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comments, line by line, without the blanks around them. No text of these tests has a `#`.
    fn comments(text: &str) -> Vec<&str> {
        let mut comments: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once('#'))
            .map(|(_, comment)| comment.trim())
            .collect();
        comments.sort_unstable();
        comments
    }

    #[test]
    fn the_layout_keeps_meaning_and_comments_and_is_its_own_layout() {
        for text in [
            include_str!("../../../policy/tests/documents/everything.toml"),
            include_str!("../../templates/office.toml"),
            include_str!("../../templates/secure-lab.toml"),
            include_str!("../../templates/byod.toml"),
            include_str!("../../templates/kiosk.toml"),
            include_str!("../../tests/expected/untidy.toml"),
        ] {
            let once = format(Path::new("a.toml"), text).unwrap();
            assert_eq!(comments(&once), comments(text));
            assert_eq!(format(Path::new("a.toml"), &once).unwrap(), once);
        }
    }

    #[test]
    fn an_untidy_policy_is_laid_out_as_the_reviewed_text_has_it() {
        let text = include_str!("../../tests/expected/untidy.toml");
        assert_eq!(
            format(Path::new("untidy.toml"), text).unwrap(),
            include_str!("../../tests/expected/tidy.toml")
        );
    }
}
