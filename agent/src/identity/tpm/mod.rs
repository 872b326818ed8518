//! The TPM, where it holds the device's key. An agent that is built without support for TPMs
//! (feature `tpm`) still reads such a key's public half, and says what is missing.

#[cfg(test)]
#[cfg(feature = "tpm")]
mod emulator;
#[cfg(feature = "tpm")]
mod esys;
#[cfg(test)]
#[cfg(feature = "tpm")]
mod tests;

use std::path::PathBuf;

use super::tss2::Tss2Key;

/// The TPM behind the kernel's resource broker: what is loaded into it there goes when the file is
/// closed, and nobody else's keys are in the way.
const DEVICE: &str = "/dev/tpmrm0";

/// How to reach a TPM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tpm {
    /// By this device node.
    Device(PathBuf),
    /// An emulator that listens at this port, and at the next one for what is no command.
    #[cfg(all(test, feature = "tpm"))]
    Emulator(u16),
}

impl Default for Tpm {
    fn default() -> Self {
        Self::Device(DEVICE.into())
    }
}

/// Why the TPM makes no key, or does not sign with one.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(
    not(feature = "tpm"),
    expect(dead_code, reason = "only a TPM can say these")
)]
pub(crate) enum Error {
    /// This agent cannot speak with TPMs.
    #[cfg(not(feature = "tpm"))]
    #[error(
        "this agent is built without support for TPMs: install one that is built with it. Until \
         then the association stays in force and the server is not reached"
    )]
    NotBuilt,
    /// There is none.
    #[error(
        "the TPM at {place} cannot be reached: turn it on in the firmware's settings, and see \
         that its driver is loaded. What is in force stays in force"
    )]
    Gone {
        /// Where it should be.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has another seed than when the key was made, so the key is lost.
    #[error(
        "the TPM was cleared, or is another one, and the device's key is lost. What is in force \
         stays in force; the server is not reached any more. Ask your administrator to release \
         this device, restart it, and put the card in"
    )]
    Lost,
    /// It takes no passwords for a while.
    #[error(
        "the TPM is locked after wrong passwords: wait, or unlock it \
         (tpm2_dictionarylockout --clear-lockout). What is in force stays in force"
    )]
    LockedOut,
    /// What the key should lie under belongs to somebody with a password.
    #[error(
        "the TPM's owner has set a password, which the agent does not have: take it away \
         (tpm2_changeauth --object-context=owner), or say device-key = \"file\" before the first \
         association. What is in force stays in force"
    )]
    Owned,
    /// Something else.
    #[error("the TPM cannot {act}; what is in force stays in force")]
    Refused {
        /// What it should do.
        act: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(feature = "tpm")]
impl Tpm {
    /// Whether it is worth a try.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Device(path) => path.exists(),
            #[cfg(test)]
            Self::Emulator(_) => true,
        }
    }

    /// Makes a key that only this TPM can use. Nothing of it stays in the TPM.
    pub(super) fn make(&self) -> Result<Tss2Key, Error> {
        esys::Session::open(self)?.make()
    }

    /// Signs a SHA-256 digest: the numbers r and s of ECDSA, big-endian, 32 bytes each. Blocks.
    pub(super) fn sign(&self, key: &Tss2Key, digest: &[u8; 32]) -> Result<[[u8; 32]; 2], Error> {
        esys::Session::open(self)?.sign(key, digest)
    }
}

#[cfg(not(feature = "tpm"))]
impl Tpm {
    /// Whether it is worth a try: never.
    #[expect(clippy::unused_self, reason = "as where TPMs are supported")]
    pub(super) const fn is_there(&self) -> bool {
        false
    }

    /// Says that it cannot.
    #[expect(clippy::unused_self, reason = "as where TPMs are supported")]
    pub(super) const fn make(&self) -> Result<Tss2Key, Error> {
        Err(Error::NotBuilt)
    }

    /// Says that it cannot.
    #[expect(clippy::unused_self, reason = "as where TPMs are supported")]
    pub(super) const fn sign(
        &self,
        _key: &Tss2Key,
        _digest: &[u8; 32],
    ) -> Result<[[u8; 32]; 2], Error> {
        Err(Error::NotBuilt)
    }
}
