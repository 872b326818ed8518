//! `POST /enrol`: a device that a company's card has endorsed gets its certificate.
//!
//! ```text
//! company key ──signs──► manifest ──names──► card key ──signs──► endorsement of
//!                                            (device, association, device key, nonce)
//! device key ──signs──► CSR                  all three must agree
//! ```
//!
//! A card without a key says its serial number instead, and the device is listed as enrolled with a
//! copyable card.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cardwarden_policy::explain::chain;
use cardwarden_policy::{Anchors, Endorsement, Manifest, Proof, Rejected};
use jiff::Timestamp;
use rcgen::{CertificateSigningRequestParams, PublicKeyData as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Server;
use crate::problem::Problem;
use crate::store::{Conflict, Enrolment, Identity};

/// Longest request, in bytes: manifest and CSR in base64, with room.
pub(crate) const MAX_REQUEST: usize = 32 * 1024;
/// Longest nonce of an endorsement, in bytes.
const MAX_NONCE: usize = 64;
/// Longest of the words that a device says of itself, in bytes.
const MAX_WORD: usize = 100;

/// Bytes, in base64 (RFC 4648, 4) in JSON.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD
            .decode(text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// What a device sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// `urn:uuid:…`.
    pub device_id: String,
    /// The association that begins.
    pub association_id: Uuid,
    /// PKCS#10 in DER, signed by the device's key; what it says beside the key is not used.
    pub csr: Base64,
    /// The card's manifest, as its company signed it.
    pub manifest: Base64,
    /// What the card says of the device's key.
    pub endorsement: ShownEndorsement,
    /// What the device says of itself.
    #[serde(default)]
    pub identity: Identity,
}

/// What of an endorsement is not said elsewhere in the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownEndorsement {
    /// The device's fresh bytes.
    pub nonce: Base64,
    /// With what the card shows that it is the one that the manifest is for.
    #[serde(flatten)]
    pub proof: ShownProof,
}

/// A [`Proof`] in JSON: one of these two members.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShownProof {
    /// The signature of the card's key: ECDSA P-256 with SHA-256, DER.
    Signature(Base64),
    /// The number of a card without a key.
    Serial(Base64),
}

impl From<&ShownProof> for Proof {
    fn from(shown: &ShownProof) -> Self {
        match shown {
            ShownProof::Signature(signature) => Self::Signature(signature.0.clone()),
            ShownProof::Serial(serial) => Self::Serial(serial.0.clone()),
        }
    }
}

/// What a device gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolReply {
    /// Its certificate, DER.
    pub certificate: Base64,
    /// The authorities above it, DER.
    pub chain: Vec<Base64>,
    /// When the certificate ends.
    pub expires_at: Timestamp,
}

/// Why a device is not enrolled.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the device id is not `urn:uuid:` with a lower-case uuid")]
    DeviceId,
    #[error("the endorsement's nonce or a word of the identity is too long")]
    TooLong,
    #[error("the manifest is not believed")]
    Manifest(#[source] Rejected),
    #[error("the certificate request cannot be read, or its signature does not fit its key")]
    Request(#[source] rcgen::Error),
    #[error("the certificate request is not for a P-256 key")]
    KeyKind,
    #[error("the card has not endorsed this key for this device and association")]
    NotEndorsed(#[source] Rejected),
}

impl Refused {
    const fn code(&self) -> &'static str {
        match self {
            Self::DeviceId => "bad-device-id",
            Self::TooLong => "too-long",
            Self::Manifest(rejected) => rejected.code(),
            Self::Request(_) => "bad-csr",
            Self::KeyKind => "bad-key-kind",
            Self::NotEndorsed(_) => "not-endorsed",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::DeviceId | Self::TooLong | Self::Request(_) | Self::KeyKind => {
                StatusCode::BAD_REQUEST
            }
            Self::Manifest(_) | Self::NotEndorsed(_) => StatusCode::FORBIDDEN,
        }
    }
}

impl Conflict {
    const fn code(self) -> &'static str {
        match self {
            Self::KeyInUse => "key-in-use",
            Self::OtherKey => "other-key",
            Self::AssociationInUse => "association-in-use",
        }
    }
}

/// Takes a device in.
pub(crate) async fn enrol(
    State(server): State<Server>,
    request: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<Json<EnrolReply>, Problem> {
    let Json(request) = request
        .map_err(|rejection| Problem::new(rejection.status(), "bad-json", rejection.body_text()))?;
    let (enrolment, key) = examine(&server.companies, &request).map_err(|refused| {
        let problem = chain(&refused);
        tracing::warn!(
            device = request.device_id,
            code = refused.code(),
            problem,
            "not enrolled"
        );
        Problem::new(refused.status(), refused.code(), problem)
    })?;
    let now = Timestamp::now();
    let certificate = server
        .authority
        .admit(&enrolment.device, &key, now)
        .map_err(|error| Problem::internal(&error))?;
    server
        .store
        .enrol(&enrolment, now)
        .await
        .map_err(|error| Problem::internal(&error))?
        .map_err(|conflict| {
            let code = conflict.code();
            tracing::warn!(device = enrolment.device, code, "not enrolled");
            Problem::new(StatusCode::CONFLICT, code, conflict.to_string())
        })?;
    tracing::info!(
        device = enrolment.device,
        company = enrolment.company,
        "enrolled"
    );
    Ok(Json(EnrolReply {
        certificate: Base64(certificate.der.to_vec()),
        chain: vec![Base64(server.authority.certificate().to_vec())],
        expires_at: certificate.expires_at,
    }))
}

/// Believes a request, or says why not.
fn examine(
    companies: &Anchors,
    request: &EnrolRequest,
) -> Result<(Enrolment, rcgen::PublicKey), Refused> {
    let uuid: Uuid = request
        .device_id
        .strip_prefix("urn:uuid:")
        .and_then(|uuid| uuid.parse().ok())
        .ok_or(Refused::DeviceId)?;
    // One spelling only, so that one device is one row.
    if uuid.urn().to_string() != request.device_id {
        return Err(Refused::DeviceId);
    }
    let identity = &request.identity;
    let words = [&identity.manufacturer, &identity.model, &identity.agent];
    if request.endorsement.nonce.0.len() > MAX_NONCE
        || words.iter().any(|word| word.len() > MAX_WORD)
    {
        return Err(Refused::TooLong);
    }
    // A delegation counts at the time of the signature: its end takes nothing back.
    let manifest = companies
        .verify_at::<Manifest>(&request.manifest.0, None)
        .map_err(Refused::Manifest)?;
    let csr = request.csr.0.as_slice().into();
    let key = CertificateSigningRequestParams::from_der(&csr)
        .map_err(Refused::Request)?
        .public_key;
    if key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
        return Err(Refused::KeyKind);
    }
    let endorsement = Endorsement {
        device: request.device_id.clone(),
        association: request.association_id,
        device_key: key.subject_public_key_info(),
        nonce: request.endorsement.nonce.0.clone(),
    };
    endorsement
        .verify(&manifest, &Proof::from(&request.endorsement.proof))
        .map_err(Refused::NotEndorsed)?;
    let enrolment = Enrolment {
        device: endorsement.device,
        device_key: endorsement.device_key,
        association: endorsement.association,
        company: manifest.company.clone(),
        version: manifest.version,
        card: manifest.card.clone(),
        identity: request.identity.clone(),
    };
    Ok((enrolment, key))
}
