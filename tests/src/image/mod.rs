//! What a machine is started from: a Debian root file system, kernels, a start-up archive, the product layer,
//! and an empty disk.
//!
//! Every part is a plain file below `target/lab`, named by a hash of what went into it, so that a part is made
//! again exactly when something changed. Nothing of the host is mounted, and no kernel is installed on it.

pub mod archive;
pub mod kernel;
pub mod product;
pub mod rootfs;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};

use crate::pins::System;
use crate::place;
use crate::run::{Key, Run};

/// The files that a machine is started from.
#[derive(Debug, Clone)]
pub struct Image {
    /// Which kernel this is, and how it is started.
    pub system: System,
    /// The kernel as an ELF file.
    pub vmlinux: PathBuf,
    /// The start-up archive.
    pub initrd: PathBuf,
    /// Debian, read-only.
    pub rootfs: PathBuf,
    /// The kernel's modules, read-only.
    pub modules: PathBuf,
    /// The product and the lab's own programs, read-only.
    pub product: PathBuf,
    /// An empty disk for what outlives a reboot; every machine gets a copy.
    pub disk: PathBuf,
    /// Whether each write to that copy is recorded ([`crate::power`]).
    pub is_recorded: bool,
}

impl Image {
    /// Makes or finds every part for `system`, with `product` as made by [`product::layer`].
    pub fn make(system: impl Into<System>, product: &Path) -> Result<Self> {
        let system = system.into();
        let _lock = lock("images")?;
        let parts = kernel::parts(system.kernel)?;
        Ok(Self {
            system,
            vmlinux: parts.vmlinux,
            initrd: archive::initrd(&parts.early_modules)?,
            rootfs: rootfs::squashfs()?,
            modules: parts.modules,
            product: product.to_owned(),
            disk: empty_disk()?,
            is_recorded: false,
        })
    }

    /// A name for this combination; the paths carry hashes of the contents.
    pub fn key(&self) -> Key {
        [
            &self.vmlinux,
            &self.initrd,
            &self.rootfs,
            &self.modules,
            &self.product,
            &self.disk,
        ]
        .into_iter()
        .fold(Key::default(), |key, path| {
            key.with(path.as_os_str().as_encoded_bytes())
        })
        .with(self.system.tier.kernel_options())
    }
}

/// Keeps other processes from making the same thing at the same time; released on drop.
pub fn lock(name: &str) -> Result<Flock<std::fs::File>> {
    let path = place::lab("locks")?.join(name);
    let file = std::fs::File::create(&path).with_context(|| format!("open {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .with_context(|| format!("lock {}", path.display()))
}

/// 64 MiB of ext4: what outlives a reboot is small, and a test that fills it should be quick.
fn empty_disk() -> Result<PathBuf> {
    let path = place::lab("disk")?.join("empty-64m-1.ext4");
    if path.is_file() {
        return Ok(path);
    }
    let part = path.with_extension("part");
    if part.exists() {
        std::fs::remove_file(&part).with_context(|| format!("remove {}", part.display()))?;
    }
    let mke2fs = crate::run::find("mke2fs").context("mke2fs is not installed")?;
    Run::new(mke2fs)
        .args([
            "-q",
            "-t",
            "ext4",
            "-L",
            "lab",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=0",
        ])
        .arg(&part)
        .arg("64M")
        .quietly()?;
    std::fs::rename(&part, &path).with_context(|| format!("put {} in place", path.display()))?;
    Ok(path)
}

/// Packs a folder as a squashfs owned by root; lz4 unpacks fastest in an emulated processor.
pub(crate) fn squash(dir: &Path, to: &Path, owned_by_root: bool) -> Result<()> {
    let part = to.with_extension("part");
    // What is to belong to root anyway can be read by whoever made it.
    let program = if owned_by_root {
        Run::new("mksquashfs")
    } else {
        Run::as_root("mksquashfs")
    };
    let run = program.arg(dir).arg(&part).args([
        "-comp",
        "lz4",
        "-noappend",
        "-no-progress",
        "-quiet",
        "-mkfs-time",
        "0",
    ]);
    let run = if owned_by_root {
        run.arg("-all-root")
    } else {
        run
    };
    run.quietly()?;
    std::fs::rename(&part, to).with_context(|| format!("put {} in place", to.display()))
}

/// Empties and makes a working folder.
pub(crate) fn fresh_folder(dir: &Path) -> Result<()> {
    if dir.exists() && std::fs::remove_dir_all(dir).is_err() {
        Run::as_root("rm").arg("-rf").arg(dir).quietly()?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("make folder {}", dir.display()))
}
