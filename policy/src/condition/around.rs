//! What surrounds the device: its networks, the company's card and server, people, and power.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Impossible, Truth};
use crate::facts::{
    CardPresence, Connection, Fingerprint, Mac, Network, Power, PowerSource, Session,
};
use crate::many::Many;
use crate::span::Span;

/// One of the networks that the device is on is such a one. Everything that is given must hold
/// of the same connection; of several values of one kind, any will do.
#[derive(Clone, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnNetwork {
    /// `NetworkManager`'s name of the connection.
    #[serde(skip_serializing_if = "is_empty")]
    pub id: Many<String>,
    /// The wireless network's name.
    #[serde(skip_serializing_if = "is_empty")]
    pub ssid: Many<String>,
    /// A DNS search domain, without a dot at its end.
    #[serde(skip_serializing_if = "is_empty")]
    pub domain: Many<String>,
    /// The default gateway's hardware address.
    #[serde(skip_serializing_if = "is_empty")]
    pub gateway: Many<Mac>,
    /// A server that answers there with a certificate of its own: what cannot be imitated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Reached>,
}

/// A server, and the certificate by which it is known.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Where it answers TLS: `host:port`.
    pub address: String,
    /// SHA-256 of its certificate (DER).
    pub sha256: Fingerprint,
}

/// Skips what says nothing.
fn is_empty<T: Ord>(set: &Many<T>) -> bool {
    set.is_empty()
}

impl Reached {
    /// Host and port of its address.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        Some((host, port.parse().ok()?)).filter(|(host, port)| !host.is_empty() && *port != 0)
    }
}

impl OnNetwork {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        if *self == Self::default() {
            return Err(Impossible::Nothing("network"));
        }
        match &self.server {
            Some(server) if server.host_and_port().is_none() => {
                Err(Impossible::Address(server.address.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn truth(&self, network: Option<&Network>) -> Truth {
        let Some(network) = network else {
            return Truth::Unknown;
        };
        let asks_for_connection = !(self.id.is_empty()
            && self.ssid.is_empty()
            && self.domain.is_empty()
            && self.gateway.is_empty());
        let connected =
            !asks_for_connection || network.connections.iter().any(|one| self.fits(one));
        let reached = self
            .server
            .as_ref()
            .is_none_or(|server| network.reached.contains(&server.sha256));
        Truth::from(connected && reached)
    }

    fn fits(&self, connection: &Connection) -> bool {
        let has = |wanted: &Many<String>, is: Option<&String>| {
            wanted.is_empty() || is.is_some_and(|is| wanted.contains(is))
        };
        has(&self.id, Some(&connection.id))
            && has(&self.ssid, connection.ssid.as_ref())
            && (self.domain.is_empty() || !self.domain.is_disjoint(&connection.domains))
            && (self.gateway.is_empty()
                || connection
                    .gateway
                    .is_some_and(|gateway| self.gateway.contains(&gateway)))
    }
}

/// Whether a card of the company is in a reader.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardIs {
    /// One is.
    Present,
    /// None is.
    Absent,
    /// One of these is, by the SHA-256 of the key with which it proves itself.
    Which(Many<Fingerprint>),
}

impl CardIs {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        match self {
            Self::Which(cards) if cards.is_empty() => Err(Impossible::Nothing("card.which")),
            Self::Present | Self::Absent | Self::Which(_) => Ok(()),
        }
    }

    pub(super) fn truth(&self, card: Option<&CardPresence>) -> Truth {
        match (card, self) {
            (None, _) => Truth::Unknown,
            (Some(CardPresence::Absent), Self::Absent)
            | (Some(CardPresence::Present(_)), Self::Present) => Truth::Holds,
            (Some(CardPresence::Present(card)), Self::Which(cards)) => {
                Truth::from(cards.contains(card))
            }
            (Some(CardPresence::Absent), Self::Present | Self::Which(_))
            | (Some(CardPresence::Present(_)), Self::Absent) => Truth::Fails,
        }
    }
}

/// Somebody is logged in of whom all of this is so.
#[derive(Clone, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionIs {
    /// In the foreground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// With the screen locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Over the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<bool>,
    /// One of these accounts.
    #[serde(skip_serializing_if = "is_empty")]
    pub user: Many<String>,
    /// A member of one of these groups.
    #[serde(skip_serializing_if = "is_empty")]
    pub group: Many<String>,
}

impl SessionIs {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        if *self == Self::default() {
            return Err(Impossible::Nothing("session"));
        }
        Ok(())
    }

