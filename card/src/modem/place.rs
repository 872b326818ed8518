//! Which modem is meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zbus::OwnedObjectPath;

use super::Failure;

/// What the setting says for the only modem that `ModemManager` has.
pub(super) const MODEM_MANAGER: &str = "modemmanager";
/// Where `ModemManager`'s modems are.
const MODEM_PATH: &str = "/org/freedesktop/ModemManager1/Modem/";
/// Where device files are.
const DEVICES: &str = "/dev/";

/// A modem, as a setting names it: by one of its device files (`/dev/ttyUSB2`), as the only one
/// that `ModemManager` has (`modemmanager`), or by its object path there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    setting: String,
    kind: Kind,
}

/// How the modem is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// By a device file.
    Device(PathBuf),
    /// By `ModemManager`, which has only one.
    TheOnly,
    /// By `ModemManager`, where it is this object.
    Object(OwnedObjectPath),
}

impl Place {
    /// What the setting says.
    pub fn as_str(&self) -> &str {
        &self.setting
    }

    pub(super) const fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(setting: &str) -> Result<Self, Failure> {
        let strange = || Failure::Setting {
            setting: setting.to_owned(),
        };
        let kind = if setting == MODEM_MANAGER {
            Kind::TheOnly
        } else if setting.starts_with(MODEM_PATH) {
            Kind::Object(setting.try_into().map_err(|_malformed| strange())?)
        } else if setting.len() > DEVICES.len() && Path::new(setting).starts_with(DEVICES) {
            Kind::Device(setting.into())
        } else {
            return Err(strange());
        };
        Ok(Self {
            setting: setting.to_owned(),
            kind,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modem_is_named_in_three_ways() {
        let kind = |setting: &str| setting.parse::<Place>().unwrap().kind;
        assert_eq!(kind("/dev/ttyUSB2"), Kind::Device("/dev/ttyUSB2".into()));
        assert_eq!(kind("modemmanager"), Kind::TheOnly);
        let object = "/org/freedesktop/ModemManager1/Modem/0";
        assert_eq!(kind(object), Kind::Object(object.try_into().unwrap()));
    }

    #[test]
    fn a_setting_that_names_no_modem_says_what_does() {
        for setting in [
            "ttyUSB2",
            "ModemManager",
            "",
            "/dev/",
            "/etc/passwd",
            "/org/freedesktop/ModemManager1/Modem/",
            "/org/freedesktop/ModemManager1/Modem/a b",
        ] {
            let failure = setting.parse::<Place>().unwrap_err();
            assert_eq!(failure.code(), "no-reader", "{setting}");
            let told = failure.to_string();
            assert!(
                told.contains("/dev/ttyUSB2") && told.contains("modemmanager"),
                "{told}"
            );
        }
    }
}
