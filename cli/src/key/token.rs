//! Keys on a PKCS#11 token: finding one, signing with it, and making one. The private key never
//! leaves the token.

use std::path::PathBuf;

use cardwarden_policy::trust::{Anchor, NoPublicKey, NotSigned, Signer};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use sha2::{Digest as _, Sha256};

use super::pin;
use super::uri::Uri;
use crate::args::Algorithm;
use crate::failure::Failure;
use crate::output::harmless;

/// `secp256r1` (RFC 5480, 2.1.1.1), as DER.
const P256_CURVE: &[u8] = &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
/// `id-Ed25519` (RFC 8410, 3), as DER.
const ED25519_CURVE: &[u8] = &[0x06, 3, 0x2B, 0x65, 0x70];
/// The same curve by name (PKCS#11 3.0, 6.3.8): a `PrintableString` in DER.
const ED25519_NAME: &[u8] = b"\x13\x0Cedwards25519";
/// Bytes of a P-256 point, uncompressed.
const P256_POINT: usize = 65;
/// Bytes of an Ed25519 public key.
const ED25519_POINT: usize = 32;
/// The module that speaks for every token that the system knows, when the URI names no other.
const SYSTEM_MODULE: &str = "p11-kit-proxy";

/// What is to be done on the token.
#[derive(Clone, Copy)]
enum Access {
    Sign,
    Generate,
}

/// A token, unlocked.
struct Token {
    session: Session,
    name: String,
}

/// A private key on a token.
pub(super) struct TokenKey {
    session: Session,
    private: ObjectHandle,
    algorithm: Algorithm,
    anchor: Anchor,
}

impl Signer for TokenKey {
    fn anchor(&self) -> Result<Anchor, NoPublicKey> {
        Ok(self.anchor.clone())
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
        let signature = match self.algorithm {
            // Every token can sign a digest; not every one can make it.
            Algorithm::P256 => {
                let digest = Sha256::digest(message);
                self.session.sign(&Mechanism::Ecdsa, self.private, &digest)
            }
            Algorithm::Ed25519 => {
                let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
                self.session.sign(&pure, self.private, message)
            }
        };
        signature.map_err(|error| NotSigned(Box::new(error)))
    }
}

/// Finds the key that a URI names.
pub(super) fn find(uri: &Uri) -> Result<TokenKey, Failure> {
    open(uri, Access::Sign)?.key(uri)
}

/// Makes a key pair on the token that a URI names, and gives it the URI's label and id.
pub(super) fn generate(uri: &Uri, algorithm: Algorithm) -> Result<TokenKey, Failure> {
    let Some(label) = &uri.object else {
        return Err(Failure::new(
            "the new key needs a name: add object=NAME to the URI",
        ));
    };
    let token = open(uri, Access::Generate)?;
    token.refuse_namesake(uri)?;
    let id = uri.id.clone().unwrap_or_else(|| label.clone().into_bytes());
    let named = [
        Attribute::Token(true),
        Attribute::Label(label.clone().into_bytes()),
        Attribute::Id(id),
    ];
    let (mechanism, curve) = match algorithm {
        Algorithm::P256 => (Mechanism::EccKeyPairGen, P256_CURVE),
        Algorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, ED25519_CURVE),
    };
    let mut public = named.to_vec();
    public.extend([Attribute::Verify(true), Attribute::Private(false)]);
    let mut private = named.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    let attempt = |curve: &[u8]| {
        let mut public = public.clone();
        public.push(Attribute::EcParams(curve.to_vec()));
        token
            .session
            .generate_key_pair(&mechanism, &public, &private)
    };
    // Tokens differ in how they want the curve of Ed25519 to be called.
    let made = match (attempt(curve), algorithm) {
        (Err(Error::Pkcs11(..)), Algorithm::Ed25519) => attempt(ED25519_NAME),
        (made, Algorithm::P256 | Algorithm::Ed25519) => made,
    };
    made.map_err(|error| {
        Failure::because(
            format!("no key can be made on the token `{}`", token.name),
            &error,
        )
    })?;
    token.key(uri)
}

