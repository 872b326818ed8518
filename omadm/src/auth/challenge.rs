//! `Chal`: what a receiver asks for.

use super::{Nonce, Scheme};
use crate::message::{Challenge, Format, Meta};

/// What a peer asks credentials by: now, or next time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Demand {
    /// The scheme.
    pub scheme: Scheme,
    /// What to put into the next digest. [`Scheme::Basic`] needs none.
    pub nonce: Option<Nonce>,
}

/// A `Chal` that nobody could meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDemand {
    /// It names no scheme, or one that DM 1.2 does not define.
    #[error("challenge of unknown type {0:?}")]
    Scheme(Option<String>),
    /// The scheme needs a nonce and there is none, or it is no base64, or it is too long.
    #[error("challenge without a usable nonce")]
    Nonce,
}

impl Demand {
    /// The challenge as a `Status` carries it.
    pub fn to_challenge(&self) -> Challenge {
        Challenge {
            meta: Meta {
                format: Some(Format::B64),
                content_type: Some(self.scheme.type_name().to_owned()),
                next_nonce: self.nonce.as_ref().map(Nonce::to_base64),
                ..Meta::default()
            },
        }
    }

    /// Reads a challenge. A format other than `b64` counts as a nonce that cannot be used.
    pub fn from_challenge(challenge: &Challenge) -> Result<Self, NoDemand> {
        let meta = &challenge.meta;
        let name = meta.content_type.as_deref();
        let scheme = name
            .and_then(Scheme::from_type_name)
            .ok_or_else(|| NoDemand::Scheme(name.map(str::to_owned)))?;
        let is_base64 = matches!(meta.format, None | Some(Format::B64));
        let nonce = meta
            .next_nonce
            .as_deref()
            .filter(|_| is_base64)
            .and_then(Nonce::from_base64);
        match (scheme, &nonce) {
            (Scheme::Md5 | Scheme::Mac, None) => Err(NoDemand::Nonce),
            (Scheme::Basic, _) | (Scheme::Md5 | Scheme::Mac, Some(_)) => Ok(Self { scheme, nonce }),
        }
    }
}
