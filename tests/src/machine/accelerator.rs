//! What executes the guest's instructions. TCG, QEMU's own emulator, works everywhere and is the floor; KVM is
//! used only where a guest has been seen to boot with it, since a nested KVM may be there and not work.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;

use super::console::Console;
use super::qemu;
use crate::image::{self, Image};
use crate::place;
use crate::run::{Key, Run};
use crate::say::progress;

/// An accelerator of QEMU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// Emulation, a thread for each of two processors.
    Tcg,
    /// Emulation of two processors in turns: for what must not depend on the emulator's mistakes.
    InTurns,
    /// Emulation of one processor whose clock is the number of executed instructions: for counting.
    Counting,
}

impl Accelerator {
    /// As shown to people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
            Self::InTurns => "tcg, in turns",
            Self::Counting => "tcg, counting instructions",
        }
    }

    /// QEMU's options.
    pub const fn arguments(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kvm => &[("-accel", "kvm"), ("-cpu", "host"), ("-smp", "2")],
            Self::Tcg => &[
                ("-accel", "tcg,thread=multi"),
                ("-cpu", "max"),
                ("-smp", "2"),
            ],
            Self::InTurns => &[
                ("-accel", "tcg,thread=single"),
                ("-cpu", "max"),
                ("-smp", "2"),
            ],
            Self::Counting => &[
                ("-accel", "tcg,thread=single"),
                ("-cpu", "max"),
                ("-smp", "1"),
                ("-icount", "shift=0,sleep=off"),
            ],
        }
    }

    /// Options for the kernel's command line.
    pub const fn kernel_options(self) -> &'static str {
        match self {
            Self::Kvm => "",
            // While a kernel starts, it rewrites its own code at hundreds of places by way of a breakpoint. QEMU 7.2's
            // emulator can still run into a breakpoint on the one processor that the other has already taken back
            // ("Oops: int3", in two of 226 starts beside others). The start-up archive brings the second one in.
            // Nor is a timer broken that does not tick in time on a host with much to do.
            Self::Tcg | Self::InTurns => "maxcpus=1 no_timer_check",
            // The time stamp counter is what counts; the kernel must not look for a better clock.
            Self::Counting => "tsc=reliable no_timer_check",
        }
    }

    /// How much longer than on the quickest accelerator a start may take.
    pub const fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 2,
            Self::InTurns => 3,
            Self::Counting => 4,
        }
    }

    /// KVM where a guest boots with it, else TCG. `CARDWARDEN_LAB_ACCEL=kvm|tcg` overrides. With [`IN_TURNS`] in the
    /// environment, emulated processors take turns.
    pub fn choose(image: &Image) -> Result<Self> {
        match std::env::var("CARDWARDEN_LAB_ACCEL").as_deref() {
            Ok("kvm") => return Ok(Self::Kvm),
            Ok("tcg") => return Ok(emulated()),
            _ => {}
        }
        if !std::path::Path::new("/dev/kvm").exists() {
            return Ok(emulated());
        }
        let _lock = image::lock("accelerator")?;
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let key = Key::default()
            .with(boot)
            .with(qemu::version()?)
            .with("probe 1")
            .name();
        let known = place::lab("accelerator")?.join(key);
        if let Ok(text) = std::fs::read_to_string(&known) {
            return Ok(if text == "kvm" { Self::Kvm } else { emulated() });
        }
        let chosen = match probe(image) {
            Ok(()) => Self::Kvm,
            Err(error) => {
                progress(format!(
                    "lab: KVM is there but no guest boots with it ({error:#}); using TCG"
                ));
                Self::Tcg
            }
        };
        place::write_whole(&known, chosen.name())?;
        Ok(if chosen == Self::Kvm {
            chosen
        } else {
            emulated()
        })
    }
}

/// Set by the scenario tests. Attaching and detaching programs rewrites the kernel's code while it runs. Once, when the
/// guard fell, both processors of a machine stood at the first instruction of a hook for ever; as at the start, QEMU
/// 7.2's emulator of two processors at once is the suspect. Two machines run side by side, so little is lost by turns.
pub const IN_TURNS: &str = "CARDWARDEN_LAB_IN_TURNS";

fn emulated() -> Accelerator {
    if std::env::var_os(IN_TURNS).is_some() {
        Accelerator::InTurns
    } else {
        Accelerator::Tcg
    }
}

/// Boots a kernel as far as its first program, with KVM.
fn probe(image: &Image) -> Result<()> {
    let dir = place::lab(&format!("run/probe-{}", std::process::id()))?;
    let sockets = qemu::Sockets::of(&dir)?;
    let mut child = Run::new("setpriv")
        .args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
        .args([
            "-nodefaults",
            "-nographic",
            "-machine",
            "q35",
            "-m",
            "512",
            "-no-reboot",
        ])
        .args(
            Accelerator::Kvm
                .arguments()
                .iter()
                .flat_map(|(name, value)| [*name, *value]),
        )
        .arg("-kernel")
        .arg(&image.vmlinux)
        .arg("-initrd")
        .arg(&image.initrd)
        .args([
            "-append",
            "console=ttyS0 loglevel=6 lab.probe",
            "-monitor",
            "none",
        ])
        .args([
            "-chardev",
            "socket,id=console,path=console,server=on,wait=on",
        ])
        .current_dir(&dir)
        .args(["-serial", "chardev:console"])
        .into_command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let seen = qemu::await_socket(&mut child, &sockets.path("console"))
        .and_then(|stream| Console::watch(stream, &dir.join("console.log")))
        .and_then(|console| console.await_words("lab: probe reached", Duration::from_secs(10)));
    qemu::end(&mut child);
    // The folder holds nothing that is still wanted.
    drop(std::fs::remove_dir_all(&dir));
    seen
}
