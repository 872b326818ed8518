//! Who is who, at the server's end: what it asks of a device, and its own credentials.
//!
//! ```text
//!  request ──► credentials that prove the device's login ──► 212, and none are asked for again
//!     │                                       (by MAC: 200, and every message must prove it)
//!     ├─► none, or wrong ones, in a first message ──► 407 or 401 with a challenge; once
//!     └─► wrong ones again ──► 401; the session is over
//! ```

use super::{Refusal, Session, Settings};
use crate::auth::{Demand, Denied, Login, MacHeader, Nonce, Scheme, Seed};
use crate::code::StatusCode;
use crate::message::{Challenge, Credentials, Header, Status};

/// What a server asks of one device, and how it proves itself to that device. Not needed where TLS
/// has a certificate of both.
///
/// The caller finds the device's account by the header's source before it calls
/// [`receive`](super::receive). For a device that has none, a login with a secret that nobody knows
/// refuses it in the same way as a wrong secret, so that nobody learns which devices exist.
/// How many attempts a device has is the caller's to limit.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// The device's name and secret: what its account has at level `CLCRED`.
    pub login: Login,
    /// The only scheme taken.
    pub scheme: Scheme,
    /// The nonce that the device was told last: [`Session::next_nonce`] of the last session of which
    /// it was kept.
    pub nonce: Nonce,
    /// What new nonces are made of; a new one for each request.
    pub seed: Seed,
    /// How the server proves itself; none leaves that to TLS.
    pub own: Option<OwnProof>,
}

/// How a server proves itself to one device.
#[derive(Debug, Clone)]
pub struct OwnProof {
    /// The server's name and secret: what the device's account has at level `SRVCRED`.
    pub login: Login,
    /// The scheme.
    pub scheme: Scheme,
    /// The nonce that the device gave last: [`Session::device_nonce`] of an earlier session.
    pub nonce: Nonce,
}

/// The transport's part of a request.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The value of [`MAC_HEADER`](crate::auth::MAC_HEADER), if there is one.
    pub mac: Option<&'a str>,
    /// The message as it came, to the octet.
    pub body: &'a [u8],
}

/// What a session knows of its two ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// The device has been challenged, with this nonce, and has not yet proved itself.
    challenge: Option<Nonce>,
    /// It has, and by [`Scheme::Mac`] must go on with this nonce.
    pub(super) is_proven: bool,
    mac_nonce: Option<Nonce>,
    /// With what the last message was proved, should it come again.
    mac_before: Option<Nonce>,
    /// What the device was told to use next.
    pub(super) next: Option<Nonce>,
    /// What the device told the server to use next.
    pub(super) own_next: Option<Nonce>,
    /// The device asks the server for no more credentials in this session.
    own_is_accepted: bool,
}

/// What the server says of a message that it takes.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) code: StatusCode,
    pub(super) challenge: Option<Challenge>,
}

impl Authentication {
    fn verify(
        &self,
        header: &Header,
        signed: Option<Signed<'_>>,
        nonce: &Nonce,
    ) -> Result<(), Denied> {
        if self.scheme == Scheme::Mac {
            let signed = signed.ok_or(Denied::Missing)?;
            let mac = signed.mac.ok_or(Denied::Missing)?;
            let mac: Option<MacHeader> = mac.parse().ok();
            let mac = mac.ok_or(Denied::Wrong)?;
            return self.login.verify_mac(&mac, nonce, signed.body);
        }
        let given = header.credentials.as_ref().ok_or(Denied::Missing)?;
        self.login.verify(given, self.scheme, nonce)
    }

    fn fresh(&self, header: &Header) -> (Nonce, Challenge) {
        let nonce = self.seed.nonce(header.message.0);
        let demand = Demand {
            scheme: self.scheme,
            nonce: (self.scheme != Scheme::Basic).then(|| nonce.clone()),
        };
        (nonce, demand.to_challenge())
    }
}

