//! A copy of the executable that the guard knows, kept beside the state.
//!
//! A package's new version puts another file under the executable's name, and the guard takes what is started from
//! that for a stranger until the device starts anew, as a kernel's new version waits for that too. Nobody would put
//! into force what the next hour asks for. So whatever is started as a stranger goes on as the version that the guard
//! knows.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::durable;

/// This process's executable, whatever has its name by now.
const OWN: &str = "/proc/self/exe";
/// Its owner may start it.
const MODE: u32 = 0o700;

/// Where it lies below the folder of the state. The name is the one by which processes are found.
fn path(state: &Path) -> PathBuf {
    state.join("agent/cardwardend")
}

/// Keeps this process's executable; where it is kept.
pub(super) fn keep(state: &Path) -> io::Result<PathBuf> {
    let kept = path(state);
    let own = File::open(OWN)?;
    if let Ok(known) = File::open(&kept)
        && is_same(&own, &known)?
    {
        return Ok(kept);
    }
    std::fs::create_dir_all(kept.parent().unwrap_or(state))?;
    durable::copy(&File::open(OWN)?, &kept, MODE)?;
    Ok(kept)
}

/// Whether this process was started from the copy: another version waits for the next start of the device.
pub(crate) fn is_this(state: &Path) -> bool {
    // Its path may be one of mounts that this process has left.
    let file = |path: &Path| std::fs::metadata(path).map(|met| (met.dev(), met.ino()));
    matches!((file(&path(state)), file(Path::new(OWN))), (Ok(kept), Ok(own)) if kept == own)
}

/// Goes on as the version that the guard knows. Comes back only when there is none, or it cannot be started.
pub(crate) fn go_on(state: &Path) {
    let kept = path(state);
    if is_this(state) || !kept.exists() {
        return;
    }
    tracing::warn!(
        "the guard takes another version for the agent: that one goes on, from {}",
        kept.display()
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "not a program besides: this process goes on as it"
    )]
    let error = Command::new(&kept).args(std::env::args_os().skip(1)).exec();
    tracing::warn!("cannot start {}: {error}", kept.display());
}

/// Whether two files have the same content.
fn is_same(one: &File, other: &File) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.get(..length) != right.get(..length) {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_executable_is_kept_and_only_written_when_it_differs() {
        let state = tempfile::tempdir().unwrap();
        let kept = keep(state.path()).unwrap();
        let own = std::fs::read(OWN).unwrap();
        assert_eq!(std::fs::read(&kept).unwrap(), own);
        let met = std::fs::metadata(&kept).unwrap();
        assert_eq!(met.permissions().mode() & 0o777, MODE);
        keep(state.path()).unwrap();
        let again = std::fs::metadata(&kept).unwrap();
        assert_eq!(again.modified().unwrap(), met.modified().unwrap());
        durable::replace(&kept, b"another").unwrap();
        keep(state.path()).unwrap();
        assert_eq!(std::fs::read(&kept).unwrap(), own);
        assert!(!is_this(state.path()), "this process is not the copy");
    }

    #[test]
    fn a_file_is_told_from_one_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            durable::replace(&path, content).unwrap();
            move || File::open(&path).unwrap()
        };
        let one = file("one", &vec![7; 20_000]);
        let same = file("same", &vec![7; 20_000]);
        let longer = file("longer", &vec![7; 20_001]);
        assert!(is_same(&one(), &same()).unwrap());
        assert!(!is_same(&one(), &longer()).unwrap());
        assert!(!is_same(&longer(), &one()).unwrap());
    }
}
