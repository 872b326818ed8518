//! The profile with a card that others wrote (vsmartcard's vicc), a real pcscd, and `OpenSC`'s
//! view of what we write.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cardwarden_card::{Connection, READING_TIME, Readers, open};
use cardwarden_lab_card::pcscd::{self, Process, READER};
use pcsc::State;

use crate::lab::{self, Cut};

/// Puts an empty card into the reader. It lives as long as the process.
fn insert() -> Process {
    let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/vicc.py");
    // Debian's own Python, for which Debian's modules are.
    let card = Process::spawn(Command::new("/usr/bin/python3").args([launcher, "-t", "iso7816"]));
    pcscd::wait_for(State::PRESENT, true).unwrap();
    card.unwrap()
}

fn connect() -> Connection {
    Readers::open().unwrap().connect(Some(READER)).unwrap()
}

/// Runs a program of `OpenSC`'s; what it prints.
fn opensc(folder: &Path, program: &str, arguments: &[&str], input: &str) -> Vec<u8> {
    let settings = folder.join("opensc.conf");
    let default = "app default { enable_default_driver = true; force_card_driver = default; }";
    std::fs::write(&settings, default).unwrap();
    let script = folder.join("script");
    std::fs::write(&script, input).unwrap();
    let output = Command::new(program)
        .args(["--reader", READER])
        .args(arguments)
        .env("OPENSC_CONF", settings)
        .stdin(std::fs::File::open(script).unwrap())
        .output()
        .expect("OpenSC is needed");
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn what_is_written_reads_back_and_opensc_sees_the_same() {
    pcscd::isolated(|folder| {
        let _pcscd = pcscd::start().unwrap();
        let _card = insert();
        let mut connection = connect();
        lab::initialise(connection.transaction().unwrap()).unwrap();
        let began = Instant::now();
        let receipt = lab::write(connection.transaction().unwrap(), 1, 2).unwrap();
        println!(
            "issued in {} APDUs, {:?}",
            receipt.exchanges,
            began.elapsed()
        );
        let selected = lab::read(connection.transaction().unwrap()).unwrap();
        assert_eq!(*selected.verified, receipt.manifest);
        drop(connection);
        let listed = opensc(folder, "pkcs15-tool", &["--list-data-objects"], "");
        let listed = String::from_utf8(listed).unwrap();
        for name in ["Cardwarden", "other 0", "other 1", "laptops"] {
            assert!(listed.contains(&format!("'{name}'")), "{listed}");
        }
        for (name, expected) in [
            ("laptops", &selected.group),
            ("Cardwarden", &selected.manifest),
        ] {
            let output = folder.join(name);
            let arguments = ["--raw", "--read-data-object", name, "--output"];
            let arguments = [&arguments[..], &[output.to_str().unwrap()]].concat();
            opensc(folder, "pkcs15-tool", &arguments, "");
            assert_eq!(&std::fs::read(&output).unwrap(), expected, "{name}");
        }
    })
    .unwrap();
}

#[test]
fn a_group_that_opensc_changed_is_refused() {
    pcscd::isolated(|folder| {
        let _pcscd = pcscd::start().unwrap();
        let _card = insert();
        let mut connection = connect();
        lab::initialise(connection.transaction().unwrap()).unwrap();
        lab::write(connection.transaction().unwrap(), 1, 0).unwrap();
        lab::read(connection.transaction().unwrap()).unwrap();
        drop(connection);
        // One byte within the group, in a file of ours.
        opensc(
            folder,
            "opensc-explorer",
            &[],
            "cd 5015\nupdate_binary 4545 30 AA\nquit\n",
        );
        let read = lab::read(connect().transaction().unwrap());
        assert_eq!(read.unwrap_err().code(), "group-mismatch");
    })
    .unwrap();
}

#[test]
fn writing_that_ends_half_way_leaves_the_old_content() {
    pcscd::isolated(|_folder| {
        let _pcscd = pcscd::start().unwrap();
        let _card = insert();
        let mut connection = connect();
        lab::initialise(connection.transaction().unwrap()).unwrap();
        lab::write(connection.transaction().unwrap(), 1, 1).unwrap();
        let exchanges = lab::write(connection.transaction().unwrap(), 2, 1)
            .unwrap()
            .exchanges;
        for (version, left) in (3_u64..).zip((0..exchanges).step_by(9)) {
            let card = connection.transaction().unwrap();
            assert!(lab::write(Cut { card, left }, version, 1).is_err());
            let selected = lab::read(connection.transaction().unwrap()).unwrap();
            assert!([version - 1, version].contains(&selected.mandate.version));
            lab::write(connection.transaction().unwrap(), version, 1).unwrap();
        }
    })
    .unwrap();
}

#[test]
fn a_card_without_the_application_is_told_so_and_one_that_is_gone_too() {
    pcscd::isolated(|_folder| {
        let _pcscd = pcscd::start().unwrap();
        let card = insert();
        let mut connection = connect();
        let opened = open(connection.transaction().unwrap(), READING_TIME).map(drop);
        assert_eq!(opened.unwrap_err().code(), "not-ours");
        lab::initialise(connection.transaction().unwrap()).unwrap();
        let mut profile = open(connection.transaction().unwrap(), READING_TIME).unwrap();
        assert_eq!(profile.read_manifest().unwrap_err().code(), "not-ours");
        drop(card);
        assert_eq!(profile.identity().unwrap_err().code(), "removed");
    })
    .unwrap();
}
