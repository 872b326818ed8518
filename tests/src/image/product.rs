//! The product layer: the product's files as its packages install them, and the lab's own, packed.
//!
//! It lies over the Debian layer, so that a new build of the product costs a second, not a new Debian.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{fresh_folder, lock, squash};
use crate::install::{self, Installed, Origin};
use crate::place;
use crate::run::Key;
use crate::say::progress;
use crate::setup;

/// Builds the product and packs it; returns the packed layer.
pub fn layer() -> Result<PathBuf> {
    let lists = [install::PRODUCT, install::LAB];
    build(&lists)?;
    pack(&lists)
}

/// Only the lab's own part, for working on the lab itself.
pub fn bare_layer() -> Result<PathBuf> {
    let own: Vec<Installed> = install::LAB
        .iter()
        .filter(|(origin, _, _)| !matches!(origin, Origin::Built("cardwarden-lab-card", _)))
        .copied()
        .collect();
    build(&[&own])?;
    pack(&[&own])
}

/// Builds the programs of these lists, in release form.
fn build(lists: &[&[Installed]]) -> Result<()> {
    let mut run = setup::cargo()
        .args([
            "build",
            "--release",
            "--quiet",
            "--features",
            "cardwarden-tests/guest",
        ])
        .current_dir(place::repository());
    let mut is_first = false;
    for (origin, _, _) in lists.iter().copied().flatten() {
        if let Origin::Built(package, binary) = origin {
            is_first |= !built(binary).is_file();
            run = run.args(["--package", package, "--bin", binary]);
        }
    }
    if is_first {
        progress("product: building for the first time (some minutes)");
    }
    run.visibly()
}

/// One of the lab's cards, as built for the host.
pub fn card_program(name: &str) -> PathBuf {
    built(name)
}

/// Builds the cards that run on the host alone, too.
pub fn build_cards() -> Result<()> {
    setup::cargo()
        .args(["build", "--release", "--quiet"])
        .args(["--package", "cardwarden-lab-card"])
        .args(["--package", "cardwarden-iso-card"])
        .current_dir(place::repository())
        .visibly()
}

fn built(binary: &str) -> PathBuf {
    place::target().join("release").join(binary)
}

fn pack(lists: &[&[Installed]]) -> Result<PathBuf> {
    let _lock = lock("product")?;
    let mut files = BTreeMap::new();
    for (origin, to, mode) in lists.iter().copied().flatten() {
        for (from, to) in resolve(*origin, to)? {
            files.insert(to, (from, *mode));
        }
    }
    let mut key = Key::default().with("layer 1");
    for (to, (from, mode)) in &files {
        key = key.with(to).with(mode.to_le_bytes()).with_file(from)?;
    }
    let dir = place::lab("product")?;
    let path = dir.join(format!("{}.sqfs", key.name()));
    if path.is_file() {
        return Ok(path);
    }
    let stage = dir.join("stage");
    fresh_folder(&stage)?;
    for (to, (from, mode)) in &files {
        put(&stage, to, from, *mode)?;
    }
    enable_units(&stage, &files.keys().collect::<Vec<_>>())?;
    squash(&stage, &path, true)?;
    forget_old(&dir)?;
    Ok(path)
}

/// The files of one line of the list, with their installed paths.
fn resolve(origin: Origin, to: &str) -> Result<Vec<(PathBuf, String)>> {
    let found = match origin {
        Origin::Built(_, binary) => {
            vec![(built(binary), to.to_owned())]
        }
        Origin::Repository(path) => vec![(place::repository().join(path), to.to_owned())],
        Origin::Folder(folder, ending) => {
            let folder = place::repository().join(folder);
            let entries =
                std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter_map(|path| {
                    let name = path.file_name()?.to_str()?.to_owned();
                    name.ends_with(ending)
                        .then(|| (path, format!("{to}/{name}")))
                })
                .collect()
        }
    };
    for (from, _) in &found {
        anyhow::ensure!(
            from.is_file(),
            "{} is in the list of installed files (tests/src/install.rs), but does not exist",
            from.display()
        );
    }
    Ok(found)
}

fn put(stage: &Path, to: &str, from: &Path, mode: u32) -> Result<()> {
    let target = stage.join(to.trim_start_matches('/'));
    let parent = target.parent().context("a path without parent")?;
    std::fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    std::fs::copy(from, &target).with_context(|| format!("copy {}", from.display()))?;
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", target.display()))
}

/// Makes the links that `systemctl enable` would make, as a package does when it is installed.
fn enable_units(stage: &Path, paths: &[&String]) -> Result<()> {
    let is_unit = |path: &&&String| path.ends_with(".service") && path.contains("/systemd/system/");
    for path in paths.iter().filter(is_unit) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let unit = std::fs::read_to_string(stage.join(path.trim_start_matches('/')))
            .with_context(|| format!("read {path}"))?;
        for link in links(&unit, name) {
            let link = stage.join("etc/systemd/system").join(link);
            let parent = link.parent().context("a path without parent")?;
            std::fs::create_dir_all(parent)
                .with_context(|| format!("make {}", parent.display()))?;
            symlink(path, &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    Ok(())
}

/// What the `[Install]` section of a unit asks for, relative to `/etc/systemd/system`.
fn links(unit: &str, name: &str) -> Vec<String> {
    let install = unit.split("[Install]").nth(1).unwrap_or_default();
    install
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .flat_map(|(key, value)| {
            let link = |target: &str| match key.trim() {
                "WantedBy" => Some(format!("{target}.wants/{name}")),
                "RequiredBy" => Some(format!("{target}.requires/{name}")),
                "Alias" => Some(target.to_owned()),
                _ => None,
            };
            value
                .split_whitespace()
                .filter_map(link)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Keeps the four newest layers: switching between two states of the source should not cost a new one.
fn forget_old(dir: &Path) -> Result<()> {
    let mut layers = Vec::new();
    for entry in std::fs::read_dir(dir)
        .with_context(|| format!("list {}", dir.display()))?
        .flatten()
    {
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "sqfs")
        {
            layers.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    layers.sort();
    for (_, old) in layers.iter().rev().skip(4) {
        std::fs::remove_file(old).with_context(|| format!("remove {}", old.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn a_unit_is_enabled_as_its_install_section_says() {
        let unit = "[Unit]\nBefore=a\n[Install]\nWantedBy=sysinit.target multi-user.target\nAlias=dbus-x.service\n";
        assert_eq!(
            links(unit, "x.service"),
            [
                "sysinit.target.wants/x.service",
                "multi-user.target.wants/x.service",
                "dbus-x.service"
            ]
        );
        assert!(links("[Unit]\nWantedBy=x\n", "x.service").is_empty());
    }
}
