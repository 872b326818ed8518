//! The guest's root file system: a small Debian of the host's own suite, from the host's own mirrors.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{fresh_folder, squash};
use crate::apt;
use crate::pins;
use crate::place;
use crate::run::{Key, Run};
use crate::say::progress;

/// Run by mmdebstrap when the packages are installed; its argument is the new root.
const CUSTOMISE: &str = r#"#!/bin/sh
set -eu
root=$1
# The person at the machine.
chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 --groups video,audio alice
echo lab >"$root/etc/hostname"
printf '127.0.0.1 localhost lab\n::1 localhost\n' >"$root/etc/hosts"
# A fixed identity: an empty one would make every boot a first boot.
echo c0ffee00c0ffee00c0ffee00c0ffee00 >"$root/etc/machine-id"
: >"$root/etc/fstab"
mkdir -p "$root/usr/lib/modules" "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
for unit in MASKED; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
rm -rf "$root/var/lib/apt/lists" "$root/var/cache/apt" "$root/var/log/apt"
rm -f "$root/boot/"*
"#;

/// The packed root file system, made if it is not in the cache.
pub fn squashfs() -> Result<PathBuf> {
    let suite = apt::host_suite()?;
    let customise = CUSTOMISE.replace("MASKED", &pins::MASKED_UNITS.join(" "));
    let packages = pins::GUEST_PACKAGES.join(",");
    let name = Key::default()
        .with(&suite)
        .with(&packages)
        .with(&customise)
        .name();
    let dir = place::lab("rootfs")?;
    let path = dir.join(format!("{suite}-{name}.sqfs"));
    if path.is_file() {
        return Ok(path);
    }
    progress(format!(
        "image: making a Debian {suite} for the guest (about a minute)"
    ));
    let work = dir.join("work");
    fresh_folder(&work)?;
    let hook = work.join("customise");
    std::fs::write(&hook, customise).with_context(|| format!("write {}", hook.display()))?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} executable", hook.display()))?;
    let sources = work.join("sources.list");
    place::write_whole(&sources, apt::lines(&apt::host_sources()?))?;
    let root = work.join("root");
    Run::as_root("mmdebstrap")
        .args([
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            "--quiet",
        ])
        .arg(format!("--include={packages}"))
        .arg("--aptopt=Acquire::Languages \"none\"")
        .args(
            ["doc", "man", "locale", "info"]
                .map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")),
        )
        .arg(format!("--customize-hook={}", hook.display()))
        .arg(&suite)
        .arg(&root)
        .arg(&sources)
        .quietly()?;
    squash(&root, &path, false)?;
    Run::as_root("rm").arg("-rf").arg(&work).quietly()?;
    Ok(path)
}
