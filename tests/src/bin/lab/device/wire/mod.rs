//! USB devices made of nothing but descriptors: a program at the other end of the kernel's USB/IP controller
//! (`vhci_hcd`). What `dummy_hcd` cannot do, such as cameras and sound, can be made so.

mod audio;
mod bluetooth;
mod camera;
mod other;
mod protocol;
mod serve;

use std::collections::BTreeMap;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cardwarden_tests::run::Run;
use clap::ValueEnum;

const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// What can be made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A camera as the USB video class 1.0 says, with one bulk endpoint
    Camera,
    /// A microphone as the USB audio class 1.0 says
    Audio,
    /// A Bluetooth adapter that says nothing
    Bluetooth,
    /// A device of no class but its maker's own
    Other,
}

/// A device: what it says of itself, and what it does.
pub(super) struct Device {
    /// Its device descriptor (USB 2.0, 9.6.1).
    pub(super) identity: Vec<u8>,
    /// Its configuration with all that belongs to it (9.6.3).
    pub(super) configuration: Vec<u8>,
    /// What it answers to requests of its class: bytes, or a stall.
    pub(super) class: fn(Setup) -> Option<Vec<u8>>,
    /// What comes from its endpoint.
    pub(super) stream: Box<dyn Stream>,
}

/// A control request (9.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// `bmRequestType` and `bRequest`.
    pub(super) request: (u8, u8),
    /// `wValue`.
    pub(super) value: u16,
    /// `wLength`.
    pub(super) length: u16,
}

/// An endpoint that delivers.
pub(super) trait Stream {
    /// The next part, of so many bytes at most, and how long it takes to come.
    fn next(&mut self, length: usize) -> (Vec<u8>, Duration);
}

/// An endpoint from which nothing ever comes.
pub(super) struct Silence;

impl Stream for Silence {
    fn next(&mut self, _length: usize) -> (Vec<u8>, Duration) {
        (Vec::new(), Duration::from_hours(1))
    }
}

impl Kind {
    fn device(self) -> Device {
        match self {
            Self::Camera => camera::device(),
            Self::Audio => audio::device(),
            Self::Bluetooth => bluetooth::device(),
            Self::Other => other::device(),
        }
    }

    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

/// Plugs it in; its name in sysfs. The program is a unit, since it must outlive the shell that asked for it.
pub(super) fn plug(kind: Kind) -> Result<String> {
    Run::new("modprobe").arg("vhci_hcd").quietly()?;
    let own = std::env::current_exe().context("find this program")?;
    Run::new("systemd-run")
        .args(["--quiet", "--collect", "--service-type=notify"])
        .arg(format!("--unit=lab-wire-{}", kind.name()))
        .arg(own)
        .args(["wire", &kind.name()])
        .quietly()?;
    let port = std::fs::read_to_string(note(kind)).context("which port was it?")?;
    let device = hub()?;
    let bus = std::fs::read_to_string(device.join("busnum")).context("read the bus's number")?;
    let number: u32 = port.trim().parse().context("read the port's number")?;
    let name = format!("{}-{}", bus.trim(), number + 1);
    Run::new("udevadm")
        .args(["wait", "--timeout=15"])
        .arg(device.join(&name))
        .quietly()?;
    Ok(name)
}

/// Takes it away: the wire ends with the program.
pub(super) fn unplug(kind: &str) -> Result<()> {
    Run::new("systemctl")
        .args(["stop", &format!("lab-wire-{kind}")])
        .quietly()
        .map(drop)
}

/// Is the device, until it is unplugged.
pub(crate) fn be(kind: Kind) -> Result<()> {
    let (kernel, own) = UnixStream::pair().context("make a wire")?;
    let port = free_port()?;
    // Port, socket, number of the device, and speed: 3 is high speed (`include/uapi/linux/usb/ch9.h`).
    let attach = format!("{port} {} {} 3", kernel.as_raw_fd(), 0x10002 + port);
    let path = Path::new(CONTROLLER).join("attach");
    std::fs::write(&path, attach).with_context(|| format!("write {}", path.display()))?;
    drop(kernel);
    std::fs::write(note(kind), port.to_string()).context("note the port")?;
    crate::held::tell_ready()?;
    serve::serve(own, kind.device())
}

fn note(kind: Kind) -> PathBuf {
    PathBuf::from(format!("/run/lab-wire-{}", kind.name()))
}

/// The first free port for high-speed devices: state 4 (`VDEV_ST_NULL`, `drivers/usb/usbip/usbip_common.h`).
fn free_port() -> Result<u32> {
    let status = std::fs::read_to_string(Path::new(CONTROLLER).join("status"))
        .context("read the state of the ports")?;
    status
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let is_free = (words.next()?, words.next()?, words.next()?);
            (is_free.0 == "hs" && is_free.2 == "004").then_some(is_free.1)
        })
        .find_map(|port| port.parse().ok())
        .context("all ports are taken")
}

/// The controller's root hub for high speed.
fn hub() -> Result<PathBuf> {
    let mut hubs = BTreeMap::new();
    for entry in std::fs::read_dir(CONTROLLER)
        .context("list the controller")?
        .flatten()
    {
        let path = entry.path();
        if let Ok(speed) = std::fs::read_to_string(path.join("speed")) {
            hubs.insert(speed.trim().to_owned(), path);
        }
    }
    hubs.remove("480").context("the controller has no root hub")
}

/// A device descriptor: class, subclass and protocol; maker and product.
fn descriptor(class: [u8; 3], id: (u16, u16)) -> Vec<u8> {
    let mut bytes = vec![18, 1, 0x00, 0x02];
    bytes.extend(class);
    bytes.push(64);
    bytes.extend(id.0.to_le_bytes());
    bytes.extend(id.1.to_le_bytes());
    // Release 1.0, no texts, one configuration.
    bytes.extend([0x00, 0x01, 0, 0, 0, 1]);
    bytes
}

/// A configuration of this many interfaces, powered by the bus.
fn configuration(interfaces: u8, parts: &[&[u8]]) -> Vec<u8> {
    let rest: Vec<u8> = parts.concat();
    let total = u16::try_from(rest.len() + 9).unwrap_or(u16::MAX);
    let mut bytes = vec![9, 2];
    bytes.extend(total.to_le_bytes());
    bytes.extend([interfaces, 1, 0, 0x80, 50]);
    bytes.extend(rest);
    bytes
}
