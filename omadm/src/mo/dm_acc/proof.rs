//! An account's credentials as what a session needs.

use super::{Account, Credential, Level};
use crate::auth::{Login, Nonce, Scheme, Seed};
use crate::client::{Authentication, ServerProof};

impl Account {
    /// How a client with this account proves itself, and what it asks of its server. None when the
    /// account leaves the client to the transport.
    ///
    /// Entries of one name and secret are one login with several schemes; the first entry decides
    /// which, or that of `AAuthPref`. Of the server's entries the first counts.
    pub fn authentication(&self, seed: Seed) -> Option<Authentication> {
        let preferred = self.preferred_auth.as_deref();
        let unasked = preferred.and_then(Scheme::from_account_name);
        let ours: Vec<(Scheme, &Credential)> = self.of(Level::Client).collect();
        let by_preference = ours.iter().find(|(scheme, _)| Some(*scheme) == unasked);
        let (_, first) = by_preference.or(ours.first())?;
        let is_same = |it: &Credential| it.name == first.name && it.secret == first.secret;
        let alike = ours.iter().filter(|(_, it)| is_same(it));
        let server = self.of(Level::Server).next();
        Some(Authentication {
            login: first.login()?,
            schemes: alike.map(|(scheme, _)| *scheme).collect(),
            unasked: unasked.filter(|_| by_preference.is_some()),
            nonce: first.nonce(),
            server: server.and_then(|(scheme, it)| {
                Some(ServerProof {
                    login: it.login().or_else(|| it.login_as(&self.server_id))?,
                    scheme,
                    nonce: it.nonce(),
                    seed,
                })
            }),
        })
    }

    /// What a Package 0 of this account's server is signed with: its id, and the secret and the nonce
    /// of its credentials. None when the account has no such credentials.
    pub fn notification_key(&self) -> Option<(Login, Nonce)> {
        let mut servers = self.credentials.iter();
        let server = servers.find(|it| it.level == Level::Server)?;
        Some((server.login_as(&self.server_id)?, server.nonce()))
    }

    /// Entries of this level whose scheme is one of SyncML's; one that names none means a digest.
    fn of(&self, level: Level) -> impl Iterator<Item = (Scheme, &Credential)> {
        let scheme = |it: &Credential| match it.kind.as_deref() {
            Some(name) => Scheme::from_account_name(name),
            None => Some(Scheme::Md5),
        };
        self.credentials
            .iter()
            .filter(move |it| it.level == level)
            .filter_map(move |it| Some((scheme(it)?, it)))
    }
}

impl Credential {
    fn login(&self) -> Option<Login> {
        self.login_as(self.name.as_deref()?)
    }

    fn login_as(&self, name: &str) -> Option<Login> {
        Some(Login::new(name, self.secret.as_deref()?))
    }

    fn nonce(&self) -> Nonce {
        Nonce::new(self.data.clone().unwrap_or_default())
    }
}
