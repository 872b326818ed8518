//! What is said to the TPM, through the TPM2 Software Stack's ESAPI. Everything is said anew each
//! time: a signature is rare, and a TPM that holds nothing of ours cannot be left full.

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr as _;

use tss_esapi::attributes::{ObjectAttributes, ObjectAttributesBuilder};
use tss_esapi::constants::CapabilityType;
use tss_esapi::constants::response_code::Tss2ResponseCodeKind as Kind;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_RH_OWNER, TPM2_ST_HASHCHECK};
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    CapabilityData, Digest, EccParameter, EccPoint, EccScheme, HashScheme, Private, Public,
    PublicBuffer, PublicBuilder, PublicEccParametersBuilder, Signature, SignatureScheme,
    SymmetricDefinitionObject,
};
#[cfg(test)]
use tss_esapi::tcti_ldr::NetworkTPMConfig;
use tss_esapi::tcti_ldr::{DeviceConfig, TctiNameConf};
use tss_esapi::traits::{Marshall as _, UnMarshall as _};
use tss_esapi::tss2_esys::{TPM2B_DIGEST, TPMT_TK_HASHCHECK};
use tss_esapi::{Context, WrapperErrorKind};

use super::{Error, Tpm};
use crate::identity::tss2::Tss2Key;

/// The storage root key, where the system keeps one (TCG TPM v2.0 Provisioning Guidance, 7.8).
pub(super) const STORAGE_ROOT: u32 = 0x8100_0001;

/// A conversation with a TPM. What it loaded goes with it.
pub(super) struct Session {
    context: Context,
}

impl Session {
    /// Opens one.
    pub(super) fn open(tpm: &Tpm) -> Result<Self, Error> {
        let (place, conf) = match tpm {
            Tpm::Device(path) => (path.display().to_string(), device(path)),
            #[cfg(test)]
            Tpm::Emulator(port) => (format!("port {port}"), emulator(*port)),
        };
        let gone = |source| Error::Gone {
            place: place.clone(),
            source,
        };
        let conf = conf.map_err(gone)?;
        let context = Context::new(conf).map_err(|error| gone(std::io::Error::other(error)))?;
        Ok(Self { context })
    }

    /// Makes a P-256 key for ECDSA with SHA-256, under the storage root key or a like of it.
    pub(super) fn make(mut self) -> Result<Tss2Key, Error> {
        let refused = refused("make a key");
        let handle = match self.storage_root()? {
            Some(_) => STORAGE_ROOT,
            None => TPM2_RH_OWNER,
        };
        let parent = self.parent(handle)?;
        let template = template().map_err(&refused)?;
        let made = self
            .context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.create(parent, template, None, None, None, None)
            })
            .map_err(&refused)?;
        let public = PublicBuffer::try_from(made.out_public)
            .and_then(|public| public.marshall())
            .map_err(&refused)?;
        let private = made.out_private.value();
        let mut sized = u16::try_from(private.len())
            .map_err(|_long| refused(wrong()))?
            .to_be_bytes()
            .to_vec();
        sized.extend(private);
        Tss2Key::new(handle, public, sized).ok_or_else(|| refused(wrong()))
    }

    /// Signs a digest with a key: r and s.
    pub(super) fn sign(mut self, key: &Tss2Key, digest: &[u8; 32]) -> Result<[[u8; 32]; 2], Error> {
        let refused = refused("sign with the device's key");
        let parent = self.parent(key.parent())?;
        let public = PublicBuffer::unmarshall(key.public())
            .and_then(Public::try_from)
            .map_err(&refused)?;
        let sealed = key.private().get(2..).unwrap_or_default();
        let private = Private::try_from(sealed).map_err(&refused)?;
        let digest = Digest::try_from(digest.as_slice()).map_err(&refused)?;
        // The digest was not made by the TPM, so there is no ticket for it (Part 3, 20.2.1).
        let ticket = TPMT_TK_HASHCHECK {
            tag: TPM2_ST_HASHCHECK,
            hierarchy: TPM2_RH_NULL,
            digest: TPM2B_DIGEST::default(),
        };
        let ticket = ticket.try_into().map_err(&refused)?;
        let signature = self
            .context
            .execute_with_session(Some(AuthSession::Password), |context| {
                let key = context.load(parent, private, public)?;
                context.sign(key, digest, SignatureScheme::Null, ticket)
            })
            .map_err(&refused)?;
        let Signature::EcDsa(signature) = signature else {
            return Err(refused(wrong()));
        };
        match (
            number(signature.signature_r()),
            number(signature.signature_s()),
        ) {
            (Some(r), Some(s)) => Ok([r, s]),
            (None, _) | (_, None) => Err(refused(wrong())),
        }
    }

    /// What a key lies under: the storage root key, or one like it, which the owner hierarchy makes
    /// the same each time until the TPM is cleared.
    fn parent(&mut self, handle: u32) -> Result<KeyHandle, Error> {
        if handle == STORAGE_ROOT {
            return self.storage_root()?.ok_or(Error::Lost);
        }
        if handle != TPM2_RH_OWNER {
            return Err(Error::Lost);
        }
        let refused = refused("make what the device's key lies under");
        let template = root_template().map_err(&refused)?;
        self.context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.create_primary(Hierarchy::Owner, template, None, None, None, None)
            })
            .map(|made| made.key_handle)
            .map_err(&refused)
    }

    /// The storage root key, if there is one that a key can lie under and wrong passwords do not
    /// lock.
    fn storage_root(&mut self) -> Result<Option<KeyHandle>, Error> {
        let refused = refused("say what it keeps");
        let (held, _more) = self
            .context
            .get_capability(CapabilityType::Handles, STORAGE_ROOT, 1)
            .map_err(&refused)?;
        let handle = PersistentTpmHandle::new(STORAGE_ROOT).map_err(&refused)?;
        let handle = TpmHandle::Persistent(handle);
        let CapabilityData::Handles(held) = held else {
            return Err(refused(wrong()));
        };
        if !held.contains(&handle) {
            return Ok(None);
        }
        let root = KeyHandle::from(self.context.tr_from_tpm_public(handle).map_err(&refused)?);
        let (public, _name, _qualified) = self.context.read_public(root).map_err(&refused)?;
        let does = public.object_attributes();
        let serves = does.restricted() && does.decrypt() && does.no_da() && does.user_with_auth();
        Ok(serves.then_some(root))
    }
}

