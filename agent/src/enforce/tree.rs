//! A tree of attributes in a temporary folder, and goals, for the laws of the switches.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use cardwarden_policy::{Context, Decision, Function, Standing, Verdict, decide};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use tempfile::TempDir;

use super::{Enforcer, Goal, Shortfall};
use crate::devices::Found;

/// The tree.
pub(super) struct Tree {
    root: TempDir,
    sealed: Vec<OwnedFd>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        let sealed = Vec::new();
        Self { root, sealed }
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// Has an attribute say something.
    pub(super) fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Has an attribute say something that nobody can change.
    pub(super) fn seal(&mut self, below: &str, text: &str) {
        let memory = memfd_create("sealed", MFdFlags::MFD_ALLOW_SEALING).unwrap();
        let mut file = std::fs::File::from(memory);
        file.write_all(text.as_bytes()).unwrap();
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).unwrap();
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let target = format!("/proc/self/fd/{}", file.as_raw_fd());
        std::os::unix::fs::symlink(target, path).unwrap();
        self.sealed.push(file.into());
    }

    pub(super) fn get(&self, below: &str) -> String {
        std::fs::read_to_string(self.path(below)).unwrap()
    }

    pub(super) fn remove(&self, below: &str) {
        std::fs::remove_dir_all(self.path(below)).unwrap();
    }

    /// Every file with what it says.
    pub(super) fn everything(&self) -> BTreeSet<(PathBuf, Vec<u8>)> {
        let mut all = BTreeSet::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path);
                } else {
                    all.insert((path.clone(), std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        all
    }
}

/// A decision that refuses these functions.
pub(super) fn refusing(functions: &[Function]) -> Decision {
    let mut decision = decide(&Standing::Absent, &[], &Context::default(), None);
    for (function, ruling) in &mut decision.rulings {
        if functions.contains(function) {
            ruling.verdict = Verdict::Disabled;
        }
    }
    decision
}

/// Has an enforcer follow such a decision, as a turn does; what it falls short of.
pub(super) fn follow(enforcer: &mut dyn Enforcer, functions: &[Function]) -> Vec<Shortfall> {
    let found = Found::default();
    let decision = refusing(functions);
    let goal = Goal {
        decision: &decision,
        found: &found,
    };
    let mut shortfalls = enforcer.tighten(goal);
    shortfalls.extend(enforcer.loosen(goal));
    shortfalls
}

/// What an enforcer says that it holds after following such a decision.
pub(super) fn held(enforcer: &mut dyn Enforcer, functions: &[Function]) -> Vec<super::Held> {
    let found = Found::default();
    let decision = refusing(functions);
    enforcer.held(Goal {
        decision: &decision,
        found: &found,
    })
}

/// The folder that enforcers remember in.
pub(super) fn memory(tree: &Tree, name: &str) -> PathBuf {
    tree.path(&Path::new("run").join(name).to_string_lossy())
}
