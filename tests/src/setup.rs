//! `cargo xtask setup`: finds or installs what building and the lab need, and says what it does and why.
//!
//! Safe to run again: what is there already is left alone. Everything comes from Debian's packages and
//! crates.io, by name; [`crate::pins`] holds the names and versions.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::pins;
use crate::run::{Run, find};
use crate::say::progress;

/// Brings the host up to what [`pins`] asks for; says something only if something has to be done.
pub fn setup() -> Result<()> {
    packages()?;
    bpf_linker()
}

fn packages() -> Result<()> {
    let missing = missing_packages()?;
    if missing.is_empty() {
        return Ok(());
    }
    progress("setup: installing with apt:");
    for (name, why) in &missing {
        progress(format!("  {name:<26} {why}"));
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    apt_get().args(["update", "-q"]).quietly()?;
    if let Err(first) = install(&names) {
        if !format!("{first:#}").contains("qemu-utils") {
            return Err(first);
        }
        install_beside_newer_qemu_utils(&names)?;
    }
    let still = missing_packages()?;
    if let Some((name, _)) = still.first() {
        bail!("apt reported success, but {name} is not installed");
    }
    Ok(())
}

/// A machine may carry a `qemu-utils` from elsewhere that breaks Debian's `qemu-system-x86`: go back to the one
/// of the same version.
fn install_beside_newer_qemu_utils(names: &[&str]) -> Result<()> {
    let policy = Run::new("apt-cache")
        .args(["policy", "qemu-system-x86"])
        .text()?;
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))
        .context("apt has no candidate for qemu-system-x86")?;
    let pinned = format!("qemu-utils={version}");
    progress(format!(
        "setup: the installed qemu-utils does not go with Debian's qemu-system-x86; putting back {pinned}"
    ));
    let mut all = vec!["--allow-downgrades", pinned.as_str()];
    all.extend(names);
    install(&all)
}

fn install(names: &[&str]) -> Result<()> {
    apt_get()
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(names)
        .quietly()?;
    Ok(())
}

fn apt_get() -> Run {
    Run::as_root("env").args([
        "DEBIAN_FRONTEND=noninteractive",
        "LC_ALL=C.UTF-8",
        "apt-get",
    ])
}

fn missing_packages() -> Result<Vec<pins::Wanted>> {
    let listed = Run::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Abbrev} ${Package}\n"])
        .text()
        .context("list the installed packages (the lab needs a Debian machine)")?;
    let installed: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("ii "))
        .map(str::trim)
        .collect();
    Ok(pins::HOST_PACKAGES
        .iter()
        .filter(|(name, _)| !installed.contains(name))
        .copied()
        .collect())
}

fn bpf_linker() -> Result<()> {
    let installed = cargo_bin("bpf-linker").or_else(|| find("bpf-linker"));
    if let Some(path) = installed {
        let version = Run::new(&path).arg("--version").text().unwrap_or_default();
        if version
            .split_whitespace()
            .any(|word| word == pins::BPF_LINKER)
        {
            return Ok(());
        }
    }
    progress(format!(
        "setup: building bpf-linker {} against LLVM {} (about a minute): links the kernel programs",
        pins::BPF_LINKER,
        pins::LLVM
    ));
    let features = format!("llvm-{}", pins::LLVM);
    cargo()
        .args([
            "install",
            "--quiet",
            "bpf-linker",
            "--version",
            pins::BPF_LINKER,
        ])
        .args(["--no-default-features", "--features", &features])
        .env("LLVM_PREFIX", format!("/usr/lib/llvm-{}", pins::LLVM))
        .quietly()?;
    Ok(())
}

fn cargo_bin(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    Some(home.join("bin").join(name)).filter(|path| path.is_file())
}

/// The cargo that runs this program, or the one in `PATH`, without what it told this program by environment.
pub fn cargo() -> Run {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"]
        .into_iter()
        .fold(Run::new(cargo), Run::without_env)
}
