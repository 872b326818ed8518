//! Short statements that are signed by themselves: the card's endorsement of a device's key, the
//! company's release of a device, and its orders to one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::document::Switch;
use crate::function::Function;
use crate::manifest::{CardIdentity, Manifest};
use crate::trust::{Rejected, Verified};

/// First bytes of everything that a card signs for a device, so that such a signature can never
/// be taken for one over something else.
const ENDORSEMENT_DOMAIN: &[u8] = b"cardwarden endorsement 1\0";

/// What a card signs when it meets a device: it proves that the card holds its own key (it is no
/// copy), and endorses the key with which the device will speak to the company's server.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Endorsement {
    /// The device, `urn:uuid:…`.
    pub device: String,
    /// The association that this belongs to.
    pub association: Uuid,
    /// The device's public key, `SubjectPublicKeyInfo` in DER.
    #[serde(with = "serde_bytes")]
    pub device_key: Vec<u8>,
    /// Fresh bytes from the device.
    #[serde(with = "serde_bytes")]
    pub nonce: Vec<u8>,
}

impl Endorsement {
    /// The bytes whose SHA-256 the card signs. Every field is preceded by its length, so no two
    /// endorsements share their bytes.
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        let mut bytes = ENDORSEMENT_DOMAIN.to_vec();
        for field in [
            self.device.as_bytes(),
            self.association.as_bytes(),
            &self.device_key,
            &self.nonce,
        ] {
            bytes.extend(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend(field);
        }
        bytes
    }

    /// Whether the card in the reader is the one that the company's manifest is for: its key
    /// signed this (ECDSA P-256 with SHA-256), or it says the same number.
    pub fn verify(
        &self,
        card: &Verified<Manifest>,
        proof: &Proof,
    ) -> Result<Authenticity, Rejected> {
        match (&card.card, proof) {
            (CardIdentity::Key(point), Proof::Signature(signature)) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                    .map_err(|_malformed| Rejected::CardKey)?;
                let signature = p256::ecdsa::DerSignature::from_bytes(signature)
                    .map_err(|_malformed| Rejected::Copy)?;
                key.verify(&self.to_signed_bytes(), &signature)
                    .map_err(|_mismatch| Rejected::Copy)?;
                Ok(Authenticity::OwnKey)
            }
            (CardIdentity::Serial { serial, .. }, Proof::Serial(said)) if serial == said => {
                Ok(Authenticity::Copyable)
            }
            (CardIdentity::Key(_) | CardIdentity::Serial { .. }, _) => Err(Rejected::Copy),
        }
    }
}

/// With what a card shows that it is the one that its manifest is for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// The signature of its key over [`Endorsement::to_signed_bytes`], DER.
    Signature(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The number that it says, where it has no key that signs without a PIN.
    Serial(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// How well it is known that a card is no copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authenticity {
    /// It has proved that it holds its own key, which leaves no card.
    OwnKey,
    /// It says the right number, which a copy can say as well.
    Copyable,
}

impl Authenticity {
    /// The word for it, in interfaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnKey => "own-key",
            Self::Copyable => "copyable",
        }
    }
}

/// The company lets a device go. It names the association, so that it can never serve again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The company's name.
    pub company: String,
    /// The device, `urn:uuid:…`.
    pub device: String,
    /// The association that ends.
    pub association: Uuid,
    /// From when on; at once when it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

impl Release {
    /// Whether the device is let go by now. Without a time that is known to be right, a release
    /// with a date waits.
    pub fn is_due(&self, now: Option<Timestamp>) -> bool {
        self.from
            .is_none_or(|from| now.is_some_and(|now| now >= from))
    }
}

/// The company, or a server to which it delegated, switches functions of one device, by whatever
/// way the order comes there.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Order {
    /// The company's name.
    pub company: String,
    /// The device, `urn:uuid:…`.
    pub device: String,
    /// The association under which it is given.
    pub association: Uuid,
    /// When it was given. Of two orders about a function, the later counts.
    pub issued: Timestamp,
    /// The functions that it switches.
    pub functions: BTreeSet<Function>,
    /// How.
    pub action: Switch,
    /// When it ends; with the association, when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

impl Order {
    /// Refuses what no order can mean.
    pub(crate) fn check(&self) -> Result<(), Rejected> {
        let in_time = self.ends.is_none_or(|end| end > self.issued);
        if self.functions.is_empty() || !in_time {
            return Err(Rejected::PointlessOrder);
        }
        Ok(())
    }
}
