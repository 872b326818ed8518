//! What a device knows of its surroundings, for conditions to ask. Every fact may be unknown: a
//! provider that is missing, asleep or asked too early is a `None` here and nothing else.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::spelt::spelt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a device's surroundings; `None` is “not known”.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Facts {
    /// The networks that the device is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Fix>,
    /// Whether a card of the company is in a reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardPresence>,
    /// Who is logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<Session>>,
    /// Where its power comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// When the company's server last answered; the association counts as an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Timestamp>,
}

/// The networks that a device is on; no connection at all is known, not unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    /// The active connections.
    pub connections: Vec<Connection>,
    /// SHA-256 of the certificates (DER) with which the servers that the policy names answered on
    /// the present networks.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub reached: BTreeSet<Fingerprint>,
}

/// One active connection.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Connection {
    /// Its id, as `NetworkManager` calls it; the interface's name where there is none.
    pub id: String,
    /// Name of the wireless network; bytes that are no UTF-8 are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssid: Option<String>,
    /// DNS search domains, in lower case, without a dot at the end.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub domains: BTreeSet<String>,
    /// Hardware address of the default gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Mac>,
}

/// A position with its uncertainty.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fix {
    /// Where it is most likely.
    pub at: Point,
    /// Radius, in metres, within which the device is.
    pub accuracy: u32,
}

/// A point on the Earth (WGS 84), to a millionth of a degree (11 cm).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Point {
    latitude: i32,
    longitude: i32,
}

/// The text is no point on the Earth.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no point; write latitude and longitude in degrees, such as \"52.520008, 13.404954\""
)]
pub struct NoPoint(String);

const MICRO: f64 = 1_000_000.0;

impl Point {
    /// A point in degrees: latitude −90 to 90, longitude −180 to 180.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let within = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        within.then(|| Self {
            latitude: micro(latitude),
            longitude: micro(longitude),
        })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude) / MICRO
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude) / MICRO
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "within 180 million by the caller's check"
)]
fn micro(degrees: f64) -> i32 {
    (degrees * MICRO).round() as i32
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.latitude(), self.longitude())
    }
}

impl FromStr for Point {
    type Err = NoPoint;

    fn from_str(text: &str) -> Result<Self, NoPoint> {
        text.split_once(',')
            .and_then(|(latitude, longitude)| {
                Self::new(
                    latitude.trim().parse().ok()?,
                    longitude.trim().parse().ok()?,
                )
            })
            .ok_or_else(|| NoPoint(text.to_owned()))
    }
}

spelt!(Point, NoPoint);

/// What is in the readers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardPresence {
    /// No card of the company.
    Absent,
    /// A card of the company that proved that it is no copy, by its fingerprint.
    Present(Fingerprint),
}

/// Someone who is logged in.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Session {
    /// The account's name.
    pub user: String,
    /// The groups that the account is in.
    pub groups: BTreeSet<String>,
    /// Whether the session is in the foreground of its seat, or has no seat.
    pub active: bool,
    /// Whether its screen is locked.
    pub locked: bool,
    /// Whether it came over the network.
    pub remote: bool,
}

/// Where the power comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Power {
    /// What feeds the device.
    pub source: PowerSource,
    /// Charge of its battery, in percent; `None` without a battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<u8>,
}

/// What feeds a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerSource {
    /// The mains, or another supply from outside.
    Mains,
    /// Its battery.
    Battery,
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// A hardware address (EUI-48), written as six hexadecimal bytes with colons.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// The text is not the hexadecimal that is wanted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct NoHex {
    text: String,
    what: &'static str,
}

fn hex<const N: usize>(text: &str, colons: bool) -> Option<[u8; N]> {
    let digits: String = if colons {
        let parts: Vec<&str> = text.split(':').collect();
        (parts.len() == N && parts.iter().all(|part| part.len() == 2)).then(|| parts.concat())?
    } else {
        text.to_owned()
    };
    let digits = digits.as_bytes();
    if digits.len() != N.saturating_mul(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

macro_rules! hexadecimal {
    ($type:ident, $colons:literal, $what:literal) => {
        impl FromStr for $type {
            type Err = NoHex;

            fn from_str(text: &str) -> Result<Self, NoHex> {
                hex(text, $colons).map(Self).ok_or_else(|| NoHex {
                    text: text.to_owned(),
                    what: $what,
                })
            }
        }

        spelt!($type, NoHex);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (position, byte) in self.0.iter().enumerate() {
                    if $colons && position > 0 {
                        f.write_str(":")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hexadecimal!(
    Fingerprint,
    false,
    "SHA-256; write its 64 hexadecimal digits"
);
hexadecimal!(
    Mac,
    true,
    "hardware address; write it like 00:11:22:33:44:55"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fingerprints_and_addresses_survive_being_written() {
        for text in ["52.520008, 13.404954", "-90, 180", "0.000001, -0.5"] {
            let point: Point = text.parse().unwrap();
            assert_eq!(point.to_string(), text);
        }
        let mac: Mac = "00:1B:44:11:3a:b7".parse().unwrap();
        assert_eq!(mac.to_string(), "00:1b:44:11:3a:b7");
        let fingerprint = Fingerprint([0xa5; 32]);
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }

    #[test]
    fn what_is_no_point_fingerprint_or_address_is_refused() {
        for text in ["", "91, 0", "0, 181", "1", "nan, 0", "1, 2, 3"] {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
        for text in ["", "00:1b:44:11:3a", "001b44113ab7", "+0:1b:44:11:3a:b7"] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
