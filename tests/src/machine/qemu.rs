//! Starting QEMU: the command line, and a process that cannot outlive its owner.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::accelerator::Accelerator;
use super::console::Console;
use super::link::{Deadline, Link};
use super::qmp::Qmp;
use crate::image::Image;
use crate::run::Run;

/// How a machine is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What executes the guest's instructions.
    pub accelerator: Accelerator,
    /// Start stopped and wait for a snapshot instead of booting.
    pub incoming: bool,
}

/// A running QEMU with its connections.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    /// Control.
    pub qmp: Qmp,
    /// The guest's channel.
    pub link: Link,
    /// The serial console.
    pub console: Console,
}

/// The file in a machine's folder with the writes to its disk.
pub const RECORD: &str = "disk.record";

/// 1 GiB: the product and Debian need 300 MB, the rest is the writable layer.
const MEMORY: &str = "1024";

/// The command line for a machine whose own files are in `dir`.
///
/// Devices must be the same when a snapshot is taken and when it is restored; the paths behind them may differ.
pub fn arguments(image: &Image, dir: &Path, shape: Shape) -> Vec<String> {
    let mut list = vec!["-nodefaults", "-nographic", "-m", MEMORY, "-machine", "q35"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let mut add = |name: &str, value: String| list.extend([name.to_owned(), value]);
    for (name, value) in shape.accelerator.arguments() {
        add(name, (*value).to_owned());
    }
    add("-kernel", image.vmlinux.display().to_string());
    add("-initrd", image.initrd.display().to_string());
    add(
        "-append",
        format!(
            "console=ttyS0 loglevel=6 mitigations=off {} {}",
            shape.accelerator.kernel_options(),
            image.system.tier.kernel_options()
        ),
    );
    let read_only = |file: &Path| format!("file={},format=raw,readonly=on", file.display());
    let disks = [
        read_only(&image.rootfs),
        read_only(&image.modules),
        read_only(&image.product),
        small_disk(dir, image.is_recorded),
    ];
    for (index, disk) in disks.into_iter().enumerate() {
        add("-drive", format!("{disk},if=none,id=disk{index}"));
        add("-device", format!("virtio-blk-pci,drive=disk{index}"));
    }
    add("-device", "virtio-rng-pci".to_owned());
    add("-device", "virtio-serial-pci".to_owned());
    // Relative, to the folder in which QEMU runs: see `Sockets`.
    let socket = |name: &str| format!("path={name},server=on,wait=off");
    add(
        "-chardev",
        format!("socket,id=channel,{}", socket("channel")),
    );
    add(
        "-device",
        "virtserialport,chardev=channel,name=lab.channel,nr=1".to_owned(),
    );
    add(
        "-chardev",
        format!("socket,id=console,{}", socket("console")),
    );
    // A controller into which readers are plugged while the machine runs.
    add("-device", "qemu-xhci,id=usb".to_owned());
    add("-serial", "chardev:console".to_owned());
    add("-monitor", "none".to_owned());
    add("-qmp", "unix:qmp,server=on,wait=off".to_owned());
    if shape.incoming {
        add("-incoming", "defer".to_owned());
    }
    list
}

/// The machine's own disk. Recorded, it takes the guest's flushes for what they are, and passes none on: the host's
/// power stays.
fn small_disk(dir: &Path, is_recorded: bool) -> String {
    let disk = dir.join("disk.ext4");
    let disk = disk.display();
    if !is_recorded {
        return format!("file={disk},format=raw,cache=unsafe");
    }
    let record = dir.join(RECORD);
    let record = record.display();
    format!(
        "driver=blklogwrites,log-sector-size=512,log-super-update-interval=1,\
         file.driver=file,file.filename={disk},file.cache.no-flush=on,\
         log.driver=file,log.filename={record},log.cache.no-flush=on"
    )
}

impl Qemu {
    /// Starts QEMU in `dir`, which holds the machine's disk, and connects to it.
    pub fn start(image: &Image, dir: &Path, shape: Shape) -> Result<Self> {
        let log = dir.join("qemu.log");
        let errors = File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let mut command = Run::new("setpriv")
            .args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
            .args(arguments(image, dir, shape))
            .current_dir(dir)
            .into_command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        let mut child = spawn(command)?;
        match connect(&mut child, dir) {
            Ok((qmp, link, console)) => Ok(Self {
                child,
                qmp,
                link,
                console,
            }),
            Err(error) => {
                end(&mut child);
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                Err(error.context(format!(
                    "start QEMU with {} (it said: {})",
                    shape.accelerator.name(),
                    said.trim()
                )))
            }
        }
    }

    /// Ends the process at once.
    pub fn end(&mut self) {
        end(&mut self.child);
    }
}

pub(super) fn end(child: &mut Child) {
    // Both fail only if the process has ended already.
    drop(child.kill());
    drop(child.wait());
}

fn connect(child: &mut Child, dir: &Path) -> Result<(Qmp, Link, Console)> {
    let sockets = Sockets::of(dir)?;
    let console = Console::watch(
        await_socket(child, &sockets.path("console"))?,
        &dir.join("console.log"),
    )?;
    let link = Link::new(await_socket(child, &sockets.path("channel"))?);
    let control = await_socket(child, &sockets.path("qmp"))?;
    let qmp = Qmp::greet(control, Deadline::within(Duration::from_secs(10)))?;
    Ok((qmp, link, console))
}

/// A machine's folder by a short name: a socket's path has 107 bytes at most (unix(7)), a repository's may have
/// more.
pub(super) struct Sockets(File);

impl Sockets {
    /// The sockets in this folder.
    pub(super) fn of(dir: &Path) -> Result<Self> {
        File::open(dir)
            .map(Self)
            .with_context(|| format!("open {}", dir.display()))
    }

    /// A path that holds as long as this value.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }
}

/// Connects to a socket as soon as QEMU has made it, told by the folder's change events.
pub(super) fn await_socket(child: &mut Child, path: &Path) -> Result<UnixStream> {
    use nix::poll::{PollFd, PollFlags, PollTimeout};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    use std::os::fd::AsFd as _;

    let dir = path.parent().context("a path without parent")?;
    let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).context("inotify")?;
    watch
        .add_watch(dir, AddWatchFlags::IN_CREATE)
        .context("watch the machine's folder")?;
    let deadline = Deadline::within(Duration::from_secs(10));
    loop {
        // Made, and accepting: QEMU binds before it listens.
        if let Ok(stream) = UnixStream::connect(path) {
            return Ok(stream);
        }
        if let Some(status) = child.try_wait().context("look at QEMU")? {
            anyhow::bail!("QEMU ended at once ({status})");
        }
        // Short turns, since QEMU's end makes no event in the folder.
        let turn = deadline.left()?.min(Duration::from_millis(50));
        let turn = PollTimeout::try_from(turn).unwrap_or(PollTimeout::ZERO);
        nix::poll::poll(&mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)], turn)
            .context("poll")?;
        drop(watch.read_events());
    }
}

type Spawned = std::io::Result<Child>;

/// Starts a process from a thread that never ends: "kill me when my parent dies" (prctl(2), `PR_SET_PDEATHSIG`)
/// means the parent *thread*, and a test's thread ends before a machine it shares with others.
pub(super) fn spawn(command: Command) -> Result<Child> {
    static KEEPER: LazyLock<mpsc::Sender<(Command, mpsc::Sender<Spawned>)>> = LazyLock::new(|| {
        let (requests, queue) = mpsc::channel::<(Command, mpsc::Sender<Spawned>)>();
        std::thread::spawn(move || {
            for (mut command, reply) in queue {
                drop(reply.send(command.spawn()));
            }
        });
        requests
    });
    let (reply, answer) = mpsc::channel();
    KEEPER
        .send((command, reply))
        .ok()
        .context("the thread that starts QEMU is gone")?;
    answer
        .recv()
        .context("the thread that starts QEMU is gone")?
        .context("start QEMU")
}

/// QEMU's own version, part of every snapshot's name.
pub fn version() -> Result<String> {
    let text = Run::new("qemu-system-x86_64").arg("--version").text()?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