fn device(path: &Path) -> std::io::Result<TctiNameConf> {
    // The software stack does not tell why it cannot.
    OpenOptions::new().read(true).write(true).open(path)?;
    let path = path.to_str().ok_or(std::io::ErrorKind::InvalidInput)?;
    DeviceConfig::from_str(path)
        .map(TctiNameConf::Device)
        .map_err(std::io::Error::other)
}

#[cfg(test)]
fn emulator(port: u16) -> std::io::Result<TctiNameConf> {
    NetworkTPMConfig::from_str(&format!("host=127.0.0.1,port={port}"))
        .map(TctiNameConf::Swtpm)
        .map_err(std::io::Error::other)
}

/// The device's key: it signs, only this TPM can use it, and wrong passwords of others do not lock
/// it, for it has none.
fn template() -> tss_esapi::Result<Public> {
    public(
        attributes().with_sign_encrypt(true),
        PublicEccParametersBuilder::new_unrestricted_signing_key(
            EccScheme::EcDsa(HashScheme::new(HashingAlgorithm::Sha256)),
            EccCurve::NistP256,
        ),
    )
}

/// What keys lie under where there is no storage root key: the one that the format of the kept key
/// prescribes for a hierarchy as parent.
pub(super) fn root_template() -> tss_esapi::Result<Public> {
    public(
        attributes().with_decrypt(true).with_restricted(true),
        PublicEccParametersBuilder::new_restricted_decryption_key(
            SymmetricDefinitionObject::AES_128_CFB,
            EccCurve::NistP256,
        ),
    )
}

fn attributes() -> ObjectAttributesBuilder {
    ObjectAttributes::builder()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
}

fn public(
    attributes: ObjectAttributesBuilder,
    parameters: PublicEccParametersBuilder,
) -> tss_esapi::Result<Public> {
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes.build()?)
        .with_ecc_parameters(parameters.build()?)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

fn number(parameter: &EccParameter) -> Option<[u8; 32]> {
    let mut full = [0; 32];
    let place = full.len().checked_sub(parameter.value().len())?;
    full.get_mut(place..)?.copy_from_slice(parameter.value());
    Some(full)
}

const fn wrong() -> tss_esapi::Error {
    tss_esapi::Error::WrapperError(WrapperErrorKind::WrongValueFromTpm)
}

/// What a refusal means for whoever reads of it.
fn refused(act: &'static str) -> impl Fn(tss_esapi::Error) -> Error {
    move |error| {
        let kind = match error {
            tss_esapi::Error::Tss2Error(code) => code.kind(),
            tss_esapi::Error::WrapperError(_) => None,
        };
        let is = |kinds: &[Kind]| kind.is_some_and(|kind| kinds.contains(&kind));
        if is(&[Kind::Integrity]) {
            Error::Lost
        } else if is(&[Kind::Lockout]) {
            Error::LockedOut
        } else if is(&[Kind::AuthFail, Kind::BadAuth]) {
            Error::Owned
        } else {
            Error::Refused {
                act,
                source: error.into(),
            }
        }
    }
}
