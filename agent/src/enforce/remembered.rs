//! What a switch was before it was taken, so that it is given back as it was: a file that outlives
//! the agent.

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable;

/// What is remembered, and the file that keeps it. There is no file while there is nothing to
/// remember.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    path: PathBuf,
    saved: T,
}

impl<T: Clone + Default + PartialEq + Serialize + DeserializeOwned> Remembered<T> {
    /// Opens the file, and tells what it says. One that cannot be read says nothing: what is off then
    /// stays off, and the log says so.
    pub(super) fn open(path: PathBuf) -> (Self, T) {
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(error),
        };
        let saved = read.unwrap_or_else(|error| {
            tracing::error!(
                "{} cannot be read ({error}): what is off now stays off until somebody switches it \
                 on",
                path.display()
            );
            T::default()
        });
        let known = saved.clone();
        (Self { path, saved }, known)
    }

    /// Keeps what has changed. Called before anything is taken, so that a crash loses nothing. That it
    /// could not be kept is logged and stops nobody from taking: a switch that must be off goes off.
    pub(super) fn save(&mut self, now: &T) {
        if self.saved == *now {
            return;
        }
        match self.write(now) {
            Ok(()) => self.saved = now.clone(),
            Err(error) => tracing::warn!(
                "{} cannot be written ({error}): after a restart of the agent, what is switched off \
                 now stays off; free some space there",
                self.path.display()
            ),
        }
    }

    fn write(&self, now: &T) -> io::Result<()> {
        if *now == T::default() {
            return durable::remove(&self.path);
        }
        let bytes = serde_json::to_vec(now).map_err(io::Error::from)?;
        durable::replace(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_remembered_outlives_the_agent_and_leaves_no_file_when_it_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rfkill.json");
        let (mut memory, mut known) = Remembered::<BTreeSet<String>>::open(path.clone());
        assert!(known.is_empty());
        known.insert("hci0".to_owned());
        memory.save(&known);
        let (mut memory, mut known) = Remembered::<BTreeSet<String>>::open(path.clone());
        assert!(known.contains("hci0"));
        known.clear();
        memory.save(&known);
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_file_says_nothing_and_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rfkill.json");
        durable::replace(&path, b"[1").unwrap();
        let (mut memory, mut known) = Remembered::<BTreeSet<String>>::open(path.clone());
        assert!(known.is_empty());
        known.insert("hci0".to_owned());
        memory.save(&known);
        assert_eq!(Remembered::<BTreeSet<String>>::open(path).1, known);
    }
}
