//! Where things are: the repository, and the lab's cache below its `target/` folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The repository's root folder.
pub fn repository() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Cargo's target folder: `CARGO_TARGET_DIR` if set, else `target/` of the repository.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), |dir| repository().join(dir))
}

/// A folder of the lab's cache, made if it is missing. `name` may contain slashes.
pub fn lab(name: &str) -> Result<PathBuf> {
    let dir = target().join("lab").join(name);
    std::fs::create_dir_all(&dir).with_context(|| format!("make folder {}", dir.display()))?;
    Ok(dir)
}

/// Writes a small file of the cache so that it is either whole or absent.
pub fn write_whole(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let part = path.with_extension(format!("part{}", std::process::id()));
    std::fs::write(&part, bytes).with_context(|| format!("write {}", part.display()))?;
    std::fs::rename(&part, path).with_context(|| format!("put {} in place", path.display()))
}
