//! Infrared protocols: while infrared must not be used, receivers decode nothing (rc-core,
//! `drivers/media/rc/rc-main.c`), so no remote control types, and none wakes the machine up.
//!
//! The nodes `/dev/lirc*` are another matter: the kernel programs refuse those.

mod protocols;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cardwarden_policy::Function;

use self::protocols::enabled;
use super::probe::Met;
use super::remembered::Remembered;
use super::{Enforcer, Goal, Held, Shortfall, attribute};

/// What says which protocols a receiver decodes, and by which it wakes the machine up. Many have no
/// second one.
const ATTRIBUTES: [&str; 2] = ["protocols", "wakeup_protocols"];
/// The word that stands for no protocol at all.
const NONE: &str = "none";

/// The infrared receivers of this machine.
#[derive(Debug)]
pub(crate) struct Infrared {
    /// `/sys`.
    sysfs: PathBuf,
    memory: Remembered<BTreeMap<String, Vec<String>>>,
    /// The protocols that each attribute had, by where it is.
    taken: BTreeMap<String, Vec<String>>,
}

/// One attribute of a receiver.
struct Attribute {
    /// For people: `rc0: protocols`.
    label: String,
    path: PathBuf,
    /// Where it is, with the device that it belongs to: `rcN` may be another's after a plug.
    key: String,
}

impl Infrared {
    /// The receivers in this sysfs, and what is remembered in the folder `runtime`: the kernel
    /// forgets protocols at a boot too.
    pub(crate) fn new(sysfs: &Path, runtime: &Path) -> Self {
        let (memory, taken) = Remembered::open(runtime.join("infrared.json"));
        Self {
            sysfs: sysfs.to_owned(),
            memory,
            taken,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        let receivers = attribute::entries(&self.sysfs.join("class/rc"), "rc");
        let mut found = Vec::new();
        for (name, folder) in receivers {
            for attribute in ATTRIBUTES {
                let path = folder.join(attribute);
                let Ok(place) = std::fs::canonicalize(&folder) else {
                    continue;
                };
                if path.exists() {
                    found.push(Attribute {
                        label: format!("{name}: {attribute}"),
                        key: place.join(attribute).display().to_string(),
                        path,
                    });
                }
            }
        }
        found
    }
}

impl Attribute {
    /// The protocols that are on.
    fn enabled(&self) -> Vec<String> {
        enabled(&attribute::read(&self.path).unwrap_or_default())
    }

    /// Writes it; what is wrong, when that fails. That it has gone is nothing wrong.
    fn write(&self, text: &str) -> Option<Shortfall> {
        let error = attribute::write(&self.path, text).err()?;
        self.path.exists().then(|| Shortfall {
            function: Function::Infrared,
            problem: format!("{} cannot be set to {text}: {error}", self.label),
            is_spared: false,
        })
    }
}

impl Enforcer for Infrared {
    fn name(&self) -> &'static str {
        "infrared"
    }

    fn covers(&self, function: Function) -> bool {
        function == Function::Infrared
    }

    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        if !goal.refuses(Function::Infrared) {
            return Vec::new();
        }
        let mut shortfalls = Vec::new();
        for attribute in self.attributes() {
            let enabled = attribute.enabled();
            if enabled.is_empty() {
                continue;
            }
            // What somebody sets while infrared is off is not what comes back.
            self.taken.entry(attribute.key.clone()).or_insert(enabled);
            self.memory.save(&self.taken);
            shortfalls.extend(attribute.write(NONE));
        }
        shortfalls
    }

    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall> {
        if goal.refuses(Function::Infrared) || self.taken.is_empty() {
            return Vec::new();
        }
        let mut shortfalls = Vec::new();
        let mut failed = BTreeMap::new();
        for attribute in self.attributes() {
            let Some(before) = self.taken.remove(&attribute.key) else {
                continue;
            };
            if !attribute.enabled().is_empty() {
                continue;
            }
            if let Some(shortfall) = attribute.write(&protocols::spelled(&before)) {
                shortfalls.push(shortfall);
                failed.insert(attribute.key, before);
            }
        }
        self.taken = failed;
        self.memory.save(&self.taken);
        shortfalls
    }

    fn held(&mut self, goal: Goal<'_>) -> Vec<Held> {
        if !goal.refuses(Function::Infrared) {
            return Vec::new();
        }
        let held = |attribute: &Attribute| {
            let enabled = attribute.enabled();
            let (shown, met) = if enabled.is_empty() {
                (NONE.to_owned(), Met::Refused)
            } else {
                (enabled.join(" "), Met::Passed)
            };
            Held {
                function: Function::Infrared,
                proof: format!("{} = {shown}", attribute.label),
                met,
            }
        };
        self.attributes().iter().map(held).collect()
    }
}

#[cfg(test)]
mod tests;
