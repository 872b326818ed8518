//! Who is who, at the client's end: its own credentials, and what it asks of the server.
//!
//! A client sends credentials unasked if it is told to, answers one challenge in a session, and with
//! a scheme that its account allows (DM 1.2 *Security*, 5.3). What a server says before it has proved
//! itself counts for nothing: its commands are refused, its nonces are used but not kept, and its
//! acknowledgements stand only if it proves itself later in the session.

use super::{Fault, Settings};
use crate::auth::{Demand, Denied, Login, MacHeader, Nonce, Scheme, Seed};
use crate::code::StatusCode;
use crate::message::{Challenge, Credentials, Header, MessageId, Status};

/// How a client proves itself, and what it asks of its server. Not needed where TLS has a
/// certificate of both.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// The client's name and secret: what the account has at level `CLCRED`. The name goes before
    /// [`Settings::name`].
    pub login: Login,
    /// The schemes that the account allows. A challenge for another ends the session, so that no
    /// server can talk the client into a weaker one.
    pub schemes: Vec<Scheme>,
    /// The scheme to use without being asked (`AAuthPref`); none waits for the challenge.
    pub unasked: Option<Scheme>,
    /// The nonce that the server gave for this session: [`Nonces::ours`] of the one before.
    pub nonce: Nonce,
    /// What the server has to prove; none leaves that to TLS.
    pub server: Option<ServerProof>,
}

/// What a server has to prove.
#[derive(Debug, Clone)]
pub struct ServerProof {
    /// The server's name and secret: what the account has at level `SRVCRED`.
    pub login: Login,
    /// The only scheme taken.
    pub scheme: Scheme,
    /// The nonce that the server was given for this session: [`Nonces::server`] of the one before.
    pub nonce: Nonce,
    /// What new nonces are made of; a new one for each session.
    pub seed: Seed,
}

/// Nonces to keep for the next session; none means that the one kept so far stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nonces {
    /// What the server gave for the client's next credentials.
    pub ours: Option<Nonce>,
    /// What the client gave for the server's next credentials, Package 0 included.
    pub server: Option<Nonce>,
}

/// What the session knows so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    /// How the client proves itself in each message.
    scheme: Option<Scheme>,
    /// For the client's next digest.
    nonce: Nonce,
    /// A challenge was answered; there is no second one.
    has_answered: bool,
    /// The server asks for no more credentials in this session.
    is_accepted: bool,
    server: Server,
    kept: Nonces,
}

#[derive(Debug, Clone, Default)]
struct Server {
    /// What the next digest is to be made with.
    nonce: Nonce,
    is_proven: bool,
    has_been_asked: bool,
}

/// What the client thinks of a message's sender.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    /// What it says of the message.
    pub(super) code: StatusCode,
    pub(super) challenge: Option<Challenge>,
    pub(super) is_proven: bool,
    /// What the challenge tells, for the server's next digest.
    next: Option<Nonce>,
}

impl Verdict {
    /// Nobody asked.
    const TRUSTED: Self = Self {
        code: StatusCode::OK,
        challenge: None,
        next: None,
        is_proven: true,
    };
}

/// The transport's part of an answer: the header [`MAC_HEADER`](crate::auth::MAC_HEADER), if it was
/// there and could be read, and the octets it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) mac: Option<&'a MacHeader>,
    pub(super) body: &'a [u8],
}

impl Proof {
    pub(super) fn begin(settings: &Settings) -> Self {
        let Some(ours) = &settings.authentication else {
            return Self::default();
        };
        Self {
            scheme: ours.unasked,
            nonce: ours.nonce.clone(),
            server: Server {
                nonce: ours
                    .server
                    .as_ref()
                    .map(|server| server.nonce.clone())
                    .unwrap_or_default(),
                ..Server::default()
            },
            ..Self::default()
        }
    }

    /// The `Cred` of the next message.
    pub(super) fn credentials(&self, settings: &Settings) -> Option<Credentials> {
        let ours = settings.authentication.as_ref()?;
        let scheme = self.scheme.filter(|_| !self.is_accepted)?;
        ours.login.credentials(scheme, &self.nonce)
    }

    /// The transport header of the message that is out.
    pub(super) fn mac(&self, settings: &Settings, request: &[u8]) -> Option<MacHeader> {
        let ours = settings.authentication.as_ref()?;
        let is_wanted = self.scheme == Some(Scheme::Mac);
        is_wanted.then(|| ours.login.mac(&self.nonce, request))
    }

