//! Scenario files: a policy and what happens, and as reviewed text what follows from it: the
//! decision, the plan and the reasons. `CARDWARDEN_WRITE_CASES=1` writes the texts anew, for
//! review.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the failure, and a file may be half written"
)]

mod scenario;
#[path = "../laws/signed.rs"]
mod signed;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use cardwarden_policy::{Policy, describe};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// Compares with the reviewed text, or writes it.
fn compare(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("CARDWARDEN_WRITE_CASES").is_some() {
        fs::write(path, text).unwrap();
        return Ok(());
    }
    let known = fs::read_to_string(path).unwrap_or_default();
    let differing = known
        .lines()
        .map(Some)
        .chain(std::iter::repeat(None))
        .zip(text.lines().map(Some).chain(std::iter::once(None)))
        .zip(1..)
        .find(|((known, now), _)| known != now);
    if known == text {
        return Ok(());
    }
    Err(match differing {
        Some(((known, now), line)) => {
            format!("{}:{line}: {known:?} became {now:?}", path.display())
        }
        None => format!("{} is longer than what is said now", path.display()),
    })
}

#[test]
fn every_scenario_goes_as_reviewed() {
    let mut problems = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder("cases")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        count += 1;
        let scenario: scenario::Scenario = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text::of(&scenario);
        problems.extend(compare(&path.with_extension("txt"), &text).err());
    }
    assert!(count >= 14, "only {count} scenarios are found");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_construct_has_its_words() {
    let path = folder("documents").join("everything.toml");
    let policy = Policy::from_toml(&fs::read_to_string(&path).unwrap()).unwrap();
    let words: Vec<String> = describe::policy(&policy)
        .iter()
        .map(ToString::to_string)
        .collect();
    let text = format!("{}\n", words.join("\n\n"));
    compare(&path.with_extension("txt"), &text).unwrap();
}
