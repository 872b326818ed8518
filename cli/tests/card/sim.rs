//! `cardwarden card` with the SIM in a modem: a scripted one behind a pseudo-terminal.

use std::path::PathBuf;

use cardwarden_iso_card::card::{Card, Habits};
use cardwarden_iso_card::modem::{Manners, Plugged};
use cardwarden_lab_card::pcscd;
use tempfile::TempDir;

use crate::desk::Desk;

/// A place for a modem's device file, and the words that name it.
fn socket() -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = folder.path().join("modem");
    let words = format!("--modem {}", device.display());
    (folder, device, words)
}

#[test]
fn a_sim_is_made_ready_written_read_verified_and_erased_through_its_modem() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let (_folder, device, modem) = socket();
        let modem_in = Plugged::plug(&device, Card::new(Habits::SIM), Manners::default()).unwrap();
        let listed = desk.json(&format!("card list {modem}"));
        assert_eq!(listed[0]["problem"]["code"], "not-ours", "{listed}");
        let ready = desk.json(&format!("card init {modem}"));
        assert_eq!(ready["profile"], "pkcs15");
        assert_eq!(ready["reader"], device.to_str().unwrap());
        desk.succeed(&format!(
            "card write --policy office.toml --group laptops --kind laptop --key company.pem \
             --company B --version 3 {modem}"
        ));
        let listed = desk.json(&format!("card list --trust trust.pem {modem}"));
        assert_eq!(listed[0]["verified"], true);
        let read = desk.succeed(&format!("card read laptops --trust trust.pem {modem}"));
        assert!(read.contains("laptop"), "{read}");
        let verdict = desk.json(&format!(
            "card verify --trust trust.pem --kind laptop {modem}"
        ));
        assert_eq!(
            (&verdict["good"], &verdict["proof"]),
            (&true.into(), &"copyable".into())
        );
        desk.succeed(&format!("card erase --yes {modem}"));
        let listed = desk.json(&format!("card list {modem}"));
        assert_eq!(listed[0]["problem"]["code"], "not-ours");
        let sim = modem_in.unplug().unwrap();
        assert_eq!(sim.open_channels(), 0, "every channel is given back");
    })
    .unwrap();
}

#[test]
fn what_a_modem_or_its_sim_does_not_do_is_told_with_what_to_do() {
    pcscd::isolated(|folder| {
        let desk = Desk::new(folder);
        let (_folder, device, modem) = socket();
        let gone = desk.run(&format!("card list {modem}"));
        assert_eq!(gone.status, 1);
        assert!(gone.noted.contains(device.to_str().unwrap()), "{gone:?}");
        assert!(!gone.noted.contains("pcscd"), "{gone:?}");
        let both = desk.run(&format!("card read --reader X {modem}"));
        assert_eq!(both.status, 2);
        let strange = desk.run("card read --modem ttyUSB2");
        assert_eq!(strange.status, 2);
        assert!(strange.noted.contains("/dev/ttyUSB2"), "{strange:?}");

        let operators = Habits {
            needs_officer: true,
            ..Habits::SIM
        };
        let _modem = Plugged::plug(&device, Card::new(operators), Manners::default()).unwrap();
        let write = format!(
            "card write --policy office.toml --key company.pem --company B --version 1 {modem}"
        );
        for line in [write, format!("card init {modem}")] {
            let refused = desk.run(&line);
            assert_ne!(refused.status, 0, "{line}");
            for word in ["its operator", "--admin-pin-file"] {
                assert!(refused.noted.contains(word), "{refused:?}");
            }
        }
        std::fs::write(desk.path("adm"), "87654321").unwrap();
        desk.succeed(&format!("card init --admin-pin-file adm {modem}"));
    })
    .unwrap();
}
