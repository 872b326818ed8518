//! What is held, read from sysfs.

use std::collections::BTreeSet;

use cardwarden_policy::Function;

use super::aim::{Aim, is_restricted};
use super::ports::DEVICES;
use super::sysfs::Sysfs;
use super::{Usb, restricted};
use crate::enforce::probe::Met;
use crate::enforce::{Goal, Held};

impl Usb {
    /// One proof for each closed bus, refused device or interface, and read-only disk.
    pub(super) fn holding(&self, goal: Goal<'_>, aims: &[Aim<'_>]) -> Vec<Held> {
        let mut held = Vec::new();
        if is_restricted(goal.decision) {
            let functions = restricted(goal.decision);
            for hub in goal.found.usb.iter().filter(|one| one.is_root_hub()) {
                let name = &hub.appearance.name;
                if let Some(now) = Sysfs::read(&self.sysfs.folder(name), DEVICES) {
                    let proof = format!("{name}: {DEVICES} = {now}");
                    held.extend(proofs(&functions, &proof, now == "0"));
                }
            }
        }
        for aim in aims {
            held.extend(self.holding_of(aim));
        }
        held
    }

    fn holding_of(&self, aim: &Aim<'_>) -> Vec<Held> {
        let attached = aim.attached;
        let label = attached.label();
        let mut held = Vec::new();
        let device = self.sysfs.folder(&attached.appearance.name);
        // A device that is not authorised has no interfaces.
        let is_off = Sysfs::read(&device, "authorized").is_some_and(|now| now == "0");
        if aim.is_whole || (is_off && !aim.refused.is_empty()) {
            if let Some(now) = Sysfs::read(&device, "authorized") {
                let proof = format!("{label}: authorized = {now}");
                held.extend(proofs(&aim.functions(), &proof, now == "0"));
            }
            return held;
        }
        for (number, name) in self.sysfs.interfaces(&attached.appearance.name) {
            let Some(functions) = aim.refused.get(&number) else {
                continue;
            };
            if let Some(now) = Sysfs::read(&self.sysfs.folder(&name), "authorized") {
                let proof = format!("{name} of {label}: authorized = {now}");
                held.extend(proofs(functions, &proof, now == "0"));
            }
        }
        if aim.is_read_only {
            let functions = BTreeSet::from([Function::UsbStorage]);
            for block in self.storage.blocks(attached) {
                if let Some(is_read_only) = self.storage.is_read_only(&block.name) {
                    let now = u8::from(is_read_only);
                    let proof = format!("{} of {label}: ro = {now}", block.name);
                    held.extend(proofs(&functions, &proof, is_read_only));
                }
            }
        }
        held
    }
}

fn proofs(functions: &BTreeSet<Function>, proof: &str, holds: bool) -> Vec<Held> {
    let met = if holds { Met::Refused } else { Met::Passed };
    let of = |function: &Function| Held {
        function: *function,
        proof: proof.to_owned(),
        met,
    };
    functions.iter().map(of).collect()
}
