//! Bytes as a Package 0, believed in two steps.

use super::{DIGEST_LEN, MAX_VENDOR_LEN, Notification, UiMode};
use crate::auth::{Login, Nonce};
use crate::message::Initiator;
use std::ops::RangeInclusive;
use subtle::ConstantTimeEq as _;

/// Versions taken, in tenths. DM 1.2 says 11 in so many words; servers in the field send 10 and 12.
pub(super) const VERSIONS: RangeInclusive<u16> = 10..=12;

/// Bytes that are no Package 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// It ends too early.
    #[error("the notification ends after {0} octets")]
    Short(usize),
    /// Another version of the notification.
    #[error("notification version {0} in tenths, 10 to 12 expected")]
    Version(u16),
    /// The session has number 0.
    #[error("the session has no number")]
    Session,
    /// The server's id is empty, or no text.
    #[error("the server id is no text")]
    ServerId,
    /// More follows than anybody would send.
    #[error("more than {MAX_VENDOR_LEN} octets of the vendor's own")]
    Long,
}

/// The digest is not that server's for this nonce: a forgery, a repetition, or a nonce lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the notification's digest is wrong")]
pub struct NotGenuine;

/// A Package 0 that anybody may have sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nobody has checked who sent it"]
pub struct Unverified {
    digest: [u8; DIGEST_LEN],
    trigger: Vec<u8>,
    claim: Notification,
}

/// A Package 0 that its server has signed, and with which nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub notification: Notification,
    /// The server has lost the nonce that the device gave it: the session must be begun with this one.
    pub null_nonce: Option<Nonce>,
}

impl Unverified {
    /// Takes the bytes apart. The 27 bits for the future are not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let short = Malformed::Short(bytes.len());
        let (digest, trigger) = bytes.split_first_chunk::<DIGEST_LEN>().ok_or(short)?;
        let (head, rest) = trigger.split_first_chunk::<4>().ok_or(short)?;
        let (_future, rest) = rest.split_first().ok_or(short)?;
        let (session, rest) = rest.split_first_chunk::<2>().ok_or(short)?;
        let (id_len, rest) = rest.split_first().ok_or(short)?;
        let (id, vendor) = rest.split_at_checked(usize::from(*id_len)).ok_or(short)?;
        let head = u32::from_be_bytes(*head);
        // Ten bits always fit; a version that did not would be refused anyway.
        let version = u16::try_from(head >> 22).unwrap_or(u16::MAX);
        if !VERSIONS.contains(&version) {
            return Err(Malformed::Version(version));
        }
        let session = u16::from_be_bytes(*session);
        if session == 0 {
            return Err(Malformed::Session);
        }
        let server_id = std::str::from_utf8(id).ok().filter(|id| !id.is_empty());
        let server_id = server_id.ok_or(Malformed::ServerId)?.to_owned();
        if vendor.len() > MAX_VENDOR_LEN {
            return Err(Malformed::Long);
        }
        let initiator = match (head >> 19) & 1 {
            0 => Initiator::Client,
            _ => Initiator::Server,
        };
        Ok(Self {
            digest: *digest,
            trigger: trigger.to_vec(),
            claim: Notification {
                version,
                ui_mode: UiMode::from_bits(head >> 20),
                initiator,
                session,
                server_id,
                vendor: vendor.to_vec(),
            },
        })
    }

    /// The server that it claims to be from: choose the account by it.
    pub fn server_id(&self) -> &str {
        &self.claim.server_id
    }

    /// What it says, if the server signed it with this nonce. Change the nonce after the session: the
    /// same package passes again until then.
    pub fn verify(self, server: &Login, nonce: &Nonce) -> Result<Notification, NotGenuine> {
        if self.is_signed(server, nonce) {
            Ok(self.claim)
        } else {
            Err(NotGenuine)
        }
    }

    /// The same for a device that also takes the null nonce (DM 1.2 *Security*, 5.3.2). A package
    /// signed with it can be sent again by anybody who has seen one: limit how often.
    pub fn verify_or_null(self, server: &Login, nonce: &Nonce) -> Result<Verified, NotGenuine> {
        let null_nonce = if self.is_signed(server, nonce) {
            None
        } else {
            let mut nulls = Nonce::nulls().into_iter();
            let found = nulls.find(|null| self.is_signed(server, null));
            Some(found.ok_or(NotGenuine)?)
        };
        Ok(Verified {
            notification: self.claim,
            null_nonce,
        })
    }

    fn is_signed(&self, server: &Login, nonce: &Nonce) -> bool {
        let expected = server.seal(nonce, &self.trigger);
        server.name == self.claim.server_id && bool::from(expected.ct_eq(&self.digest))
    }
}