    /// Whether the server has proved what it had to.
    pub(super) fn is_server_proven(&self, settings: &Settings) -> bool {
        let ours = settings.authentication.as_ref();
        ours.is_none_or(|ours| ours.server.is_none()) || self.server.is_proven
    }

    /// What to keep, if the server may say such things.
    pub(super) fn nonces(&self, settings: &Settings) -> Nonces {
        Nonces {
            ours: self
                .kept
                .ours
                .clone()
                .filter(|_| self.is_server_proven(settings)),
            server: self.kept.server.clone(),
        }
    }

    /// Looks at who sent a message.
    pub(super) fn judge(
        &mut self,
        settings: &Settings,
        header: &Header,
        signed: Signed<'_>,
        message: MessageId,
    ) -> Verdict {
        let ours = settings.authentication.as_ref();
        let Some(wanted) = ours.and_then(|ours| ours.server.as_ref()) else {
            return Verdict::TRUSTED;
        };
        if self.server.is_proven && wanted.scheme != Scheme::Mac {
            return Verdict::TRUSTED;
        }
        let shown = match (wanted.scheme, &header.credentials, signed.mac) {
            (Scheme::Mac, _, Some(mac)) => {
                wanted
                    .login
                    .verify_mac(mac, &self.server.nonce, signed.body)
            }
            (Scheme::Basic | Scheme::Md5, Some(given), _) => {
                wanted
                    .login
                    .verify(given, wanted.scheme, &self.server.nonce)
            }
            (Scheme::Mac, _, None) | (Scheme::Basic | Scheme::Md5, None, _) => Err(Denied::Missing),
        };
        self.server.is_proven = shown.is_ok();
        let next = wanted.seed.nonce(message.0);
        let demand = Demand {
            scheme: wanted.scheme,
            nonce: (wanted.scheme != Scheme::Basic).then(|| next.clone()),
        };
        let code = match shown {
            Ok(()) if wanted.scheme == Scheme::Mac => StatusCode::OK,
            Ok(()) => StatusCode::AUTHENTICATED,
            Err(denied) => denied.code(),
        };
        Verdict {
            code,
            challenge: Some(demand.to_challenge()),
            is_proven: shown.is_ok(),
            next: Some(next),
        }
    }

    /// The verdict is on its way: the server has its nonce, and has been asked if it was denied.
    pub(super) fn has_told(&mut self, verdict: &Verdict) {
        if let Some(next) = &verdict.next {
            // Told to whoever it is: it helps nobody without the secret.
            self.server.nonce.clone_from(next);
            self.kept.server = Some(next.clone());
        }
        self.server.has_been_asked |= !verdict.is_proven;
    }

    /// Whether a server that has not proved itself may be asked to, once.
    pub(super) const fn may_ask(&self) -> bool {
        !self.server.has_been_asked
    }

    /// The server took the message: what it says of credentials.
    pub(super) fn accept(&mut self, header: &Status) {
        let demand = header
            .challenge
            .as_ref()
            .and_then(|challenge| Demand::from_challenge(challenge).ok());
        let nonce = demand.and_then(|demand| demand.nonce);
        self.is_accepted = self.scheme != Some(Scheme::Mac)
            && (header.code == StatusCode::AUTHENTICATED || nonce.is_none());
        if let Some(nonce) = nonce {
            self.kept.ours = Some(nonce.clone());
            self.nonce = nonce;
        }
    }

    /// The server wants credentials. Whether it gets some.
    pub(super) fn answer(&mut self, settings: &Settings, header: &Status) -> Result<(), Fault> {
        let wanted = || Fault::CredentialsWanted {
            code: header.code,
            challenge: header.challenge.clone().map(Box::new),
        };
        let ours = settings.authentication.as_ref().ok_or_else(wanted)?;
        let challenge = header.challenge.as_ref().ok_or_else(wanted)?;
        let demand = Demand::from_challenge(challenge).ok();
        let demand = demand.filter(|demand| ours.schemes.contains(&demand.scheme));
        let demand = demand.filter(|_| !self.has_answered).ok_or_else(wanted)?;
        self.has_answered = true;
        self.scheme = Some(demand.scheme);
        self.nonce = demand.nonce.unwrap_or_default();
        self.is_accepted = false;
        Ok(())
    }
}
