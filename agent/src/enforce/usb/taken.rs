//! What this enforcer has taken, so that it gives back that and nothing else: kept in the runtime
//! folder, since sysfs too lasts until the machine is started anew, and the agent may not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::devices::usb::{Appearance, Attached, Present};

/// What was taken and seen.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Taken {
    /// What attributes that say how devices are born said before, by path below sysfs.
    pub(super) defaults: BTreeMap<String, Before>,
    /// Devices and interfaces that were refused by us, by name, with their inode.
    refused: BTreeMap<String, u64>,
    /// Devices and interfaces that were seen while they could be used, or while somebody else
    /// refused them: what is not authorised of these is not our doing.
    seen: BTreeMap<String, u64>,
    /// Block devices that were made read-only, and the port of the device that has them.
    pub(super) read_only: BTreeMap<String, String>,
    /// The only keyboard and the modem: port, maker and product.
    pub(super) kept: BTreeMap<String, String>,
}

/// What an attribute said before.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    /// The inode of its folder.
    pub(super) inode: u64,
    /// The text.
    pub(super) value: String,
}

impl Taken {
    pub(super) fn is_ours(&self, appearance: &Appearance) -> bool {
        self.refused.get(&appearance.name) == Some(&appearance.inode)
    }

    pub(super) fn is_seen(&self, appearance: &Appearance) -> bool {
        self.seen.get(&appearance.name) == Some(&appearance.inode)
    }

    /// Notes that we refuse it.
    pub(super) fn take(&mut self, appearance: &Appearance) {
        self.seen.remove(&appearance.name);
        self.refused
            .insert(appearance.name.clone(), appearance.inode);
    }

    /// Notes that what it is now is not our doing.
    pub(super) fn see(&mut self, appearance: &Appearance) {
        self.refused.remove(&appearance.name);
        self.seen.insert(appearance.name.clone(), appearance.inode);
    }

    /// Forgets everything but what is read-only, now that all is given back.
    pub(super) fn forget_authorisation(&mut self) {
        let read_only = std::mem::take(&mut self.read_only);
        *self = Self {
            read_only,
            ..Self::default()
        };
    }

    /// Forgets what has gone.
    pub(super) fn prune(&mut self, attached: &[Attached]) {
        let there: BTreeSet<(&str, u64)> = attached
            .iter()
            .flat_map(|one| {
                let interfaces = one.interfaces.iter();
                let interfaces = interfaces.map(|Present { appearance, .. }| appearance);
                std::iter::once(&one.appearance).chain(interfaces)
            })
            .map(|one| (one.name.as_str(), one.inode))
            .collect();
        let is_there = |name: &str, inode: u64| there.contains(&(name, inode));
        self.refused.retain(|name, inode| is_there(name, *inode));
        self.seen.retain(|name, inode| is_there(name, *inode));
        self.defaults.retain(|path, before| {
            let hub = path.split_once('/').map_or("", |(hub, _)| hub);
            !hub.starts_with("usb") || is_there(hub, before.inode)
        });
    }
}
