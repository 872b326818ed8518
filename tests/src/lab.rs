//! A ready machine for a kernel: product installed, agent and server running; restored from a snapshot.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::image::{self, Image, product};
use crate::machine::accelerator::Accelerator;
use crate::machine::{Machine, Snapshot, qemu};
use crate::pins::System;
use crate::place;
use crate::run::{Key, Run};
use crate::say::progress;

/// Environment variable with the packed product layer; without it, the product is built.
pub const PRODUCT: &str = "CARDWARDEN_LAB_PRODUCT";

/// Succeeds if agent and server run and answer, or if the machine has no product.
const STANDS: &str = "! command -v cardwarden >/dev/null || \
    { systemctl is-active cardwardend cardwarden-server && lab settle && lab server devices; }";

/// The packed product layer of this process: built once, or as `cargo xtask` has just built it.
pub fn product_layer() -> Result<PathBuf> {
    static LAYER: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut layer = LAYER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(layer) = layer.as_ref() {
        return Ok(layer.clone());
    }
    let made = match std::env::var_os(PRODUCT) {
        Some(path) => PathBuf::from(path),
        None => product::layer()?,
    };
    Ok(layer.insert(made).clone())
}

/// A machine with the product, restored from the snapshot for it; the first time it is booted and saved.
pub fn ready(system: impl Into<System>) -> Result<Machine> {
    let image = Image::make(system, &product_layer()?)?;
    let accelerator = Accelerator::choose(&image)?;
    machine(&image, accelerator)
}

/// A ready machine in which a script has been run, by a snapshot taken after that; its name is its content.
pub fn prepared(system: impl Into<System>, script: &str) -> Result<Machine> {
    let (image, snapshot) = saved(system.into(), script)?;
    Machine::restore(&image, Accelerator::choose(&image)?, &snapshot)
}

/// The same with each write to its disk recorded; also what it is made from, and its disk as it is before the first of
/// these writes.
pub fn recorded(system: impl Into<System>, script: &str) -> Result<(Machine, Image, PathBuf)> {
    let (mut image, snapshot) = saved(system.into(), script)?;
    image.is_recorded = true;
    let machine = Machine::restore(&image, Accelerator::choose(&image)?, &snapshot)?;
    image.is_recorded = false;
    Ok((machine, image, snapshot.dir().join("disk.ext4")))
}

fn saved(system: System, script: &str) -> Result<(Image, Snapshot)> {
    let image = Image::make(system, &product_layer()?)?;
    let accelerator = Accelerator::choose(&image)?;
    let first = snapshot(&image, accelerator)?;
    let dir = first.dir().join(Key::default().with(script).name());
    let _lock = image::lock(&format!("snapshot-{}", system.name()))?;
    if Snapshot::find(&dir).is_none() {
        let mut machine = Machine::restore(&image, accelerator, &first)?;
        if let Err(error) = machine.ok(script) {
            machine.keep_evidence();
            return Err(error).context("prepare a machine");
        }
        machine.into_snapshot(&dir)?;
    }
    let snapshot = Snapshot::find(&dir).context("the snapshot is gone")?;
    Ok((image, snapshot))
}

/// A machine without the product: only Debian and the lab's own programs.
pub fn bare(system: impl Into<System>) -> Result<Machine> {
    let image = Image::make(system, &product::bare_layer()?)?;
    let accelerator = Accelerator::choose(&image)?;
    machine(&image, accelerator)
}

/// A machine from this image, by snapshot.
pub fn machine(image: &Image, accelerator: Accelerator) -> Result<Machine> {
    let snapshot = snapshot(image, accelerator)?;
    Machine::restore(image, accelerator, &snapshot)
}

/// Finds or takes the snapshot of a freshly booted machine.
pub fn snapshot(image: &Image, accelerator: Accelerator) -> Result<Snapshot> {
    let name = image
        .key()
        .with(qemu::version()?)
        .with(format!("{:?}", accelerator.arguments()))
        .with("snapshot 2")
        .name();
    let system = image.system.name();
    let dir = place::lab("snapshots")?.join(format!("{system}-{name}"));
    let _lock = image::lock(&format!("snapshot-{system}"))?;
    if let Some(snapshot) = Snapshot::find(&dir) {
        return Ok(snapshot);
    }
    progress(format!(
        "lab: booting Debian with kernel {system} once ({})",
        accelerator.name()
    ));
    let mut machine = Machine::boot(image, accelerator)?;
    if let Err(error) = machine.ok(STANDS) {
        machine.keep_evidence();
        return Err(error).context("the product does not stand after the start");
    }
    let seconds = machine.started_in.as_secs_f32();
    place::write_whole(
        &place::lab("snapshots")?.join(format!("boot-{system}")),
        format!("{seconds:.1}"),
    )?;
    let snapshot = machine.into_snapshot(&dir)?;
    progress(format!(
        "lab: it was up after {seconds:.1} s and is now saved"
    ));
    forget_old(&dir, &system)?;
    Ok(snapshot)
}

/// Keeps this and the two newest others of a system; a snapshot takes about 150 MB.
fn forget_old(newest: &std::path::Path, system: &str) -> Result<()> {
    let parent = place::lab("snapshots")?;
    let mut others = Vec::new();
    for entry in std::fs::read_dir(&parent)
        .context("list snapshots")?
        .flatten()
    {
        let is_other = entry.path() != newest
            && entry
                .file_name()
                .to_string_lossy()
                .starts_with(&format!("{system}-"));
        if is_other {
            others.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    others.sort();
    for (_, old) in others.iter().rev().skip(2) {
        Run::new("rm").arg("-rf").arg(old).quietly()?;
    }
    Ok(())
}
