//! Cards without a key of their own.

use super::*;

fn of_serial(serial: &[u8]) -> Company {
    Company {
        serial: Some(serial.to_vec()),
        ..Company::new("B Company", 11)
    }
}

#[test]
fn a_card_without_a_key_enrols_its_device_as_one_with_a_copyable_card() {
    let server = Running::of(of_serial(b"D276000124"), tempfile::tempdir().unwrap());
    let (device, _client) = server.enrolled();
    let path = format!("/api/v1/devices/{}", device.id);
    let shown = server.client().get(&path, &server.token()).1;
    assert_eq!(shown["card_proof"], "copyable");
    assert_eq!(
        shown["card"],
        server.company.card().fingerprint().to_string()
    );
}

#[test]
fn a_card_that_signs_enrols_its_device_as_one_with_its_own_key() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let path = format!("/api/v1/devices/{}", device.id);
    let shown = server.client().get(&path, &server.token()).1;
    assert_eq!(shown["card_proof"], "own-key");
}

#[test]
fn a_card_that_says_another_number_enrols_nobody() {
    let server = Running::of(of_serial(b"D276000124"), tempfile::tempdir().unwrap());
    let device = Device::new();
    let mut request = device.request(&server.company);
    request["endorsement"]["serial"] =
        device.request(&of_serial(b"D276000125"))["endorsement"]["serial"].clone();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn one_kind_of_proof_does_not_pass_for_the_other() {
    let device = Device::new();
    let (with_key, with_serial) = (Company::new("B Company", 11), of_serial(b"D276000124"));
    for (company, other) in [(&with_key, &with_serial), (&with_serial, &with_key)] {
        let server = Running::new();
        let mut request = device.request(company);
        request["endorsement"] = device.request(other)["endorsement"].clone();
        assert_eq!(
            codes(server.client().enrol(&request)),
            (403, "not-endorsed".into())
        );
    }
}

#[test]
fn an_endorsement_that_shows_nothing_is_no_request() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    request["endorsement"]
        .as_object_mut()
        .unwrap()
        .remove("signature");
    assert_eq!(
        codes(server.client().enrol(&request)),
        (422, "bad-json".into())
    );
}
