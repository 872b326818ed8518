//! `cardwarden policy explain` and `diff`: policies in plain words.

use cardwarden_policy::Function;
use cardwarden_policy::describe;
use serde::Serialize;
use std::collections::BTreeSet;

use super::args::{Diff, Explain};
use super::document;
use crate::failure::Failure;
use crate::output::{Lines, Output, harmless};

/// `explain --json` is an array of these.
#[derive(Serialize)]
struct Paragraph {
    heading: &'static str,
    sentences: Vec<String>,
}

/// `diff --json` is an array of these.
#[derive(Serialize)]
struct Change {
    functions: BTreeSet<Function>,
    /// `tighter`, `looser` or `other`.
    effect: &'static str,
    sentence: String,
}

/// Says what a policy does.
pub(super) fn explain(arguments: &Explain) -> Result<Output, Failure> {
    let policy = document::read(&arguments.file)?;
    let paragraphs = describe::policy(&policy);
    if arguments.json {
        let paragraphs: Vec<Paragraph> = paragraphs
            .into_iter()
            .map(|describe::Paragraph { heading, sentences }| Paragraph { heading, sentences })
            .collect();
        return Output::json(&paragraphs);
    }
    let mut lines = Lines::default();
    for (number, paragraph) in paragraphs.iter().enumerate() {
        if number > 0 {
            lines.add("");
        }
        lines.add(paragraph.heading);
        for sentence in &paragraph.sentences {
            lines.add(&format!("  {}", harmless(sentence)));
        }
    }
    Ok(Output::text(lines.into_text()))
}

/// Says what changes from one policy to another.
pub(super) fn diff(arguments: &Diff) -> Result<Output, Failure> {
    let before = document::read(&arguments.before)?;
    let after = document::read(&arguments.after)?;
    let changes = describe::diff(&before, &after);
    if arguments.json {
        let changes: Vec<Change> = changes
            .into_iter()
            .map(|change| Change {
                effect: change.effect.name(),
                functions: change.functions,
                sentence: change.sentence,
            })
            .collect();
        return Output::json(&changes);
    }
    if changes.is_empty() {
        return Ok(Output::text("Nothing changes.\n"));
    }
    let mut lines = Lines::default();
    for change in &changes {
        lines.add(&format!(
            "{:<9}{}",
            change.effect.name(),
            harmless(&change.sentence)
        ));
    }
    Ok(Output::text(lines.into_text()))
}
