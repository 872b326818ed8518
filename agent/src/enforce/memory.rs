//! A kernel in memory, for tests of the loop: it can be told to fail.

use std::collections::BTreeMap;

use cardwarden_ebpf_abi::OpenFile;
use cardwarden_policy::plan::Lacking;
use cardwarden_policy::{Guarding, Hook, KernelState, Step, Table};

use super::{Error, GuardState, Kernel, Permission};

/// The kernel in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What it holds.
    pub(crate) state: KernelState,
    /// How often somebody looked who has something open, since all was settled.
    pub(crate) looks: usize,
    /// Who has memory mapped.
    pub(crate) mapped: Vec<OpenFile>,
    /// What failed under way.
    failed: Option<Error>,
    /// Steps taken.
    pub(crate) steps: Vec<Step>,
    /// How many more steps succeed; all, when `None`.
    pub(crate) good_for: Option<usize>,
    /// What it cannot have.
    pub(crate) lacking: Lacking,
    /// What is guarded, and how the guard stands when something is.
    pub(crate) guarding: Option<Guarding>,
    pub(crate) guarded: GuardState,
    /// Refusals by counter.
    pub(crate) counts: BTreeMap<u16, u64>,
}

impl Kernel for Memory {
    fn observe(&mut self) -> Result<KernelState, Error> {
        Ok(self.state.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), Error> {
        if let Some(left) = &mut self.good_for {
            let missing = || Error::Missing {
                name: "step".to_owned(),
            };
            *left = left.checked_sub(1).ok_or_else(missing)?;
        }
        self.state = std::mem::take(&mut self.state).after(step);
        self.steps.push(step.clone());
        Ok(())
    }

    fn begin(&mut self, hooks: &[Hook]) -> Result<(), Error> {
        for hook in hooks {
            if let Err(error) = self.apply(&Step::Attach(*hook)) {
                self.failed.get_or_insert(error);
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.looks = 0;
        self.failed.take().map_or(Ok(()), Err)
    }

    fn swap_ahead(&mut self, _table: &Table) {}

    fn doubt(&mut self) {}

    fn open_files(&mut self) -> Option<Vec<OpenFile>> {
        self.looks = self.looks.saturating_add(1);
        None
    }

    fn mapped_files(&mut self) -> Vec<OpenFile> {
        self.mapped.clone()
    }

    fn lacking(&self) -> Lacking {
        self.lacking.clone()
    }

    fn prepare(&mut self) {}

    fn retire(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn guard(&mut self, wanted: Option<Guarding>) {
        self.guarding = wanted;
    }

    fn guarded(&mut self) -> GuardState {
        self.guarded.clone()
    }

    fn doubt_guard(&mut self) {
        self.guarded = GuardState::Down;
    }

    fn refusals(&mut self, counter: u16) -> u64 {
        self.counts.get(&counter).copied().unwrap_or_default()
    }

    fn permit(&mut self, _what: Permission) -> Result<(), Error> {
        Ok(())
    }

    fn revoke_permit(&mut self) {}
}
