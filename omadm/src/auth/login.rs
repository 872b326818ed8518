//! A name and a secret, and what can be proved with them.

use super::{MacHeader, Nonce, Scheme, digest, digest64};
use crate::code::StatusCode;
use crate::message::{Credentials, Format, Meta};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// A name and a secret that two peers share, for one direction.
///
/// The client proves itself with its account's `AAuthName` and `AAuthSecret` of level `CLCRED`, the
/// server with those of level `SRVCRED`. The secret is shown nowhere, not even in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name; the sender's `LocName`.
    pub name: String,
    secret: Vec<u8>,
}

/// Why credentials prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denied {
    /// There are none.
    #[error("no credentials")]
    Missing,
    /// They are of another scheme than was asked for.
    #[error("credentials of another scheme")]
    OtherScheme,
    /// Name, secret or nonce are wrong.
    #[error("wrong credentials")]
    Wrong,
}

impl Denied {
    /// The status of a message that is refused for this reason: 407 or 401.
    pub const fn code(self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::MISSING_CREDENTIALS,
            Self::OtherScheme | Self::Wrong => StatusCode::INVALID_CREDENTIALS,
        }
    }
}

impl Login {
    /// This name and secret.
    pub fn new(name: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            secret: secret.into(),
        }
    }

    /// `B64(MD5(name:secret))`: what every digest begins with.
    fn key(&self) -> String {
        digest64(&[self.name.as_bytes(), &self.secret])
    }

    /// `MD5(B64(MD5(name:secret)):nonce)`, in base64.
    fn md5(&self, nonce: &Nonce) -> String {
        digest64(&[self.key().as_bytes(), nonce.as_bytes()])
    }

    fn basic(&self) -> String {
        let mut pair = self.name.clone().into_bytes();
        pair.push(b':');
        pair.extend_from_slice(&self.secret);
        STANDARD.encode(pair)
    }

    /// `MD5(B64(MD5(name:secret)):nonce:B64(MD5(signed)))`: the digest over octets that a message's
    /// header ([`Scheme::Mac`]) and Package 0 carry.
    pub(crate) fn seal(&self, nonce: &Nonce, signed: &[u8]) -> [u8; 16] {
        let body = digest64(&[signed]);
        digest(&[self.key().as_bytes(), nonce.as_bytes(), body.as_bytes()])
    }

    /// The `Cred` of a message; none for [`Scheme::Mac`], which travels in the transport's header.
    pub fn credentials(&self, scheme: Scheme, nonce: &Nonce) -> Option<Credentials> {
        let data = match scheme {
            Scheme::Basic => self.basic(),
            Scheme::Md5 => self.md5(nonce),
            Scheme::Mac => return None,
        };
        let meta = Meta {
            format: Some(Format::B64),
            content_type: Some(scheme.type_name().to_owned()),
            ..Meta::default()
        };
        Some(Credentials { meta, data })
    }

    /// Whether the `Cred` of a message proves this login. Takes the same time however much is wrong.
    pub fn verify(&self, given: &Credentials, scheme: Scheme, nonce: &Nonce) -> Result<(), Denied> {
        let found = given.meta.content_type.as_deref();
        if found.and_then(Scheme::from_type_name) != Some(scheme) {
            return Err(Denied::OtherScheme);
        }
        let expected = match scheme {
            Scheme::Basic => self.basic(),
            Scheme::Md5 => self.md5(nonce),
            Scheme::Mac => return Err(Denied::OtherScheme),
        };
        same(given.data.trim_ascii().as_bytes(), expected.as_bytes())
    }

    /// The transport header for a message of these octets.
    pub fn mac(&self, nonce: &Nonce, body: &[u8]) -> MacHeader {
        MacHeader {
            name: self.name.clone(),
            mac: self.seal(nonce, body),
        }
    }

    /// Whether the transport header proves this login for a message of these octets.
    pub fn verify_mac(&self, given: &MacHeader, nonce: &Nonce, body: &[u8]) -> Result<(), Denied> {
        same(&given.mac, &self.seal(nonce, body))?;
        same(given.name.as_bytes(), self.name.as_bytes())
    }
}

fn same(given: &[u8], expected: &[u8]) -> Result<(), Denied> {
    if bool::from(given.ct_eq(expected)) {
        Ok(())
    } else {
        Err(Denied::Wrong)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
