//! `OpenSC` as a reader and writer that is not ours, each time with a pcscd of its own.

use std::path::Path;
use std::process::Command;

use cardwarden_card::Readers;
use cardwarden_lab_card::firmware::Model;
use cardwarden_policy::{Anchors, CardIdentity, Manifest, Verified};
use pcsc::State;

use crate::lab::{self, OPENPGP, PIV};

/// The PIV firmware's management key at the factory, as piv-tool wants it.
const MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";

/// Runs one of `OpenSC`'s tools and returns what it prints. What piv-tool writes it tells by its
/// status, as a number of bytes, so nothing is to be learned from that.
fn tool(folder: &Path, name: &str, arguments: &[&str]) -> Vec<u8> {
    let key = lab::file(folder, "key.hex", MANAGEMENT_KEY);
    let output = Command::new(name)
        .args(arguments)
        .env("PIV_EXT_AUTH_KEY", key)
        .output()
        .unwrap_or_else(|error| panic!("{name} (opensc) is needed: {error}"));
    assert!(
        output.status.success() || name == "piv-tool",
        "{name} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Issues a version over pcscd, and reads it again; the manifest.
fn issue(model: Model, version: u64, others: usize) -> Vec<u8> {
    let readers = Readers::open().unwrap();
    let mut connection = readers.connect(Some(lab::READER)).unwrap();
    lab::issue_over(connection.transaction().unwrap(), model, version, others).unwrap();
    let selected = lab::read_over(connection.transaction().unwrap()).unwrap();
    assert_eq!(selected.mandate.version, version);
    selected.manifest
}

/// Whether some bytes have others in them.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// `OpenSC`'s name of the object of a retired key's certificate (SP 800-73-4 part 1, table 3).
fn retired(number: u32) -> String {
    format!("2.16.840.1.101.3.7.2.16.{number}")
}

#[test]
fn what_piv_tool_writes_is_left_alone_and_what_we_write_opensc_reads() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        let _card = lab::insert_model(&folder.join("image"), PIV, None);
        lab::wait_for(State::PRESENT, true);
        let theirs = [0x53, 0x04, b'm', b'i', b'n', b'e'];
        // Key history: twenty certificates of retired keys are on the card.
        let history = [0x53, 0x08, 0xC1, 0x01, 20, 0xC2, 0x01, 0, 0xFE, 0];
        for (object, content) in [
            // The object that groups fill first, and the one that they fill last.
            ("1013", theirs.as_slice()),
            ("1001", &theirs),
            ("6060", &history),
        ] {
            std::fs::write(folder.join("theirs"), content).unwrap();
            let file = folder.join("theirs");
            let arguments = ["-A", "M:9B:03", "-O", object, "-i", file.to_str().unwrap()];
            tool(folder, "piv-tool", &arguments);
        }
        // So many that they come down to the objects that the PKCS#11 module shows.
        issue(PIV, 1, 15);
        let listed = tool(folder, "pkcs11-tool", &["--list-objects", "--type", "data"]);
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let read = |number: u32| {
            let name = retired(number);
            assert!(listed.contains(&format!("{name}\n")), "{name}: {listed}");
            let arguments = ["--read-object", "--type", "data", "--application-id", &name];
            tool(folder, "pkcs11-tool", &arguments)
        };
        assert_eq!(read(1), theirs);
        assert!(contains(&read(4), b"CWMO"));
        let select = "00:A4:04:00:0B:A0:00:00:03:08:00:00:10:00:01:00:00";
        let get = "00:CB:3F:FF:05:5C:03:5F:C1:1F:00";
        let arguments = ["--send-apdu", select, "--send-apdu", get];
        let shown = tool(folder, "piv-tool", &arguments);
        assert!(contains(&shown, b"53 04 6D 69 6E 65"));
    });
}

#[test]
fn what_we_write_openpgp_tool_reads_and_says_whose_card_it_is() {
    lab::isolated(|folder| {
        let _pcscd = lab::pcscd();
        // OpenSC believes the application's word on extended lengths, whatever the reader's.
        let model = lab::extended(OPENPGP);
        let _card = lab::insert_model(&folder.join("image"), model, None);
        lab::wait_for(State::PRESENT, true);
        let manifest = issue(model, 1, 0);
        // It takes no more of an object than a card of version 2 could have.
        let object = tool(folder, "openpgp-tool", &["--do", "2", "--raw"]);
        let (header, begin) = object.split_at(12);
        assert!(header.starts_with(b"CWMO"));
        assert!(begin.len() > 240 && manifest.starts_with(begin));
        let anchors = Anchors::from_iter([lab::company().anchor().unwrap()]);
        let manifest: Verified<Manifest> = anchors.verify(&manifest).unwrap();
        let CardIdentity::Serial { serial, .. } = &manifest.card else {
            panic!("{:?}", manifest.card)
        };
        let [_, _, number @ ..] = serial.as_slice() else {
            panic!("{serial:?}")
        };
        let number: Vec<String> = number.iter().map(|byte| format!("{byte:02X}")).collect();
        let shown = tool(folder, "openpgp-tool", &["--card-info"]);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(shown.contains(&number.concat()), "{shown}");
    });
}
