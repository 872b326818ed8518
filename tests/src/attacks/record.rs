//! What the attacks found, kept for the table.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Vector, Who};
use crate::pins::Kernel;
use crate::place;

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It did not succeed.
    Refused,
    /// It did not succeed, and does not where nothing is restricted: permissions of files, or the like.
    NotPermitted,
    /// It succeeded.
    Succeeded,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Refused, Self::NotPermitted, Self::Succeeded];

    /// As in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotPermitted => "not permitted",
            Self::Succeeded => "succeeded",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What was found about a vector: for each who tried it, on each kernel.
pub type Found = BTreeMap<(u32, Who, Kernel), Verdict>;

/// What one test found.
#[derive(Debug, Default)]
pub struct Record {
    entries: Vec<Value>,
    /// Whether nothing was restricted.
    is_control: bool,
}

impl Record {
    /// Of attempts where nothing is restricted.
    pub fn of_controls() -> Self {
        Self {
            is_control: true,
            ..Self::default()
        }
    }

    /// Notes what came of it.
    pub fn note(&mut self, vector: &Vector, who: Who, kernel: Kernel, verdict: Verdict) {
        self.entries.push(json!({
            "control": self.is_control,
            "number": vector.number,
            "as": who.name(),
            "kernel": kernel.name(),
            "verdict": verdict.name(),
        }));
    }

    /// Keeps it, under the test's name, in place of what was found about the same attacks before.
    pub fn keep(&self, name: &str) -> Result<()> {
        let path = place::lab(FOLDER)?.join(format!("{name}.json"));
        let mut entries: Vec<Value> = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).context("read what was found before")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let is_other = |old: &Value| {
            let mut new = self.entries.iter();
            !new.any(|new| new.get("number") == old.get("number"))
        };
        entries.retain(is_other);
        entries.extend_from_slice(&self.entries);
        let text = serde_json::to_string_pretty(&entries).context("write what was found")?;
        place::write_whole(&path, text + "\n")
    }
}

const FOLDER: &str = "attacks";

/// Forgets what was found before.
pub fn forget() -> Result<()> {
    let dir = place::lab(FOLDER)?;
    std::fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))
}

/// What the last run found. What somebody cannot do where nothing is restricted either is told apart.
pub(super) fn read() -> Result<Found> {
    let dir = place::lab(FOLDER)?;
    let mut found = Found::new();
    let mut hopeless = BTreeSet::new();
    let entries = std::fs::read_dir(&dir).with_context(|| format!("list {}", dir.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let values: Vec<Value> =
            serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))?;
        for value in values {
            let (key, verdict) =
                entry(&value).with_context(|| format!("{}: {value}", path.display()))?;
            let (number, who, _) = key;
            if value.get("control") != Some(&json!(true)) {
                found.insert(key, verdict);
            } else if verdict == Verdict::Refused {
                hopeless.insert((number, who));
            }
        }
    }
    for ((number, who, _), verdict) in &mut found {
        if *verdict == Verdict::Refused && hopeless.contains(&(*number, *who)) {
            *verdict = Verdict::NotPermitted;
        }
    }
    Ok(found)
}

fn entry(value: &Value) -> Option<((u32, Who, Kernel), Verdict)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let number = value.get("number").and_then(Value::as_u64)?;
    let who = [Who::User, Who::Root]
        .into_iter()
        .find(|who| Some(who.name()) == text("as"))?;
    let kernel = text("kernel")?.parse().ok()?;
    let verdict = Verdict::of(text("verdict")?)?;
    Some(((u32::try_from(number).ok()?, who, kernel), verdict))
}
