//! Who this device is to its company: a name, a key, and the number of the association.

use std::path::Path;

use p256::ecdsa::SigningKey;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::durable;

/// The device's identity. It is made at the first start and lasts; the association's number
/// changes with every release, so that an old release serves no second time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `urn:uuid:…`.
    pub(crate) device: String,
    /// The association now, or the one that the next card begins.
    pub(crate) association: Uuid,
    /// The device's P-256 key, PKCS#8 in PEM.
    pub(crate) key_pem: String,
    /// The public key, `SubjectPublicKeyInfo` in DER.
    #[serde(skip)]
    pub(crate) spki: Vec<u8>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read or written.
    #[error("cannot read or write {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is damaged.
    #[error("the identity in {path} is damaged")]
    Damaged {
        /// The file.
        path: String,
    },
    /// No key could be made.
    #[error("no key could be made: the kernel gives no random numbers, or they make no key")]
    NoKey,
}

impl Identity {
    /// Reads the identity, or makes it.
    pub(crate) fn load_or_make(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("identity.json");
        let file = |source| Error::File {
            path: path.display().to_string(),
            source,
        };
        let damaged = || Error::Damaged {
            path: path.display().to_string(),
        };
        match std::fs::read(&path) {
            Ok(bytes) => {
                let mut identity: Self =
                    serde_json::from_slice(&bytes).map_err(|_malformed| damaged())?;
                identity.spki = public(&identity.key_pem).ok_or_else(damaged)?;
                Ok(identity)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let identity = Self::make()?;
                identity.save(folder)?;
                Ok(identity)
            }
            Err(error) => Err(file(error)),
        }
    }

    /// The identity, or one for this run alone where the kept one cannot be used, with why: what is
    /// in force must not wait for it.
    pub(crate) fn load_or_stand_in(folder: &Path) -> Result<(Self, Option<Error>), Error> {
        match Self::load_or_make(folder) {
            Ok(identity) => Ok((identity, None)),
            Err(why) => Self::make().map(|identity| (identity, Some(why))),
        }
    }

    /// Writes the identity.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join("identity.json");
        let file = |source| Error::File {
            path: path.display().to_string(),
            source,
        };
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| file(error.into()))?;
        durable::replace(&path, &bytes).map_err(file)
    }

    /// The same device, ready for another association.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            association: Uuid::new_v4(),
            ..self.clone()
        }
    }

    fn make() -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_unavailable| Error::NoKey)?;
        let key = SigningKey::from_slice(&seed).map_err(|_out_of_range| Error::NoKey)?;
        let pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_unencodable| Error::NoKey)?;
        Ok(Self {
            device: Uuid::new_v4().urn().to_string(),
            association: Uuid::new_v4(),
            spki: public(&pem).ok_or(Error::NoKey)?,
            key_pem: pem.to_string(),
        })
    }
}

fn public(pem: &str) -> Option<Vec<u8>> {
    let key = SigningKey::from_pkcs8_pem(pem).ok()?;
    Some(
        key.verifying_key()
            .to_public_key_der()
            .ok()?
            .as_bytes()
            .to_vec(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_lasts_and_only_the_association_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let first = Identity::load_or_make(folder.path()).unwrap();
        assert_eq!(Identity::load_or_make(folder.path()).unwrap(), first);
        let renewed = first.renewed();
        assert_ne!(renewed.association, first.association);
        assert_eq!((renewed.device, renewed.spki), (first.device, first.spki));
    }

    #[test]
    fn a_damaged_identity_is_told_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        durable::replace(&folder.path().join("identity.json"), b"{}").unwrap();
        let (_, why) = Identity::load_or_stand_in(folder.path()).unwrap();
        assert!(matches!(why, Some(Error::Damaged { .. })));
        assert_eq!(
            std::fs::read(folder.path().join("identity.json")).unwrap(),
            b"{}"
        );
    }
}
