//! Files that are either the old or the new, whatever happens in between.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Who may read what is written.
const SECRET: u32 = 0o600;

/// Replaces a file: written beside it, flushed to the medium, renamed over it, and the folder
/// flushed too. Readable by its owner only. On an error the old file is untouched.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fill(path, SECRET, |file| file.write_all(bytes))
}

/// Replaces a file in the same way, by what `from` has, with permissions of its own.
pub(crate) fn copy(mut from: &File, path: &Path, mode: u32) -> io::Result<()> {
    fill(path, mode, |file| io::copy(&mut from, file).map(drop))
}

fn fill(
    path: &Path,
    mode: u32,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".new");
    let beside = folder.join(name);
    let written = write(&beside, mode, content).and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        if let Err(left) = std::fs::remove_file(&beside) {
            tracing::debug!("could not remove {}: {left}", beside.display());
        }
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// Removes a file for good; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    File::open(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?.sync_all()
}

fn write(
    path: &Path,
    mode: u32,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    content(&mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        replace(&path, b"one").unwrap();
        // A folder stands where the new file would be written.
        std::fs::create_dir(folder.path().join("state.new")).unwrap();
        assert!(replace(&path, b"two").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
    }
}
