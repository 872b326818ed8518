//! The certificate of a card's own key, signed by the company's authority: with it, others than
//! Cardwarden can know the card, too.

use std::path::Path;

use cardwarden_policy::CardIdentity;
use cardwarden_policy::trust::{Anchor, Signer};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use sha2::{Digest as _, Sha256};

use super::args::CertificateOptions;
use super::record::Issued;
use super::staff::Person;
use crate::card::content::certificate;
use crate::card::shown::hex;
use crate::failure::Failure;

/// Bytes of a serial number; at most 20 may be used (RFC 5280, 4.1.2.2).
const SERIAL: usize = 16;
/// Bytes of an Ed25519 public key, which is how it is told from a P-256 point.
const ED25519_POINT: usize = 32;

/// What signs certificates.
pub(super) struct CertificateAuthority {
    issuer: Issuer<'static, AuthorityKey>,
    days: u16,
}

/// A certificate, and what the record says of it.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) issued: Issued,
}

/// The authority's key, wherever it is.
struct AuthorityKey {
    key: Box<dyn Signer>,
    public: PublicKey,
}

/// A public key, as X.509 wants it.
struct PublicKey(Vec<u8>);

impl PublicKey {
    fn of(anchor: &Anchor) -> Self {
        // The key is what a SubjectPublicKeyInfo ends with (RFC 5280, 4.1).
        let spki = anchor.spki();
        let point = match spki.len() {
            0..=44 => ED25519_POINT,
            _longer => 65,
        };
        let begin = spki.len().saturating_sub(point);
        Self(spki.get(begin..).unwrap_or_default().to_vec())
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        if self.0.len() == ED25519_POINT {
            &rcgen::PKCS_ED25519
        } else {
            &rcgen::PKCS_ECDSA_P256_SHA256
        }
    }
}

impl PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl rcgen::SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self
            .key
            .sign_bytes(message)
            .map_err(|_told_by_the_caller| rcgen::Error::RemoteKeyError)?;
        if self.public.0.len() == ED25519_POINT {
            return Ok(signature);
        }
        // COSE has both numbers one after the other (RFC 9053, 2.1), X.509 a sequence of them.
        p256::ecdsa::Signature::from_slice(&signature)
            .map(|signature| signature.to_der().as_bytes().to_vec())
            .map_err(|_other_curve| rcgen::Error::RemoteKeyError)
    }
}

impl CertificateAuthority {
    /// Makes the authority ready, when one is named. Its certificate has to be that of its key.
    pub(super) fn open(options: &CertificateOptions) -> Result<Option<Self>, Failure> {
        let (Some(place), Some(path)) = (&options.ca_key, &options.ca_cert) else {
            return Ok(None);
        };
        let key = place.open()?;
        let anchor = key
            .anchor()
            .map_err(|error| Failure::because("--ca-key", &error))?;
        let der = certificate(path)?;
        if !der
            .windows(anchor.spki().len())
            .any(|part| part == anchor.spki())
        {
            return Err(Failure::new(format!(
                "{} is not the certificate of the key that --ca-key names",
                path.display()
            )));
        }
        let public = PublicKey::of(&anchor);
        Ok(Some(Self {
            issuer: issuer(path, &der, AuthorityKey { key, public })?,
            days: options.days,
        }))
    }

    /// Certifies a card's key for a person; nothing for a card that has no key.
    pub(super) fn certify(
        &self,
        card: &CardIdentity,
        person: &Person,
        company: &str,
        now: Timestamp,
    ) -> Result<Option<Certificate>, Failure> {
        let CardIdentity::Key(point) = card else {
            return Ok(None);
        };
        let failed = |error: String| {
            Failure::new(format!(
                "no certificate can be made for {}: {error}",
                person.name()
            ))
        };
        let until = now
            .checked_add(SignedDuration::from_hours(
                i64::from(self.days).saturating_mul(24),
            ))
            .map_err(|error| failed(error.to_string()))?;
        let mut serial = [0_u8; SERIAL];
        getrandom::fill(&mut serial).map_err(|error| failed(error.to_string()))?;
        // Positive, and never short (RFC 5280, 4.1.2.2).
        if let Some(first) = serial.first_mut() {
            *first = (*first & 0x7F) | 0x40;
        }
        let params = params(person, company, (now, until), &serial)
            .map_err(|error| failed(error.to_string()))?;
        let made = params
            .signed_by(&PublicKey(point.clone()), &self.issuer)
            .map_err(|error| failed(error.to_string()))?;
        let der = made.der().to_vec();
        Ok(Some(Certificate {
            issued: Issued {
                serial: hex(&serial),
                until,
                sha256: hex(&Sha256::digest(&der)),
                on_card: false,
                pem: made.pem(),
            },
            der,
        }))
    }
}

fn issuer(
    path: &Path,
    der: &[u8],
    key: AuthorityKey,
) -> Result<Issuer<'static, AuthorityKey>, Failure> {
    Issuer::from_ca_cert_der(&der.into(), key)
        .map_err(|error| Failure::because(format!("{} is of no use", path.display()), &error))
}

fn params(
    person: &Person,
    company: &str,
    (from, until): (Timestamp, Timestamp),
    serial: &[u8],
) -> Result<CertificateParams, rcgen::Error> {
    let time = |at: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1)
            + std::time::Duration::from_secs(at.as_second().unsigned_abs())
    };
    let mut params = CertificateParams::new(Vec::new())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, company);
    name.push(DnType::CommonName, person.name());
    // serialNumber (X.520, 6.2.9) tells people of one name apart.
    name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), person.id());
    params.distinguished_name = name;
    params.not_before = time(from);
    params.not_after = time(until);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
