//! Laws of enrolment: which keys become which devices.

use super::*;

#[test]
fn an_enrolled_device_is_listed_with_its_company() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let (status, devices) = server.client().get("/api/v1/devices", &server.token());
    assert_eq!(status, 200);
    assert_eq!(devices.as_array().unwrap().len(), 1);
    assert_eq!(devices[0]["id"], device.id.as_str());
    assert_eq!(devices[0]["association"], device.association.to_string());
    assert_eq!(devices[0]["company"], "B Company");
    assert_eq!(devices[0]["version"], 3);
    assert_eq!(devices[0]["model"], "Phone 1");
    assert_eq!(devices[0]["released_at"], Value::Null);
    let one = server
        .client()
        .get(&format!("/api/v1/devices/{}", device.id), &server.token());
    assert_eq!(one.1, devices[0]);
}

#[test]
fn a_foreign_company_enrols_nobody() {
    let server = Running::new();
    let stranger = Company::new("Stranger", 31);
    let refused = server.client().enrol(&Device::new().request(&stranger));
    assert_eq!(codes(refused), (403, "unknown-signer".into()));
}

#[test]
fn a_manifest_that_was_touched_enrols_nobody() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    let mut manifest = request["manifest"].as_str().unwrap().to_owned();
    manifest.truncate(manifest.len() - 4);
    request["manifest"] = format!("{manifest}AAAA").into();
    let (status, code) = codes(server.client().enrol(&request));
    assert!(
        status == 403 && ["bad-signature", "malformed"].contains(&code.as_str()),
        "{code}"
    );
}

#[test]
fn another_cards_endorsement_enrols_nobody() {
    let server = Running::new();
    let device = Device::new();
    let mut request = device.request(&server.company);
    let other = Company {
        card: Company::new("", 77).card,
        ..Company::new("B Company", 11)
    };
    request["endorsement"]["signature"] =
        device.request(&other)["endorsement"]["signature"].clone();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn a_request_for_a_key_that_the_card_did_not_endorse_is_refused() {
    let server = Running::new();
    let device = Device::new();
    let mut request = device.request(&server.company);
    request["csr"] = Device::new().request(&server.company)["csr"].clone();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn an_endorsement_serves_for_its_own_association_only() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    request["association_id"] = uuid::Uuid::new_v4().to_string().into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (403, "not-endorsed".into())
    );
}

#[test]
fn a_certificate_request_must_be_signed_by_its_key() {
    let server = Running::new();
    let mut request = Device::new().request(&server.company);
    request["csr"] = "MAMCAQA=".into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (400, "bad-csr".into())
    );
}

#[test]
fn what_is_no_request_is_refused_in_words() {
    let server = Running::new();
    let refused = server.client().enrol(&serde_json::json!({"device_id": 1}));
    assert_eq!(codes(refused), (422, "bad-json".into()));
    let mut request = Device::new().request(&server.company);
    request["device_id"] = "phone".into();
    assert_eq!(
        codes(server.client().enrol(&request)),
        (400, "bad-device-id".into())
    );
}

#[test]
fn enrolling_again_gives_a_new_certificate_for_the_same_device() {
    let server = Running::new();
    let device = Device::new();
    let request = device.request(&server.company);
    let (first, second) = (
        server.client().enrol(&request),
        server.client().enrol(&request),
    );
    assert_eq!((first.0, second.0), (200, 200));
    assert_ne!(first.1["certificate"], second.1["certificate"]);
    let devices = server.client().get("/api/v1/devices", &server.token()).1;
    assert_eq!(devices.as_array().unwrap().len(), 1);
}

#[test]
fn a_key_belongs_to_one_device_and_a_device_to_one_key() {
    let server = Running::new();
    let device = Device::new();
    assert_eq!(
        server.client().enrol(&device.request(&server.company)).0,
        200
    );
    let claimed = Device {
        id: Device::new().id,
        association: uuid::Uuid::new_v4(),
        ..device
    };
    let refused = server.client().enrol(&claimed.request(&server.company));
    assert_eq!(codes(refused), (409, "key-in-use".into()));

    let known = Device::new();
    assert_eq!(
        server.client().enrol(&known.request(&server.company)).0,
        200
    );
    let impostor = Device {
        id: known.id,
        ..Device::new()
    };
    let refused = server.client().enrol(&impostor.request(&server.company));
    assert_eq!(codes(refused), (409, "other-key".into()));
}

#[test]
fn an_association_belongs_to_one_device() {
    let server = Running::new();
    let (device, _client) = server.enrolled();
    let other = Device {
        association: device.association,
        ..Device::new()
    };
    let refused = server.client().enrol(&other.request(&server.company));
    assert_eq!(codes(refused), (409, "association-in-use".into()));
}
