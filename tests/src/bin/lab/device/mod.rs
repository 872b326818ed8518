//! Devices that are plugged in and out: the kernel's own virtual hardware behind real drivers.

mod gadget;
pub(crate) mod wire;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::{progress, result};
use clap::ValueEnum;
use gadget::{End, Part};

/// Which kind is behind a name that `plug` printed.
const PLUGGED: &str = "/run/lab-plugged";

/// What can be plugged in.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A camera (vivid, a capture node only)
    Camera,
    /// A Bluetooth controller (`hci_vhci` and an emulated controller)
    Bluetooth,
    /// A sound card with capture (snd-aloop)
    Microphone,
    /// An infrared transceiver (rc-loopback)
    Infrared,
    /// NFC controllers (nfcsim)
    Nfc,
    /// A USB stick with an ext4 file system, labelled LAB-USB
    UsbStorage,
    /// A USB stick with a FAT file system, labelled LAB-FAT
    UsbStorageFat,
    /// A USB keyboard
    UsbKeyboard,
    /// A USB network adapter (CDC NCM)
    UsbNetwork,
    /// A USB network adapter (CDC ECM)
    UsbNetworkEcm,
    /// A USB serial line (CDC ACM)
    UsbSerial,
    /// A USB MIDI instrument
    UsbMidi,
    /// A USB printer
    UsbPrinter,
    /// A USB device that is stick, keyboard and serial line in one
    UsbComposite,
    /// A USB camera (video class, through USB/IP)
    UsbCamera,
    /// A USB microphone (audio class, through USB/IP)
    UsbAudio,
    /// A USB Bluetooth adapter, as far as its descriptors say so (through USB/IP)
    UsbBluetooth,
    /// A USB device of no class but its maker's own (through USB/IP)
    UsbOther,
    /// This machine itself as a USB device, with a serial line
    Gadget,
}

impl Kind {
    /// What a gadget of this kind is made of, the product number it goes by, and which end of it is asked for.
    const fn gadget(self) -> Option<(&'static [Part], u16, End)> {
        Some(match self {
            Self::UsbStorage => (&[Part::Storage], 0x0101, End::Host),
            Self::UsbStorageFat => (&[Part::FatStorage], 0x010a, End::Host),
            Self::UsbKeyboard => (&[Part::Keyboard], 0x0102, End::Host),
            Self::UsbNetwork => (&[Part::Ncm], 0x0103, End::Host),
            Self::UsbNetworkEcm => (&[Part::Ecm], 0x0104, End::Host),
            Self::UsbSerial => (&[Part::Serial], 0x0105, End::Host),
            Self::UsbMidi => (&[Part::Midi], 0x0106, End::Host),
            Self::UsbPrinter => (&[Part::Printer], 0x0107, End::Host),
            Self::UsbComposite => (
                &[Part::Storage, Part::Keyboard, Part::Serial],
                0x0108,
                End::Host,
            ),
            Self::Gadget => (&[Part::Serial], 0x0109, End::Device),
            Self::UsbCamera
            | Self::UsbAudio
            | Self::UsbBluetooth
            | Self::UsbOther
            | Self::Camera
            | Self::Bluetooth
            | Self::Microphone
            | Self::Infrared
            | Self::Nfc => return None,
        })
    }
}

/// Module with options, class below /sys/class, and how names start there.
struct Driver {
    module: &'static [&'static str],
    class: &'static str,
    prefix: &'static str,
}

impl Kind {
    /// What is made at the other end of a wire.
    const fn wire(self) -> Option<wire::Kind> {
        match self {
            Self::UsbCamera => Some(wire::Kind::Camera),
            Self::UsbAudio => Some(wire::Kind::Audio),
            Self::UsbBluetooth => Some(wire::Kind::Bluetooth),
            Self::UsbOther => Some(wire::Kind::Other),
            Self::Camera
            | Self::Bluetooth
            | Self::Microphone
            | Self::Infrared
            | Self::Nfc
            | Self::UsbStorage
            | Self::UsbStorageFat
            | Self::UsbKeyboard
            | Self::UsbNetwork
            | Self::UsbNetworkEcm
            | Self::UsbSerial
            | Self::UsbMidi
            | Self::UsbPrinter
            | Self::UsbComposite
            | Self::Gadget => None,
        }
    }

    const fn driver(self) -> Option<Driver> {
        let (module, class, prefix): (&[&str], _, _) = match self {
            // node_types: bit 0 is video capture (drivers/media/test-drivers/vivid/vivid-core.c).
            Self::Camera => (
                &["vivid", "n_devs=1", "node_types=0x1"],
                "video4linux",
                "video",
            ),
            Self::Bluetooth => (&["hci_vhci"], "bluetooth", "hci"),
            Self::Microphone => (&["snd_aloop"], "sound", "pcm"),
            Self::Infrared => (&["rc_loopback"], "lirc", "lirc"),
            Self::Nfc => (&["nfcsim"], "nfc", "nfc"),
            Self::UsbStorage
            | Self::UsbStorageFat
            | Self::UsbKeyboard
            | Self::UsbNetwork
            | Self::UsbNetworkEcm
            | Self::UsbSerial
            | Self::UsbMidi
            | Self::UsbPrinter
            | Self::UsbComposite
            | Self::UsbCamera
            | Self::UsbAudio
            | Self::UsbBluetooth
            | Self::UsbOther
            | Self::Gadget => return None,
        };
        Some(Driver {
            module,
            class,
            prefix,
        })
    }
}

