//! How many APDUs reading takes: a manifest of two short answers and one group of 1,500 bytes,
//! from the selection of the card's application on, without the proof.

use cardwarden_lab_card::count::{GROUP, MANIFEST, count};

use crate::lab::{self, OPENPGP, PIV};

#[test]
fn a_manifest_and_one_group_take_no_more_apdus_than_they_have_bytes_for() {
    for (model, most) in [
        (PIV, 9),
        (OPENPGP, 10),
        (lab::extended(PIV), 3),
        (lab::extended(OPENPGP), 4),
    ] {
        let counted = count(model).unwrap();
        assert!(counted.apdus <= most, "{model:?}: {counted:?}");
        // Each application that is tried before costs one more.
        assert_eq!(
            counted.apdus_before,
            u32::from(model.profile == OPENPGP.profile)
        );
        assert_eq!(counted.group_bytes, GROUP);
        assert!(counted.manifest_bytes > MANIFEST - 10, "{counted:?}");
    }
}

#[test]
fn the_count_is_printed_for_programs() {
    let printed = lab::lab_card(&["count", "--profile", "openpgp", "--extended"]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["apdus"], 4);
    assert_eq!(printed["group_bytes"], GROUP);
}
