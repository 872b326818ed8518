//! What the tests share.

use std::path::{Path, PathBuf};
use std::process::Command;

use cardwarden_card::{
    Issue, NamedGroup, NotIssued, NotTaken, Receipt, Selected, Transport, WRITING_TIME, issue,
    open, read_selected,
};
use cardwarden_lab_card::firmware::{Application, Model, power};
pub(crate) use cardwarden_lab_card::pcscd::READER;
use cardwarden_lab_card::pcscd::{self, Process};
use cardwarden_lab_card::provision::{authority, user_pin};
use cardwarden_policy::trust::sign_introducing;
use cardwarden_policy::{Anchors, Group, Policy, Properties, Selectors, SigningKey};
use pcsc::State;

/// A PIV card.
pub(crate) const PIV: Model = Model::short(Application::Piv);
/// An `OpenPGP` card.
pub(crate) const OPENPGP: Model = Model::short(Application::Openpgp);
/// Every kind of card.
pub(crate) const MODELS: [Model; 4] = [PIV, OPENPGP, extended(PIV), extended(OPENPGP)];

/// The same with short APDUs only.
pub(crate) const fn short(model: Model) -> Model {
    Model::short(model.profile)
}

/// The same with APDUs of extended length.
pub(crate) const fn extended(model: Model) -> Model {
    Model {
        extended: true,
        ..model
    }
}

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
    insert_model(image, PIV, fault)
}

/// The same for a card of any kind.
pub(crate) fn insert_model(image: &Path, model: Model, fault: Option<&str>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab-card"));
    command.arg("run").arg("--image").arg(image);
    command.arg("--profile").arg(match model.profile {
        Application::Piv => "piv",
        Application::Openpgp => "openpgp",
    });
    if model.extended {
        command.arg("--extended");
    }
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
    let group = |name: &str, kind: &str| {
        let group = Group {
            policy: policy.clone(),
            account: None,
        };
        NamedGroup {
            name: name.to_owned(),
            selectors: Selectors {
                kinds: [kind.to_owned()].into(),
                ..Selectors::default()
            },
            pin: false,
            group,
        }
    };
    let mut groups: Vec<NamedGroup> = (0..others)
        .map(|i| group(&format!("other {i}"), "watch"))
        .collect();
    groups.push(group("laptops", "laptop"));
    Issue {
        company: "B Company".to_owned(),
        version,
        issued: jiff::Timestamp::now(),
        groups,
        releases: Vec::new(),
    }
}

/// The device of the tests.
pub(crate) fn laptop() -> Properties {
    Properties {
        kind: "laptop".to_owned(),
        device: "urn:uuid:1".to_owned(),
        ..Properties::default()
    }
}

/// Issues a version with so many more groups, by whatever way there is to the card.
pub(crate) fn issue_over(
    transport: impl Transport,
    model: Model,
    version: u64,
    others: usize,
) -> Result<Receipt, NotIssued> {
    let mut profile = open(transport, WRITING_TIME).map_err(NotIssued::Card)?;
    let sign = |manifest: &_| company().sign(manifest);
    let authority = authority(model.profile).unwrap();
    issue(
        profile.as_mut(),
        &authority,
        &content(version, others),
        sign,
    )
}

/// Reads what is for a laptop, by whatever way there is to the card.
pub(crate) fn read_over(transport: impl Transport) -> Result<Selected, NotTaken> {
    let anchors = Anchors::from_iter([company().anchor().unwrap()]);
    let mut profile = open(transport, WRITING_TIME).map_err(NotTaken::Card)?;
    read_selected(profile.as_mut(), &anchors, &laptop(), None)
}

/// Issues a version to the card of an image.
pub(crate) fn write(image: &Path, model: Model, version: u64, others: usize) -> Receipt {
    fill(image, model, &content(version, others))
}

/// Issues anything to the card of an image, whose PIN is given first where it is wanted. The
/// company introduces itself.
pub(crate) fn fill(image: &Path, model: Model, content: &Issue) -> Receipt {
    power(image, model, |card| {
        let mut profile = open(card, WRITING_TIME).unwrap();
        if content.groups.iter().any(|group| group.pin) {
            profile.verify_pin(&user_pin().unwrap()).unwrap();
        }
        let key = company();
        let root = key.anchor().unwrap();
        let sign = |manifest: &_| sign_introducing(&key, manifest, &root);
        issue(
            profile.as_mut(),
            &authority(model.profile).unwrap(),
            content,
            sign,
        )
    })
    .unwrap()
    .unwrap()
}

/// Reads the card of an image.
pub(crate) fn read(image: &Path, model: Model) -> Result<Selected, NotTaken> {
    power(image, model, |card| read_over(card)).unwrap()
}

/// A file in the test's folder.
pub(crate) fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}
