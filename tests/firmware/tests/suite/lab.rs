//! A pcscd of one's own for each test: in new mount and network namespaces, so that tests run side
//! by side, need no privilege, and expose no port (vpcd listens on every address).

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwarden_card::{Issue, NamedGroup};
use cardwarden_policy::{Group, Policy, SigningKey};
use pcsc::{Context, ReaderState, Scope, State};

/// The reader that cards go into.
pub(crate) const READER: &str = "Virtual PCD 00 00";
/// Where pcscd listens.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// Tells a test that it runs in its namespaces.
const INSIDE: &str = "LAB_CARD_INSIDE";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test in namespaces of its own.
pub(crate) fn isolated<T: FnOnce(&Path)>(test: T) {
    if std::env::var_os(INSIDE).is_some() {
        let folder = tempfile::tempdir().unwrap();
        return test(folder.path());
    }
    // `suite::pcscd::the_test::{{closure}}`
    let path = std::any::type_name::<T>();
    let (_crate, path) = path.split_once("::").unwrap();
    let (name, _closure) = path.rsplit_once("::").unwrap();
    let made = std::fs::create_dir_all("/run/pcscd");
    assert!(
        made.is_ok(),
        "make the folder /run/pcscd once, as root: {made:?}"
    );
    let enter = "ip link set lo up && mount -t tmpfs lab /run/pcscd && exec \"$@\"";
    let status = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-c", enter, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare (util-linux) is needed");
    assert!(status.success(), "{name} failed in its namespaces");
}

/// A process that ends with its owner.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts pcscd, and waits until it serves. Its socket is made here and handed over as systemd
/// does, so that waiting is the same as connecting.
pub(crate) fn pcscd() -> Process {
    drop(std::fs::remove_file(SOCKET));
    let listener = UnixListener::bind(SOCKET).unwrap();
    let child = Command::new("sh")
        .args([
            "-c",
            "LISTEN_PID=$$ LISTEN_FDS=1 exec pcscd --foreground 3<&0",
        ])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .spawn()
        .expect("pcscd is needed");
    let pcscd = Process(child);
    drop(Context::establish(Scope::System).expect("pcscd does not serve"));
    pcscd
}

/// Puts the card of an image into the reader.
pub(crate) fn insert(image: &Path, fault: Option<&str>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-card"));
    command.arg("run").arg("--image").arg(image);
    if let Some(fault) = fault {
        command.args(["--fault", fault]);
    }
    Process(command.spawn().unwrap())
}

/// Waits until the reader's state has (or has not) a flag.
pub(crate) fn wait_for(flag: State, expected: bool) {
    let context = Context::establish(Scope::System).unwrap();
    let reader = std::ffi::CString::new(READER).unwrap();
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    loop {
        context
            .get_status_change(PATIENCE, &mut states)
            .expect("nothing happens");
        if states[0].event_state().contains(flag) == expected {
            return;
        }
        states[0].sync_current_state();
    }
}

/// Runs `lab-card` and returns what it prints.
pub(crate) fn lab_card(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lab-card"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A company of the test's own.
pub(crate) fn company() -> SigningKey {
    SigningKey::p256_from_seed(&[7; 32]).unwrap()
}

/// What the company says: the camera is off, on a card of so many more groups.
pub(crate) fn content(version: u64, others: usize) -> Issue {
    let policy = Policy::from_toml("[baseline]\ncamera = \"disable\"\n").unwrap();
    let group = |name: &str, kind: Option<&str>| NamedGroup {
        name: name.to_owned(),
        kinds: kind.into_iter().map(str::to_owned).collect(),
        group: Group {
            policy: policy.clone(),
            account: None,
        },
    };
    let mut groups: Vec<NamedGroup> = (0..others)
        .map(|i| group(&format!("other {i}"), Some("watch")))
        .collect();
    groups.push(group("laptops", Some("laptop")));
    Issue {
        company: "B Company".to_owned(),
        version,
        issued: jiff::Timestamp::now(),
        groups,
    }
}

/// A file in the test's folder.
pub(crate) fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}
