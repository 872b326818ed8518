//! What the agent must remember to speak with a server: one file for each association, in
//! `server/` below the state. It holds all that is needed, so that what was left to say is said
//! even after a release and a restart.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use cardwarden_policy::{Account, Endorsement, Proof};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Link;
use crate::durable;
use crate::identity::DeviceKey;
use crate::store::Bytes;

/// With less than this left, a new certificate is asked for.
const RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Bytes that a record takes, usually: there is a key in it, and a buffer that grows leaves copies.
const ROOM: usize = 32 * 1024;

/// How to reach a server, and as whom.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The server.
    pub(super) account: Account,
    /// `urn:uuid:…`.
    pub(super) device: String,
    /// The association.
    pub(super) association: Uuid,
    /// The device's key.
    #[serde(rename = "device_key_pem")]
    pub(super) device_key: DeviceKey,
    /// The card's manifest.
    pub(super) manifest: Bytes,
    /// What the card signed.
    pub(super) endorsement: Endorsement,
    /// With what the card showed that it is the one that the manifest is for. An earlier version of
    /// the agent knew signatures only.
    #[serde(alias = "signature", deserialize_with = "proof")]
    pub(super) proof: Proof,
    /// What the server gave for it.
    pub(super) certificate: Option<Certificate>,
}

fn proof<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Proof, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Proof(Proof),
        Signature(Bytes),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Proof(proof) => proof,
        Kept::Signature(signature) => Proof::Signature(signature.0),
    })
}

/// The device's certificate for one server.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Certificate {
    /// The device's certificate first, DER.
    pub(super) chain: Vec<Bytes>,
    /// When it ends.
    pub(super) expires_at: Timestamp,
}

impl Record {
    /// The certificate, while it serves.
    pub(super) fn certificate(&self, now: Timestamp) -> Option<&Certificate> {
        let ends_soon = |certificate: &&Certificate| {
            now.saturating_add(RENEWAL)
                .is_ok_and(|then| then < certificate.expires_at)
        };
        self.certificate.as_ref().filter(ends_soon)
    }
}

/// The folder of the records.
#[derive(Debug)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    /// The records below the folder of the state.
    pub(super) fn new(state: &Path) -> Self {
        Self {
            folder: state.join("server"),
        }
    }

    /// Which associations have one.
    pub(super) fn associations(&self) -> io::Result<BTreeSet<Uuid>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let mut found = BTreeSet::new();
        for entry in entries {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            found.extend(stem.and_then(|stem| stem.parse::<Uuid>().ok()));
        }
        Ok(found)
    }

    /// The record of an association. A damaged one is as good as none: the link, or the next card,
    /// makes it anew.
    pub(super) fn load(&self, association: Uuid) -> Option<Record> {
        let path = self.path(association);
        let bytes = Zeroizing::new(std::fs::read(&path).ok()?);
        match serde_json::from_slice(&bytes) {
            Ok(record) => Some(record),
            Err(error) => {
                tracing::warn!("{} cannot be read: {error}", path.display());
                None
            }
        }
    }

    /// Remembers a record.
    pub(super) fn save(&self, record: &Record) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
        serde_json::to_writer(&mut *bytes, record)?;
        durable::replace(&self.path(record.association), &bytes)
    }

    /// What a link says, remembered as far as the disk allows. The certificate stays as long as it
    /// is for the same server.
    pub(super) fn adopt(&self, link: &Link) -> (Record, io::Result<()>) {
        let known = self.load(link.association);
        let is_same = |known: &&Record| {
            known.account == link.account
                && known.device == link.device
                && known.device_key == link.device_key
        };
        let certificate = known
            .as_ref()
            .filter(is_same)
            .and_then(|known| known.certificate.clone());
        let record = Record {
            account: link.account.clone(),
            device: link.device.clone(),
            association: link.association,
            device_key: link.device_key.clone(),
            manifest: Bytes(link.manifest.clone()),
            endorsement: link.endorsement.clone(),
            proof: link.proof.clone(),
            certificate,
        };
        let saved = if known.as_ref() == Some(&record) {
            Ok(())
        } else {
            self.save(&record)
        };
        (record, saved)
    }

    /// Forgets a record.
    pub(super) fn remove(&self, association: Uuid) -> io::Result<()> {
        durable::remove(&self.path(association))
    }

    fn path(&self, association: Uuid) -> PathBuf {
        self.folder.join(format!("{association}.json"))
    }
}
