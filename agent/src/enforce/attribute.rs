//! Attributes of sysfs and configfs: short texts in files that only the kernel fills.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The most that an attribute can say: one page.
const LONGEST: u64 = 4096;

/// What an attribute says, without the space around it; `None` where it is missing or says nothing
/// readable.
pub(super) fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        .ok()?;
    Some(text.trim().to_owned())
}

/// Writes an attribute, in one call, as the kernel wants it.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)?
        .write_all(text.as_bytes())
}

/// What a folder holds whose name begins so, in the order of the names; nothing where there is no
/// such folder.
pub(super) fn entries(folder: &Path, prefix: &str) -> Vec<(String, PathBuf)> {
    let found = std::fs::read_dir(folder);
    let mut entries: Vec<(String, PathBuf)> = found
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    entries.sort_unstable();
    entries
}
