//! The radio switches (rfkill): while Bluetooth or NFC must not be used, every radio of its kind is
//! soft-blocked, and those that appear later are born so.
//!
//! A soft block powers a controller down and ends its links, in the driver itself
//! (`hci_rfkill_set_block`, `nfc_rfkill_set_block`). It is looked at again, and set again, whenever
//! [`listener`] hears that a radio is on: nothing is polled.
//!
//! What a person had blocked before stays blocked at the end. That is kept with the state, not in
//! the runtime folder: `systemd-rfkill` carries our block over a boot, and after it nothing else
//! tells our block from a person's.

mod event;
mod listener;
mod radio;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cardwarden_policy::Function;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::event::Kind;
use self::listener::Listener;
use self::radio::{Radio, links, radios};
use super::probe::Met;
use super::remembered::Remembered;
use super::{Enforcer, Goal, Held, Shortfall};

/// What was blocked before a kind was taken.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Before {
    /// Every radio that there was, so what appears later was to be blocked too: the kernel does not
    /// tell what it holds for those, and who blocks all of them by `rfkill` or a desktop's switch
    /// sets that as well.
    all: bool,
    /// These radios.
    radios: BTreeSet<String>,
}

impl Before {
    fn of(radios: &[Radio]) -> Self {
        let blocked = radios.iter().filter(|radio| radio.is_blocked());
        Self {
            radios: blocked.map(|radio| radio.key.clone()).collect(),
            all: !radios.is_empty() && radios.iter().all(Radio::is_blocked),
        }
    }
}

/// The radio switches of this machine.
#[derive(Debug)]
pub(crate) struct Rfkill {
    /// `/sys`.
    sysfs: PathBuf,
    /// `/dev/rfkill`.
    node: PathBuf,
    memory: Remembered<BTreeMap<Kind, Before>>,
    taken: BTreeMap<Kind, Before>,
    /// The kinds of which radios are born blocked, as far as this run of the agent has told the
    /// kernel.
    told: BTreeSet<Kind>,
    listener: Listener,
}

impl Rfkill {
    /// The switches in this sysfs and behind this node, what is remembered in the folder `state`,
    /// and what to nudge when a radio is on.
    pub(crate) fn new(sysfs: &Path, node: &Path, state: &Path, nudge: Rc<Notify>) -> Self {
        let (memory, taken) = Remembered::open(state.join("rfkill.json"));
        Self {
            sysfs: sysfs.to_owned(),
            node: node.to_owned(),
            memory,
            taken,
            told: BTreeSet::new(),
            listener: Listener::new(nudge),
        }
    }

    /// Switches all radios of a kind, also those to come.
    fn change_all(&self, kind: Kind, block: bool) -> io::Result<()> {
        OpenOptions::new()
            .append(true)
            .open(&self.node)?
            .write_all(&event::change_all(kind, block))
    }

    fn block(&mut self, kind: Kind) -> Vec<Shortfall> {
        let radios = radios(&self.sysfs, kind);
        self.taken
            .entry(kind)
            .or_insert_with(|| Before::of(&radios));
        self.memory.save(&self.taken);
        let mut shortfalls = Vec::new();
        let is_any_on = || radios.iter().any(|radio| !radio.is_blocked());
        if !self.told.contains(&kind) || is_any_on() {
            match self.change_all(kind, true) {
                Ok(()) => {
                    self.told.insert(kind);
                }
                // A kernel without the switch has no radios behind it either.
                Err(error) if error.kind() == io::ErrorKind::NotFound && radios.is_empty() => {}
                Err(error) => shortfalls.push(short(
                    kind,
                    format!(
                        "radios that appear later are not born blocked, since {} cannot be \
                         written: {error}",
                        self.node.display()
                    ),
                )),
            }
        }
        for radio in radios.iter().filter(|radio| !radio.is_blocked()) {
            if let Some(problem) = radio.set(true) {
                shortfalls.push(short(kind, problem));
            }
        }
        shortfalls
    }

    fn unblock(&mut self, kind: Kind, before: &Before) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        if !before.all
            && let Err(error) = self.change_all(kind, false)
            && error.kind() != io::ErrorKind::NotFound
        {
            shortfalls.push(short(
                kind,
                format!(
                    "radios that appear later are still born blocked, since {} cannot be written: \
                     {error}",
                    self.node.display()
                ),
            ));
        }
        for radio in radios(&self.sysfs, kind) {
            let was = before.radios.contains(&radio.key);
            if radio.is_blocked() != was
                && let Some(problem) = radio.set(was)
            {
                shortfalls.push(short(kind, problem));
            }
        }
        shortfalls
    }
}

impl Enforcer for Rfkill {
    fn name(&self) -> &'static str {
        "rfkill"
    }

    fn covers(&self, function: Function) -> bool {
        Kind::ALL.iter().any(|kind| kind.function() == function)
    }

    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let refused = |kind: &Kind| goal.refuses(kind.function());
        let mut shortfalls = Vec::new();
        for kind in Kind::ALL.into_iter().filter(refused) {
            self.listener.listen(&self.node);
            shortfalls.extend(self.block(kind));
        }
        shortfalls
    }

    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        let mut shortfalls = Vec::new();
        for (kind, before) in self.taken.clone() {
            if goal.refuses(kind.function()) {
                continue;
            }
            self.told.remove(&kind);
            let failed = self.unblock(kind, &before);
            if failed.is_empty() {
                self.taken.remove(&kind);
            }
            shortfalls.extend(failed);
        }
        self.memory.save(&self.taken);
        if self.taken.is_empty() {
            self.listener.rest();
        }
        shortfalls
    }

    fn held(&mut self, goal: Goal<'_>) -> Vec<Held> {
        let mut held = Vec::new();
        let refused = |kind: &Kind| goal.refuses(kind.function());
        for kind in Kind::ALL.into_iter().filter(refused) {
            let function = kind.function();
            held.extend(radios(&self.sysfs, kind).iter().map(|radio| Held {
                function,
                proof: format!("{radio}: soft = {}", u8::from(radio.is_blocked())),
                met: if radio.is_blocked() {
                    Met::Refused
                } else {
                    Met::Passed
                },
            }));
            if kind == Kind::Bluetooth {
                held.extend(links(&self.sysfs).into_iter().map(|link| Held {
                    function,
                    proof: format!("the link {link} is still up"),
                    met: Met::Passed,
                }));
            }
        }
        held
    }
}

const fn short(kind: Kind, problem: String) -> Shortfall {
    Shortfall {
        function: kind.function(),
        problem,
        is_spared: false,
    }
}

#[cfg(test)]
mod tests;
