//! `cardwarden policy check`: whether files are policies, and where not.

use std::path::Path;

use cardwarden_policy::manifest::MAX_GROUP;
use serde::Serialize;

use super::args::Check;
use super::document::{NoPolicy, load};
use super::fault::{Fault, Problem};
use crate::failure::{Exit, Failure};
use crate::output::{Output, Paint, harmless};

/// `check --json` is an array of these.
#[derive(Serialize)]
struct Checked<'a> {
    file: String,
    ok: bool,
    /// Bytes that it needs on a card.
    bytes: Option<usize>,
    rules: Option<usize>,
    tasks: Option<usize>,
    problem: Option<Problem<'a>>,
}

/// What a policy is like.
struct Good {
    bytes: usize,
    rules: usize,
    tasks: usize,
}

/// Checks every file.
pub(super) fn check(arguments: &Check) -> Result<Output, Failure> {
    let mut results = Vec::new();
    for path in &arguments.files {
        let result = examine(path).map_err(|no_policy| match no_policy {
            NoPolicy::File(failure) => Box::new(Fault::of_file(path, failure)),
            NoPolicy::Faulty(fault) => fault,
        });
        results.push((path, result));
    }
    let all_good = results.iter().all(|(_, result)| result.is_ok());
    let output = if arguments.json {
        let checked: Vec<Checked<'_>> = results
            .iter()
            .map(|(path, result)| {
                let good = result.as_ref().ok();
                Checked {
                    file: path.display().to_string(),
                    ok: result.is_ok(),
                    bytes: good.map(|good| good.bytes),
                    rules: good.map(|good| good.rules),
                    tasks: good.map(|good| good.tasks),
                    problem: result.as_ref().err().map(|fault| fault.problem()),
                }
            })
            .collect();
        Output::json(&checked)?
    } else {
        let mut text = String::new();
        let mut notes = Vec::new();
        for (path, result) in &results {
            match result {
                Ok(good) => text += &good.line(path),
                Err(fault) => notes.push(fault.show(Paint::for_errors())),
            }
        }
        Output::text(text).noting(notes.join("\n"))
    };
    Ok(if all_good {
        output
    } else {
        output.exiting(Exit::Failed)
    })
}

fn examine(path: &Path) -> Result<Good, NoPolicy> {
    let group = load(path)?;
    let bytes = group.to_bytes().map_err(|error| {
        NoPolicy::File(Failure::because(
            format!("{} cannot be signed", path.display()),
            &error,
        ))
    })?;
    Ok(Good {
        bytes: bytes.len(),
        rules: group.policy.rules.len(),
        tasks: group.policy.tasks.len(),
    })
}

impl Good {
    fn line(&self, path: &Path) -> String {
        let room = if self.bytes > MAX_GROUP {
            format!(" (too many: a card holds {MAX_GROUP}; deliver it by a server)")
        } else {
            String::new()
        };
        format!(
            "{} is a policy: {}, {}, {} bytes on a card{room}.\n",
            harmless(&path.display().to_string()),
            count(self.rules, "rule"),
            count(self.tasks, "task"),
            self.bytes
        )
    }
}

/// So many of something.
pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
