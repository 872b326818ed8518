//! What a simulated device knows of its surroundings, from the command line. What is not said is
//! not known.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use cardwarden_policy::Policy;
use cardwarden_policy::condition::Condition;
use cardwarden_policy::facts::{
    CardPresence, Connection, Facts, Fingerprint, Fix, Mac, Network, Point, Power, PowerSource,
    Session,
};
use cardwarden_policy::span::Span;
use cardwarden_policy::usb::Device;
use clap::Args;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::file;

/// Longest file of facts or devices that is read.
const MAX_FACTS: usize = 4 * 1024 * 1024;
/// How accurate a place is that does not say so, in metres.
const ACCURACY: u32 = 10;

/// What surrounds the device. What is not said is not known to it.
#[derive(Args, Debug, Default)]
pub(crate) struct Around {
    /// The network connection that is up, by its name; none, when there is no network.
    #[arg(long, value_name = "ID")]
    network: Option<String>,
    /// The wireless network's name.
    #[arg(long, value_name = "NAME")]
    ssid: Option<String>,
    /// A DNS search domain of that network.
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Hardware address of its gateway.
    #[arg(long, value_name = "MAC")]
    gateway: Option<Mac>,
    /// SHA-256 of a certificate with which a server answered there.
    #[arg(long, value_name = "SHA256")]
    reached: Vec<Fingerprint>,
    /// Where it is: degrees north and east, and the accuracy in metres.
    #[arg(long, value_name = "LAT,LON[:METRES]", allow_hyphen_values = true, value_parser = fix)]
    place: Option<Fix>,
    /// The company's card: present, absent, or the SHA-256 of its key.
    #[arg(long, value_name = "CARD", value_parser = card)]
    card: Option<CardPresence>,
    /// Who is logged in: user=NAME,group=NAME,active,locked,remote; or none.
    #[arg(long, value_name = "SESSION")]
    session: Vec<LoggedIn>,
    /// What feeds it, and the charge of its battery in percent.
    #[arg(long, value_name = "mains|battery[:PERCENT]", value_parser = power)]
    power: Option<Power>,
    /// For how long the company's server has been silent, such as 3d.
    #[arg(long, value_name = "SPAN")]
    server_silent: Option<Span>,
    /// Facts as JSON; what is said beside it wins.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// The USB devices that are attached, as JSON (a list).
    #[arg(long, value_name = "FILE")]
    usb: Option<PathBuf>,
}

impl Around {
    /// The facts at an instant.
    pub(super) fn facts(&self, at: Timestamp) -> Result<Facts, Failure> {
        let mut facts: Facts = match &self.facts {
            Some(path) => json(path)?,
            None => Facts::default(),
        };
        facts.network = self.network().or(facts.network);
        facts.place = self.place.or(facts.place);
        facts.card = self.card.clone().or(facts.card);
        facts.power = self.power.or(facts.power);
        if !self.session.is_empty() {
            let sessions = self.session.iter().filter_map(|one| one.0.clone());
            facts.sessions = Some(sessions.collect());
        }
        if let Some(silent) = self.server_silent {
            facts.contact = silent
                .after(at)
                .and_then(|later| at.checked_sub(at.duration_until(later)).ok());
        }
        Ok(facts)
    }

    /// The USB devices.
    pub(super) fn usb(&self) -> Result<Vec<Device>, Failure> {
        self.usb.as_deref().map_or(Ok(Vec::new()), json)
    }

    fn network(&self) -> Option<Network> {
        let connection = Connection {
            id: self.network.clone().unwrap_or_default(),
            ssid: self.ssid.clone(),
            domains: self.domain.iter().cloned().collect(),
            gateway: self.gateway,
        };
        let is_none = self.network.as_deref() == Some("none");
        if connection == Connection::default() && self.reached.is_empty() {
            return None;
        }
        Some(Network {
            connections: Some(connection).filter(|_| !is_none).into_iter().collect(),
            reached: self.reached.iter().copied().collect(),
        })
    }
}

