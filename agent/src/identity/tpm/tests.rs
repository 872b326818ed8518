//! Laws of a key in the TPM, against swtpm.

use std::str::FromStr as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use rcgen::PublicKeyData as _;
use tempfile::TempDir;
use tss_esapi::Context;
use tss_esapi::constants::CapabilityType;
use tss_esapi::handles::{AuthHandle, PersistentTpmHandle};
use tss_esapi::interface_types::dynamic_handles::Persistent;
use tss_esapi::interface_types::resource_handles::{Hierarchy, Provision};
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Auth, CapabilityData};
use tss_esapi::tcti_ldr::{NetworkTPMConfig, TctiNameConf};

use super::emulator::Emulator;
use super::esys::{STORAGE_ROOT, root_template};
use super::{Error, Tpm};
use crate::identity::key::{DeviceKey, KeyError, KeyPlace, Keys};
use crate::identity::{Identity, tss2::Tss2Key};

/// The TPM's software opens its connections so that programs inherit them, and an emulator serves
/// one connection at a time: while one test starts programs, no other may have a connection open,
/// or the program keeps it, and the next connection waits for ever.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A machine with a TPM, and the folder of its state.
struct Machine {
    memory: TempDir,
    state: TempDir,
    tpm: Emulator,
    // Last, so that it is given up when the emulator has ended.
    alone: Option<MutexGuard<'static, ()>>,
}

impl Machine {
    fn new() -> Self {
        // A test that failed leaves nothing behind that would matter to the next.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = Self::beside();
        Self {
            alone: Some(alone),
            ..machine
        }
    }

    /// One more, in a test that has one.
    fn beside() -> Self {
        let memory = tempfile::tempdir().unwrap();
        Self {
            tpm: Emulator::start(memory.path()),
            state: tempfile::tempdir().unwrap(),
            memory,
            alone: None,
        }
    }

    fn restart(self) -> Self {
        Self {
            tpm: self.tpm.restart(self.memory.path()),
            ..self
        }
    }

    fn identity(&self, place: KeyPlace) -> Identity {
        let (identity, why) =
            Identity::load_or_stand_in(self.state.path(), &self.tpm.keys(place)).unwrap();
        assert!(why.is_none(), "{why:?}");
        identity
    }

    fn context(&self) -> Context {
        let Tpm::Emulator(port) = self.tpm.tpm() else {
            panic!("the emulator is no device");
        };
        let conf = NetworkTPMConfig::from_str(&format!("host=127.0.0.1,port={port}")).unwrap();
        Context::new(TctiNameConf::Swtpm(conf)).unwrap()
    }

    /// Does what its owner may.
    fn own<T>(&self, act: impl FnOnce(&mut Context) -> tss_esapi::Result<T>) -> T {
        self.context()
            .execute_with_session(Some(AuthSession::Password), act)
            .unwrap()
    }

    fn clear(&self) {
        self.own(|context| context.clear(AuthHandle::Lockout));
    }

    /// How much the TPM holds from this handle on.
    fn held(&self, first: u32) -> usize {
        let mut context = self.context();
        let (held, _more) = context
            .get_capability(CapabilityType::Handles, first, 16)
            .unwrap();
        let CapabilityData::Handles(held) = held else {
            panic!("{held:?} are no handles");
        };
        held.len()
    }

    /// Keeps a storage root key in the TPM, as a system's set-up does.
    fn keep_storage_root(&self) {
        self.own(|context| {
            let template = root_template()?;
            let made =
                context.create_primary(Hierarchy::Owner, template, None, None, None, None)?;
            context.evict_control(Provision::Owner, made.key_handle.into(), storage_root())
        });
    }

    /// Takes it away again.
    fn lose_storage_root(&self) {
        let mut context = self.context();
        let Persistent::Persistent(handle) = storage_root();
        let held = context.tr_from_tpm_public(handle.into()).unwrap();
        context
            .execute_with_session(Some(AuthSession::Password), |context| {
                context.evict_control(Provision::Owner, held, storage_root())
            })
            .unwrap();
    }
}

fn password() -> Auth {
    Auth::try_from(b"owner".to_vec()).unwrap()
}

fn storage_root() -> Persistent {
    Persistent::Persistent(PersistentTpmHandle::new(STORAGE_ROOT).unwrap())
}

fn is_in_tpm(identity: &Identity) -> bool {
    Tss2Key::is_meant(&identity.key.to_pem().unwrap())
}

