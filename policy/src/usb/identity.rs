//! The numbers of makers and products, and the ports of the machine.

use std::fmt;
use std::str::FromStr;

use crate::spelt::spelt;
use serde::{Deserialize, Serialize};

/// Longest port in bytes: a bus of up to three digits and seven tiers of ports (USB 2.0, 4.1.1),
/// each of up to three digits.
const MAX_PORT: usize = 31;

/// Maker and product: `1d6b:0002`, `1d6b:*` for all products of a maker, `*:*` for all devices.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdPattern {
    vendor: Option<u16>,
    product: Option<u16>,
}

impl IdPattern {
    /// Every device.
    pub const ANY: Self = Self {
        vendor: None,
        product: None,
    };

    /// One product.
    pub const fn product(vendor: u16, product: u16) -> Self {
        Self {
            vendor: Some(vendor),
            product: Some(product),
        }
    }

    /// All products of one maker.
    pub const fn vendor(vendor: u16) -> Self {
        Self {
            vendor: Some(vendor),
            product: None,
        }
    }

    /// Whether a device with these numbers is meant.
    pub fn covers(self, vendor: u16, product: u16) -> bool {
        self.vendor.is_none_or(|one| one == vendor) && self.product.is_none_or(|one| one == product)
    }

    /// What both mean; `None` when no device is meant by both.
    pub fn common(self, other: Self) -> Option<Self> {
        let narrow = |mine: Option<u16>, theirs: Option<u16>| match (mine, theirs) {
            (Some(mine), Some(theirs)) => (mine == theirs).then_some(Some(mine)),
            (mine, theirs) => Some(mine.or(theirs)),
        };
        Some(Self {
            vendor: narrow(self.vendor, other.vendor)?,
            product: narrow(self.product, other.product)?,
        })
    }

    /// The maker, and the product, as far as they are fixed.
    pub(super) const fn numbers(self) -> (Option<u16>, Option<u16>) {
        (self.vendor, self.product)
    }
}

impl fmt::Display for IdPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.vendor, self.product) {
            (Some(vendor), Some(product)) => write!(f, "{vendor:04x}:{product:04x}"),
            (Some(vendor), None) => write!(f, "{vendor:04x}:*"),
            (None, _) => f.write_str("*:*"),
        }
    }
}

/// The text is no maker and product.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no maker and product; write four hexadecimal digits each, like 1d6b:0002, or 1d6b:* for all products of a maker"
)]
pub struct NoId(String);

/// One of the two numbers: `None` for `*`.
fn number(text: &str) -> Result<Option<u16>, NoId> {
    if text == "*" {
        return Ok(None);
    }
    let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u16::from_str_radix(text, 16).ok())
        .flatten()
        .map(Some)
        .ok_or_else(|| NoId(text.to_owned()))
}

impl FromStr for IdPattern {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        text.split_once(':')
            .and_then(|(vendor, product)| {
                let (vendor, product) = (number(vendor).ok()?, number(product).ok()?);
                (vendor.is_some() || product.is_none()).then_some(Self { vendor, product })
            })
            .ok_or_else(|| NoId(text.to_owned()))
    }
}

spelt!(IdPattern, NoId);

/// A port of the machine, as the kernel calls it: `1-1.4` (bus, port, port of the hub in it) or
/// `usb1` for a controller; with `*` at the end every port whose name begins so.
///
/// `1-1*` also means `1-10`: all that hangs behind port `1-1` is `1-1.*`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortPattern(Box<str>);

impl PortPattern {
    /// Whether the port is meant.
    pub fn covers(&self, port: &str) -> bool {
        self.beginning()
            .map_or(&*self.0 == port, |beginning| port.starts_with(beginning))
    }

    /// Whether there can be a port that both mean.
    pub fn meets(&self, other: &Self) -> bool {
        match (self.beginning(), other.beginning()) {
            (Some(mine), Some(theirs)) => mine.starts_with(theirs) || theirs.starts_with(mine),
            (Some(_), None) => self.covers(&other.0),
            (None, _) => other.covers(&self.0),
        }
    }

    /// What the port begins with, unless exactly one port is meant.
    pub(super) fn beginning(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PortPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no port.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no USB port; write it like 1-1.4, or 1-1.* for all behind port 1-1")]
pub struct NoPort(String);

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_port(text: &str) -> bool {
    if let Some(bus) = text.strip_prefix("usb") {
        return is_number(bus);
    }
    text.split_once('-')
        .is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// Whether a port can begin so: some `1` behind it makes it a port.
fn is_beginning(text: &str) -> bool {
    let begins = |rest: &str| is_port(&format!("{text}{rest}"));
    !text.is_empty() && (begins("1") || begins("-1") || "usb".starts_with(text))
}

impl FromStr for PortPattern {
    type Err = NoPort;

    fn from_str(text: &str) -> Result<Self, NoPort> {
        let sound = text
            .strip_suffix('*')
            .map_or_else(|| is_port(text), is_beginning);
        (sound && text.len() <= MAX_PORT)
            .then(|| Self(text.into()))
            .ok_or_else(|| NoPort(text.to_owned()))
    }
}

spelt!(PortPattern, NoPort);
