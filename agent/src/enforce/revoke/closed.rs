//! What is closed, as far as descriptors can be of it.

use cardwarden_policy::Function;
use cardwarden_policy::plan::Table;

use super::Goal;

/// The nodes and the families that a goal refuses. USB devices are not among them: to withdraw their
/// authorisation ends whatever a program does with their nodes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Closed {
    pub(super) table: Table,
}

impl Closed {
    /// What the kernel programs refuse for a goal: the same nodes and families.
    pub(super) fn of(goal: Goal<'_>) -> Self {
        let state = cardwarden_policy::goal(goal.decision, &goal.found.inventory, false);
        Self { table: state.table }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.majors.is_empty() && self.table.families.is_empty()
    }

    /// The function that a node carries, if it is closed.
    pub(super) fn node(&self, major: u32, minor: u32) -> Option<Function> {
        let closed = self.table.majors.get(&major)?;
        (!closed.except.contains(&minor)).then_some(closed.function)
    }

    /// The function that a family of sockets carries, if it is closed.
    pub(super) fn family(&self, family: i32) -> Option<Function> {
        let family = u8::try_from(family).ok()?;
        let closed = self.table.families.get(&family)?;
        Some(closed.function)
    }

    /// Whether something is closed that was not.
    pub(super) fn exceeds(&self, before: &Self) -> bool {
        let mut families = self.table.families.keys();
        families.any(|family| !before.table.families.contains_key(family))
            || self.table.majors.iter().any(|(major, closed)| {
                let known = before.table.majors.get(major);
                known.is_none_or(|known| !known.except.is_subset(&closed.except))
            })
    }
}
