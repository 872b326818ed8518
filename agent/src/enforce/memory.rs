//! A kernel in memory, for tests of the loop: it can be told to fail.

use std::collections::BTreeMap;

use cardwarden_policy::plan::Lacking;
use cardwarden_policy::{KernelState, Step};

use super::{Error, Kernel, Permission};

/// The kernel in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What it holds.
    pub(crate) state: KernelState,
    /// Steps taken.
    pub(crate) steps: Vec<Step>,
    /// How many more steps succeed; all, when `None`.
    pub(crate) good_for: Option<usize>,
    /// What it cannot have.
    pub(crate) lacking: Lacking,
    /// Refusals by counter.
    pub(crate) counts: BTreeMap<u16, u64>,
}

impl Kernel for Memory {
    fn observe(&mut self) -> Result<KernelState, Error> {
        Ok(self.state.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        if let Some(left) = &mut self.good_for {
            *left = left.checked_sub(1).ok_or(Error::Missing { name: "step" })?;
        }
        self.state = std::mem::take(&mut self.state).after(step);
        self.steps.push(step.clone());
        Ok(())
    }

    fn lacking(&self) -> Lacking {
        self.lacking.clone()
    }

    fn prepare(&mut self) {}

    fn retire(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn refusals(&mut self, counter: u16) -> u64 {
        self.counts.get(&counter).copied().unwrap_or_default()
    }

    fn permit(&mut self, _what: Permission) -> Result<(), Error> {
        Ok(())
    }

    fn revoke_permit(&mut self) {}
}
