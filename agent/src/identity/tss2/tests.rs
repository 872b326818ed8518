//! Laws of the kept form of a TPM's key.

#[cfg(not(feature = "tpm"))]
use p256::pkcs8::EncodePublicKey as _;

use super::*;

/// A key of a TPM: public half as a TPM gives it out, a private half that no TPM made.
fn key() -> (VerifyingKey, Tss2Key) {
    let secret = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = *secret.verifying_key();
    let point = public.to_sec1_point(false);
    let (x, y) = (&point.as_bytes()[1..33], &point.as_bytes()[33..]);
    (public, with(&public_area(x, y)))
}

fn public_area(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut area = Vec::new();
    for number in [ALG_ECC, ALG_SHA256, 0x0004, 0x0472, 0] {
        area.extend(number.to_be_bytes());
    }
    for number in [ALG_NULL, ALG_ECDSA, ALG_SHA256, NIST_P256, ALG_NULL] {
        area.extend(number.to_be_bytes());
    }
    for coordinate in [x, y] {
        area.extend(u16::try_from(coordinate.len()).unwrap().to_be_bytes());
        area.extend(coordinate);
    }
    area
}

fn with(area: &[u8]) -> Tss2Key {
    let mut public = u16::try_from(area.len()).unwrap().to_be_bytes().to_vec();
    public.extend(area);
    Tss2Key {
        kind: LOADABLE,
        empty_auth: Some(true),
        parent: 0x8100_0001,
        public: OctetString::new(public).unwrap(),
        private: OctetString::new(vec![0, 2, 1, 2]).unwrap(),
    }
}

#[test]
fn what_is_kept_is_read_again() {
    let (public, key) = key();
    let pem = key.to_pem().unwrap();
    assert!(Tss2Key::is_meant(&pem));
    let read = Tss2Key::from_pem(&pem).unwrap();
    assert_eq!(read, key);
    assert_eq!(read.verifying_key(), Some(public));
}

#[test]
fn a_coordinate_may_have_lost_its_zeros() {
    // The smallest multiple of the base point whose x begins with a zero.
    let (point, public) = (1_u16..)
        .find_map(|scalar| {
            let mut secret = [0; 32];
            secret[30..].copy_from_slice(&scalar.to_be_bytes());
            let secret = p256::ecdsa::SigningKey::from_slice(&secret).unwrap();
            let point = secret.verifying_key().to_sec1_point(false);
            (point.as_bytes()[1] == 0).then(|| (point, *secret.verifying_key()))
        })
        .unwrap();
    let (x, y) = (&point.as_bytes()[2..33], &point.as_bytes()[33..]);
    assert_eq!(with(&public_area(x, y)).verifying_key(), Some(public));
}

#[test]
fn no_other_kind_of_key_is_taken() {
    let (_, key) = key();
    let whole = key.public.as_bytes()[2..].to_vec();
    // Each of the numbers that say what kind it is, and one byte less or more.
    for place in [1, 3, 11, 13, 15, 17, 19] {
        let mut other = whole.clone();
        other[place] ^= 1;
        assert_eq!(with(&other).verifying_key(), None, "{place}");
    }
    for length in 0..whole.len() {
        assert_eq!(with(&whole[..length]).verifying_key(), None, "{length}");
    }
    assert_eq!(with(&[&*whole, &[0]].concat()).verifying_key(), None);
    let mut off_the_curve = whole;
    *off_the_curve.last_mut().unwrap() ^= 1;
    assert_eq!(with(&off_the_curve).verifying_key(), None);
}

#[test]
fn a_key_with_a_password_or_of_another_format_is_not_taken() {
    let (_, key) = key();
    for empty_auth in [None, Some(false)] {
        let other = Tss2Key {
            empty_auth,
            ..key.clone()
        };
        assert_eq!(Tss2Key::from_pem(&other.to_pem().unwrap()), None);
    }
    let other = Tss2Key {
        kind: ObjectIdentifier::new_unwrap("2.23.133.10.1.4"),
        ..key.clone()
    };
    assert_eq!(Tss2Key::from_pem(&other.to_pem().unwrap()), None);
    let pem = key.to_pem().unwrap();
    for length in 0..pem.trim_end().len() {
        assert_eq!(
            Tss2Key::from_pem(pem.get(..length).unwrap()),
            None,
            "{length}"
        );
    }
}

/// What an agent without support for TPMs makes of such a key.
#[cfg(not(feature = "tpm"))]
#[test]
fn without_support_for_tpms_the_identity_stays_and_says_what_is_missing() {
    use crate::identity::{Identity, KeyPlace, Keys};

    let (public, key) = key();
    let folder = tempfile::tempdir().unwrap();
    let kept = serde_json::json!({
        "device": "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e",
        "association": "0b5f0f0e-52cb-4f35-9d50-8cfbd9d4e8c1",
        "key_pem": key.to_pem().unwrap(),
    });
    let path = folder.path().join("identity.json");
    crate::durable::replace(&path, kept.to_string().as_bytes()).unwrap();
    let (identity, why) =
        Identity::load_or_stand_in(folder.path(), &Keys::at(KeyPlace::Auto)).unwrap();
    assert!(why.is_none());
    assert_eq!(
        identity.spki,
        public.to_public_key_der().unwrap().as_bytes()
    );
    let why = identity.key.sign(b"message").unwrap_err().to_string();
    assert!(why.contains("without support for TPMs"), "{why}");
    let keys = Keys::at(KeyPlace::Auto);
    assert_eq!(identity.clone().with_a_key(folder.path(), &keys), identity);
}

/// Where a TPM is demanded and the agent cannot speak with one, no other kind of key is kept.
#[cfg(not(feature = "tpm"))]
#[test]
fn without_support_for_tpms_a_demanded_one_is_missed() {
    use crate::identity::{Identity, KeyPlace, Keys};

    let folder = tempfile::tempdir().unwrap();
    let (_passing, why) =
        Identity::load_or_stand_in(folder.path(), &Keys::at(KeyPlace::Tpm)).unwrap();
    assert!(cardwarden_policy::explain::chain(&why.unwrap()).contains("without support for TPMs"));
    assert!(!folder.path().join("identity.json").exists());
}
