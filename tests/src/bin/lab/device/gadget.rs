//! USB devices that the machine makes for itself: configfs gadgets on the ports of `dummy_hcd`, whose two ends are
//! in the same kernel. What binds to them are the drivers that bind to real ones.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cardwarden_tests::run::Run;

const GADGETS: &str = "/sys/kernel/config/usb_gadget";

/// As many devices can be plugged in at once.
const PORTS: u32 = 6;

/// What lies on a stick that was plugged in; it stays when the stick goes.
const STICK: &str = "/srv/usb-storage.ext4";
/// The same of a stick as they are sold.
const FAT_STICK: &str = "/srv/usb-storage.fat";

/// How the file systems are called that lie on them.
const LABEL: &str = "LAB-USB";
const FAT_LABEL: &str = "LAB-FAT";

/// A keyboard as in the HID specification 1.11, appendix B.1, without its lamps.
const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x03, 0x95, 0x06, 0x75, 0x08,
    0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xc0,
];

/// A function of a gadget, by the name of its folder in configfs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Storage,
    FatStorage,
    Keyboard,
    Ncm,
    Ecm,
    Serial,
    Midi,
    Printer,
}

impl Part {
    const fn folder(self) -> &'static str {
        match self {
            Self::Storage | Self::FatStorage => "mass_storage.0",
            Self::Keyboard => "hid.0",
            Self::Ncm => "ncm.0",
            Self::Ecm => "ecm.0",
            Self::Serial => "acm.0",
            Self::Midi => "midi.0",
            Self::Printer => "printer.0",
        }
    }

    fn make(self, gadget: &Path) -> Result<()> {
        let dir = gadget.join("functions").join(self.folder());
        make(&dir)?;
        match self {
            Self::Storage => {
                let format =
                    Run::new("mke2fs").args(["-q", "-t", "ext4", "-L", LABEL, STICK, "16M"]);
                insert(&dir, STICK, format)?;
            }
            Self::FatStorage => {
                // 16 MiB, in a file that it makes (`-C`).
                let format =
                    Run::new("mkfs.vfat").args(["-n", FAT_LABEL, "-C", FAT_STICK, "16384"]);
                insert(&dir, FAT_STICK, format)?;
            }
            Self::Keyboard => {
                for (name, value) in [("protocol", "1"), ("subclass", "1"), ("report_length", "8")]
                {
                    write(&dir.join(name), value.as_bytes())?;
                }
                write(&dir.join("report_desc"), KEYBOARD)?;
            }
            Self::Ncm | Self::Ecm | Self::Serial | Self::Midi | Self::Printer => {}
        }
        let link = gadget.join("configs/c.1").join(self.folder());
        std::os::unix::fs::symlink(&dir, &link).with_context(|| format!("make {}", link.display()))
    }
}

/// Which end of the wire is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The device that this machine is given.
    Host,
    /// This machine as a device.
    Device,
}

/// Plugs a device with these parts in; the name of the end asked for. `product` tells kinds apart.
pub(super) fn plug(parts: &[Part], product: u16, end: End) -> Result<String> {
    Run::new("modprobe")
        .args(["dummy_hcd", &format!("num={PORTS}")])
        .quietly()?;
    Run::new("modprobe").arg("libcomposite").quietly()?;
    if !Path::new(GADGETS).exists() {
        Run::new("mount")
            .args(["-t", "configfs", "configfs", "/sys/kernel/config"])
            .quietly()?;
    }
    let port = free_port()?;
    let gadget = Path::new(GADGETS).join(format!("lab{port}"));
    make(&gadget)?;
    write(&gadget.join("idVendor"), b"0x1d6b")?;
    write(
        &gadget.join("idProduct"),
        format!("{product:#06x}").as_bytes(),
    )?;
    let texts = gadget.join("strings/0x409");
    make(&texts)?;
    let serial = format!("lab-{product:04x}");
    for (name, value) in [
        ("manufacturer", "Lab"),
        ("product", "Lab device"),
        ("serialnumber", serial.as_str()),
    ] {
        write(&texts.join(name), value.as_bytes())?;
    }
    make(&gadget.join("configs/c.1"))?;
    for part in parts {
        part.make(&gadget)?;
    }
    let controller = format!("dummy_udc.{port}");
    write(&gadget.join("UDC"), controller.as_bytes())?;
    Ok(match end {
        End::Host => {
            let device = host_device(port)?;
            appear(&device)?;
            device
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        }
        End::Device => controller,
    })
}

/// Takes the gadget on a port away again.
pub(super) fn unplug(port: &str) -> Result<()> {
    let gadget = Path::new(GADGETS).join(format!("lab{port}"));
    // Somebody may have unbound it already, which is what tests are about.
    drop(fs::write(gadget.join("UDC"), "\n"));
    let config = gadget.join("configs/c.1");
    for entry in entries(&config)? {
        if entry.is_symlink() {
            fs::remove_file(&entry).with_context(|| format!("remove {}", entry.display()))?;
        }
    }
    for dir in entries(&gadget.join("functions"))?.into_iter().chain([
        config,
        gadget.join("strings/0x409"),
        gadget.clone(),
    ]) {
        fs::remove_dir(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    Ok(())
}

/// The port of a device or of a controller, by the name that `plug` gave it.
pub(super) fn port_of(name: &str) -> Option<String> {
    if let Some(port) = name.strip_prefix("dummy_udc.") {
        return Some(port.to_owned());
    }
    let device = fs::canonicalize(Path::new("/sys/bus/usb/devices").join(name)).ok()?;
    let part = |part: std::path::Component<'_>| {
        let part = part.as_os_str().to_str()?;
        part.strip_prefix("dummy_hcd.").map(str::to_owned)
    };
    device.components().find_map(part)
}

fn free_port() -> Result<u32> {
    (0..PORTS)
        .find(|port| !Path::new(GADGETS).join(format!("lab{port}")).exists())
        .context("all of the lab's USB ports are taken")
}

/// Where the device on a port will be: the only port of that controller's root hub.
fn host_device(port: u32) -> Result<PathBuf> {
    let controller = PathBuf::from(format!("/sys/devices/platform/dummy_hcd.{port}"));
    let hub = entries(&controller)?
        .into_iter()
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("usb"))
        })
        .with_context(|| format!("{} has no root hub", controller.display()))?;
    let bus = fs::read_to_string(hub.join("busnum")).context("read the bus's number")?;
    Ok(hub.join(format!("{}-1", bus.trim())))
}

fn appear(device: &Path) -> Result<()> {
    Run::new("udevadm")
        .args(["wait", "--timeout=15"])
        .arg(device)
        .quietly()
        .map(drop)
}

/// Makes a storage function show what lies on a stick, which is formatted the first time.
fn insert(function: &Path, stick: &str, format: Run) -> Result<()> {
    if !Path::new(stick).exists() {
        format.quietly()?;
    }
    write(&function.join("lun.0/removable"), b"1")?;
    write(&function.join("lun.0/file"), stick.as_bytes())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}
