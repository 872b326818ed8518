//! Waiting until the agent has applied and verified what was done last.
//!
//! "Settled" alone is not enough: right after a card was put in, the agent may not know of it yet and be settled
//! all the same. So every play notes what the agent is expected to see.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::run::Run;
use serde_json::Value;

use crate::world::{status, text};

const NOTE: &str = "/run/lab-expected";

/// How long the agent may take to see a thing: pcscd looks every 400 ms and needs 1.6 s for a new card; an
/// emulated processor under load takes several times that.
const SEEING: Duration = Duration::from_secs(12);

/// What the agent is to see next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A card, good or bad.
    Card,
    /// No card.
    NoCard,
}

/// Notes what the agent is expected to see, and how it stands before that.
pub(crate) fn expect(expected: Expected) -> Result<()> {
    let word = if expected == Expected::Card {
        "card"
    } else {
        "no-card"
    };
    // As in the status: instants in UTC, which sort as text.
    let now = Run::new("date").args(["--utc", "+%FT%TZ"]).text()?;
    let before = status().ok();
    let has_card = before
        .as_ref()
        .is_some_and(|status| !text(status, "/card/reader").is_empty());
    if expected == Expected::NoCard && !has_card {
        // A card that the agent did not understand leaves no trace when it goes.
        return forget();
    }
    // Without an agent there is no generation to go by.
    let generation = before.as_ref().and_then(generation).unwrap_or_default();
    let note = format!("{word} {generation} {now}");
    std::fs::write(NOTE, note).with_context(|| format!("write {NOTE}"))
}

fn forget() -> Result<()> {
    match std::fs::remove_file(NOTE) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {NOTE}"))
        }
        _ => Ok(()),
    }
}

fn generation(status: &Value) -> Option<u64> {
    status.get("generation").and_then(Value::as_u64)
}

/// Waits; an error after so many seconds.
pub(crate) fn settle(seconds: u64, reported: bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    if let Ok(note) = std::fs::read_to_string(NOTE) {
        see(&note, deadline.min(Instant::now() + SEEING))?;
        forget()?;
    }
    if !wait(None, deadline)? {
        let status = status()
            .map(|status| format!("{status:#}"))
            .unwrap_or_default();
        bail!("the agent has not settled within {seconds} s\n{status}");
    }
    if reported { report(deadline) } else { Ok(()) }
}

/// Follows the agent's states until the server has taken every outcome.
fn report(deadline: Instant) -> Result<()> {
    // Not to wait for the agent's next try, which may be minutes away after failed ones.
    Run::new("cardwarden").arg("sync").quietly()?;
    loop {
        let now = status()?;
        let enrolled = now.pointer("/server/enrolled").and_then(Value::as_bool) == Some(true);
        // After a release there is nobody left to be enrolled with.
        let has_server = now
            .get("association")
            .is_some_and(|association| !association.is_null());
        let pending = now.pointer("/server/pending").and_then(Value::as_u64);
        if pending == Some(0) && (enrolled || !has_server) {
            return Ok(());
        }
        if !wait(generation(&now), deadline)? {
            bail!(
                "the server has not been told everything: {}",
                text(&now, "/server/problem")
            );
        }
    }
}

/// Follows the agent's states until one shows what was expected, or for as long as that may take: a bad card that
/// is put in twice, for example, changes nothing the second time.
fn see(note: &str, deadline: Instant) -> Result<()> {
    let mut words = note.split_whitespace();
    let expected = words.next().unwrap_or_default();
    let mut after: u64 = words.next().unwrap_or_default().parse().unwrap_or_default();
    let since = words.next().unwrap_or_default();
    loop {
        if let Ok(now) = status()
            && generation(&now).is_some_and(|generation| generation > after)
        {
            let has_card = !text(&now, "/card/reader").is_empty();
            let seen = match expected {
                "card" => has_card || has_problem_since(&now, since),
                _ => !has_card,
            };
            if seen {
                return Ok(());
            }
            after = generation(&now).unwrap_or(after);
        }
        if !wait(Some(after), deadline)? {
            return Ok(());
        }
    }
}

fn has_problem_since(status: &Value, since: &str) -> bool {
    let problems = status.get("problems").and_then(Value::as_array);
    problems
        .into_iter()
        .flatten()
        .any(|problem| text(problem, "/at") >= since)
}

/// `cardwarden wait`; false when the time ran out (its exit status 4).
fn wait(after: Option<u64>, deadline: Instant) -> Result<bool> {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .as_secs_f64();
    let mut run =
        Run::new("cardwarden").args(["wait", "--settled", "--timeout", &format!("{left:.3}")]);
    if let Some(after) = after {
        run = run.args(["--after", &after.to_string()]);
    }
    let output = run.output()?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(4) => Ok(false),
        _ => bail!(
            "cardwarden wait: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}
