//! The keys that sign: in a PEM file or on a PKCS#11 token, a company's own or a delegate's.

mod delegate;
mod pin;
mod token;
mod trusted;
mod uri;

use std::path::PathBuf;
use std::str::FromStr;

use cardwarden_policy::SigningKey;
use cardwarden_policy::trust::{Delegate, MAX_DELEGATION, NoSigningKey, Signer};
use zeroize::Zeroizing;

pub(crate) use self::delegate::{delegate, instant};
pub(crate) use self::trusted::anchors;
pub(crate) use self::uri::Uri;
use crate::args::{Algorithm, Keygen, Signing};
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::Output;

/// Longest private key in PEM that is read; P-256 and Ed25519 take less than 300 bytes.
const MAX_KEY: usize = 4096;

/// Where a private key is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// In a PEM file.
    File(PathBuf),
    /// On a token.
    Token(Box<Uri>),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("pkcs11:") {
            let uri = text
                .parse()
                .map_err(|error: uri::NoUri| error.to_string())?;
            return Ok(Self::Token(Box::new(uri)));
        }
        Ok(Self::File(text.into()))
    }
}

impl Place {
    /// Makes the key ready to sign.
    pub(crate) fn open(&self) -> Result<Box<dyn Signer>, Failure> {
        match self {
            Self::Token(uri) => Ok(Box::new(token::find(uri)?)),
            Self::File(path) => {
                let text = Zeroizing::new(file::read_text(path, MAX_KEY)?);
                let key = SigningKey::from_pem(&text).map_err(|error| {
                    Failure::because(format!("{} cannot be used", path.display()), &error)
                })?;
                Ok(Box::new(key))
            }
        }
    }
}

/// Makes the key ready to sign, under its delegation when it has one.
pub(crate) fn open(signing: &Signing) -> Result<Box<dyn Signer>, Failure> {
    let key = signing.key.open()?;
    let Some(path) = &signing.delegation else {
        return Ok(key);
    };
    let delegation = file::read(path, MAX_DELEGATION)?;
    let delegate = Delegate::new(key, delegation)
        .map_err(|error| Failure::because(format!("{} is of no use", path.display()), &error))?;
    Ok(Box::new(delegate))
}

/// Makes a key pair.
pub(crate) fn keygen(keygen: &Keygen) -> Result<Output, Failure> {
    if keygen.public.exists() {
        return Err(Failure::new(format!(
            "{} exists already and is not written over; choose another name",
            keygen.public.display()
        )));
    }
    let (signer, private): (Box<dyn Signer>, String) = match (&keygen.key, &keygen.token) {
        (Some(path), _) => {
            let key = generate(keygen.algorithm)?;
            let pem = key
                .to_pem()
                .map(Zeroizing::new)
                .map_err(|error| Failure::because("the key cannot be written", &error))?;
            file::create(path, pem.as_bytes(), Readable::Owner)?;
            (Box::new(key), path.display().to_string())
        }
        (None, Some(uri)) => {
            let key = token::generate(uri, keygen.algorithm)?;
            (Box::new(key), format!("on the token: {uri}"))
        }
        (None, None) => return Err(Failure::new("the new key needs --key or --token")),
    };
    let unwritable = |error| Failure::because("the public key cannot be written", &error);
    let anchor = signer.anchor().map_err(unwritable)?;
    let public = anchor.to_pem().map_err(unwritable)?;
    file::create(&keygen.public, public.as_bytes(), Readable::All)?;
    Ok(Output::text(format!(
        "key {}\n  private  {private}  (keep it secret: it can restrict every device that trusts it)\n  \
         public   {}  (for /etc/cardwarden/trust.d on each device)\n",
        anchor.id(),
        keygen.public.display()
    )))
}

fn generate(algorithm: Algorithm) -> Result<SigningKey, Failure> {
    let failed = |what: String| Failure::new(format!("no key can be made: {what}"));
    loop {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| failed(error.to_string()))?;
        match algorithm {
            Algorithm::Ed25519 => return Ok(SigningKey::ed25519_from_seed(&seed)),
            // One in 2³² seeds is beyond the group's order; the next is as good.
            Algorithm::P256 => match SigningKey::p256_from_seed(&seed) {
                Ok(key) => return Ok(key),
                Err(NoSigningKey::Seed) => {}
                Err(error @ (NoSigningKey::Malformed | NoSigningKey::Unencodable)) => {
                    return Err(failed(error.to_string()));
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use cardwarden_policy::trust::Anchor;

    use super::*;

    #[test]
    fn a_new_key_signs_is_secret_and_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
            let path = directory.path().join(format!("{algorithm:?}.key"));
            let arguments = Keygen {
                algorithm,
                key: Some(path.clone()),
                token: None,
                public: directory.path().join(format!("{algorithm:?}.pem")),
            };
            keygen(&arguments).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let key = Place::File(path.clone()).open().unwrap();
            let public = std::fs::read_to_string(&arguments.public).unwrap();
            assert_eq!(
                Anchor::from_pem(&public).unwrap().id(),
                key.anchor().unwrap().id()
            );

            let before = std::fs::read(&path).unwrap();
            let again = keygen(&arguments).unwrap_err().text;
            assert!(again.contains("exists already"), "{again}");
            std::fs::remove_file(&arguments.public).unwrap();
            let again = keygen(&arguments).unwrap_err().text;
            assert!(again.contains("exists already"), "{again}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn a_key_is_on_a_token_when_it_is_named_by_a_uri_and_in_a_file_otherwise() {
        let token: Place = "pkcs11:token=company;object=root".parse().unwrap();
        assert!(matches!(token, Place::Token(_)));
        let file: Place = "keys/pkcs11.pem".parse().unwrap();
        assert_eq!(file, Place::File("keys/pkcs11.pem".into()));
        assert!("pkcs11:slot=1".parse::<Place>().is_err());
    }
}
