//! What a program that holds something does, and what it can be asked.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;

use super::{Kind, Wish, line};
use crate::camera::Camera;
use crate::{probe, using};

/// What has happened so far.
#[derive(Default)]
struct Progress {
    times: u64,
    last: u128,
    stopped: Option<(u128, String)>,
}

type Shared = Arc<(Mutex<Progress>, Condvar)>;

/// Something that is in use.
pub(super) struct Usage {
    progress: Shared,
    thing: Thing,
}

enum Thing {
    Camera(Arc<Camera>),
    /// Another program has it.
    Elsewhere,
    Descriptor(OwnedFd),
}

impl Usage {
    /// Starts, and returns once there is something to stop.
    pub(super) fn start(wish: &Wish) -> Result<Self> {
        let progress = Shared::default();
        let (kind, path) = (wish.kind, wish.path.as_deref());
        let node = |usual: &str| path.map_or_else(|| PathBuf::from(usual), Path::to_path_buf);
        let thing = match kind {
            Kind::Camera => film(camera(&node("/dev/video0"), wish.of.as_deref())?, &progress),
            Kind::Microphone => record(&node("/dev/snd/pcmC0D0c"), &progress)?,
            Kind::Node => Thing::Descriptor(open(path.context("which node?")?)?),
            Kind::Bluetooth => Thing::Descriptor(probe::bluetooth().context("make a socket")?),
            Kind::Nfc => Thing::Descriptor(probe::nfc().context("make a socket")?),
        };
        let usage = Self { progress, thing };
        if matches!(kind, Kind::Camera | Kind::Microphone) {
            usage.await_progress(Duration::from_secs(15), |progress| {
                progress.times > 0 || progress.stopped.is_some()
            });
            if let Some((_, word)) = &usage.lock().stopped {
                bail!("it was stopped before it got anything: {word}");
            }
        }
        Ok(usage)
    }

    /// Answers one question.
    pub(super) fn answer(&self, asked: &str, stream: &UnixStream) -> Result<()> {
        let mut words = asked.split_whitespace();
        let answer = match words.next().unwrap_or_default() {
            "state" => self.state(),
            "stopped" => {
                let limit = words
                    .next()
                    .unwrap_or_default()
                    .parse()
                    .context("a limit")?;
                self.await_progress(Duration::from_millis(limit), |now| now.stopped.is_some());
                self.state()
            }
            "place" => format!("{} {}", std::process::id(), self.number()?),
            "pass" => return line::send(stream, self.number()?),
            "restart" => match &self.thing {
                Thing::Camera(camera) => probe::word(camera.restart(), "works"),
                Thing::Descriptor(_) | Thing::Elsewhere => bail!("this does not start again"),
            },
            other => probe::word(using::attempt(other, &self.descriptor()?)?, "works"),
        };
        let mut stream = stream;
        writeln!(stream, "{answer}").context("answer")
    }

    fn state(&self) -> String {
        let now = self.lock();
        match &now.stopped {
            None => format!("busy {} {}", now.times, now.last),
            Some((at, word)) => format!("stopped {} {} {at} {word}", now.times, now.last),
        }
    }

    fn number(&self) -> Result<i32> {
        Ok(match &self.thing {
            Thing::Camera(camera) => camera.file().as_raw_fd(),
            Thing::Descriptor(descriptor) => descriptor.as_raw_fd(),
            Thing::Elsewhere => bail!("another program has the descriptor"),
        })
    }

    fn descriptor(&self) -> Result<File> {
        match &self.thing {
            Thing::Camera(camera) => camera.file().try_clone().context("copy the descriptor"),
            Thing::Descriptor(descriptor) => {
                let copy = descriptor.try_clone().context("copy the descriptor")?;
                Ok(copy.into())
            }
            Thing::Elsewhere => bail!("another program has the descriptor"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn await_progress(&self, limit: Duration, is_enough: impl Fn(&Progress) -> bool) {
        let waited = self
            .progress
            .1
            .wait_timeout_while(self.lock(), limit, |now| !is_enough(now));
        drop(waited);
    }
}

/// Notes that something was got, or that there will be no more.
fn note(progress: &Shared, stopped: Option<String>) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut state = progress.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = stopped {
        state.stopped = Some((now, word));
    } else {
        state.times += 1;
        state.last = now;
    }
    drop(state);
    progress.1.notify_all();
}

/// A camera that films, with a descriptor of this program's own or of another.
fn camera(node: &Path, of: Option<&str>) -> Result<Camera> {
    let Some(of) = of else {
        return Camera::start(node).with_context(|| format!("film with {}", node.display()));
    };
    let taken = super::take(of, true)?.with_context(|| format!("take what {of} has"))?;
    let camera = Camera::of(taken.into())?;
    camera
        .restart()
        .with_context(|| format!("film with what {of} has"))?;
    Ok(camera)
}

fn film(camera: Camera, progress: &Shared) -> Thing {
    let camera = Arc::new(camera);
    let (films, progress) = (Arc::clone(&camera), Arc::clone(progress));
    std::thread::spawn(move || {
        loop {
            match films.frame() {
                Ok(()) => note(&progress, None),
                Err(errno) => return note(&progress, Some(format!("{errno:?}"))),
            }
        }
    });
    Thing::Camera(camera)
}

/// The device of a capture node, as ALSA's programs call it: `/dev/snd/pcmC0D1c` is `hw:0,1`.
pub(crate) fn sound_device(node: &Path) -> Result<String> {
    let name = node.file_name().unwrap_or_default().to_string_lossy();
    let (card, device) = name
        .strip_prefix("pcmC")
        .and_then(|rest| rest.trim_end_matches('c').split_once('D'))
        .with_context(|| format!("{} is no capture node", node.display()))?;
    Ok(format!("hw:{card},{device}"))
}

/// `arecord`, as people use it; a twentieth of a second at a time.
fn record(node: &Path, progress: &Shared) -> Result<Thing> {
    let mut recorder = Command::new("arecord")
        .args(["-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2"])
        .args(["--period-size=2400", "-D", &sound_device(node)?])
        .stdout(Stdio::piped())
        .spawn()
        .context("start arecord")?;
    let mut sound = recorder.stdout.take().context("arecord's output")?;
    let progress = Arc::clone(progress);
    std::thread::spawn(move || {
        let mut part = [0_u8; 2400 * 4];
        while sound.read_exact(&mut part).is_ok() {
            note(&progress, None);
        }
        let ended = recorder
            .wait()
            .map_or_else(|error| error.to_string(), |end| end.to_string());
        note(&progress, Some(ended.replace(' ', "-")));
    });
    Ok(Thing::Elsewhere)
}

fn open(node: &Path) -> Result<OwnedFd> {
    let open = |writes| {
        OpenOptions::new()
            .read(true)
            .write(writes)
            // A line that goes takes those with it whose terminal it is.
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
            .open(node)
    };
    let file = open(true)
        .or_else(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EACCES | Errno::EROFS | Errno::EISDIR | Errno::EINVAL) => open(false),
            _ => Err(error),
        })
        .with_context(|| format!("open {}", node.display()))?;
    Ok(file.into())
}
