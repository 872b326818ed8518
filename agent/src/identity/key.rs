//! The device's key: P-256, signs with ECDSA and SHA-256. Whoever signs with it does not learn
//! where it lies.

use std::fmt;
use std::sync::Arc;

use cardwarden_policy::explain::chain;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, Signer};
use rustls::{OtherError, SignatureScheme};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::tpm::{self, Tpm};
use super::tss2::Tss2Key;

/// A key and its public half. Copies share the private half; `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct DeviceKey {
    /// `SubjectPublicKeyInfo` in DER.
    spki: Arc<[u8]>,
    /// The public point, uncompressed (SEC 1, 2.3.3).
    point: Arc<[u8]>,
    place: Place,
}

/// Where the private half lies.
#[derive(Clone)]
enum Place {
    /// In a file, and so in memory. It is wiped when the last copy goes.
    File(Arc<SigningKey>),
    /// In a TPM, which alone can use what is kept of it.
    Tpm { key: Arc<Tss2Key>, tpm: Tpm },
}

/// Where a new key is to lie.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyPlace {
    /// In the TPM, if there is one and the agent is built with support for TPMs; else in a file.
    #[default]
    Auto,
    /// In the TPM; there is no key without one.
    Tpm,
    /// In a file.
    File,
}

/// Where keys are made, and where they are when they lie in a TPM.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Keys {
    /// Where a new key is to lie.
    pub(super) place: KeyPlace,
    /// The TPM.
    pub(super) tpm: Tpm,
}

impl Keys {
    /// New keys at `place`, with this machine's TPM.
    pub(crate) fn at(place: KeyPlace) -> Self {
        Self {
            place,
            tpm: Tpm::default(),
        }
    }
}

