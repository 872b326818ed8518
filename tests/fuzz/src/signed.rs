//! What a company signs, and what lies behind its signature.

use std::sync::LazyLock;

use cardwarden_policy::manifest::Mandate;
use cardwarden_policy::statement::Order;
use cardwarden_policy::trust::{Delegation, Rejected, Signed, Verified};
use cardwarden_policy::{Context, Group, GroupEntry, Manifest, Release, Standing, decide};
use coset::{CborSerializable as _, ContentType, CoseSign1, CoseSign1Builder, Header};
use ed25519_dalek::Signer as _;
use jiff::Timestamp;

use crate::company::{COMPANY, ISSUED, delegation, manifest};
use crate::{SLOW, Target};

/// Nobody but the company says anything: bytes are believed only if they say what the company
/// signed.
pub(crate) const SIGNED: Target = Target {
    name: "signed",
    check: nothing_is_forged,
    seeds: genuine,
    words: &[
        "application/vnd.cardwarden.manifest+cbor",
        "application/vnd.cardwarden.release+cbor",
        "application/vnd.cardwarden.order+cbor",
        "application/vnd.cardwarden.delegation+cbor",
    ],
    inputs: SLOW,
    longest: 1024,
};

/// The same, when one part of a signed message is exchanged for other bytes: the first byte says
/// which.
pub(crate) const PART: Target = Target {
    name: "signed-part",
    check: |bytes| {
        if let Some((which, bytes)) = bytes.split_first() {
            let message = GENUINE.get(usize::from(which / 4) % GENUINE.len());
            nothing_is_forged(&exchanged(message.unwrap(), *which, bytes));
        }
    },
    seeds: || {
        let messages = genuine().into_iter().map(|message| parts(&message));
        let parts = messages.flat_map(|message| {
            [
                message.payload.unwrap(),
                message.signature,
                message.protected.original_data.unwrap(),
                message.protected.header.key_id,
            ]
        });
        let named = parts.zip(0..);
        named
            .map(|(part, which)| [vec![which], part].concat())
            .collect()
    },
    words: &[],
    inputs: SLOW,
    longest: 512,
};

/// Any payload behind the company's own signature is read or refused, and what is read is signed
/// and read again as the same.
pub(crate) const PAYLOAD: Target = Target {
    name: "signed-payload",
    check: |bytes| {
        reads_the_same_again::<Manifest>(bytes);
        reads_the_same_again::<Release>(bytes);
        reads_the_same_again::<Order>(bytes);
        reads_the_same_again::<Delegation>(bytes);
    },
    seeds: || {
        let messages = genuine().into_iter().map(|message| parts(&message));
        messages.map(|message| message.payload.unwrap()).collect()
    },
    words: &[
        "layout",
        "company",
        "version",
        "issued",
        "card",
        "groups",
        "device",
        "association",
        "kinds",
        "containers",
        "functions",
        "action",
        "ends",
        "powers",
        "orders",
        "tighten",
        "not-before",
    ],
    inputs: SLOW,
    longest: 1024,
};

/// A server says what the company let it say, and nobody says anything else in its place.
pub(crate) const DELEGATED: Target = Target {
    name: "delegated",
    check: |bytes| {
        no_order_is_forged(bytes);
        if let Some((which, bytes)) = bytes.split_first() {
            no_order_is_forged(&exchanged(&COMPANY.delegated, *which, bytes));
        }
    },
    seeds: || {
        let protected = parts(&COMPANY.delegated).protected.original_data.unwrap();
        vec![
            COMPANY.delegated.clone(),
            [&[2], protected.as_slice()].concat(),
        ]
    },
    words: &["application/vnd.cardwarden.order+cbor", "powers", "orders"],
    inputs: SLOW,
    longest: 2048,
};

/// Any group that the company's manifest vouches for is read or refused, and what is read is
/// written and read again as the same. Whatever it says is decided, until a later instant.
pub(crate) const GROUP: Target = Target {
    name: "group",
    check: |bytes| {
        if let Ok(mandate) = vouched_for(bytes) {
            let written = Group::from_bytes(bytes).unwrap().to_bytes().unwrap();
            assert_eq!(vouched_for(&written).unwrap(), mandate);
            is_decided(&Standing::Proven(Box::new(mandate)));
        }
    },
    seeds: || vec![COMPANY.group.clone()],
    words: &[
        "org.cardwarden.policy/1.0",
        "urn:oma:mo:oma-dm-dmacc:1.0",
        "Rules",
        "weekly",
        "disable",
        "camera",
    ],
    inputs: SLOW,
    longest: 4096,
};