impl Token {
    /// The one private key that the URI names, with its public key.
    fn key(self, uri: &Uri) -> Result<TokenKey, Failure> {
        let found = self.objects(ObjectClass::PRIVATE_KEY, uri)?;
        let [private] = found.as_slice() else {
            return Err(Failure::new(format!(
                "{} private keys on the token `{}` fit {uri}; name one with object= and id= \
                 (`pkcs11-tool --list-objects --login` shows them)",
                found.len(),
                self.name
            )));
        };
        let private = *private;
        let (algorithm, anchor) = self.public_key(private)?;
        Ok(TokenKey {
            session: self.session,
            private,
            algorithm,
            anchor,
        })
    }

    /// A key that is like another could not be told from it.
    fn refuse_namesake(&self, uri: &Uri) -> Result<(), Failure> {
        if self.objects(ObjectClass::PRIVATE_KEY, uri)?.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the token `{}` holds a key with {uri} already; choose another name",
            self.name
        )))
    }

    fn objects(&self, class: ObjectClass, uri: &Uri) -> Result<Vec<ObjectHandle>, Failure> {
        let label = uri.object.clone().map(String::into_bytes);
        let mut wanted = vec![Attribute::Class(class)];
        wanted.extend(label.map(Attribute::Label));
        wanted.extend(uri.id.clone().map(Attribute::Id));
        self.session
            .find_objects(&wanted)
            .map_err(|error| self.unreadable(&error))
    }

    /// Reads the public key that belongs to a private one: they share their id.
    fn public_key(&self, private: ObjectHandle) -> Result<(Algorithm, Anchor), Failure> {
        let mut wanted = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
        wanted.extend(self.attribute(private, AttributeType::Id)?);
        wanted.extend(self.attribute(private, AttributeType::KeyType)?);
        let public = self
            .session
            .find_objects(&wanted)
            .map_err(|error| self.unreadable(&error))?;
        // Some tokens have no public object, and tell the point with the private one.
        let holder = public.first().copied().unwrap_or(private);
        let kind = self.attribute(private, AttributeType::KeyType)?;
        let curve = self.attribute(holder, AttributeType::EcParams)?;
        let point = self.attribute(holder, AttributeType::EcPoint)?;
        let other = || {
            Failure::new(format!(
                "the key on the token `{}` is neither P-256 nor Ed25519, or its public key is \
                 not there; store both with the same id",
                self.name
            ))
        };
        let (
            Some(Attribute::KeyType(kind)),
            Some(Attribute::EcParams(curve)),
            Some(Attribute::EcPoint(point)),
        ) = (kind, curve, point)
        else {
            return Err(other());
        };
        let edwards = [ED25519_CURVE, ED25519_NAME].contains(&curve.as_slice());
        let (algorithm, anchor) = if kind == KeyType::EC && curve == P256_CURVE {
            let anchor = Anchor::from_p256_point(unwrapped(&point, P256_POINT));
            (Algorithm::P256, anchor)
        } else if kind == KeyType::EC_EDWARDS && edwards {
            let anchor = Anchor::from_ed25519_bytes(unwrapped(&point, ED25519_POINT));
            (Algorithm::Ed25519, anchor)
        } else {
            return Err(other());
        };
        anchor
            .map(|anchor| (algorithm, anchor))
            .map_err(|_no_point| other())
    }

    fn attribute(
        &self,
        object: ObjectHandle,
        kind: AttributeType,
    ) -> Result<Option<Attribute>, Failure> {
        let mut found = self
            .session
            .get_attributes(object, &[kind])
            .map_err(|error| self.unreadable(&error))?;
        Ok(found.pop())
    }

    fn unreadable(&self, error: &Error) -> Failure {
        Failure::because(format!("the token `{}` cannot be read", self.name), error)
    }
}