/// The kinds of fact that a policy asks for and that are not known, in the words of conditions.
pub(super) fn unknown(policy: &Policy, facts: &Facts) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = policy
        .conditions()
        .filter(|atom| match atom {
            Condition::Network(_) => facts.network.is_none(),
            Condition::Place(_) => facts.place.is_none(),
            Condition::Card(_) => facts.card.is_none(),
            Condition::Session(_) => facts.sessions.is_none(),
            Condition::Power(_) => facts.power.is_none(),
            Condition::Server(_) => facts.contact.is_none(),
            Condition::Weekly(_)
            | Condition::Period(_)
            | Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_) => false,
        })
        .map(Condition::name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = file::read_text(path, MAX_FACTS)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::because(format!("{} makes no sense", path.display()), &error))
}

fn fix(text: &str) -> Result<Fix, String> {
    let (point, accuracy) = match text.split_once(':') {
        Some((point, accuracy)) => (
            point,
            accuracy
                .parse()
                .map_err(|_no_number| format!("`{accuracy}` is no number of metres"))?,
        ),
        None => (text, ACCURACY),
    };
    let at: Point = point
        .parse()
        .map_err(|error: cardwarden_policy::facts::NoPoint| error.to_string())?;
    Ok(Fix { at, accuracy })
}

fn card(text: &str) -> Result<CardPresence, String> {
    match text {
        "absent" => Ok(CardPresence::Absent),
        // A card that no policy names.
        "present" => Ok(CardPresence::Present(Fingerprint([0; 32]))),
        fingerprint => fingerprint
            .parse()
            .map(CardPresence::Present)
            .map_err(|_no_fingerprint| {
                "write present, absent, or the SHA-256 of the card's key".to_owned()
            }),
    }
}

fn power(text: &str) -> Result<Power, String> {
    let (source, charge) = match text.split_once(':') {
        Some((source, charge)) => (source, Some(charge)),
        None => (text, None),
    };
    let source = match source {
        "mains" => PowerSource::Mains,
        "battery" => PowerSource::Battery,
        _ => return Err("write mains or battery, with :PERCENT for the charge".to_owned()),
    };
    let percent = |charge: &str| {
        charge
            .parse()
            .ok()
            .filter(|charge| *charge <= 100_u8)
            .ok_or_else(|| format!("`{charge}` is no percentage"))
    };
    Ok(Power {
        source,
        charge: charge.map(percent).transpose()?,
    })
}

/// Someone who is logged in, or nobody.
#[derive(Clone, Debug)]
struct LoggedIn(Option<Session>);

impl FromStr for LoggedIn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let mut session = Session::default();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("user", name)) => name.clone_into(&mut session.user),
                Some(("group", name)) => {
                    session.groups.insert(name.to_owned());
                }
                None if part == "active" => session.active = true,
                None if part == "locked" => session.locked = true,
                None if part == "remote" => session.remote = true,
                Some(_) | None => {
                    return Err(format!(
                        "`{part}` says nothing of a session; write user=NAME, group=NAME, \
                         active, locked or remote, with commas between them"
                    ));
                }
            }
        }
        Ok(Self(Some(session)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_known() {
        let facts = Around::default().facts(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(facts, Facts::default());
        let nowhere = Around {
            network: Some("none".to_owned()),
            ..Around::default()
        };
        let facts = nowhere.facts(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(facts.network, Some(Network::default()));
    }

    #[test]
    fn places_power_and_sessions_are_read_or_told_wrong() {
        assert_eq!(fix("52.5,13.4:25").unwrap().accuracy, 25);
        assert_eq!(fix("-33.9,18.4").unwrap().accuracy, ACCURACY);
        assert!(fix("here").is_err());
        assert_eq!(power("battery:15").unwrap().charge, Some(15));
        assert!(power("sun").is_err() && power("mains:101").is_err());
        let session: LoggedIn = "user=anna,group=staff,active".parse().unwrap();
        let session = session.0.unwrap();
        assert!(session.active && !session.locked && session.user == "anna");
        assert!("user".parse::<LoggedIn>().is_err());
    }
}