/// Everything that the company signed, with either key.
static GENUINE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let keys = [&COMPANY.p256, &COMPANY.ed25519];
    keys.into_iter()
        .flat_map(|key| {
            [
                key.sign(&COMPANY.manifest).unwrap(),
                key.sign(&COMPANY.release).unwrap(),
                key.sign(&COMPANY.order).unwrap(),
                key.sign(&delegation()).unwrap(),
            ]
        })
        .collect()
});

pub(crate) fn genuine() -> Vec<Vec<u8>> {
    GENUINE.clone()
}

fn parts(message: &[u8]) -> CoseSign1 {
    CoseSign1::from_slice(message).unwrap()
}

fn nothing_is_forged(bytes: &[u8]) {
    assert!(believed::<Manifest>(bytes).is_none_or(|said| said == COMPANY.manifest));
    assert!(believed::<Release>(bytes).is_none_or(|said| said == COMPANY.release));
    assert!(believed::<Order>(bytes).is_none_or(|said| said == COMPANY.order));
    assert!(believed::<Delegation>(bytes).is_none_or(|said| said == delegation()));
}

fn believed<T: Signed + Clone>(bytes: &[u8]) -> Option<T> {
    let believed = COMPANY.anchors.verify::<T>(bytes).ok()?;
    Some(T::clone(&believed))
}

fn no_order_is_forged(bytes: &[u8]) {
    assert!(believed_now::<Order>(bytes).is_none_or(|said| said == COMPANY.order));
    // The server has no power over these.
    assert!(believed_now::<Manifest>(bytes).is_none());
    assert!(believed_now::<Release>(bytes).is_none());
}

fn believed_now<T: Signed + Clone>(bytes: &[u8]) -> Option<T> {
    let believed = COMPANY.anchors.verify_at::<T>(bytes, Some(ISSUED)).ok()?;
    Some(T::clone(&believed))
}

fn exchanged(message: &[u8], which: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = parts(message);
    match which % 4 {
        0 => message.payload = Some(bytes.to_vec()),
        1 => message.signature = bytes.to_vec(),
        2 => message.protected.original_data = Some(bytes.to_vec()),
        _ => message.unprotected.key_id = bytes.to_vec(),
    }
    message.to_vec().unwrap()
}

fn reads_the_same_again<T: Signed + PartialEq + std::fmt::Debug>(payload: &[u8]) {
    let believed: Result<Verified<T>, Rejected> = COMPANY.anchors.verify(&signed::<T>(payload));
    if let Ok(believed) = believed {
        let again = COMPANY.ed25519.sign::<T>(&believed).unwrap();
        assert_eq!(COMPANY.anchors.verify::<T>(&again).unwrap(), believed);
    }
}

/// Signs bytes as they are: the product signs only what it understands.
fn signed<T: Signed>(payload: &[u8]) -> Vec<u8> {
    let key = ed25519_dalek::SigningKey::from_bytes(&[2; 32]);
    let genuine = parts(&COMPANY.ed25519.sign(&COMPANY.release).unwrap());
    let protected = Header {
        content_type: Some(ContentType::Text(T::CONTENT_TYPE.to_owned())),
        ..genuine.protected.header
    };
    CoseSign1Builder::new()
        .protected(protected)
        .payload(payload.to_vec())
        .create_signature(&[], |bytes| key.sign(bytes).to_bytes().to_vec())
        .build()
        .to_vec()
        .unwrap()
}

/// The group of these bytes, from a manifest that names them.
fn vouched_for(bytes: &[u8]) -> Result<Verified<Mandate>, Rejected> {
    let entry = GroupEntry::describing(1, "all", bytes, vec![0x005F_C11F]);
    let signed = COMPANY.ed25519.sign(&manifest(vec![entry.clone()]))?;
    let manifest = COMPANY.anchors.verify::<Manifest>(&signed)?;
    manifest.group(&entry, bytes)
}

/// On a working day, in a night when clocks are put forward, shortly before the last instant that
/// there is, and at no known time.
fn is_decided(standing: &Standing) {
    for second in [1_790_000_000, 1_805_590_800, 253_402_200_000] {
        let now = Timestamp::from_second(second).unwrap();
        let decision = decide(standing, &[], &Context::default(), Some(now));
        assert!(decision.until.is_none_or(|until| until > now));
    }
    let decision = decide(standing, &[], &Context::default(), None);
    assert_eq!(decision.until, None);
}
