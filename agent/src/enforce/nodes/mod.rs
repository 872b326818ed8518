//! Device nodes: while a function must not be used, udev gives its nodes to root alone, by rules in
//! `/run/udev/rules.d` that the agent writes.
//!
//! This is a net below the kernel programs, and never the first line: root passes it, and what is
//! open stays open. It takes only nodes that no program refuses: where one does, who tries is to
//! hear `EPERM` from it and to be counted, not to be turned away by a mode before.
//!
//! udevd looks for changed rules at an event, and at most every three seconds
//! (`udev_rules_should_reload`), so a new rule may be late. Therefore the nodes that there are get
//! their mode from the agent itself, at once; a rule is for those that appear, and for every later
//! event of the others. And each rule asks whether its own file is still there, so that udevd goes by
//! no rule that is gone.
//!
//! No rule here takes USB devices' authorisation: the kernel's own defaults decide on those at
//! birth, before udev hears of them, and a rule knows no exceptions.

mod node;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cardwarden_policy::Function;
use cardwarden_policy::outcome::Tier;

use self::node::{Node, nodes};
use super::probe::Met;
use super::remembered::Remembered;
use super::{Enforcer, Goal, Held, Shortfall};
use crate::devices::Found;
use crate::durable;

/// The functions that have marked nodes (`70-cardwarden-mark.rules`) whose numbers the kernel
/// programs may not know. They always know those of cameras and of infrared: whoever has such a node
/// has registered its major.
const FUNCTIONS: [Function; 2] = [Function::Microphone, Function::Bluetooth];

/// The device nodes of this machine.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// `/sys`.
    sysfs: PathBuf,
    /// `/dev`.
    devices: PathBuf,
    /// `/run/udev/rules.d`.
    rules: PathBuf,
    memory: Remembered<BTreeMap<PathBuf, u32>>,
    /// The nodes that were closed, with the mode that they had.
    taken: BTreeMap<PathBuf, u32>,
}

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// `/sys`.
    pub(crate) sysfs: &'a Path,
    /// `/dev`.
    pub(crate) devices: &'a Path,
    /// `/run/udev/rules.d`.
    pub(crate) rules: &'a Path,
}

impl Nodes {
    /// The nodes in these places, and what is remembered in the folder `runtime`, which outlives
    /// neither a boot nor do modes.
    pub(crate) fn new(places: Places<'_>, runtime: &Path) -> Self {
        let (memory, taken) = Remembered::open(runtime.join("nodes.json"));
        Self {
            sysfs: places.sysfs.to_owned(),
            devices: places.devices.to_owned(),
            rules: places.rules.to_owned(),
            memory,
            taken,
        }
    }

    fn rule(&self, function: Function) -> PathBuf {
        self.rules.join(rules::name(function))
    }

    fn nodes(&self, function: Function) -> Vec<Node> {
        nodes(&self.sysfs, &self.devices, function)
    }

    fn write_rule(&self, function: Function) -> Option<Shortfall> {
        let path = self.rule(function);
        let text = rules::text(function, &path);
        if std::fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            return None;
        }
        let written = std::fs::create_dir_all(&self.rules)
            .and_then(|()| durable::replace(&path, text.as_bytes()));
        let error = written.err()?;
        Some(short(
            function,
            format!(
                "nodes that appear later are not closed, since {} cannot be written: {error}",
                path.display()
            ),
        ))
    }

    fn close(&mut self, function: Function) -> Vec<Shortfall> {
        let mut shortfalls: Vec<Shortfall> = self.write_rule(function).into_iter().collect();
        for node in self.nodes(function) {
            let Some(mode) = node.mode().filter(|mode| node.is_open(*mode)) else {
                continue;
            };
            self.taken.entry(node.path.clone()).or_insert(mode);
            self.memory.save(&self.taken);
            if let Some(problem) = node.set(node.closed(mode)) {
                shortfalls.push(short(function, problem));
            }
        }
        shortfalls
    }

    fn open(&mut self, function: Function) -> Vec<Shortfall> {
        let path = self.rule(function);
        let was_there = path.exists();
        if let Err(error) = durable::remove(&path)
            && was_there
        {
            let path = path.display();
            return vec![short(
                function,
                format!("the rule {path} cannot be removed: {error}"),
            )];
        }
        let mut shortfalls = Vec::new();
        for node in self.nodes(function) {
            let before = self.taken.get(&node.path).copied();
            // A mode that is no longer ours was set by somebody since.
            let ours = before.filter(|before| node.mode() == Some(node.closed(*before)));
            if let Some(problem) = ours.and_then(|mode| node.set(mode)) {
                shortfalls.push(short(function, problem));
                continue;
            }
            self.taken.remove(&node.path);
            if was_there || before.is_some() {
                // The access list for the person at the seat is udev's to give.
                node.announce();
            }
        }
        self.memory.save(&self.taken);
        shortfalls
    }

    /// Forgets nodes that have gone.
    fn prune(&mut self) {
        self.taken.retain(|path, _| path.exists());
        self.memory.save(&self.taken);
    }
}

/// Whether nodes of a function are to be closed here.
fn is_to_close(function: Function, goal: Goal<'_>) -> bool {
    goal.refuses(function) && !is_held_by_programs(function, goal.found)
}

/// Whether kernel programs know the numbers of the function's nodes, and so refuse them themselves.
fn is_held_by_programs(function: Function, found: &Found) -> bool {
    let mut known = found.inventory.majors.values();
    known.any(|carried| *carried == function)
}

impl Enforcer for Nodes {
    fn name(&self) -> &'static str {
        "udev"
    }

    fn tier(&self) -> Tier {
        Tier::Node
    }

    fn covers(&self, function: Function) -> bool {
        FUNCTIONS.contains(&function)
    }

    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for function in FUNCTIONS {
            if is_to_close(function, goal) {
                shortfalls.extend(self.close(function));
            }
        }
        shortfalls
    }

    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for function in FUNCTIONS {
            if !is_to_close(function, goal) {
                shortfalls.extend(self.open(function));
            }
        }
        self.prune();
        shortfalls
    }

    /// A net says what it holds, and nothing where udev has just given a node back: the next turn
    /// closes it again.
    fn held(&mut self, goal: Goal<'_>) -> Vec<Held> {
        let to_close = FUNCTIONS
            .into_iter()
            .filter(|function| is_to_close(*function, goal));
        let held = |function: Function| {
            self.nodes(function).into_iter().filter_map(move |node| {
                let mode = node.mode().filter(|mode| !node.is_open(*mode))?;
                Some(Held {
                    function,
                    proof: format!("{}: mode = {mode:04o}", node.path.display()),
                    met: Met::Refused,
                })
            })
        };
        to_close.flat_map(held).collect()
    }
}

const fn short(function: Function, problem: String) -> Shortfall {
    Shortfall {
        function,
        problem,
        is_spared: false,
    }
}

#[cfg(test)]
mod tests;
