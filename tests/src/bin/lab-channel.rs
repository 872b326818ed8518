//! The guest's end of the channel: runs what the host asks for, one program at a time, as root.
//!
//! Started by `lab-channel.service` with the serial port's name as its argument. It knows nothing of the product.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cardwarden_tests::channel::{self, Kind};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use nix::unistd::Pid;

/// How long output may still come after the program itself has ended: what it left in the background may hold
/// its output open for ever.
const LATE_OUTPUT: Duration = Duration::from_millis(300);

fn main() -> Result<()> {
    let name = std::env::args().nth(1).context("usage: lab-channel PORT")?;
    let device = find_port(&name)?;
    let mut port = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&device)
        .context("open the port")?;
    let writer = Writer(Arc::new(Mutex::new(
        port.try_clone().context("copy the port")?,
    )));
    writer.send(Kind::Hello, b"")?;
    let mut running: Option<Running> = None;
    loop {
        let (kind, bytes) = channel::read(&mut port).context("read from the host")?;
        running = running.filter(Running::is_alive);
        match (kind, &mut running) {
            (Kind::Execute, None) => match Running::start(&bytes, &writer) {
                Ok(started) => running = Some(started),
                Err(error) => writer.send(Kind::Refused, format!("{error:#}").as_bytes())?,
            },
            (Kind::Input, Some(running)) => running.input(Some(&bytes)),
            (Kind::InputEnd, Some(running)) => running.input(None),
            (Kind::Kill, Some(running)) => running.kill()?,
            (Kind::Put, _) => writer.answer(put(&bytes))?,
            (Kind::Take, _) => match take(&bytes) {
                Ok(content) => writer.send(Kind::Content, &content)?,
                Err(error) => writer.send(Kind::Refused, format!("{error:#}").as_bytes())?,
            },
            (Kind::Clock, _) => writer.answer(set_clock(&bytes))?,
            // Input for a program that has just ended is nobody's fault.
            (Kind::Input | Kind::InputEnd | Kind::Kill, None) => {}
            _ => writer.send(Kind::Refused, b"not now, or not from the host")?,
        }
    }
}

/// The device of the port that the host named so; found without udev, which may be what a test is about.
fn find_port(name: &str) -> Result<PathBuf> {
    for entry in std::fs::read_dir("/sys/class/virtio-ports")
        .context("list ports")?
        .flatten()
    {
        let found = std::fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if found.trim() == name {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
    }
    anyhow::bail!("there is no port {name}")
}

/// The port's writing end, shared by the threads that carry output.
#[derive(Clone)]
struct Writer(Arc<Mutex<File>>);

impl Writer {
    fn send(&self, kind: Kind, bytes: &[u8]) -> Result<()> {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channel::write(&mut *port, kind, bytes).context("write to the host")
    }

    fn answer(&self, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => self.send(Kind::Done, b""),
            Err(error) => self.send(Kind::Refused, format!("{error:#}").as_bytes()),
        }
    }
}

/// The program that runs for the host.
struct Running {
    group: Pid,
    input: Option<ChildStdin>,
    ended: Arc<AtomicBool>,
}

impl Running {
    fn start(request: &[u8], writer: &Writer) -> Result<Self> {
        let arguments: Vec<String> = serde_json::from_slice(request).context("read the request")?;
        let (program, rest) = arguments.split_first().context("no program named")?;
        let mut child = Command::new(program)
            .args(rest)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {program}"))?;
        let running = Self {
            group: Pid::from_raw(i32::try_from(child.id()).context("a process id")?),
            input: child.stdin.take(),
            ended: Arc::default(),
        };
        let (done, finished) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            running.carry(output, Kind::Output, writer, done.clone());
        }
        if let Some(output) = child.stderr.take() {
            running.carry(output, Kind::ErrorOutput, writer, done);
        }
        let (ended, writer) = (Arc::clone(&running.ended), writer.clone());
        std::thread::spawn(move || {
            let status = wait(child);
            // Both carriers report; one that is late is left behind.
            for () in [(), ()] {
                if finished.recv_timeout(LATE_OUTPUT).is_err() {
                    break;
                }
            }
            ended.store(true, Ordering::SeqCst);
            drop(writer.send(Kind::Ended, status.to_string().as_bytes()));
        });
        Ok(running)
    }

    fn carry(
        &self,
        mut from: impl Read + Send + 'static,
        kind: Kind,
        writer: &Writer,
        done: mpsc::Sender<()>,
    ) {
        let (ended, writer) = (Arc::clone(&self.ended), writer.clone());
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let sent = !ended.load(Ordering::SeqCst)
                    && writer
                        .send(kind, buffer.get(..length).unwrap_or_default())
                        .is_ok();
                if !sent {
                    break;
                }
            }
            // The waiting thread may have given up on late output.
            let _given_up = done.send(());
        });
    }

    fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    /// A program may close its input at any time; what comes later has no reader.
    fn input(&mut self, bytes: Option<&[u8]>) {
        let taken = self.input.take();
        if let (Some(mut input), Some(bytes)) = (taken, bytes)
            && input.write_all(bytes).and_then(|()| input.flush()).is_ok()
        {
            self.input = Some(input);
        }
    }

    fn kill(&self) -> Result<()> {
        match killpg(self.group, Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).context("kill the program"),
        }
    }
}

fn wait(mut child: Child) -> i32 {
    child.wait().map_or(255, |status| {
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .unwrap_or(255)
    })
}

fn put(request: &[u8]) -> Result<()> {
    let end = request
        .iter()
        .position(|byte| *byte == b'\n')
        .context("no first line")?;
    let (head, content) = request.split_at(end);
    let head = std::str::from_utf8(head).context("read the first line")?;
    let (mode, path) = head.split_once(' ').context("no path")?;
    let mode = u32::from_str_radix(mode, 8).context("read the mode")?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("open {path}"))?;
    file.write_all(content.get(1..).unwrap_or_default())
        .with_context(|| format!("write {path}"))?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {path}"))
}

fn take(request: &[u8]) -> Result<Vec<u8>> {
    let path = std::str::from_utf8(request).context("read the path")?;
    std::fs::read(path).with_context(|| format!("read {path}"))
}

fn set_clock(request: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(request).context("read the time")?;
    let since_epoch = Duration::from_nanos(text.parse().context("read the time")?);
    match clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from(since_epoch)) {
        // The product keeps the clock while something goes by it: it shows when the machine was saved.
        Err(Errno::EPERM) => Ok(()),
        set => set.context("set the clock"),
    }
}