impl Proof {
    /// Holds a new message against what is asked of its sender.
    pub(super) fn admit(
        &mut self,
        settings: &Settings,
        header: &Header,
        signed: Option<Signed<'_>>,
    ) -> Result<Verdict, Denied> {
        let ok = Verdict {
            code: StatusCode::OK,
            challenge: None,
        };
        let Some(wanted) = &settings.authentication else {
            return Ok(ok);
        };
        let is_mac = wanted.scheme == Scheme::Mac;
        if self.is_proven && !is_mac {
            return Ok(ok);
        }
        let expected = self.mac_nonce.as_ref().or(self.challenge.as_ref());
        let expected = expected.unwrap_or(&wanted.nonce).clone();
        wanted.verify(header, signed, &expected)?;
        let (next, challenge) = wanted.fresh(header);
        self.is_proven = true;
        self.challenge = None;
        if is_mac {
            self.mac_before = Some(expected);
            self.mac_nonce = Some(next.clone());
        }
        if wanted.scheme == Scheme::Basic {
            return Ok(Verdict {
                code: StatusCode::AUTHENTICATED,
                challenge: None,
            });
        }
        self.next = Some(next);
        Ok(Verdict {
            code: if is_mac {
                StatusCode::OK
            } else {
                StatusCode::AUTHENTICATED
            },
            challenge: Some(challenge),
        })
    }

    /// The same for a message that was taken before, or was refused with a challenge.
    pub(super) fn admit_again(
        &self,
        settings: &Settings,
        header: &Header,
        signed: Option<Signed<'_>>,
    ) -> Result<(), Denied> {
        match (&settings.authentication, &self.mac_before) {
            (Some(wanted), Some(nonce)) => wanted.verify(header, signed, nonce),
            (Some(_) | None, None) | (None, Some(_)) => Ok(()),
        }
    }

    /// Whether a device that proved nothing may try again; if so, with what.
    pub(super) fn challenge(&mut self, settings: &Settings, header: &Header) -> Option<Challenge> {
        let wanted = settings.authentication.as_ref()?;
        if self.is_proven || self.challenge.is_some() {
            return None;
        }
        let (nonce, challenge) = wanted.fresh(header);
        self.challenge = Some(nonce);
        Some(challenge)
    }

    /// The server's own `Cred`, until the device wants no more.
    pub(super) fn own_credentials(&self, settings: &Settings) -> Option<Credentials> {
        let own = own(settings).filter(|_| !self.own_is_accepted)?;
        let nonce = self.own_next.as_ref().unwrap_or(&own.nonce);
        own.login.credentials(own.scheme, nonce)
    }

    /// The transport header of a reply of these octets.
    pub(super) fn own_mac(&self, settings: &Settings, reply: &[u8]) -> Option<MacHeader> {
        let own = own(settings).filter(|own| own.scheme == Scheme::Mac)?;
        let nonce = self.own_next.as_ref().unwrap_or(&own.nonce);
        Some(own.login.mac(nonce, reply))
    }

    /// What the device says of the server's credentials.
    pub(super) fn hear(&mut self, settings: &Settings, header: &Status) {
        let Some(own) = own(settings) else {
            return;
        };
        let demand = header
            .challenge
            .as_ref()
            .and_then(|challenge| Demand::from_challenge(challenge).ok())
            .filter(|demand| demand.scheme == own.scheme);
        self.own_is_accepted |= header.code == StatusCode::AUTHENTICATED;
        if let Some(nonce) = demand.and_then(|demand| demand.nonce) {
            self.own_next = Some(nonce);
        }
    }
}

fn own(settings: &Settings) -> Option<&OwnProof> {
    settings.authentication.as_ref()?.own.as_ref()
}

impl Session {
    /// A session with a device that has yet to prove itself.
    pub(super) fn challenged(header: &Header, proof: Proof, kept: Option<&Self>) -> Self {
        Self {
            message: kept.map_or(crate::message::MessageId::FIRST, |kept| kept.message.next()),
            proof,
            base: kept.map_or(0, |kept| kept.base),
            ..Self::begun(header)
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Credentials(denied)
    }
}