/// Plugs it in and prints its name.
pub(crate) fn plug(kind: Kind) -> Result<()> {
    let name = match (kind.gadget(), kind.wire(), kind.driver()) {
        (Some((parts, product, end)), _, _) => {
            let name = gadget::plug(parts, product, end)?;
            let port = gadget::port_of(&name).context("the gadget has gone already")?;
            remember(&name, &format!("{GADGET}{port}"))?;
            name
        }
        (None, Some(wired), _) => {
            let name = wire::plug(wired)?;
            remember(&name, &format!("{WIRE}{}", wired.name()))?;
            name
        }
        (None, None, Some(driver)) => load(kind, &driver)?,
        (None, None, None) => bail!("the lab does not know how to plug this in"),
    };
    settle()?;
    result(name);
    Ok(())
}

/// How the note of a gadget starts; its port follows.
const GADGET: &str = "gadget ";

/// How the note of a device at the end of a wire starts; its kind follows.
const WIRE: &str = "wire ";

fn settle() -> Result<()> {
    Run::new("udevadm")
        .args(["settle", "--timeout=20"])
        .quietly()
        .map(drop)
}

/// Loads the driver that brings its own virtual hardware; the name of what it made.
fn load(kind: Kind, driver: &Driver) -> Result<String> {
    let name = driver.module.first().copied().unwrap_or_default();
    if Path::new("/sys/module").join(name).exists() && (kind != Kind::Bluetooth || is_emulating()) {
        bail!("the lab has one of these, and it is plugged in");
    }
    let before = devices(driver);
    Run::new("modprobe").args(driver.module).quietly()?;
    if kind == Kind::Bluetooth {
        emulate_controller()?;
    }
    settle()?;
    let after = devices(driver);
    let found = after
        .difference(&before)
        .next()
        .context("the driver made no device")?;
    let node = Path::new("/dev").join(found);
    let shown = if node.exists() {
        node.display().to_string()
    } else {
        found.clone()
    };
    remember(found, name)?;
    Ok(shown)
}

/// The names of a class's devices, in order.
fn devices(driver: &Driver) -> BTreeSet<String> {
    let entries = std::fs::read_dir(Path::new("/sys/class").join(driver.class));
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(driver.prefix) && !name.contains(':'))
        .collect()
}

fn is_emulating() -> bool {
    let active = Run::new("systemctl")
        .args(["is-active", "--quiet", "lab-btvirt"])
        .output();
    active.is_ok_and(|output| output.status.success())
}

/// The controller is a program behind /dev/vhci; as a unit, since it must outlive the shell that asked for it.
fn emulate_controller() -> Result<()> {
    Run::new("systemd-run")
        .args(["--quiet", "--collect", "--unit=lab-btvirt", "btvirt", "-l1"])
        .quietly()?;
    let waited = Run::new("udevadm")
        .args(["wait", "--timeout=10", "/sys/class/bluetooth/hci0"])
        .output()?;
    if !waited.status.success() {
        let said =
            Run::new("journalctl").args(["-u", "lab-btvirt", "-o", "cat", "-n", "5", "--no-pager"]);
        bail!(
            "no Bluetooth controller appeared; its emulator said: {}",
            said.text()?
        );
    }
    Ok(())
}

fn remember(device: &str, module: &str) -> Result<()> {
    std::fs::create_dir_all(PLUGGED).with_context(|| format!("make {PLUGGED}"))?;
    let note = Path::new(PLUGGED).join(device);
    std::fs::write(&note, module).with_context(|| format!("write {}", note.display()))
}

/// Unplugs what `plug` printed.
pub(crate) fn unplug(name: &str) -> Result<()> {
    let device = name.trim_start_matches("/dev/");
    let note = Path::new(PLUGGED).join(device);
    let module = std::fs::read_to_string(&note)
        .with_context(|| format!("{name} was not plugged in by `lab plug`"))?;
    if let Some(port) = module.strip_prefix(GADGET) {
        gadget::unplug(port)?;
        return forget(name, &note);
    }
    if let Some(kind) = module.strip_prefix(WIRE) {
        wire::unplug(kind)?;
        return forget(name, &note);
    }
    if module == "hci_vhci" && is_emulating() {
        Run::new("systemctl")
            .args(["stop", "lab-btvirt"])
            .quietly()?;
    }
    Run::new("modprobe").args(["-r", &module]).quietly()?;
    forget(name, &note)
}

fn forget(name: &str, note: &Path) -> Result<()> {
    settle()?;
    std::fs::remove_file(note).with_context(|| format!("remove {}", note.display()))?;
    progress(format!("lab: {name} is unplugged"));
    Ok(())
}
