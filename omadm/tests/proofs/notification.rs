//! Package 0.

use omadm::auth::{Login, Nonce};
use omadm::message::Initiator;
use omadm::notification::{
    MAX_VENDOR_LEN, Malformed, NotGenuine, Notification, UiMode, Unverified, Unwritable,
};
use proptest::prelude::*;

const TRIGGER: &str = "02d80000001a2b0f646d2e6578616d706c652e74657374";

fn server() -> Login {
    Login::new("dm.example.test", "srvsecret")
}

fn nonce() -> Nonce {
    Nonce::new(*b"nonce-0001")
}

fn package() -> Notification {
    Notification {
        ui_mode: UiMode::Background,
        ..Notification::new("dm.example.test", 0x1A2B)
    }
}

fn hex(bytes: &[u8]) -> String {
    let add = |text: String, byte: &u8| text + &format!("{byte:02x}");
    bytes.iter().fold(String::new(), add)
}

#[test]
fn the_package_is_that_of_the_vector() {
    let null = |place: usize| Nonce::nulls()[place].clone();
    for (nonce, digest) in [
        (nonce(), "7ec5f9b915792d97264db4a8aff6e2ba"),
        (null(0), "1d3a3303c477430dc67e97a854b1f508"),
        (null(1), "194f82848891791b0c229b30a5e672d0"),
    ] {
        let bytes = package().to_bytes(&server(), &nonce).unwrap();
        assert_eq!(hex(&bytes), format!("{digest}{TRIGGER}"));
    }
}

#[test]
fn a_lost_nonce_is_told_from_a_forgery() {
    for null in Nonce::nulls() {
        let bytes = package().to_bytes(&server(), &null).unwrap();
        let received = Unverified::parse(&bytes).unwrap();
        assert_eq!(
            received.clone().verify(&server(), &nonce()),
            Err(NotGenuine)
        );
        let verified = received.verify_or_null(&server(), &nonce()).unwrap();
        assert_eq!(verified.null_nonce, Some(null));
    }
    let bytes = package().to_bytes(&server(), &nonce()).unwrap();
    let received = Unverified::parse(&bytes).unwrap();
    let verified = received
        .clone()
        .verify_or_null(&server(), &nonce())
        .unwrap();
    assert_eq!(verified.null_nonce, None);
    let stranger = Login::new("dm.example.test", "guess");
    assert_eq!(
        received.verify_or_null(&stranger, &nonce()),
        Err(NotGenuine)
    );
}

#[test]
fn a_secret_of_another_server_signs_nothing() {
    let other = Login::new("other.example.test", "srvsecret");
    let bytes = package().to_bytes(&other, &nonce()).unwrap();
    let received = Unverified::parse(&bytes).unwrap();
    assert_eq!(received.verify(&other, &nonce()), Err(NotGenuine));
}

#[test]
fn what_no_device_would_take_is_not_written() {
    let write = |package: Notification| package.to_bytes(&server(), &nonce()).unwrap_err();
    assert_eq!(write(Notification::new("", 1)), Unwritable::ServerId(0));
    let long = "x".repeat(256);
    assert_eq!(write(Notification::new(long, 1)), Unwritable::ServerId(256));
    assert_eq!(write(Notification::new("a", 0)), Unwritable::Session);
    let version = Notification {
        version: 13,
        ..package()
    };
    assert_eq!(write(version), Unwritable::Version(13));
    let vendor = vec![0; MAX_VENDOR_LEN + 1];
    let vendor = Notification {
        vendor,
        ..package()
    };
    assert_eq!(write(vendor), Unwritable::Vendor(MAX_VENDOR_LEN + 1));
}

#[test]
fn what_is_no_package_is_named() {
    let bytes = package().to_bytes(&server(), &nonce()).unwrap();
    for len in 0..bytes.len() {
        let found = Unverified::parse(&bytes[..len]).unwrap_err();
        assert_eq!(found, Malformed::Short(len));
    }
    let changed = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        Unverified::parse(&bytes).unwrap_err()
    };
    assert_eq!(changed(16, 0), Malformed::Version(3));
    assert_eq!(changed(23, 0), Malformed::ServerId);
    assert_eq!(changed(24, 0xFF), Malformed::ServerId);
    let mut none = bytes.clone();
    none[21..23].fill(0);
    assert_eq!(Unverified::parse(&none).unwrap_err(), Malformed::Session);
    let mut long = bytes;
    long.resize(2_000, 0);
    assert_eq!(Unverified::parse(&long).unwrap_err(), Malformed::Long);
}

fn arbitrary() -> impl Strategy<Value = Notification> {
    let modes = [
        UiMode::Unspecified,
        UiMode::Background,
        UiMode::Informative,
        UiMode::UserInteraction,
    ];
    (
        10_u16..=12,
        prop::sample::select(modes.to_vec()),
        prop::sample::select(vec![Initiator::Client, Initiator::Server]),
        1_u16..,
        "[a-zé.]{1,60}",
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(
            |(version, ui_mode, initiator, session, server_id, vendor)| Notification {
                version,
                ui_mode,
                initiator,
                session,
                server_id,
                vendor,
            },
        )
}

proptest! {
    #[test]
    fn a_package_is_read_as_it_was_written(package in arbitrary()) {
        let server = Login::new(&*package.server_id, "srvsecret");
        let bytes = package.to_bytes(&server, &nonce()).unwrap();
        let received = Unverified::parse(&bytes).unwrap();
        prop_assert_eq!(received.verify(&server, &nonce()), Ok(package));
    }

    #[test]
    fn a_changed_bit_is_a_forgery(
        package in arbitrary(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let server = Login::new(&*package.server_id, "srvsecret");
        let mut bytes = package.to_bytes(&server, &nonce()).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(received) = Unverified::parse(&bytes) {
            prop_assert_eq!(received.verify(&server, &nonce()), Err(NotGenuine));
        }
    }

    #[test]
    fn any_octets_are_a_package_or_none(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(received) = Unverified::parse(&bytes) {
            prop_assert!(!received.server_id().is_empty());
            prop_assert!(received.verify(&server(), &nonce()).is_err());
        }
    }
}