fn assert_signs(key: &DeviceKey) {
    assert_verifies(key, &key.sign(b"message").unwrap());
}

fn assert_verifies(key: &DeviceKey, signature: &[u8]) {
    let signature = DerSignature::try_from(signature).unwrap();
    let public = VerifyingKey::from_public_key_der(key.public()).unwrap();
    public.verify(b"message", &signature).unwrap();
    assert!(public.verify(b"another", &signature).is_err());
}

fn why_not(key: &DeviceKey) -> Error {
    match key.sign(b"message") {
        Err(KeyError::Tpm(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_in_the_tpm_signs_after_a_restart_and_leaves_nothing_there() {
    let machine = Machine::new();
    let made = machine.identity(KeyPlace::Tpm);
    assert!(is_in_tpm(&made));
    assert_signs(&made.key);
    let machine = machine.restart();
    let read = machine.identity(KeyPlace::Tpm);
    assert_eq!(read, made);
    assert_signs(&read.key);
    assert_eq!(machine.held(0x8000_0000), 0, "transient");
    assert_eq!(machine.held(0x8100_0000), 0, "persistent");
    assert_eq!(machine.held(0x0200_0000), 0, "sessions");
}

#[test]
fn a_new_key_goes_to_the_tpm_unless_the_setting_says_otherwise_and_an_old_one_stays() {
    let machine = Machine::new();
    let in_file = machine.identity(KeyPlace::File);
    assert!(!is_in_tpm(&in_file));
    for place in [KeyPlace::Auto, KeyPlace::Tpm] {
        assert_eq!(machine.identity(place), in_file);
    }
    let another = tempfile::tempdir().unwrap();
    let keys = machine.tpm.keys(KeyPlace::Auto);
    let (fresh, _) = Identity::load_or_stand_in(another.path(), &keys).unwrap();
    assert!(is_in_tpm(&fresh));
    let keys = machine.tpm.keys(KeyPlace::File);
    let (kept, _) = Identity::load_or_stand_in(another.path(), &keys).unwrap();
    assert_eq!(kept.key, fresh.key);
    assert!(is_in_tpm(&kept));
}

#[test]
fn without_a_tpm_a_new_key_goes_to_a_file_or_nowhere() {
    let keys = |place| Keys {
        place,
        tpm: Tpm::Device("/nonexistent/tpmrm0".into()),
    };
    let folder = tempfile::tempdir().unwrap();
    let (passing, why) = Identity::load_or_stand_in(folder.path(), &keys(KeyPlace::Tpm)).unwrap();
    let why = cardwarden_policy::explain::chain(&why.unwrap());
    assert!(why.contains("/nonexistent/tpmrm0"), "{why}");
    assert!(why.contains("firmware"), "{why}");
    assert!(!is_in_tpm(&passing));
    assert!(!folder.path().join("identity.json").exists());
    let (kept, why) = Identity::load_or_stand_in(folder.path(), &keys(KeyPlace::Auto)).unwrap();
    assert!(why.is_none());
    assert!(!is_in_tpm(&kept));
}

#[test]
fn a_cleared_tpm_is_told_and_the_identity_stays_as_long_as_a_company_relies_on_it() {
    let machine = Machine::new();
    let made = machine.identity(KeyPlace::Auto);
    machine.clear();
    let read = machine.identity(KeyPlace::Auto);
    assert_eq!(read, made);
    let why = why_not(&read.key);
    assert!(matches!(why, Error::Lost), "{why}");
    assert!(why.to_string().contains("administrator"), "{why}");
    assert_eq!(read.renewed().spki, made.spki);
    let keys = machine.tpm.keys(KeyPlace::Auto);
    let other = read.with_a_key(machine.state.path(), &keys);
    assert_ne!(other.device, made.device);
    assert_ne!(other.spki, made.spki);
    assert_signs(&other.key);
    // It is kept, and no third one follows.
    assert_eq!(machine.identity(KeyPlace::Auto), other);
    let same = other.clone().with_a_key(machine.state.path(), &keys);
    assert_eq!(same, other);
}

#[test]
fn a_storage_root_key_is_what_the_key_lies_under_and_stays_as_it_is() {
    let machine = Machine::new();
    machine.keep_storage_root();
    let made = machine.identity(KeyPlace::Auto);
    assert_signs(&made.key);
    assert_eq!(machine.held(0x8100_0000), 1, "persistent");
    // A password of the owner is none of the storage root key.
    machine.own(|context| context.hierarchy_change_auth(AuthHandle::Owner, password()));
    assert_signs(&made.key);
    machine.own(|context| {
        context.tr_set_auth(AuthHandle::Owner.into(), password())?;
        context.hierarchy_change_auth(AuthHandle::Owner, Auth::default())
    });
    machine.lose_storage_root();
    let why = why_not(&made.key);
    assert!(matches!(why, Error::Lost), "{why}");
}

#[test]
fn another_machines_tpm_does_not_sign() {
    let machine = Machine::new();
    let made = machine.identity(KeyPlace::Tpm);
    let other = Machine::beside();
    let why = why_not(&made.key.at(&other.tpm.tpm()));
    assert!(matches!(why, Error::Lost), "{why}");
}

#[test]
fn a_tpm_that_is_gone_is_told_and_the_key_is_not_given_up() {
    let machine = Machine::new();
    let made = machine.identity(KeyPlace::Tpm);
    let Machine {
        memory,
        state,
        tpm,
        alone: _alone,
    } = machine;
    let gone = tpm.tpm();
    drop(tpm);
    let keys = Keys {
        place: KeyPlace::Tpm,
        tpm: gone,
    };
    let (read, why) = Identity::load_or_stand_in(state.path(), &keys).unwrap();
    assert!(why.is_none());
    assert_eq!(read.spki, made.spki);
    assert!(matches!(why_not(&read.key), Error::Gone { .. }));
    assert_eq!(read.clone().with_a_key(state.path(), &keys), read);
    let tpm = Emulator::start(memory.path());
    assert_signs(&read.key.at(&tpm.tpm()));
}

#[test]
fn a_password_of_the_owner_is_told_and_hinders_only_while_it_is_set() {
    let machine = Machine::new();
    let made = machine.identity(KeyPlace::Tpm);
    machine.own(|context| context.hierarchy_change_auth(AuthHandle::Owner, password()));
    let why = why_not(&made.key);
    assert!(matches!(why, Error::Owned), "{why}");
    assert!(why.to_string().contains("device-key"), "{why}");
    machine.own(|context| {
        context.tr_set_auth(AuthHandle::Owner.into(), password())?;
        context.hierarchy_change_auth(AuthHandle::Owner, Auth::default())
    });
    assert_signs(&made.key);
}

#[test]
fn a_server_accepts_a_handshake_and_a_request_of_a_key_in_the_tpm() {
    let machine = Machine::new();
    let key = machine.identity(KeyPlace::Tpm).key;
    let request = key.request(&rcgen::CertificateParams::default()).unwrap();
    let request = rcgen::CertificateSigningRequestParams::from_der(&request.into()).unwrap();
    assert_eq!(request.public_key.subject_public_key_info(), key.public());
    let world = crate::identity::handshake::World::new();
    let certificate = world.certify(&request);
    let shown = world.shake_hands(&key, certificate.clone()).unwrap();
    assert_eq!(shown, vec![certificate.clone()]);
    // The server sees no certificate of a device whose TPM does not sign.
    machine.clear();
    let failure = world.shake_hands(&key, certificate).unwrap_err();
    assert!(failure.to_string().contains("cleared"), "{failure}");
}

/// OpenSSL with the provider of the package `tpm2-openssl` is the independent reader.
#[expect(clippy::disallowed_methods, reason = "OpenSSL is a program")]
#[test]
fn other_software_signs_with_the_kept_key() {
    let machine = Machine::new();
    let key = machine.identity(KeyPlace::Tpm).key;
    let Tpm::Emulator(port) = machine.tpm.tpm() else {
        panic!("the emulator is no device");
    };
    let pem = machine.state.path().join("key.pem");
    crate::durable::replace(&pem, key.to_pem().unwrap().as_bytes()).unwrap();
    let message = machine.state.path().join("message");
    crate::durable::replace(&message, b"message").unwrap();
    let signed = std::process::Command::new("openssl")
        .args(["dgst", "-provider", "tpm2", "-provider", "default"])
        .args(["-propquery", "?provider=tpm2", "-sha256", "-sign"])
        .args([&pem, &message])
        .env(
            "TPM2OPENSSL_TCTI",
            format!("swtpm:host=127.0.0.1,port={port}"),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&signed.stderr);
    assert!(signed.status.success(), "is tpm2-openssl there? {said}");
    assert_verifies(&key, &signed.stdout);
}
