//! Which processes are the agent: a mark that the kernel keeps for a process until it ends.

use std::path::{Path, PathBuf};

use aya::maps::MapData;
use cardwarden_ebpf_abi::guard::{Mark, TRUSTED};

use super::super::{PINS, syscall};

/// The map of the marks.
pub(super) const MARK: &str = "CWD_MARK";

/// Gives this process the mark.
pub(super) fn give(folder: &Path) -> std::io::Result<()> {
    let map = MapData::from_pin(folder.join(MARK)).map_err(std::io::Error::other)?;
    let process = syscall::this_process()?;
    let mark = Mark {
        state: TRUSTED,
        reserved: 0,
    };
    syscall::put(&map, &process, &mark)
}

/// Takes the mark from this process, which is not to have it: one that tries what others meet, or that goes by
/// other settings.
pub(crate) fn lay_down() {
    let Ok(builds) = std::fs::read_dir(PINS) else {
        return;
    };
    let pins = |build: std::io::Result<std::fs::DirEntry>| Some(build.ok()?.path().join(MARK));
    for pin in builds.filter_map(pins).filter(|pin| pin.exists()) {
        if let Err(error) = take(&pin) {
            tracing::debug!("no mark to lay down in {}: {error}", pin.display());
        }
    }
}

fn take(pin: &PathBuf) -> std::io::Result<()> {
    let map = MapData::from_pin(pin).map_err(std::io::Error::other)?;
    syscall::remove(&map, &syscall::this_process()?)
}
