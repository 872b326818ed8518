//! Memory that a program shares with a device keeps the device open, and going, when the descriptor is closed.

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::machine::Machine;
use cardwarden_tests::scenario::{self, expect};

use crate::table::without;

/// Starts one that has closed its descriptor, and waits until it has.
fn keeps(machine: &mut Machine, kind: &str, of: &str) -> Result<()> {
    machine
        .ok(&format!(
            "mkfifo /srv/{kind}.ask && systemd-run --quiet --collect --unit=keeps-{kind} -p StandardOutput=file:/srv/{kind}.said \
             sh -c 'exec python3 /srv/mapped.py {kind} {of} <>/srv/{kind}.ask' \
             && timeout 20 sh -c 'until grep -q kept /srv/{kind}.said; do :; done'"
        ))
        .with_context(|| format!("keep memory of the {kind}"))
        .map(drop)
}

/// How often the memory changes within two seconds.
fn changes(machine: &mut Machine, kind: &str) -> Result<u32> {
    let said = machine.ok(&format!(
        "lines=$(wc -l </srv/{kind}.said); echo >/srv/{kind}.ask; \
         timeout 20 sh -c \"until [ \\$(wc -l </srv/{kind}.said) -gt $lines ]; do :; done\"; tail -1 /srv/{kind}.said"
    ))?;
    said.trim()
        .parse()
        .with_context(|| format!("{kind}: {said}"))
}

/// A camera ends by itself when its last buffer is full, since nobody can hand it another. Sound goes round in one
/// buffer for ever, and the kernel has no way to stop it but by a descriptor: so the agent says who has it, and does
/// not claim that the microphone is off.
pub(crate) fn memory_without_a_descriptor_is_told_of(machine: &mut Machine) -> Result<()> {
    machine.put("/srv/mapped.py", 0o644, include_bytes!("mapped.py"))?;
    machine.ok("lab plug camera && lab plug microphone >/dev/null && systemd-run --quiet --unit=noise aplay -q -D hw:0,0 -f S16_LE -r 48000 -c 2 /dev/urandom")?;
    keeps(machine, "microphone", "hw:0,1")?;
    keeps(machine, "camera", "/dev/video0")?;
    ensure!(changes(machine, "microphone")? > 0, "nothing is recorded");
    scenario::insert(machine, &without(&["camera", "microphone"]), "")?;
    let said = machine.ok("cardwarden status")?;
    for kind in ["camera", "microphone"] {
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{kind}: ")));
        ensure!(
            line.is_some_and(|line| line.contains("has memory mapped")),
            "of the {kind}, `status` does not say who has it: {said}"
        );
    }
    expect(
        machine,
        "lab try open /dev/video0 /dev/snd/pcmC0D1c",
        "EPERM EPERM",
    )?;
    let camera = changes(machine, "camera")?;
    ensure!(camera == 0, "the camera went on: {camera} pictures");
    machine.ok(
        "systemctl stop keeps-camera keeps-microphone noise && cardwarden sync && lab settle",
    )?;
    let said = machine.ok("cardwarden status")?;
    ensure!(!said.contains("has memory mapped"), "it still says: {said}");
    Ok(())
}
