//! Who this device is to its company: a name, a key, and the number of the association.

#[cfg(test)]
mod handshake;
mod key;
mod tpm;
mod tss2;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use cardwarden_policy::explain::chain;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::durable;

pub(crate) use key::{DeviceKey, KeyError, KeyPlace, Keys};

/// Bytes that the file takes at most; room for all of it at once, so that no copy of the key is
/// left where a growing buffer was.
const ROOM: usize = 4096;

/// The device's identity. It is made at the first start and lasts; the association's number
/// changes with every release, so that an old release serves no second time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `urn:uuid:…`.
    pub(crate) device: String,
    /// The association now, or the one that the next card begins.
    pub(crate) association: Uuid,
    /// The device's key.
    #[serde(rename = "key_pem")]
    pub(crate) key: DeviceKey,
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
    /// There is no key.
    #[error("this device has no key")]
    Key(#[from] KeyError),
}

impl Identity {
    /// Reads the identity, or makes it with a key in a file.
    #[cfg(test)]
    pub(crate) fn load_or_make(folder: &Path) -> Result<Self, Error> {
        Self::open(folder, &Keys::at(KeyPlace::File))
    }

    /// Reads the identity, or makes it. A key that there is stays where it lies.
    fn open(folder: &Path, keys: &Keys) -> Result<Self, Error> {
        let path = folder.join("identity.json");
        let file = |source| Error::File {
            path: path.display().to_string(),
            source,
        };
        let damaged = || Error::Damaged {
            path: path.display().to_string(),
        };
        match std::fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => {
                close(&path).map_err(file)?;
                let mut identity: Self =
                    serde_json::from_slice(&bytes).map_err(|_malformed| damaged())?;
                identity.key = identity.key.at(&keys.tpm);
                identity.spki = identity.key.public().to_vec();
                Ok(identity)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let identity = Self::make(keys)?;
                identity.save(folder)?;
                Ok(identity)
            }
            Err(error) => Err(file(error)),
        }
    }

    /// The identity, or one for this run alone where the kept one cannot be used, with why: what is
    /// in force must not wait for it.
    pub(crate) fn load_or_stand_in(
        folder: &Path,
        keys: &Keys,
    ) -> Result<(Self, Option<Error>), Error> {
        match Self::open(folder, keys) {
            Ok(identity) => Ok((identity, None)),
            Err(why) => Self::make(&Keys::at(KeyPlace::File)).map(|identity| (identity, Some(why))),
        }
    }

    /// Writes the identity.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join("identity.json");
        let file = |source| Error::File {
            path: path.display().to_string(),
            source,
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
        serde_json::to_writer_pretty(&mut *bytes, self).map_err(|error| file(error.into()))?;
        durable::replace(&path, &bytes).map_err(file)
    }

    /// The same device, ready for another association.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            association: Uuid::new_v4(),
            ..self.clone()
        }
    }

    /// The same device, or another one where the key is lost for good (its TPM was cleared): a
    /// server knows a device by its key. Only while no company relies on this device. Waits for the
    /// TPM, if the key is in one.
    pub(crate) fn with_a_key(self, folder: &Path, keys: &Keys) -> Self {
        if !self.key.is_lost() {
            return self;
        }
        let made = Self::make(keys).and_then(|identity| identity.save(folder).map(|()| identity));
        match made {
            Ok(identity) => {
                tracing::warn!(
                    "the device's key was lost with its TPM; this is another device now"
                );
                identity
            }
            Err(error) => {
                tracing::warn!("the lost key of the device stays: {}", chain(&error));
                self
            }
        }
    }

    fn make(keys: &Keys) -> Result<Self, Error> {
        let key = DeviceKey::make(keys)?;
        Ok(Self {
            device: Uuid::new_v4().urn().to_string(),
            association: Uuid::new_v4(),
            spki: key.public().to_vec(),
            key,
        })
    }
}

/// Closes a file with a key to all but its owner, where somebody opened it.
fn close(path: &Path) -> std::io::Result<()> {
    let mode = std::fs::metadata(path)?.mode();
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    tracing::warn!(
        "{} was open to others (mode {:o}) and is closed now; if somebody may have read the \
         device's key in it, have your administrator release this device and associate it anew",
        path.display(),
        mode & 0o7777
    );
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
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
        let (_, why) =
            Identity::load_or_stand_in(folder.path(), &Keys::at(KeyPlace::File)).unwrap();
        assert!(matches!(why, Some(Error::Damaged { .. })));
        assert_eq!(
            std::fs::read(folder.path().join("identity.json")).unwrap(),
            b"{}"
        );
    }

    #[test]
    fn the_file_is_for_its_owner_alone_even_after_somebody_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.json");
        let first = Identity::load_or_make(folder.path()).unwrap();
        let mode = || std::fs::metadata(&path).unwrap().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Identity::load_or_make(folder.path()).unwrap(), first);
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn an_identity_of_an_earlier_version_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let kept = serde_json::json!({
            "device": "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e",
            "association": "0b5f0f0e-52cb-4f35-9d50-8cfbd9d4e8c1",
            "key_pem": key.serialize_pem(),
        });
        let path = folder.path().join("identity.json");
        durable::replace(&path, kept.to_string().as_bytes()).unwrap();
        let identity = Identity::load_or_make(folder.path()).unwrap();
        assert_eq!(
            identity.spki,
            rcgen::PublicKeyData::subject_public_key_info(&key)
        );
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::load_or_make(folder.path()).unwrap();
        let shown = format!("{identity:?}");
        let pem = identity.key.to_pem().unwrap();
        for line in pem.lines().filter(|line| !line.starts_with('-')) {
            assert!(!shown.contains(line));
        }
        assert!(!shown.contains("PRIVATE"));
    }

    #[test]
    fn a_server_accepts_a_handshake_and_a_request_of_a_key_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let key = Identity::load_or_make(folder.path()).unwrap().key;
        let request = key.request(&rcgen::CertificateParams::default()).unwrap();
        let request = rcgen::CertificateSigningRequestParams::from_der(&request.into()).unwrap();
        let world = handshake::World::new();
        let certificate = world.certify(&request);
        let shown = world.shake_hands(&key, certificate.clone()).unwrap();
        assert_eq!(shown, vec![certificate.clone()]);
        let other = tempfile::tempdir().unwrap();
        let other = Identity::load_or_make(other.path()).unwrap().key;
        assert!(world.shake_hands(&other, certificate).is_err());
    }
}
