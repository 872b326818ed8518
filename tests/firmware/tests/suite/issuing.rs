//! Issuing to the firmware itself, without a reader: what holds at every moment of it.

use std::path::Path;

use cardwarden_card::reader::Error;
use cardwarden_card::{
    ManagementKey, NotTaken, Selected, Transport, WRITING_TIME, issue, open, read_selected,
};
use cardwarden_lab_card::firmware::{Application, Model, power};
use cardwarden_policy::{Anchors, Endorsement, Rejected};

use crate::lab;

const MODEL: Model = Model::short(Application::Piv);

/// A card that is pulled out before its next command.
struct Cut<'a> {
    card: &'a mut dyn Transport,
    left: u32,
}

impl Transport for Cut<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::Removed {
            reader: "test".to_owned(),
        })?;
        self.card.transmit(command)
    }
}

/// Issues a version, at most so many commands of it; how many it took, when it was done.
fn write(image: &Path, version: u64, groups: usize, most: u32) -> Option<u32> {
    power(image, MODEL, |card| {
        let mut profile = open(Cut { card, left: most }, WRITING_TIME).ok()?;
        let content = lab::content(version, groups);
        let sign = |manifest: &_| lab::company().sign(manifest);
        let receipt = issue(profile.as_mut(), &ManagementKey::factory(), &content, sign).ok()?;
        Some(receipt.exchanges)
    })
    .unwrap()
}

fn read(image: &Path) -> Result<Selected, NotTaken> {
    let anchors = Anchors::from_iter([lab::company().anchor().unwrap()]);
    power(image, MODEL, |card| {
        let mut profile = open(card, WRITING_TIME).map_err(NotTaken::Card)?;
        read_selected(profile.as_mut(), &anchors, "laptop", None)
    })
    .unwrap()
}

#[test]
fn a_card_that_is_pulled_out_half_way_holds_the_old_or_the_new_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    let new = folder.path().join("new");
    write(&old, 1, 2, u32::MAX).unwrap();
    std::fs::copy(&old, &new).unwrap();
    let exchanges = write(&new, 2, 2, u32::MAX).unwrap();
    let mut versions = Vec::new();
    for most in 0..=exchanges {
        std::fs::copy(&old, &new).unwrap();
        write(&new, 2, 2, most);
        versions.push(read(&new).unwrap().mandate.version);
    }
    assert!(versions.is_sorted() && versions[0] == 1 && versions.last() == Some(&2));
}

#[test]
fn a_fresh_card_that_is_pulled_out_half_way_is_empty_or_whole_and_can_be_issued_again() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let exchanges = write(&whole, 1, 0, u32::MAX).unwrap();
    for most in 0..exchanges {
        let image = folder.path().join(most.to_string());
        write(&image, 1, 0, most);
        match read(&image) {
            Ok(selected) => assert_eq!(selected.mandate.version, 1),
            Err(error) => assert_eq!(error.code(), "not-ours", "after {most}"),
        }
        write(&image, 2, 0, u32::MAX).unwrap();
        assert_eq!(read(&image).unwrap().mandate.version, 2);
    }
}

#[test]
fn a_card_without_room_for_both_is_emptied_first() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    // Twelve groups twice are more than nineteen containers.
    for version in 1..=3 {
        write(&image, version, 11, u32::MAX).unwrap();
        let selected = read(&image).unwrap();
        assert_eq!(
            (selected.mandate.version, selected.verified.groups.len()),
            (version, 12)
        );
    }
}

#[test]
fn a_manifest_that_is_larger_than_a_container_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    write(&image, 1, 17, u32::MAX).unwrap();
    let selected = read(&image).unwrap();
    assert!(
        selected.manifest.len() > 1893,
        "{}",
        selected.manifest.len()
    );
    assert_eq!(selected.verified.groups.len(), 18);
}

#[test]
fn a_copied_card_cannot_prove_itself() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let copy = folder.path().join("copy");
    write(&image, 1, 0, u32::MAX).unwrap();
    cardwarden_lab_card::copy::copy(&image, &copy, MODEL).unwrap();
    let endorsement = Endorsement {
        device: "urn:uuid:1".to_owned(),
        association: uuid::Uuid::nil(),
        device_key: vec![1],
        nonce: vec![2; 32],
    };
    for (card, expected) in [(&image, Ok(())), (&copy, Err(Rejected::Copy))] {
        let selected = read(card).unwrap();
        let signature = power(card, MODEL, |card| {
            open(card, WRITING_TIME)
                .unwrap()
                .endorse(&endorsement)
                .unwrap()
        });
        assert_eq!(
            endorsement.verify(&selected.verified, &signature.unwrap()),
            expected
        );
    }
}

#[test]
fn a_wrong_management_key_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let wrong = ManagementKey::from_hex(&"11".repeat(24)).unwrap();
    let code = power(&image, MODEL, |card| {
        let mut profile = open(card, WRITING_TIME).unwrap();
        profile.authenticate(&wrong).unwrap_err().code()
    });
    assert_eq!(code.unwrap(), "management-key");
}

#[test]
fn every_way_of_tampering_has_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = lab::file(folder, "company.pem", &lab::company().to_pem().unwrap());
    let policy = lab::file(folder, "policy.toml", "[baseline]\ncamera = \"disable\"\n");
    for (tamper, code) in [
        ("unsigned", "unsigned"),
        ("wrong-signature", "bad-signature"),
        ("truncated", "malformed"),
        ("oversized", "too-long"),
        ("group-hash", "group-mismatch"),
    ] {
        let image = folder.join(tamper);
        let paths = [&image, &key, &policy].map(|path| path.to_str().unwrap());
        lab::lab_card(&[
            "provision",
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
        assert_eq!(read(&image).unwrap_err().code(), code, "{tamper}");
    }
}
