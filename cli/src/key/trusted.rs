//! The keys that this device trusts.

use std::path::{Path, PathBuf};

use cardwarden_policy::Anchors;
use cardwarden_policy::trust::Anchor;

use crate::failure::Failure;
use crate::file;

/// Where the device's trusted keys lie.
const TRUST: &str = "/etc/cardwarden/trust.d";
/// Longest public key in PEM that is read; P-256 and Ed25519 take less than 200 bytes.
const MAX_PUBLIC: usize = 4096;

/// The device's trusted keys and those that were named. A directory that is not there trusts
/// nobody.
pub(crate) fn anchors(named: &[PathBuf]) -> Result<Anchors, Failure> {
    let mut paths = Vec::new();
    if let Ok(entries) = std::fs::read_dir(TRUST) {
        let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "pem")));
    }
    paths.extend(named.iter().cloned());
    paths.iter().map(|path| anchor(path)).collect()
}

/// Reads a public key.
pub(super) fn anchor(path: &Path) -> Result<Anchor, Failure> {
    Anchor::from_pem(&file::read_text(path, MAX_PUBLIC)?)
        .map_err(|error| Failure::because(path.display().to_string(), &error))
}