    pub(super) fn truth(&self, sessions: Option<&[Session]>) -> Truth {
        sessions.map_or(Truth::Unknown, |sessions| {
            Truth::from(sessions.iter().any(|session| self.fits(session)))
        })
    }

    fn fits(&self, session: &Session) -> bool {
        let is = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        is(self.active, session.active)
            && is(self.locked, session.locked)
            && is(self.remote, session.remote)
            && (self.user.is_empty() || self.user.contains(&session.user))
            && (self.group.is_empty() || !self.group.is_disjoint(&session.groups))
    }
}

/// Where the power comes from, and how much of it is left.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PowerIs {
    /// What feeds the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PowerSource>,
    /// The battery has less than this, in percent: 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<u8>,
}

impl PowerIs {
    pub(super) fn check(self) -> Result<(), Impossible> {
        match self.below {
            None if self.source.is_none() => Err(Impossible::Nothing("power")),
            Some(below) if !(1..=100).contains(&below) => Err(Impossible::Percent(below)),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn truth(self, power: Option<Power>) -> Truth {
        let Some(power) = power else {
            return Truth::Unknown;
        };
        let source = self.source.is_none_or(|source| source == power.source);
        let charge = match (self.below, power.charge) {
            (None, _) => Truth::Holds,
            // Without a battery nothing is left of it to be too little.
            (Some(_), None) => Truth::Fails,
            (Some(below), Some(charge)) => Truth::from(charge < below),
        };
        if source { charge } else { Truth::Fails }
    }
}

/// The company's server has not answered for some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerIs {
    /// For how long.
    pub silent_for: Span,
}

impl ServerIs {
    pub(super) fn truth(self, contact: Option<Timestamp>, now: Option<Timestamp>) -> Truth {
        match (self.silent_since(contact), now) {
            (Some(silent), Some(now)) => Truth::from(silent <= now),
            (None, _) | (_, None) => Truth::Unknown,
        }
    }

    pub(super) fn next_change(
        self,
        contact: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.silent_since(contact).filter(|silent| *silent > now)
    }

    fn silent_since(self, contact: Option<Timestamp>) -> Option<Timestamp> {
        contact.and_then(|contact| self.silent_for.after(contact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_asked_of_a_network_holds_of_one_connection() {
        let asked = OnNetwork {
            ssid: ["B Office".to_owned()].into_iter().collect(),
            domain: ["b.example".to_owned()].into_iter().collect(),
            ..OnNetwork::default()
        };
        let with = |ssid: &str, domain: &str| Connection {
            ssid: Some(ssid.to_owned()),
            domains: [domain.to_owned()].into(),
            ..Connection::default()
        };
        let network = |connections| Network {
            connections,
            ..Network::default()
        };
        let split = network(vec![
            with("B Office", "x.example"),
            with("Guest", "b.example"),
        ]);
        assert_eq!(asked.truth(Some(&split)), Truth::Fails);
        let one = network(vec![
            with("Guest", "x.example"),
            with("B Office", "b.example"),
        ]);
        assert_eq!(asked.truth(Some(&one)), Truth::Holds);
        assert_eq!(asked.truth(Some(&Network::default())), Truth::Fails);
        assert_eq!(asked.truth(None), Truth::Unknown);
    }

    #[test]
    fn a_server_that_did_not_answer_with_its_certificate_is_not_reached() {
        let asked = OnNetwork {
            server: Some(Reached {
                address: "[2001:db8::1]:443".to_owned(),
                sha256: Fingerprint([7; 32]),
            }),
            ..OnNetwork::default()
        };
        assert_eq!(
            asked.server.as_ref().unwrap().host_and_port(),
            Some(("2001:db8::1", 443))
        );
        assert_eq!(asked.truth(Some(&Network::default())), Truth::Fails);
        let reached = Network {
            reached: [Fingerprint([7; 32])].into(),
            ..Network::default()
        };
        assert_eq!(asked.truth(Some(&reached)), Truth::Holds);
    }

    #[test]
    fn silence_counts_from_the_last_answer() {
        let week = ServerIs {
            silent_for: "7d".parse().unwrap(),
        };
        let answered = "2026-11-01T00:00:00Z".parse().unwrap();
        let later = "2026-11-08T00:00:00Z".parse().unwrap();
        assert_eq!(week.truth(Some(answered), Some(answered)), Truth::Fails);
        assert_eq!(week.truth(Some(answered), Some(later)), Truth::Holds);
        assert_eq!(week.next_change(Some(answered), answered), Some(later));
        assert_eq!(week.truth(None, Some(later)), Truth::Unknown);
    }
}
