//! Which programs are loaded, and what this machine does not take of them.

use std::thread::JoinHandle;

use cardwarden_policy::Hook;
use cardwarden_policy::explain::chain;

use super::loader::Failure;
use super::{MAPPED_FILES, OPEN_FILES, Programs, guard, loader};
use crate::enforce::Error;

impl Programs {
    /// Loads what is not loaded of what may be needed. The first program of all needs nothing of the
    /// kernel's types and is loaded alone, so that it is in force before theirs are read.
    pub(super) fn load(&mut self, asked: Hook) -> Result<(), Error> {
        self.finish_loading();
        let missing = if asked == Hook::DeviceOpen {
            vec![asked.program()]
        } else {
            self.missing()
        };
        let failures = loader::load(&self.folder, &missing)?;
        self.take_note(failures);
        Ok(())
    }

    /// The programs that may be needed, that this machine may have, and that are not loaded.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let is_wanted = |hook: &Hook| {
            let is_used = *hook != Hook::FileOpen
                || self.second_lock
                || self.lacking.hooks.contains_key(&Hook::DeviceOpen);
            is_used && self.can_have(*hook)
        };
        let hooks = Hook::ALL.into_iter().filter(is_wanted);
        let programs = hooks.map(Hook::program).chain([OPEN_FILES, MAPPED_FILES]);
        let has_lsm = self.can_have(Hook::SocketCreate);
        let of_guard = guard::programs::all().filter(|_| has_lsm);
        let programs = programs.chain(of_guard.map(|one| one.name));
        programs
            .filter(|program| !loader::pin(&self.folder, program).exists())
            .collect()
    }

    /// Remembers what this machine cannot have.
    fn take_note(&mut self, failures: Vec<Failure>) {
        for failure in failures {
            let Some(hook) = failure.hook() else {
                tracing::info!("{}", failure.why);
                continue;
            };
            if failure.is_needless {
                self.lacking.needless.insert(hook);
            } else {
                tracing::warn!("{}", failure.why);
                self.lacking.hooks.insert(hook, failure.why);
            }
        }
    }

    /// Waits for what is being loaded ahead.
    pub(super) fn finish_loading(&mut self) {
        match self.loading.take().map(JoinHandle::join) {
            None => {}
            Some(Ok(Ok(failures))) => self.take_note(failures),
            Some(Ok(Err(error))) => tracing::warn!("{}", chain(&error)),
            Some(Err(_panic)) => tracing::warn!("loading ahead ended before its time"),
        }
    }
}
