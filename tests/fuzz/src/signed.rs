//! What a company signs, and what lies behind its signature.

use cardwarden_policy::trust::{Rejected, Signed, Verified};
use cardwarden_policy::{GroupEntry, Manifest, Release};
use coset::{
    CborSerializable as _, ContentType, CoseSign1, CoseSign1Builder, Header, ProtectedHeader,
};
use ed25519_dalek::Signer as _;

use crate::Target;
use crate::company::{COMPANY, manifest};

/// Nobody but the company says anything: bytes are believed only if they say what the company signed.
pub(crate) const SIGNED: Target = Target {
    name: "signed",
    check: nothing_is_forged,
    seeds: genuine,
    words: &[
        "\u{1}",
        "application/vnd.cardwarden.manifest+cbor",
        "application/vnd.cardwarden.release+cbor",
    ],
    longest: 1024,
};

/// The same, when one part of a signed message is exchanged for other bytes: the first byte says which.
pub(crate) const PART: Target = Target {
    name: "signed-part",
    check: |bytes| {
        if let Some((which, bytes)) = bytes.split_first() {
            for message in genuine() {
                nothing_is_forged(&exchanged(&message, *which, bytes));
            }
        }
    },
    seeds: || {
        let parts = genuine()
            .into_iter()
            .map(|message| CoseSign1::from_slice(&message).unwrap());
        parts
            .flat_map(|message| {
                [
                    message.payload.unwrap(),
                    message.signature,
                    message.protected.original_data.unwrap(),
                    message.protected.header.key_id,
                ]
            })
            .zip((0..4).cycle())
            .map(|(part, which)| [vec![which], part].concat())
            .collect()
    },
    words: &[],
    longest: 512,
};

/// Any payload behind the company's own signature is read or refused, and what is read is signed and read again as
/// the same.
pub(crate) const PAYLOAD: Target = Target {
    name: "signed-payload",
    check: |bytes| {
        reads_the_same_again::<Manifest>(bytes);
        reads_the_same_again::<Release>(bytes);
    },
    seeds: || {
        let parts = genuine()
            .into_iter()
            .map(|message| CoseSign1::from_slice(&message).unwrap());
        parts.map(|message| message.payload.unwrap()).collect()
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
    ],
    longest: 1024,
};

/// Any group that the company's manifest vouches for is read or refused, and what is read is written and read again
/// as the same.
pub(crate) const GROUP: Target = Target {
    name: "group",
    check: |bytes| {
        if let Ok(mandate) = vouched_for(bytes) {
            let written = mandate.to_bytes();
            assert_eq!(vouched_for(&written).unwrap(), mandate);
        }
    },
    seeds: || vec![COMPANY.group.clone()],
    words: &[
        "policy",
        "account",
        "server_url",
        "server_id",
        "ca",
        "weekly",
        "when",
        "rules",
        "on-unknown",
    ],
    longest: 2048,
};

/// Everything that the company signed, with either key.
pub(crate) fn genuine() -> Vec<Vec<u8>> {
    [&COMPANY.p256, &COMPANY.ed25519]
        .into_iter()
        .flat_map(|key| {
            [
                key.sign(&COMPANY.manifest).unwrap(),
                key.sign(&COMPANY.release).unwrap(),
            ]
        })
        .collect()
}

fn nothing_is_forged(bytes: &[u8]) {
    if let Ok(believed) = COMPANY.anchors.verify::<Manifest>(bytes) {
        assert_eq!(*believed, COMPANY.manifest);
    }
    if let Ok(believed) = COMPANY.anchors.verify::<Release>(bytes) {
        assert_eq!(*believed, COMPANY.release);
    }
}

fn exchanged(message: &[u8], which: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = CoseSign1::from_slice(message).unwrap();
    match which % 4 {
        0 => message.payload = Some(bytes.to_vec()),
        1 => message.signature = bytes.to_vec(),
        2 => {
            message.protected = ProtectedHeader {
                original_data: Some(bytes.to_vec()),
                ..message.protected
            };
        }
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
    let genuine = CoseSign1::from_slice(&COMPANY.ed25519.sign(&COMPANY.release).unwrap()).unwrap();
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
fn vouched_for(bytes: &[u8]) -> Result<cardwarden_policy::Group, Rejected> {
    let entry = GroupEntry::describing(1, "all", bytes, vec![0x005F_C11F]);
    let signed = COMPANY.ed25519.sign(&manifest(vec![entry.clone()]))?;
    let manifest = COMPANY.anchors.verify::<Manifest>(&signed)?;
    Ok(manifest.group(&entry, bytes)?.group.clone())
}
