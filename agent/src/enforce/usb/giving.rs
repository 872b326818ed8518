//! Giving back what we have taken, and storage that may only be read.

use std::collections::BTreeSet;

use cardwarden_policy::{Decision, Function};

use super::aim::{Aim, aim};
use super::ports::Half;
use super::storage::{Manner, Stage};
use super::sysfs::{Sysfs, Written};
use super::{Refusal, Usb, shortfalls};
use crate::devices::usb::{Attached, Present, present};
use crate::enforce::Shortfall;

impl Usb {
    /// Lets a device be used as far as it may be, and we are who kept it from that.
    pub(super) fn give(&mut self, aim: &Aim<'_>, functions: &BTreeSet<Function>) -> Vec<Shortfall> {
        let attached = aim.attached;
        if aim.is_whole {
            return Vec::new();
        }
        let is_new = !attached.is_authorized || self.was_kicked(attached);
        if is_new {
            if !self.is_ours(attached, &attached.appearance, Half::Device) {
                return Vec::new();
            }
            let folder = self.sysfs.folder(&attached.appearance.name);
            match Sysfs::write(&folder, "authorized", "1") {
                Ok(Written::Done) => tracing::info!("{} may be used", attached.label()),
                Ok(Written::Gone) => return Vec::new(),
                Err(error) => {
                    let problem = format!("{} cannot be let in: {error}", attached.label());
                    return shortfalls(functions, &problem);
                }
            }
        }
        // One that was to be refused when a crash came is ours no longer.
        self.taken.see(&attached.appearance);
        // The kernel sets a device up within the write: its interfaces are there now.
        let interfaces = if is_new {
            self.interfaces_of(attached)
        } else {
            attached.interfaces.clone()
        };
        self.give_interfaces(aim, &interfaces, functions)
    }

    /// Lets a device in that has just been plugged in, before the turn that looks at all of them; whether
    /// it did. It takes what the turn would: the device is aimed at and given alike.
    pub(super) fn admit_one(&mut self, attached: &Attached, decision: &Decision) -> bool {
        let mut aim = aim(attached, decision);
        aim.settle(decision);
        let is_free = aim.refused.is_empty() && !aim.is_whole && !aim.is_read_only;
        let functions = attached.device.classes();
        let is_short = functions.iter().any(|one| self.short.contains(one));
        let waits_for_us = !attached.is_authorized
            && self.is_of_known_bus(attached)
            && self.is_ours(attached, &attached.appearance, Half::Device);
        if !is_free || is_short || !waits_for_us {
            return false;
        }
        // What could not be done, the turn finds and tells.
        let short = self.give(&aim, &functions);
        short.is_empty() && self.taken.is_seen(&attached.appearance)
    }

    /// Whether it was refused in this very turn only to be set up anew.
    fn was_kicked(&self, attached: &Attached) -> bool {
        let folder = self.sysfs.folder(&attached.appearance.name);
        self.taken.is_ours(&attached.appearance)
            && Sysfs::read(&folder, "authorized").is_some_and(|text| text == "0")
    }

    fn interfaces_of(&self, attached: &Attached) -> Vec<Present> {
        let names = self.sysfs.interfaces(&attached.appearance.name);
        names
            .into_iter()
            .filter_map(|(number, name)| present(&self.sysfs.folder(&name), name, number))
            .collect()
    }

    /// All of them first, and drivers then: one that needs two gets both.
    fn give_interfaces(
        &mut self,
        aim: &Aim<'_>,
        interfaces: &[Present],
        functions: &BTreeSet<Function>,
    ) -> Vec<Shortfall> {
        let attached = aim.attached;
        let mut short = Vec::new();
        let mut given = Vec::new();
        for interface in interfaces {
            // One that its descriptors do not show is told by the next look.
            let is_known = attached.classes.contains_key(&interface.number);
            if !is_known || !aim.allows(interface.number) {
                continue;
            }
            // What was given when a crash came may have met no driver yet.
            let is_left_over = interface.is_authorized && self.taken.is_ours(&interface.appearance);
            let is_ours = !interface.is_authorized
                && self.is_ours(attached, &interface.appearance, Half::Interface);
            if !is_left_over && !is_ours {
                continue;
            }
            let name = &interface.appearance.name;
            match Sysfs::write(&self.sysfs.folder(name), "authorized", "1") {
                Ok(Written::Done) => given.push(&interface.appearance),
                Ok(Written::Gone) => {}
                Err(error) => {
                    let problem = format!("{name} cannot be let in: {error}");
                    short.extend(shortfalls(functions, &problem));
                }
            }
        }
        for appearance in given {
            self.sysfs.probe(&appearance.name);
            self.taken.see(appearance);
        }
        short
    }

    /// Closes a device's storage for writing: its mounts first, then its block devices. Where somebody
    /// may still write through a mount that is out of sight, or through memory, the device must be
    /// refused once, so that it is set up anew.
    pub(super) fn make_read_only(
        &mut self,
        aim: &Aim<'_>,
        short: &mut Vec<Shortfall>,
    ) -> Option<Refusal> {
        let attached = aim.attached;
        let functions = BTreeSet::from([Function::UsbStorage]);
        let blocks = self.storage.blocks(attached);
        let is_writable = |name: &str| self.storage.is_read_only(name) == Some(false);
        if !blocks.iter().any(|block| is_writable(&block.name)) {
            return None;
        }
        let stage = self.storage.prepare(attached, Manner::ReadOnly);
        if let Stage::Busy(problem) = stage {
            short.extend(shortfalls(&functions, &problem));
            return None;
        }
        for block in &blocks {
            if self.storage.is_read_only(&block.name) != Some(false) {
                continue;
            }
            match self.storage.set_read_only(&block.name, true) {
                Ok(()) => {
                    let port = attached.device.port.clone();
                    self.taken.read_only.insert(block.name.clone(), port);
                }
                Err(error) if self.storage.is_read_only(&block.name).is_some() => {
                    let problem = format!(
                        "{} of {} cannot be closed for writing: {error}",
                        block.name,
                        attached.label()
                    );
                    short.extend(shortfalls(&functions, &problem));
                }
                Err(error) => tracing::debug!("{} has gone: {error}", block.name),
            }
        }
        let mapped = self.storage.mapped(&blocks);
        if let Some(who) = &mapped {
            tracing::warn!("{}: {who}; it is set up anew", attached.label());
        }
        (stage == Stage::Forced || mapped.is_some()).then(|| Refusal {
            appearance: attached.appearance.clone(),
            label: attached.label(),
            functions,
        })
    }

    /// Opens for writing what we closed and what may be written to again.
    pub(super) fn make_writable(&mut self, aims: &[Aim<'_>]) -> Vec<Shortfall> {
        let mut short = Vec::new();
        let mut left = std::mem::take(&mut self.taken.read_only);
        left.retain(|block, port| {
            let of_port = aims.iter().find(|aim| aim.attached.device.port == *port);
            if of_port.is_some_and(|aim| aim.is_read_only) {
                return self.storage.is_read_only(block).is_some();
            }
            if self.storage.is_read_only(block) != Some(true) {
                return false;
            }
            let Err(error) = self.storage.set_read_only(block, false) else {
                return false;
            };
            let problem = format!("{block} cannot be opened for writing: {error}");
            short.extend(shortfalls(
                &BTreeSet::from([Function::UsbStorage]),
                &problem,
            ));
            true
        });
        self.taken.read_only = left;
        short
    }
}
