//! The card's own key, in slot 9E: it signs without a PIN.

use cardwarden_policy::manifest::CardIdentity;
use p256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::command::{self, CARD_KEY, tag};
use super::objects::CARD_CERTIFICATE;
use super::{Piv, tells_of_no_key};
use crate::profile::{Act, Error};
use crate::shelf::{Held, Shelf as _};
use crate::tlv;

/// What the card signs so that its public key becomes known. Begins unlike an endorsement.
const KEY_PROBES: [&[u8]; 2] = [b"cardwarden card key 1\0a", b"cardwarden card key 1\0b"];
/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;

impl Piv<'_> {
    /// Signs the SHA-256 of some bytes; `None` when the slot has no P-256 key.
    pub(super) fn sign(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let act = Act::Sign;
        let answer = match self
            .channel
            .send(&command::sign(&Sha256::digest(bytes).into()))
        {
            Ok(answer) => answer,
            Err(failure) if failure.status().is_some_and(tells_of_no_key) => return Ok(None),
            Err(source) => return Err(Error::Exchange { act, source }),
        };
        let signature = tlv::find(&answer, tag::TEMPLATE)
            .and_then(|template| tlv::find(template, tag::RESPONSE))
            .map_err(|source| Error::Unreadable { act, source })?;
        Ok(Some(signature.to_vec()))
    }

    /// The public part of the card's key. PIV has no command that reads one, and a certificate
    /// need not be there; but a signature leaves few keys possible, and two leave one.
    pub(super) fn recover_card_key(&mut self) -> Result<Option<CardIdentity>, Error> {
        let [first, second] = KEY_PROBES;
        let Some(one) = self.sign(first)? else {
            // A key of another algorithm answers alike; it is not ours to replace.
            let used = !self.describe(CARD_KEY)?.is_empty()
                || self.peek(CARD_CERTIFICATE)? != Held::Nothing;
            return if used { Err(Error::OtherKey) } else { Ok(None) };
        };
        let other = self.sign(second)?.ok_or(Error::OtherKey)?;
        let possible = signers(second, &other);
        let key = signers(first, &one)
            .into_iter()
            .find(|key| possible.contains(key));
        key.map(|key| {
            Some(CardIdentity::Key(
                key.to_sec1_point(false).as_bytes().to_vec(),
            ))
        })
        .ok_or(Error::OtherKey)
    }

    /// Makes a key in the slot, which is known to be empty.
    pub(super) fn generate_card_key(&mut self) -> Result<CardIdentity, Error> {
        let act = Act::Generate;
        let answer = self.send(act, &command::generate())?;
        let point = tlv::find(&answer, tag::PUBLIC_KEY)
            .and_then(|key| tlv::find(key, tag::POINT))
            .map_err(|source| Error::Unreadable { act, source })?;
        if point.len() == POINT {
            Ok(CardIdentity::Key(point.to_vec()))
        } else {
            Err(Error::OtherKey)
        }
    }
}

/// The keys that may have made a signature.
fn signers(message: &[u8], signature: &[u8]) -> Vec<VerifyingKey> {
    let Ok(signature) = Signature::from_der(signature) else {
        return Vec::new();
    };
    let digest = Sha256::digest(message);
    (0..=RecoveryId::MAX)
        .filter_map(RecoveryId::from_byte)
        .filter_map(|id| VerifyingKey::recover_from_prehash(&digest, &signature, id).ok())
        .collect()
}
