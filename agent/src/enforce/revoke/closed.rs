//! What is closed, as far as descriptors can be of it.

use cardwarden_policy::Function;
use cardwarden_policy::plan::{Kind, Major, Mode, Opens, Reason, Table};

/// The nodes and the families that are refused and that a program may talk or record with, or command
/// storage with that may only be read. The nodes of USB devices as such are among them: to withdraw a
/// device's authorisation takes its interfaces away, and who has its node open may still send it requests
/// (`check_ctrlrecip`, `drivers/usb/core/devio.c`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Closed {
    table: Table,
}

impl Closed {
    /// What a table refuses.
    pub(super) fn of(table: &Table) -> Self {
        let mut closed = Self::default();
        for ((kind, number), major) in &table.majors {
            if *kind == Kind::Character && major.reasons().any(ends) {
                closed.table.majors.insert((*kind, *number), major.clone());
            }
        }
        let families = table.families.iter().filter(|(_, reason)| ends(**reason));
        let families = families.map(|(family, reason)| (*family, *reason));
        closed.table.families.extend(families);
        closed
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_nodes() && !self.has_families()
    }

    /// Whether nodes are closed at all.
    pub(super) fn has_nodes(&self) -> bool {
        !self.table.majors.is_empty()
    }

    /// Whether sockets are closed at all.
    pub(super) fn has_families(&self) -> bool {
        !self.table.families.is_empty()
    }

    /// The function that a node carries, if it is closed to whom has it open for reading, or only
    /// for writing.
    pub(super) fn node(&self, major: u32, minor: u32, reads: bool) -> Option<Function> {
        let reason = self.table.device(Kind::Character, major, minor)?;
        let is_meant = ends(reason) && (reads || reason.opens != Opens::Reading);
        is_meant.then_some(reason.function)
    }

    /// The function that a family of sockets carries, if it is closed.
    pub(super) fn family(&self, family: i32) -> Option<Function> {
        let family = u8::try_from(family).ok()?;
        Some(self.table.families.get(&family)?.function)
    }

    /// The functions of which something is closed.
    pub(super) fn closes(&self, function: Function) -> bool {
        let concerns = self.table.concerns(function);
        concerns.held_nodes || concerns.families
    }

    /// Whether something is closed that was not.
    pub(super) fn exceeds(&self, before: &Self) -> bool {
        let mut families = self.table.families.keys();
        families.any(|family| !before.table.families.contains_key(family))
            || self.table.majors.iter().any(|(number, major)| {
                let known = before.table.majors.get(number);
                known.is_none_or(|known| adds(major, known))
            })
    }
}

/// Whether what was open before is ended for this reason.
fn ends(reason: Reason) -> bool {
    let is_talked_with = matches!(
        reason.function,
        Function::Camera
            | Function::Microphone
            | Function::Bluetooth
            | Function::Infrared
            | Function::Nfc
            | Function::Usb
            | Function::UsbStorage
    );
    is_talked_with && reason.ends && reason.mode == Mode::Refuse
}

/// Whether a major has closed nodes that were open.
fn adds(now: &Major, before: &Major) -> bool {
    let is_closed = |reason: Option<Reason>| reason.is_some_and(ends);
    let minors = now.minors().keys().chain(before.minors().keys());
    let mut pairs = minors
        .map(|minor| (now.at(*minor), before.at(*minor)))
        .chain([(now.default_reason(), before.default_reason())]);
    pairs.any(|(now, before)| is_closed(now) && !is_closed(before))
}
