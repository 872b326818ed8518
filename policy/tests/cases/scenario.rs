//! What a scenario file says.

use std::collections::{BTreeMap, BTreeSet};

use cardwarden_policy::condition::Zone;
use cardwarden_policy::facts::Facts;
use cardwarden_policy::operation::Operation;
use cardwarden_policy::usb::Device;
use cardwarden_policy::{Function, Inventory, Policy};
use jiff::Timestamp;
use serde::Deserialize;

/// One scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows.
    pub(crate) title: String,
    /// The zone in which times are shown.
    pub(crate) zone: Zone,
    /// What the company says; nothing when no company has a say.
    pub(crate) policy: Option<toml::Table>,
    /// Why what the company says cannot be read.
    pub(crate) unproven: Option<String>,
    /// What the device has; a camera, a microphone and an infrared receiver when not given.
    pub(crate) inventory: Option<Nodes>,
    /// What happens, in order.
    pub(crate) moments: Vec<Moment>,
}

/// Which device nodes carry a function.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nodes {
    majors: BTreeMap<String, Function>,
    #[serde(default)]
    others: BTreeMap<String, BTreeSet<u32>>,
}

/// One moment of a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moment {
    /// What happens, in words.
    pub(crate) what: String,
    /// When; not known when not given.
    pub(crate) now: Option<Timestamp>,
    /// What is known; what was known before when not given.
    pub(crate) facts: Option<Facts>,
    /// The USB devices; as before when not given.
    pub(crate) usb: Option<Vec<Device>>,
    /// What the server asks for.
    #[serde(default)]
    pub(crate) operations: Vec<Operation>,
}

impl Scenario {
    /// The policy, as if it stood alone in a file.
    pub(crate) fn policy(&self) -> Option<Policy> {
        let table = self.policy.as_ref()?;
        Some(Policy::from_toml(&toml::to_string(table).unwrap()).unwrap())
    }

    pub(crate) fn inventory(&self) -> Inventory {
        let number = |text: &String| -> u32 { text.parse().unwrap() };
        match &self.inventory {
            None => Inventory {
                majors: BTreeMap::from([
                    (81, Function::Camera),
                    (116, Function::Microphone),
                    (251, Function::Infrared),
                ]),
                ..Inventory::default()
            },
            Some(nodes) => Inventory {
                majors: nodes
                    .majors
                    .iter()
                    .map(|(major, function)| (number(major), *function))
                    .collect(),
                others: nodes
                    .others
                    .iter()
                    .map(|(major, minors)| (number(major), minors.clone()))
                    .collect(),
                ..Inventory::default()
            },
        }
    }
}
