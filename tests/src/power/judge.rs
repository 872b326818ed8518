//! What must hold of a disk after a power cut, by the file system's own tools and by nothing of the agent.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::Promise;
use crate::run::Run;
use crate::scenario::number;

/// Its journal is replayed, as a mount would do, and the agent's folders are copied out.
pub(super) fn copy_out(disk: &Path, folder: &Path) -> Result<()> {
    let replayed = Run::new("e2fsck")
        .args(["-y", "-E", "journal_only"])
        .arg(disk)
        .output()?;
    ensure!(
        matches!(replayed.status.code(), Some(0 | 1)),
        "the journal cannot be replayed: {}",
        String::from_utf8_lossy(&replayed.stderr)
    );
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for name in ["state", "floor"] {
        Run::new("debugfs")
            .arg("-R")
            .arg(format!("rdump /{name} {}", folder.display()))
            .arg(disk)
            .quietly()?;
    }
    Ok(())
}

/// What is in force by what was copied out: the number of the policy, from 1.
pub(super) fn in_force(folder: &Path, promises: &[Promise]) -> Result<usize> {
    let state = read(&folder.join("state/state.json"))?;
    let statement = statement(&state)?;
    promises
        .iter()
        .position(|promise| promise.statement == statement)
        .map(|at| at + 1)
        .context("a policy is in force that nobody sent")
}

/// The signed policy of the one association that there is, if one was sent.
pub(super) fn statement(state: &Value) -> Result<Option<String>> {
    ensure!(
        state["lost"].is_null(),
        "the state says that it was lost before"
    );
    let Some([association]) = state["associations"].as_array().map(Vec::as_slice) else {
        bail!("there is no association");
    };
    let statement = association.pointer("/delivered/statement");
    Ok(statement.and_then(Value::as_str).map(str::to_owned))
}

/// Holds what was promised when the power went: `sure` is the number of the policy that was last said to be in force.
pub(super) fn judge(folder: &Path, sure: usize, promises: &[Promise]) -> Result<usize> {
    let number = in_force(folder, promises)?;
    ensure!(
        (sure..=sure + 1).contains(&number),
        "policy {number} is in force; the agent had said {sure}"
    );
    let state = read(&folder.join("state/state.json"))?;
    let kept = read(&folder.join("floor/floor.json"))?;
    let floor = usize::try_from(highest(&state).max(highest(&kept)))?;
    ensure!(
        (number..=sure + 1).contains(&floor),
        "policy {number} is in force, and the lowest that is accepted is {floor}"
    );
    let there = outcomes(folder)?;
    let promise = promises.get(sure - 1).context("no such promise")?;
    let missing: Vec<&String> = promise.outcomes.difference(&there).collect();
    ensure!(
        missing.is_empty(),
        "outcomes for the server are lost: {missing:?}"
    );
    Ok(number)
}

fn highest(kept: &Value) -> u64 {
    let floors = kept.get("floors").and_then(Value::as_object);
    let floors = floors.into_iter().flatten();
    floors
        .map(|(_, floor)| number(floor, "/version"))
        .max()
        .unwrap_or_default()
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("{} is gone", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is torn", path.display()))
}

/// The outcomes that wait, each of them whole.
fn outcomes(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder.join("state/outcomes"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if super::waits(&name) {
            read(&entry.path())?;
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as it was copied out, with this state and this floor.
    fn judged(name: &str, state: &str, floor: u64, sure: usize) -> Result<usize> {
        let folder = std::env::temp_dir().join(format!("lab-judge-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("state/outcomes"))?;
        std::fs::create_dir_all(folder.join("floor"))?;
        std::fs::write(folder.join("state/outcomes/1-a.json"), "{}")?;
        std::fs::write(folder.join("state/state.json"), state)?;
        let floor = format!(r#"{{"floors":{{"key":{{"version":{floor}}}}}}}"#);
        std::fs::write(folder.join("floor/floor.json"), floor)?;
        let promise = |statement: Option<&str>, outcome: &str| Promise {
            entries: 0,
            statement: statement.map(str::to_owned),
            outcomes: BTreeSet::from([outcome.to_owned()]),
        };
        let promises = [
            promise(None, "1-a.json"),
            promise(Some("two"), "1-a.json"),
            promise(Some("three"), "2-a.json"),
        ];
        let judged = judge(&folder, sure, &promises);
        std::fs::remove_dir_all(&folder)?;
        judged
    }

    const TWO: &str =
        r#"{"lost":null,"floors":{},"associations":[{"delivered":{"statement":"two"}}]}"#;

    #[test]
    fn the_last_or_the_next_policy_may_be_in_force() {
        assert_eq!(judged("last", TWO, 2, 2).unwrap(), 2);
        assert_eq!(judged("next", TWO, 2, 1).unwrap(), 2);
    }

    #[test]
    fn what_is_older_torn_gone_or_below_its_floor_is_found() {
        assert!(judged("older", TWO, 3, 3).is_err());
        assert!(judged("torn", &TWO.replace('}', ""), 2, 2).is_err());
        assert!(judged("gone", r#"{"lost":null,"associations":[]}"#, 2, 2).is_err());
        assert!(judged("floor", TWO, 1, 2).is_err());
        let three = TWO.replace("two", "three");
        assert!(judged("outcome", &three, 3, 3).is_err());
    }
}
