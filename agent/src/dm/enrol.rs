//! Enrolment: the card's endorsement and the device's own request, for a certificate.

use cardwarden_policy::Proof;
use jiff::Timestamp;
use rcgen::{CertificateParams, DnType};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::https::{self, Https};
use super::machine::Machine;
use super::record::{Certificate, Record};
use crate::identity::{DeviceKey, KeyError};
use crate::store::Bytes;

/// Most certificates that a server may send for one device.
const MAX_CHAIN: usize = 4;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The device's key makes no request.
    #[error("the device's key makes no certificate request")]
    Request(#[from] KeyError),
    /// The server did not give one.
    #[error("the server did not enrol this device")]
    Exchange(#[from] https::Error),
    /// The request cannot be written, or the answer cannot be read.
    #[error("the server's answer to the enrolment cannot be read")]
    Answer(#[from] serde_json::Error),
    /// What the server gave is no certificate for this device's key.
    #[error("the server gave a certificate that does not serve this device")]
    Certificate,
}

#[derive(Serialize)]
struct EnrolRequest<'a> {
    device_id: &'a str,
    association_id: Uuid,
    csr: Bytes,
    manifest: &'a Bytes,
    endorsement: ShownEndorsement,
    identity: Identity<'a>,
}

#[derive(Serialize)]
struct ShownEndorsement {
    nonce: Bytes,
    #[serde(flatten)]
    proof: ShownProof,
}

/// With what the card shows that it is the one that the manifest is for.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum ShownProof {
    Signature(Bytes),
    Serial(Bytes),
}

impl From<&Proof> for ShownProof {
    fn from(proof: &Proof) -> Self {
        match proof {
            Proof::Signature(signature) => Self::Signature(Bytes(signature.clone())),
            Proof::Serial(serial) => Self::Serial(Bytes(serial.clone())),
        }
    }
}

#[derive(Serialize)]
struct Identity<'a> {
    manufacturer: &'a str,
    model: &'a str,
    agent: &'a str,
}

#[derive(Deserialize)]
struct EnrolReply {
    certificate: Bytes,
    chain: Vec<Bytes>,
    expires_at: Timestamp,
}

/// Asks the record's server for a certificate. Blocks.
pub(super) fn enrol(record: &Record, machine: &Machine) -> Result<Certificate, Error> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, record.device.as_str());
    let request = EnrolRequest {
        device_id: &record.device,
        association_id: record.association,
        csr: Bytes(record.device_key.request(&params)?),
        manifest: &record.manifest,
        endorsement: ShownEndorsement {
            nonce: Bytes(record.endorsement.nonce.clone()),
            proof: (&record.proof).into(),
        },
        identity: Identity {
            manufacturer: &machine.manufacturer,
            model: &machine.model,
            agent: env!("CARGO_PKG_VERSION"),
        },
    };
    let address = format!("{}/enrol", record.account.server_url.trim_end_matches('/'));
    let answer = Https::new(record, &[])?.post(
        &address,
        "application/json",
        &serde_json::to_vec(&request)?,
    )?;
    let reply: EnrolReply = serde_json::from_slice(&answer)?;
    let chain: Vec<Bytes> = std::iter::once(reply.certificate)
        .chain(reply.chain)
        .take(MAX_CHAIN)
        .collect();
    check(&chain, &record.device_key)?;
    Ok(Certificate {
        chain,
        expires_at: reply.expires_at,
    })
}

/// The HTTPS client takes only a certificate that fits its key.
fn check(chain: &[Bytes], key: &DeviceKey) -> Result<(), Error> {
    let chain = chain
        .iter()
        .map(|der| CertificateDer::from(der.0.clone()))
        .collect();
    key.certified(chain)
        .map(drop)
        .map_err(|_misfit| Error::Certificate)
}
