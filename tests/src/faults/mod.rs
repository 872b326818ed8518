//! Faults: the agent is ended at any step, and policies change under a program that wants what they take. What must
//! hold is looked at by programs that know nothing of the agent but what it says to everybody.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::machine::Machine;
use crate::scenario::{self, LOOSE, OFFICE, number, unguarded};

/// Rounds for each call of a program in the machine, which has a deadline.
const AT_ONCE: u64 = 20;

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// How often the agent was ended by `SIGKILL` at a chosen step.
    pub kills: u64,
    /// How often it had settled before that step came.
    pub late: u64,
    /// How often the camera was open while it had to be refused.
    pub gaps: u64,
    /// How often something that the agent had said to be in force was not, or something torn was.
    pub lost: u64,
    /// How many system calls the steps were chosen from.
    pub span: u64,
}

/// A machine without the guard, which would keep the agent from being ended: the camera is off.
pub fn prepare(machine: &mut Machine) -> Result<()> {
    let files = [
        ("killer.py", include_str!("killer.py")),
        ("changer.py", include_str!("changer.py")),
    ];
    for (name, text) in files {
        machine.put(&format!("/srv/{name}"), 0o755, text.as_bytes())?;
    }
    machine.put("/srv/off.toml", 0o644, unguarded(OFFICE).as_bytes())?;
    machine.put("/srv/on.toml", 0o644, unguarded(LOOSE).as_bytes())?;
    machine.ok("lab plug camera")?;
    scenario::insert(machine, &unguarded(OFFICE), "--version 1")
}

/// Policies that the company will send: those of even numbers give the camera back, if `alternating`.
fn sign(machine: &mut Machine, first: u64, count: u64, alternating: bool) -> Result<()> {
    for number in first..first.saturating_add(count) {
        let is_on = alternating && number % 2 == 1;
        let policy = if is_on { "on" } else { "off" };
        machine.ok(&format!(
            "lab send /srv/{policy}.toml --version {number} --out /srv/sent-{number}"
        ))?;
    }
    Ok(())
}

/// Ends the agent at a later system call in each round of starting, then in each of taking a policy.
pub fn kill(machine: &mut Machine, rounds: u64, policies: u64) -> Result<Found> {
    sign(machine, 2, policies, false)?;
    machine.ok("systemctl stop cardwardend")?;
    let mut found = Found::default();
    let mut done = 0;
    while done < rounds {
        let some = AT_ONCE.min(rounds - done);
        add(
            machine,
            &mut found,
            &format!("starts {done} {some} {rounds}"),
        )?;
        done += some;
    }
    if policies > 0 {
        add(machine, &mut found, &format!("policies 2 {policies} 0"))?;
    }
    machine.ok("systemctl start cardwardend && cardwarden wait --settled --timeout 60")?;
    let status = scenario::status(machine)?;
    let version = number(&status, "/association/version");
    ensure!(
        version == policies.saturating_add(1),
        "after it all, version {version} is in force: {status}"
    );
    scenario::is_off(machine)?;
    Ok(found)
}

fn add(machine: &mut Machine, found: &mut Found, words: &str) -> Result<()> {
    let said = run(machine, &format!("python3 /srv/killer.py {words}"))?;
    let of = |name: &str| number(&said, &format!("/{name}"));
    found.kills += of("kills");
    found.late += of("late");
    found.gaps += of("gaps");
    found.lost += of("lost");
    found.span = found.span.max(of("span"));
    Ok(())
}

fn run(machine: &mut Machine, script: &str) -> Result<Value> {
    let said = machine.ok(script)?;
    serde_json::from_str(&said).with_context(|| format!("`{script}` says {said}"))
}

/// What a program met that opened the camera all the time while policies came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Met {
    /// Policies that came.
    pub changes: u64,
    /// Attempts to open it.
    pub attempts: u64,
    /// Of them, how many succeeded while a policy that takes it was in force.
    pub opened: u64,
    /// Of them, how many were refused while one that gives it was.
    pub refused: u64,
}

/// Has policies come, by turns with and without the camera.
pub fn change(machine: &mut Machine, changes: u64) -> Result<Met> {
    let mut met = Met::default();
    let mut first = 2;
    while met.changes < changes {
        let some = AT_ONCE.min(changes - met.changes);
        sign(machine, first, some, true)?;
        let said = run(machine, &format!("python3 /srv/changer.py {first} {some}"))?;
        met.changes += number(&said, "/changes");
        met.attempts += number(&said, "/attempts");
        met.opened += number(&said, "/opened");
        met.refused += number(&said, "/refused");
        first += some;
    }
    Ok(met)
}
