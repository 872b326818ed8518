//! Reading and writing the few files that a person names.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::failure::Failure;

/// Who may read a new file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readable {
    /// Its owner only.
    Owner,
    /// Everybody.
    All,
}

/// Reads at most `most` bytes.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let failed =
        |error: io::Error| Failure::because(format!("{} cannot be read", path.display()), &error);
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(bound)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > most {
        return Err(Failure::new(format!(
            "{} is longer than {most} bytes; is it the right file?",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Reads text of at most `most` bytes.
pub(crate) fn read_text(path: &Path, most: usize) -> Result<String, Failure> {
    String::from_utf8(read(path, most)?)
        .map_err(|error| Failure::because(format!("{} is no text", path.display()), &error))
}

/// Writes a file that does not exist yet. It is never written over, and is on the disk when this
/// returns.
pub(crate) fn create(path: &Path, bytes: &[u8], readable: Readable) -> Result<(), Failure> {
    let mode = match readable {
        Readable::Owner => 0o600,
        Readable::All => 0o644,
    };
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return taken(path);
        }
        Failure::because(format!("{} cannot be written", path.display()), &error)
    })
}

/// Says that a file is there already.
pub(crate) fn taken(path: &Path) -> Failure {
    Failure::new(format!(
        "{} exists already and is not written over; choose another name",
        path.display()
    ))
}

/// Writes a file that exists anew, with its permissions. Whatever happens meanwhile, it holds the
/// old text or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        // A link stays one.
        let path = path.canonicalize()?;
        let permissions = std::fs::metadata(&path)?.permissions();
        let folder = path.parent().unwrap_or_else(|| Path::new("/"));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(permissions)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error: io::Error| {
        Failure::because(format!("{} cannot be written", path.display()), &error)
    })
}
