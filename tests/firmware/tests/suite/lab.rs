//! What the tests share.

use std::path::{Path, PathBuf};
use std::process::Command;

use cardwarden_card::{Issue, NamedGroup};
pub(crate) use cardwarden_lab_card::pcscd::READER;
use cardwarden_lab_card::pcscd::{self, Process};
use cardwarden_policy::{Group, Policy, SigningKey};
use pcsc::State;

/// Runs a test in namespaces of its own.
pub(crate) fn isolated<T: FnOnce(&Path)>(test: T) {
    pcscd::isolated(test).unwrap();
}

/// Starts pcscd, and waits until it serves.
pub(crate) fn pcscd() -> Process {
    pcscd::start().unwrap()
}

/// Puts the card of an image into the reader.
pub(crate) fn insert(image: &Path, fault: Option<&str>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-card"));
    command.arg("run").arg("--image").arg(image);
    if let Some(fault) = fault {
        command.args(["--fault", fault]);
    }
    Process::spawn(&mut command).unwrap()
}

/// Waits until the reader's state has (or has not) a flag.
pub(crate) fn wait_for(flag: State, expected: bool) {
    pcscd::wait_for(flag, expected).unwrap();
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
