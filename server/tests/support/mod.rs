//! The world around a server in tests: a company, its card, a device, and a client that speaks
//! HTTPS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cardwarden_policy::manifest::LAYOUT;
use cardwarden_policy::{CardIdentity, Endorsement, Manifest, Proof, Release, SigningKey};
use p256::ecdsa::signature::Signer as _;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use uuid::Uuid;

/// A company with one card.
pub(crate) struct Company {
    pub(crate) key: SigningKey,
    pub(crate) card: p256::ecdsa::SigningKey,
    /// What the card says where its key does not serve.
    pub(crate) serial: Option<Vec<u8>>,
    pub(crate) name: String,
}

impl Company {
    /// A company whose keys follow from `seed`.
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        Self {
            key: SigningKey::p256_from_seed(&[seed; 32]).unwrap(),
            card: p256::ecdsa::SigningKey::from_slice(&[seed + 1; 32]).unwrap(),
            serial: None,
            name: name.to_owned(),
        }
    }

    /// Writes the public key where a server can be told of it.
    pub(crate) fn public_key(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.pem", self.name));
        std::fs::write(&path, self.key.to_public_pem().unwrap()).unwrap();
        path
    }

    /// The card.
    pub(crate) fn card(&self) -> CardIdentity {
        if let Some(serial) = &self.serial {
            return CardIdentity::Serial {
                profile: "openpgp".into(),
                serial: serial.clone(),
            };
        }
        let point = self.card.verifying_key().to_sec1_point(false);
        CardIdentity::Key(point.as_bytes().to_vec())
    }

    /// What the card holds.
    pub(crate) fn manifest(&self, version: u64) -> Vec<u8> {
        let manifest = Manifest {
            layout: LAYOUT,
            company: self.name.clone(),
            version,
            issued: "2026-11-01T08:00:00Z".parse().unwrap(),
            card: self.card(),
            groups: Vec::new(),
        };
        self.key.sign(&manifest).unwrap()
    }

    /// What the card says of a device's key.
    pub(crate) fn endorse(&self, endorsement: &Endorsement) -> Proof {
        if let Some(serial) = &self.serial {
            return Proof::Serial(serial.clone());
        }
        let signature: p256::ecdsa::DerSignature = self.card.sign(&endorsement.to_signed_bytes());
        Proof::Signature(signature.as_bytes().to_vec())
    }

    /// The company lets a device go.
    pub(crate) fn release(&self, device: &str, association: Uuid) -> Vec<u8> {
        let release = Release {
            company: self.name.clone(),
            device: device.to_owned(),
            association,
            from: None,
        };
        self.key.sign(&release).unwrap()
    }
}

/// A device with its own key.
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) key: KeyPair,
    pub(crate) association: Uuid,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            id: Uuid::new_v4().urn().to_string(),
            key: KeyPair::generate().unwrap(),
            association: Uuid::new_v4(),
        }
    }

    /// What the card is asked to sign.
    pub(crate) fn endorsement(&self) -> Endorsement {
        Endorsement {
            device: self.id.clone(),
            association: self.association,
            device_key: self.key.subject_public_key_info(),
            nonce: vec![9; 16],
        }
    }

    /// A request for a certificate that is in order.
    pub(crate) fn request(&self, company: &Company) -> Value {
        let endorsement = self.endorsement();
        let (kind, shown) = match company.endorse(&endorsement) {
            Proof::Signature(signature) => ("signature", signature),
            Proof::Serial(serial) => ("serial", serial),
        };
        let csr = CertificateParams::default()
            .serialize_request(&self.key)
            .unwrap();
        json!({
            "device_id": self.id,
            "association_id": self.association,
            "csr": BASE64_STANDARD.encode(csr.der()),
            "manifest": BASE64_STANDARD.encode(company.manifest(3)),
            "endorsement": {
                "nonce": BASE64_STANDARD.encode(&endorsement.nonce),
                kind: BASE64_STANDARD.encode(shown),
            },
            "identity": {"manufacturer": "Example", "model": "Phone 1", "agent": "0.1.0"},
        })
    }
}

/// Speaks HTTPS with one server, and trusts only its authority.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    /// A client without a certificate.
    pub(crate) fn new(base: &str, ca: &Path) -> Self {
        Self::with(base, ca, None)
    }

    /// A client that shows a device's certificate.
    pub(crate) fn of_device(base: &str, ca: &Path, device: &Device, reply: &Value) -> Self {
        let der = BASE64_STANDARD
            .decode(reply["certificate"].as_str().unwrap())
            .unwrap();
        let key = PrivateKey::from_pem(device.key.serialize_pem().as_bytes()).unwrap();
        let certificate = Certificate::from_der(&der).to_owned();
        Self::with(
            base,
            ca,
            Some(ClientCert::new_with_certs(&[certificate], key)),
        )
    }

    fn with(base: &str, ca: &Path, certificate: Option<ClientCert>) -> Self {
        let ca = Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(vec![ca])))
            .client_cert(certificate)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.new_agent(),
            base: base.to_owned(),
        }
    }

    pub(crate) fn enrol(&self, request: &Value) -> (u16, Value) {
        let body = request.to_string();
        let request = self.agent.post(format!("{}/enrol", self.base));
        let response = request
            .header("Content-Type", "application/json")
            .send(&body)
            .unwrap();
        json_of(response)
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let request = self.agent.post(format!("{}{path}", self.base));
        let mut response = request
            .header("Content-Type", content_type)
            .send(body)
            .unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_to_vec().unwrap(),
        )
    }

    pub(crate) fn ask(&self, path: &str, token: &str, body: &[u8]) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .send(body)
            .unwrap();
        json_of(response)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let request = self.agent.get(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        json_of(response)
    }
}

fn json_of(mut response: ureq::http::Response<ureq::Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap())
}