/// A point is to be wrapped in an `OCTET STRING`; some tokens give it bare.
fn unwrapped(point: &[u8], length: usize) -> &[u8] {
    match point {
        [0x04, told, bare @ ..] if usize::from(*told) == length && bare.len() == length => bare,
        _ => point,
    }
}

/// Loads the module, finds the token and unlocks it.
fn open(uri: &Uri, access: Access) -> Result<Token, Failure> {
    let module = load(uri)?;
    let (slot, token) = choose(&module, uri)?;
    let name = harmless(token.label());
    let failed =
        |error: &Error| Failure::because(format!("the token `{name}` does not open"), error);
    let session = match access {
        Access::Sign => module.open_ro_session(slot),
        Access::Generate => module.open_rw_session(slot),
    }
    .map_err(|error| failed(&error))?;
    if token.login_required() {
        let pin = if token.protected_authentication_path() {
            None
        } else {
            Some(pin::ask(&name, uri.pin_source.as_deref())?)
        };
        session
            .login(UserType::User, pin.as_ref())
            .map_err(|error| locked(&name, &token, &error))?;
    }
    Ok(Token { session, name })
}

/// Why a token does not unlock, and how many attempts are left as far as it tells.
fn locked(name: &str, token: &TokenInfo, error: &Error) -> Failure {
    if let Error::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange, _) = error {
        let warning = if token.user_pin_final_try() {
            "; this was the last attempt but one that locks it"
        } else if token.user_pin_count_low() {
            "; few attempts are left before it locks"
        } else {
            ""
        };
        return Failure::new(format!("the PIN of the token `{name}` is wrong{warning}"));
    }
    if let Error::Pkcs11(RvError::PinLocked, _) = error {
        return Failure::new(format!(
            "the token `{name}` is locked after too many wrong PINs; its security officer can \
             set a new one"
        ));
    }
    Failure::because(format!("the token `{name}` does not unlock"), error)
}

/// Loads the module that speaks with the token.
fn load(uri: &Uri) -> Result<Pkcs11, Failure> {
    let (path, told) = match (&uri.module_path, &uri.module_name) {
        (Some(path), _) => (path.clone(), "module-path"),
        (None, Some(name)) => (PathBuf::from(format!("lib{name}.so")), "module-name"),
        (None, None) => (PathBuf::from(format!("{SYSTEM_MODULE}.so")), "the default"),
    };
    let failed = |error: &Error| {
        Failure::because(
            format!(
                "the PKCS#11 module {} ({told}) does not load; add ?module-path=FILE to the URI, \
                 with the .so of the token's maker",
                path.display()
            ),
            error,
        )
    };
    let module = Pkcs11::new(&path).map_err(|error| failed(&error))?;
    module
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .map_err(|error| failed(&error))?;
    Ok(module)
}

/// The one token that the URI names.
fn choose(module: &Pkcs11, uri: &Uri) -> Result<(Slot, TokenInfo), Failure> {
    let failed = |error: Error| Failure::because("the tokens cannot be listed", &error);
    let mut seen = Vec::new();
    let mut fitting = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(failed)? {
        let token = module.get_token_info(slot).map_err(failed)?;
        seen.push(format!("`{}`", harmless(token.label())));
        let fits =
            |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        if fits(&uri.token, token.label())
            && fits(&uri.serial, token.serial_number())
            && fits(&uri.manufacturer, token.manufacturer_id())
            && fits(&uri.model, token.model())
        {
            fitting.push((slot, token));
        }
    }
    let count = fitting.len();
    match (fitting.pop(), count) {
        (Some(token), 1) => Ok(token),
        (Some(_) | None, _) if seen.is_empty() => Err(Failure::new(
            "no token is there; put it in, and see `pkcs11-tool --list-token-slots`",
        )),
        (Some(_) | None, _) => Err(Failure::new(format!(
            "{count} tokens fit {uri}; there are {}: name one with token= or serial=",
            seen.join(", ")
        ))),
    }
}
