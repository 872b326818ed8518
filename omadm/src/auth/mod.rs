//! Who is who: the credentials of OMA DM 1.2 *Security* (5.3), computed and checked.
//!
//! | scheme | where it travels | what it proves |
//! |---|---|---|
//! | [`Scheme::Basic`] | `Cred`: base64 of `name:secret` | nothing that TLS does not keep secret |
//! | [`Scheme::Md5`] | `Cred`: a digest over name, secret and nonce | knowledge of the secret, once |
//! | [`Scheme::Mac`] | transport header [`MAC_HEADER`] | the same, for each message and its octets |
//!
//! A client certificate is no scheme of SyncML: the transport has checked it before the first message
//! arrives. A server that is content with it leaves
//! [`Settings::authentication`](crate::server::Settings::authentication) empty.
//!
//! All three rest on MD5 and are as weak as it is: they are for peers that know nothing better, and
//! always within TLS.
//!
//! ```
//! use omadm::auth::{Login, Nonce, Scheme};
//!
//! // The vector of DM 1.2 Security.
//! let login = Login::new("Bruce2", "OhBehave");
//! let nonce = Nonce::new(*b"Nonce");
//! let sent = login.credentials(Scheme::Md5, &nonce).ok_or("travels in Cred")?;
//! assert_eq!(sent.data, "Zz6EivR3yeaaENcRN6lpAQ==");
//! assert!(login.verify(&sent, Scheme::Md5, &nonce).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod challenge;
mod login;
mod mac;
mod nonce;

pub use challenge::{Demand, NoDemand};
pub use login::{Denied, Login};
pub use mac::{MAC_HEADER, MacHeader, MalformedMac};
pub use nonce::{MAX_NONCE_LEN, Nonce, Seed};

use crate::code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use std::fmt;

/// A way of proving who one is to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Name and secret as they are.
    Basic,
    /// A digest over name, secret and the nonce that the peer gave.
    Md5,
    /// The same, and over the message; a new nonce with every message. Called HMAC, but not RFC 2104's.
    Mac,
}

impl Scheme {
    /// All schemes, weakest first.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Md5, Self::Mac];

    /// The name in the `Type` of `Cred` and `Chal`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Basic => code::auth::BASIC,
            Self::Md5 => code::auth::MD5,
            Self::Mac => code::auth::MAC,
        }
    }

    /// The scheme with this name in `Cred` or `Chal`; case does not matter, peers differ.
    pub fn from_type_name(name: &str) -> Option<Self> {
        let is_it = |scheme: &Self| name.eq_ignore_ascii_case(scheme.type_name());
        Self::ALL.into_iter().find(is_it)
    }

    /// The name in an account's `AAuthType` and `AAuthPref` (DM 1.2 *Standardized Objects*, 5.3).
    pub const fn account_name(self) -> &'static str {
        match self {
            Self::Basic => "BASIC",
            Self::Md5 => "DIGEST",
            Self::Mac => "HMAC",
        }
    }

    /// The scheme with this name in an account. What belongs to the transport (`X509`, `HTTP-BASIC`,
    /// `TRANSPORT` and so on) is none.
    pub fn from_account_name(name: &str) -> Option<Self> {
        let is_it = |scheme: &Self| name.eq_ignore_ascii_case(scheme.account_name());
        Self::ALL.into_iter().find(is_it)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

/// MD5 over the parts, with a colon between them.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().into()
}

/// The same in base64.
pub(crate) fn digest64(parts: &[&[u8]]) -> String {
    STANDARD.encode(digest(parts))
}
