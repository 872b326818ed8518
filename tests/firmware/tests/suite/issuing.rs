//! Issuing to the firmware itself, without a reader: what holds of every card.

use cardwarden_card::reader::Error;
use cardwarden_card::{Authority, ManagementKey, Pin, Transport, WRITING_TIME, open};
use cardwarden_lab_card::copy::copy;
use cardwarden_lab_card::firmware::{Application, power};
use cardwarden_policy::{Authenticity, Endorsement, Rejected};

use crate::lab::{self, MODELS, OPENPGP, PIV, read, write};

/// A card that answers as if it were somebody else's second, and remembers what was asked.
struct Watched<'a> {
    card: &'a mut dyn Transport,
    commands: Vec<Vec<u8>>,
}

impl Transport for Watched<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.commands.push(command.to_vec());
        self.card.transmit(command)
    }
}

#[test]
fn what_is_issued_is_what_a_device_takes() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        for version in 1..=3 {
            let receipt = write(&image, model, version, 1);
            let selected = read(&image, model).unwrap();
            assert_eq!(*selected.verified, receipt.manifest);
            assert_eq!(selected.mandate.version, version);
            assert_eq!(selected.mandate.group_name, "laptops");
        }
    }
}

#[test]
fn extended_apdus_are_sent_to_cards_that_say_so_and_to_no_other() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let long = power(&image, model, |card| {
            let mut watched = Watched {
                card,
                commands: Vec::new(),
            };
            lab::issue_over(&mut watched, model, 1, 1).unwrap();
            watched
                .commands
                .iter()
                .filter(|command| command.len() > 261)
                .count()
        })
        .unwrap();
        // `Watched` hides what the way to the card takes, so even a card that says so is spared.
        assert_eq!(long, 0);
        let receipt = write(&image, model, 2, 1);
        let short = write(&image, lab::short(model), 3, 1);
        if model.extended {
            assert!(receipt.exchanges < short.exchanges);
        }
    }
}

#[test]
fn a_card_without_room_for_both_is_emptied_first() {
    // Twelve groups twice are more than nineteen containers, two twice more than three.
    for (model, others) in [(PIV, 11), (OPENPGP, 1), (OPENPGP, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        for version in 1..=3 {
            write(&image, model, version, others);
            let selected = read(&image, model).unwrap();
            assert_eq!(
                (selected.mandate.version, selected.verified.groups.len()),
                (version, others + 1)
            );
        }
    }
}

#[test]
fn a_manifest_that_is_larger_than_a_container_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    write(&image, PIV, 1, 17);
    let selected = read(&image, PIV).unwrap();
    assert!(
        selected.manifest.len() > 1893,
        "{}",
        selected.manifest.len()
    );
    assert_eq!(selected.verified.groups.len(), 18);
}

#[test]
fn a_copied_card_is_refused() {
    for (model, authenticity) in [
        (PIV, Authenticity::OwnKey),
        (OPENPGP, Authenticity::Copyable),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let copied = folder.path().join("copy");
        write(&image, model, 1, 0);
        copy(&image, &copied, model).unwrap();
        let endorsement = Endorsement {
            device: "urn:uuid:1".to_owned(),
            association: uuid::Uuid::nil(),
            device_key: vec![1],
            nonce: vec![2; 32],
        };
        for (card, expected) in [(&image, Ok(authenticity)), (&copied, Err(Rejected::Copy))] {
            let selected = read(card, model).unwrap();
            let proof = power(card, model, |card| {
                open(card, WRITING_TIME)
                    .unwrap()
                    .prove(&selected.verified.card, &endorsement)
            });
            assert_eq!(
                endorsement.verify(&selected.verified, &proof.unwrap().unwrap()),
                expected
            );
        }
        let manifest = read(&image, model).unwrap().verified;
        assert_eq!(
            manifest.card.is_copyable(),
            model.profile == Application::Openpgp
        );
    }
}

#[test]
fn what_does_not_open_a_card_writes_nothing() {
    let wrong_key = Authority::ManagementKey(ManagementKey::from_hex(&"11".repeat(24)).unwrap());
    let wrong_pin = || Authority::AdminPin(Pin::new(b"87654321".to_vec()).unwrap());
    for (model, authority, code) in [
        (PIV, wrong_key.clone(), "management-key"),
        (PIV, wrong_pin(), "other-authority"),
        (PIV, Authority::None, "other-authority"),
        (OPENPGP, wrong_pin(), "admin-pin"),
        (OPENPGP, wrong_key, "other-authority"),
        (OPENPGP, Authority::None, "other-authority"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        let found = power(&image, model, |card| {
            let mut profile = open(card, WRITING_TIME).unwrap();
            profile.authenticate(&authority).unwrap_err().code()
        });
        assert_eq!(found.unwrap(), code);
        assert_eq!(read(&image, model).unwrap_err().code(), "not-ours");
    }
}

#[test]
fn erasing_leaves_nothing_of_ours() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        write(&image, model, 1, 1);
        power(&image, model, |card| {
            let mut profile = open(card, WRITING_TIME).unwrap();
            let authority = cardwarden_lab_card::provision::authority(model.profile).unwrap();
            profile.authenticate(&authority).unwrap();
            profile.erase().unwrap();
        })
        .unwrap();
        assert_eq!(read(&image, model).unwrap_err().code(), "not-ours");
        let copied = copy(&image, &folder.path().join("copy"), model).unwrap();
        assert_eq!(copied["objects"], serde_json::json!([]));
    }
}

#[test]
fn every_way_of_tampering_has_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = lab::file(folder, "company.pem", &lab::company().to_pem().unwrap());
    let policy = lab::file(folder, "policy.toml", "[baseline]\ncamera = \"disable\"\n");
    for (profile, model) in [("piv", PIV), ("openpgp", OPENPGP)] {
        for (tamper, code) in [
            ("unsigned", "unsigned"),
            ("wrong-signature", "bad-signature"),
            ("truncated", "malformed"),
            ("oversized", "too-long"),
            ("group-hash", "group-mismatch"),
        ] {
            let image = folder.join(format!("{profile}-{tamper}"));
            let paths = [&image, &key, &policy].map(|path| path.to_str().unwrap());
            lab::lab_card(&[
                "provision",
                "--profile",
                profile,
                "--image",
                paths[0],
                "--company",
                "B Company",
                "--key",
                paths[1],
                "--version",
                "1",
                "--policy",
                paths[2],
                "--tamper",
                tamper,
            ]);
            assert_eq!(read(&image, model).unwrap_err().code(), code, "{tamper}");
        }
    }
}
