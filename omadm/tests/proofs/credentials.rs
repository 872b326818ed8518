//! Credentials and challenges, alone.

use omadm::auth::{
    Demand, Denied, Login, MAX_NONCE_LEN, MacHeader, MalformedMac, NoDemand, Nonce, Scheme,
};
use omadm::code::{StatusCode, auth};
use omadm::message::{Challenge, Format, Meta};
use proptest::prelude::*;

fn device() -> Login {
    Login::new("dev1", "devsecret")
}

fn nonce() -> Nonce {
    Nonce::new(*b"nonce-0001")
}

#[test]
fn digests_are_those_of_the_standard() {
    let sent = Login::new("Bruce2", "OhBehave")
        .credentials(Scheme::Md5, &Nonce::new(*b"Nonce"))
        .unwrap();
    assert_eq!(sent.data, "Zz6EivR3yeaaENcRN6lpAQ==");
    assert_eq!(sent.meta.content_type.as_deref(), Some(auth::MD5));
    assert_eq!(sent.meta.format, Some(Format::B64));
    let basic = device().credentials(Scheme::Basic, &nonce()).unwrap();
    assert_eq!(basic.data, "ZGV2MTpkZXZzZWNyZXQ=");
    assert_eq!(device().credentials(Scheme::Mac, &nonce()), None);
    let header = device().mac(&nonce(), b"<SyncML/>").to_string();
    assert_eq!(
        header,
        r#"algorithm=MD5, username="dev1", mac=NiVB8RvICTTGvAegHulW4A=="#
    );
}

#[test]
fn names_of_schemes_are_found_whatever_their_case() {
    for scheme in Scheme::ALL {
        let (cred, account) = (scheme.type_name(), scheme.account_name());
        assert_eq!(Scheme::from_type_name(&cred.to_uppercase()), Some(scheme));
        let lower = account.to_lowercase();
        assert_eq!(Scheme::from_account_name(&lower), Some(scheme));
        assert_eq!(scheme.to_string(), cred);
    }
    assert_eq!(Scheme::from_account_name("X509"), None);
    assert_eq!(Scheme::from_type_name("syncml:auth-none"), None);
}

#[test]
fn a_secret_is_shown_nowhere() {
    assert!(!format!("{:?}", device()).contains("devsecret"));
}

#[test]
fn a_challenge_without_what_it_takes_is_no_demand() {
    let challenge = |scheme: Option<&str>, nonce: Option<&str>, format| Challenge {
        meta: Meta {
            format,
            content_type: scheme.map(str::to_owned),
            next_nonce: nonce.map(str::to_owned),
            ..Meta::default()
        },
    };
    let read = |scheme, nonce, format| Demand::from_challenge(&challenge(scheme, nonce, format));
    let long = "A".repeat(4 * MAX_NONCE_LEN);
    assert!(read(Some(auth::BASIC), None, None).is_ok());
    assert!(read(Some(auth::MD5), Some(" bm9uY2U= "), None).is_ok());
    for nonce in [None, Some("?"), Some(""), Some(long.as_str())] {
        let found = read(Some(auth::MD5), nonce, Some(Format::B64));
        assert_eq!(found, Err(NoDemand::Nonce), "{nonce:?}");
    }
    let found = read(Some(auth::MAC), Some("bm9uY2U="), Some(Format::Chr));
    assert_eq!(found, Err(NoDemand::Nonce));
    let found = read(Some("http-digest"), Some("bm9uY2U="), None);
    assert_eq!(found, Err(NoDemand::Scheme(Some("http-digest".into()))));
    assert_eq!(read(None, None, None), Err(NoDemand::Scheme(None)));
}

#[test]
fn a_header_in_any_order_is_read_and_a_wrong_one_named() {
    let mac = "NiVB8RvICTTGvAegHulW4A==";
    let read = |text: &str| text.parse::<MacHeader>();
    let expected = Ok(device().mac(&nonce(), b"<SyncML/>"));
    for text in [
        format!("mac={mac},username=dev1"),
        format!("  Username = \"dev1\" , MAC=\"{mac}\" , algorithm=\"md5\" "),
        format!("username=\"d\\ev1\", realm=x, mac={mac},"),
    ] {
        assert_eq!(read(&text), expected, "{text}");
    }
    for (text, error) in [
        ("", MalformedMac::Parameter("username")),
        ("mac", MalformedMac::Shape),
        ("username=\"dev1", MalformedMac::Shape),
        ("username=\"dev1\" mac=x", MalformedMac::Shape),
        ("algorithm=SHA1, username=a", MalformedMac::Algorithm),
        (
            "username=a, username=b",
            MalformedMac::Parameter("username"),
        ),
        ("username=a", MalformedMac::Parameter("mac")),
        ("username=a, mac=AAAA", MalformedMac::Mac),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
    assert_eq!(read(&"a=b,".repeat(1_000)), Err(MalformedMac::Shape));
}

proptest! {
    #[test]
    fn only_the_right_name_secret_and_nonce_pass(
        name in "[a-c]{1,2}", secret in "[a-c]{1,2}", nonce in "[a-c]{1,2}",
        other in ("[a-c]{1,2}", "[a-c]{1,2}", "[a-c]{1,2}"),
    ) {
        let login = Login::new(&*name, &*secret);
        let ours = Nonce::new(&*nonce);
        let (other_name, other_secret, other_nonce) = other;
        let theirs = Nonce::new(&*other_nonce);
        let stranger = Login::new(&*other_name, &*other_secret);
        let is_same_login = login == stranger;
        let is_same = is_same_login && ours == theirs;
        let sent = stranger.credentials(Scheme::Md5, &theirs).unwrap();
        prop_assert_eq!(login.verify(&sent, Scheme::Md5, &ours).is_ok(), is_same);
        let basic = stranger.credentials(Scheme::Basic, &theirs).unwrap();
        prop_assert_eq!(login.verify(&basic, Scheme::Basic, &ours).is_ok(), is_same_login);
        let other_scheme = login.verify(&basic, Scheme::Md5, &ours);
        prop_assert_eq!(other_scheme, Err(Denied::OtherScheme));
        prop_assert_eq!(Denied::OtherScheme.code(), StatusCode::INVALID_CREDENTIALS);
        let mac = stranger.mac(&theirs, b"body");
        prop_assert_eq!(login.verify_mac(&mac, &ours, b"body").is_ok(), is_same);
        prop_assert!(login.verify_mac(&mac, &ours, b"other").is_err());
    }

    #[test]
    fn a_header_is_read_as_it_was_written(name in "[ -~]{0,40}", mac in any::<[u8; 16]>()) {
        let header = MacHeader { name, mac };
        prop_assert_eq!(header.to_string().parse(), Ok(header));
    }

    #[test]
    fn any_header_is_read_or_refused(text in "[a-z=\", \\\\]{0,40}|\\PC{0,40}") {
        let read: Result<MacHeader, MalformedMac> = text.parse();
        if let Ok(header) = read {
            prop_assert_eq!(header.to_string().parse(), Ok(header));
        }
    }

    #[test]
    fn a_demand_survives_its_challenge(octets in prop::collection::vec(any::<u8>(), 1..=128)) {
        for scheme in Scheme::ALL {
            let demand = Demand { scheme, nonce: Some(Nonce::new(octets.clone())) };
            prop_assert_eq!(Demand::from_challenge(&demand.to_challenge()), Ok(demand));
        }
    }
}