/// Why there is no key, or why it does not sign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// No key could be made.
    #[error("no key could be made: the kernel gives no random numbers, or they make no key")]
    NoRandom,
    /// What should be a key is none.
    #[error("there is no P-256 key in it")]
    Malformed,
    /// The key made no signature.
    #[error("the device's key makes no signature")]
    NoSignature,
    /// The TPM does not serve.
    #[error(transparent)]
    Tpm(#[from] tpm::Error),
    /// No certificate request could be made with it.
    #[error("the device's key makes no certificate request")]
    Request(#[source] rcgen::Error),
}

impl DeviceKey {
    /// A new key. Where that is left open it lies in the TPM, if there is one that makes a key.
    pub(super) fn make(keys: &Keys) -> Result<Self, KeyError> {
        match keys.place {
            KeyPlace::Tpm => Self::make_in_tpm(&keys.tpm),
            KeyPlace::Auto if keys.tpm.is_there() => {
                Self::make_in_tpm(&keys.tpm).or_else(|error| {
                    tracing::warn!("the device's key goes to a file: {}", chain(&error));
                    Self::make_in_file()
                })
            }
            KeyPlace::Auto | KeyPlace::File => Self::make_in_file(),
        }
    }

    /// A new key that lies in a file.
    fn make_in_file() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_unavailable| KeyError::NoRandom)?;
        let key =
            SigningKey::from_slice(seed.as_slice()).map_err(|_out_of_range| KeyError::NoRandom)?;
        let public = *key.verifying_key();
        Self::new(&public, Place::File(Arc::new(key)))
    }

    fn make_in_tpm(tpm: &Tpm) -> Result<Self, KeyError> {
        Self::in_tpm(tpm.make()?, tpm.clone())
    }

    fn in_tpm(key: Tss2Key, tpm: Tpm) -> Result<Self, KeyError> {
        let public = key.verifying_key().ok_or(KeyError::Malformed)?;
        let key = Arc::new(key);
        Self::new(&public, Place::Tpm { key, tpm })
    }

    /// Reads what [`to_pem`](Self::to_pem) wrote.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if Tss2Key::is_meant(pem) {
            let key = Tss2Key::from_pem(pem).ok_or(KeyError::Malformed)?;
            return Self::in_tpm(key, Tpm::default());
        }
        let key = SigningKey::from_pkcs8_pem(pem).map_err(|_malformed| KeyError::Malformed)?;
        let public = *key.verifying_key();
        Self::new(&public, Place::File(Arc::new(key)))
    }

    /// The key to be kept, in PEM: PKCS#8, or what the TPM made of it. It is wiped when it is
    /// dropped.
    pub(crate) fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match &self.place {
            Place::File(key) => key
                .to_pkcs8_pem(LineEnding::LF)
                .map_err(|_unencodable| KeyError::Malformed),
            Place::Tpm { key, .. } => {
                let pem = key.to_pem().ok_or(KeyError::Malformed)?;
                Ok(Zeroizing::new(pem))
            }
        }
    }

    /// The same key, in this TPM if it lies in one.
    pub(super) fn at(mut self, here: &Tpm) -> Self {
        match &mut self.place {
            Place::File(_) => {}
            Place::Tpm { tpm, .. } => tpm.clone_from(here),
        }
        self
    }

    /// Whether it is certain that the key will never sign again. Blocks.
    pub(super) fn is_lost(&self) -> bool {
        match &self.place {
            Place::File(_) => false,
            Place::Tpm { .. } => {
                matches!(self.sign(&[]), Err(KeyError::Tpm(tpm::Error::Lost)))
            }
        }
    }

    fn new(public: &VerifyingKey, place: Place) -> Result<Self, KeyError> {
        let spki = public
            .to_public_key_der()
            .map_err(|_unencodable| KeyError::Malformed)?;
        Ok(Self {
            spki: spki.as_bytes().into(),
            point: public.to_sec1_point(false).as_bytes().into(),
            place,
        })
    }

    /// The public key, `SubjectPublicKeyInfo` in DER.
    pub(crate) fn public(&self) -> &[u8] {
        &self.spki
    }

    /// Signs: ECDSA over the SHA-256 of `message`, in DER (RFC 3279, 2.2.3). Blocks.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.place {
            Place::File(key) => {
                let signature: DerSignature = key
                    .try_sign(message)
                    .map_err(|_refused| KeyError::NoSignature)?;
                Ok(signature.as_bytes().to_vec())
            }
            Place::Tpm { key, tpm } => {
                let [r, s] = tpm.sign(key, &Sha256::digest(message).into())?;
                let signature =
                    Signature::from_scalars(r, s).map_err(|_zero| KeyError::NoSignature)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }

    /// A certificate request (PKCS#10, DER) for what `params` say. Blocks.
    pub(crate) fn request(&self, params: &CertificateParams) -> Result<Vec<u8>, KeyError> {
        let requester = Requester {
            key: self,
            failure: std::cell::OnceCell::new(),
        };
        match params.serialize_request(&requester) {
            Ok(request) => Ok(request.der().to_vec()),
            Err(error) => Err(requester
                .failure
                .into_inner()
                .unwrap_or(KeyError::Request(error))),
        }
    }

    /// The key and its certificate, the device's first, for TLS.
    ///
    /// # Errors
    /// When the certificate is for another key, or is none.
    pub(crate) fn certified(
        &self,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<CertifiedKey, rustls::Error> {
        let certified = CertifiedKey::new(chain, Arc::new(self.clone()));
        certified.keys_match()?;
        Ok(certified)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeviceKey").finish_non_exhaustive()
    }
}

/// Two keys are the same when they have the same public half.
impl PartialEq for DeviceKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for DeviceKey {}

impl Serialize for DeviceKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_pem().map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for DeviceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pem = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_pem(&pem).map_err(de::Error::custom)
    }
}

impl rustls::sign::SigningKey for DeviceKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP256_SHA256)
            .then(|| -> Box<dyn Signer> { Box::new(Handshake(self.clone())) })
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.public()))
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        rustls::SignatureAlgorithm::ECDSA
    }
}

/// Signs a handshake.
#[derive(Debug)]
struct Handshake(DeviceKey);

impl Signer for Handshake {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.0
            .sign(message)
            .map_err(|error| OtherError(Arc::new(error)).into())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// Signs a certificate request, and keeps why it could not: the request's own error has no room.
struct Requester<'a> {
    key: &'a DeviceKey,
    failure: std::cell::OnceCell<KeyError>,
}

impl PublicKeyData for Requester<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.key.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Requester<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message).map_err(|error| {
            self.failure.get_or_init(|| error);
            rcgen::Error::RemoteKeyError
        })
    }
}
