//! A pcscd of one's own for each test of cards on the host, `cardwarden_lab_card::pcscd`: in new
//! user, mount, network and process namespaces, so that tests run side by side, need no privilege,
//! leave no process behind and expose no port (vpcd listens on every address).
//!
//! ```no_run
//! use cardwarden_lab_card::pcscd;
//! use pcsc::State;
//!
//! // The body of a test:
//! pcscd::isolated(|folder| {
//!     let daemon = pcscd::start().unwrap();
//!     let mut command = std::process::Command::new("lab-card");
//!     command.arg("run").arg("--image").arg(folder.join("image"));
//!     let card = pcscd::Process::spawn(&mut command).unwrap();
//!     pcscd::wait_for(State::PRESENT, true).unwrap();
//!     drop(card); // taken out
//!     pcscd::wait_for(State::EMPTY, true).unwrap();
//!     drop(daemon); // stopped
//! })
//! .unwrap();
//! ```
//!
//! Wanted on the host: `unshare` (util-linux), `ip` (iproute2), `pcscd` and vsmartcard's `vpcd`.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pcsc::{Context, ReaderState, Scope, State};

/// The reader that cards go into: the first of vpcd's two, on TCP port 35963.
pub const READER: &str = "Virtual PCD 00 00";
/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Where pcscd listens.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Tells a test that it runs in its namespaces.
const INSIDE: &str = "LAB_CARD_INSIDE";
/// Enters the namespaces. What the host keeps under /run stays out of sight and out of reach.
const ENTER: &str =
    "ip link set lo up && mount -t tmpfs lab /run && mkdir /run/pcscd && exec \"$@\"";

/// Runs the body of the test that calls this in namespaces of its own, with an empty folder that
/// is gone afterwards. The body has to be a closure in the test's own function, by whose path the
/// test is found again; its panics fail the test.
pub fn isolated<T: FnOnce(&Path)>(test: T) -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        let folder = tempfile::tempdir().context("no folder for the test")?;
        test(folder.path());
        return Ok(());
    }
    // `suite::pcscd::the_test::{{closure}}`
    let path = std::any::type_name::<T>();
    let name = path
        .split_once("::")
        .and_then(|(_crate, path)| path.rsplit_once("::"))
        .with_context(|| format!("{path} is no closure in a test"))?
        .0;
    let status = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-c", ENTER, "sh"])
        .arg(std::env::current_exe().context("the test's own program")?)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .context("unshare (util-linux) is needed")?;
    ensure!(status.success(), "{name} failed in its namespaces");
    Ok(())
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        command
            .spawn()
            .map(Self)
            .with_context(|| format!("{command:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts pcscd, and waits until it serves. Its socket is made here and handed over as systemd
/// does, so that waiting is the same as connecting.
pub fn start() -> anyhow::Result<Process> {
    drop(std::fs::remove_file(SOCKET));
    let listener = UnixListener::bind(SOCKET).context(SOCKET)?;
    let pcscd = Process::spawn(
        Command::new("sh")
            .args([
                "-c",
                "LISTEN_PID=$$ LISTEN_FDS=1 exec pcscd --foreground 3<&0",
            ])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::null()),
    )?;
    drop(Context::establish(Scope::System).context("pcscd does not serve")?);
    Ok(pcscd)
}

/// Waits until the state of [`READER`] has (or has not) a flag.
pub fn wait_for(flag: State, expected: bool) -> anyhow::Result<()> {
    let end = Instant::now()
        .checked_add(PATIENCE)
        .context("the clock is at its end")?;
    let context = Context::establish(Scope::System).context("pcscd does not serve")?;
    let reader = std::ffi::CString::new(READER)?;
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        context
            .get_status_change(left, &mut states)
            .with_context(|| format!("{READER} never was as it should be ({flag:?})"))?;
        let [state] = &mut states;
        if state.event_state().contains(flag) == expected {
            return Ok(());
        }
        state.sync_current_state();
    }
}
