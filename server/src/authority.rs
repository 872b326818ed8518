//! The server's own certificate authority: it vouches for the server to the devices (the company
//! puts `ca.pem` on its cards) and for the devices to the server.
//!
//! ```text
//! DIR/ca.pem       DIR/ca-key.pem        the authority, made once, for ten years
//! DIR/server.pem   DIR/server-key.pem    made anew when the names change or its end comes near
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use uuid::Uuid;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::files::{self, PUBLIC, SECRET};

/// How long the authority lasts.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3653);
/// How long the server's certificate lasts: what browsers accept (CA/Browser Forum, 398 days).
const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(24 * 397);
/// With less than this left, a start makes a new server certificate.
const SERVER_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 60);
/// How long a device's certificate lasts.
const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Certificates begin this much earlier, for devices whose clocks are late.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_hours(24);
/// Name of the authority.
const AUTHORITY_NAME: &str = "Cardwarden device-management authority";

/// The authority, ready to sign.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// The server's certificate with its key.
pub(crate) struct ServerIdentity {
    /// The certificate.
    pub(crate) certificate: CertificateDer<'static>,
    /// Its key.
    pub(crate) key: PrivateKeyDer<'static>,
}

/// A device's new certificate.
#[derive(Clone, Debug)]
pub(crate) struct DeviceCertificate {
    /// The certificate.
    pub(crate) der: CertificateDer<'static>,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

/// The authority cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The authority's certificate is there, and its key is not.
    #[error("{path} is missing, and without it no device can be admitted")]
    KeyMissing {
        /// The key's place.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{path} cannot be understood")]
    Malformed {
        /// Which.
        path: PathBuf,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The names for the server are none.
    #[error("{name} cannot stand in a certificate")]
    Name {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

impl Authority {
    /// Reads the authority from `folder`, or makes it there.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let (certificate_path, key_path) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        let malformed = |path: &Path| AuthorityError::Malformed {
            path: path.to_owned(),
        };
        let key = match read(&key_path)? {
            Some(key) => KeyPair::from_pem(&key).map_err(|_malformed| malformed(&key_path))?,
            None if certificate_path.exists() => {
                return Err(AuthorityError::KeyMissing { path: key_path });
            }
            None => {
                let key = KeyPair::generate()?;
                write(&key_path, SECRET, key.serialize_pem().as_bytes())?;
                key
            }
        };
        let Some(certificate) = read(&certificate_path)? else {
            return Self::certify_itself(&certificate_path, key, now);
        };
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .map_err(|_malformed| malformed(&certificate_path))?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_malformed| malformed(&certificate_path))?;
        Ok(Self {
            certificate,
            issuer,
        })
    }

    /// Also what mends a first start that was cut off after the key was written.
    fn certify_itself(path: &Path, key: KeyPair, now: Timestamp) -> Result<Self, AuthorityError> {
        let mut params = params(AUTHORITY_NAME, now, AUTHORITY_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        write(path, PUBLIC, certificate.pem().as_bytes())?;
        Ok(Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate.
    pub(crate) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The server's certificate for these names: the one in `folder` if it still serves, else a
    /// new one.
    pub(crate) fn server_identity(
        &self,
        folder: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<ServerIdentity, AuthorityError> {
        let path = folder.join("server.pem");
        let key_path = folder.join("server-key.pem");
        if let (Some(certificate), Some(key)) = (read(&path)?, read(&key_path)?)
            && let Ok(certificate) = CertificateDer::from_pem_slice(certificate.as_bytes())
            && let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes())
            && self.still_serves(&certificate, names, now)
        {
            return Ok(ServerIdentity { certificate, key });
        }
        let key = KeyPair::generate()?;
        let first = names.first().map_or("cardwarden-server", String::as_str);
        let mut params = params(first, now, SERVER_LIFE);
        for name in names {
            let one =
                CertificateParams::new([name.clone()]).map_err(|source| AuthorityError::Name {
                    name: name.clone(),
                    source,
                })?;
            params.subject_alt_names.extend(one.subject_alt_names);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        // The certificate last: it is what the next start judges the pair by.
        write(&key_path, SECRET, key.serialize_pem().as_bytes())?;
        write(&path, PUBLIC, certificate.pem().as_bytes())?;
        Ok(ServerIdentity {
            certificate: certificate.der().clone(),
            key: key.into(),
        })
    }

    fn still_serves(&self, certificate: &[u8], names: &[String], now: Timestamp) -> bool {
        let Some(certificate) = parse(certificate) else {
            return false;
        };
        let Some(authority) = parse(&self.certificate) else {
            return false;
        };
        let renewal = now.as_second().saturating_add(SERVER_RENEWAL.as_secs());
        let wanted: BTreeSet<String> = names.iter().cloned().collect();
        certificate.validity().not_after.timestamp() > renewal
            && alternative_names(&certificate) == wanted
            && certificate
                .verify_signature(Some(authority.public_key()))
                .is_ok()
    }

    /// A certificate for the device that has this key.
    pub(crate) fn admit(
        &self,
        device: &str,
        key: &rcgen::PublicKey,
        now: Timestamp,
    ) -> Result<DeviceCertificate, AuthorityError> {
        let mut params = params(device, now, DEVICE_LIFE);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(key, &self.issuer)?;
        let expires_at = now.saturating_add(DEVICE_LIFE).unwrap_or(Timestamp::MAX);
        Ok(DeviceCertificate {
            der: certificate.der().clone(),
            expires_at,
        })
    }
}

/// The common name of a certificate: for a device's, its id.
pub(crate) fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = parse(certificate)?;
    let name = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?
        .to_owned();
    Some(name)
}

fn parse(certificate: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(certificate)
        .ok()
        .map(|(_rest, certificate)| certificate)
}

fn alternative_names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    let name = |name: &GeneralName<'_>| match *name {
        GeneralName::DNSName(name) => Some(name.to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let v6 = <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    v4.or(v6).ok()
}

/// What every certificate has.
fn params(name: &str, now: Timestamp, life: SignedDuration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let begin = now
        .saturating_sub(CLOCK_TOLERANCE)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let end = now.saturating_add(life).unwrap_or(Timestamp::MAX);
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(begin);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(end);
    // 122 random bits after a first byte that keeps the number positive (RFC 5280, 4.1.2.2).
    let mut serial = vec![1];
    serial.extend(Uuid::new_v4().as_bytes());
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default())
}

fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    files::read(path).map_err(|source| AuthorityError::File {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), AuthorityError> {
    files::replace(path, mode, bytes).map_err(|source| AuthorityError::File {
        path: path.to_owned(),
        source,
    })
}
