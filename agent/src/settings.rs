//! The settings: a file that an administrator may write, and defaults where there is none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cardwarden_card::modem::Place;
use cardwarden_policy::Anchors;
use cardwarden_policy::trust::Anchor;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::identity::KeyPlace;

/// The folders that are the agent's own.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// That of the state.
    pub(crate) state: PathBuf,
    /// All others that are there.
    others: Vec<PathBuf>,
}

impl Folders {
    /// Each of them, always in the same order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.state).chain(self.others.iter().map(|folder| &**folder))
    }
}

/// What the agent goes by.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Where what must last is kept.
    pub(crate) state: PathBuf,
    /// The file that keeps the lowest versions still accepted a second time; in another folder than
    /// the state, best on another file system.
    pub(crate) floor: PathBuf,
    /// What udev rules look at.
    pub(crate) runtime: PathBuf,
    /// The folder of trusted company keys, `*.pem`.
    pub(crate) trust: PathBuf,
    /// The kind of device, which selects the group on the card; from the firmware when not given.
    pub(crate) kind: Option<String>,
    /// Words for this device that groups on cards may ask for.
    pub(crate) labels: BTreeSet<String>,
    /// The group to take, by name, where a card has several for this device. What a company's server
    /// asks for goes before.
    pub(crate) group: Option<String>,
    /// The modem whose SIM counts as a card: one of its device files, `modemmanager`, or its object
    /// path there. None is looked for without it.
    #[serde(deserialize_with = "modem")]
    pub(crate) modem: Option<Place>,
    /// Whether LSM `file_open` is attached beside the cgroup program.
    pub(crate) second_lock: bool,
    /// Where the device's key is made. One that there is stays where it lies.
    pub(crate) device_key: KeyPlace,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state: "/var/lib/cardwarden".into(),
            floor: "/var/lib/cardwarden-floor/floor.json".into(),
            runtime: "/run/cardwarden".into(),
            trust: "/etc/cardwarden/trust.d".into(),
            kind: None,
            labels: BTreeSet::new(),
            group: None,
            modem: None,
            second_lock: false,
            device_key: KeyPlace::default(),
        }
    }
}

/// Why the settings cannot be used. The agent then goes by its defaults and says so: it never
/// stays away because of a typing error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is there and cannot be read.
    #[error("cannot read the settings {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no settings.
    #[error("the settings {} make no sense", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong.
        #[source]
        source: toml::de::Error,
    },
}

impl Settings {
    /// Reads the file, where there is one.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|source| Error::Malformed {
                path: path.to_owned(),
                source,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The folders that are the agent's own, with that of its settings.
    pub(crate) fn folders(&self, config: &Path) -> Folders {
        let floor = self.floor.parent().unwrap_or(&self.floor);
        let config = config.parent().unwrap_or(config);
        let others = [floor, &self.runtime, config, &self.trust]
            .into_iter()
            .filter(|folder| folder.exists())
            .map(Path::to_owned)
            .collect();
        let state = self.state.clone();
        Folders { state, others }
    }

    /// The kind of this device, in hostnamed's words for a chassis.
    pub(crate) fn kind(&self) -> String {
        self.kind.clone().unwrap_or_else(|| chassis().to_owned())
    }

    /// The trusted keys, and the files that hold none, with why.
    pub(crate) fn anchors(&self) -> (Anchors, Vec<String>) {
        let mut problems = Vec::new();
        let mut anchors = Anchors::default();
        let files = match std::fs::read_dir(&self.trust) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return (anchors, problems);
            }
            Err(error) => {
                problems.push(format!("cannot read {}: {error}", self.trust.display()));
                return (anchors, problems);
            }
        };
        for path in files.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "pem") {
                continue;
            }
            let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            match read.and_then(|pem| Anchor::from_pem(&pem).map_err(|error| error.to_string())) {
                Ok(anchor) => anchors.insert(anchor),
                Err(problem) => problems.push(format!("{}: {problem}", path.display())),
            }
        }
        (anchors, problems)
    }
}

/// Reads which modem is meant.
fn modem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Place>, D::Error> {
    let setting = String::deserialize(deserializer)?;
    setting.parse().map(Some).map_err(D::Error::custom)
}

/// The kind of device by its firmware: DMI chassis type (SMBIOS 3.6, 7.4.1), or a handset where
/// there is only a device tree.
fn chassis() -> &'static str {
    let Ok(kind) = std::fs::read_to_string("/sys/class/dmi/id/chassis_type") else {
        let tree = Path::new("/sys/firmware/devicetree/base");
        return if tree.is_dir() { "handset" } else { "unknown" };
    };
    match kind.trim() {
        "8" | "9" | "10" | "14" => "laptop",
        "31" | "32" => "convertible",
        "30" => "tablet",
        "11" => "handset",
        "3" | "4" | "5" | "6" | "7" | "13" | "15" | "16" | "35" | "36" => "desktop",
        "17" | "23" | "25" | "28" | "29" => "server",
        "1" | "2" => "vm",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_means_the_defaults_and_a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        assert_eq!(Settings::read(&path).unwrap(), Settings::default());
        crate::durable::replace(&path, b"second-lok = true\n").unwrap();
        let error = Settings::read(&path).unwrap_err();
        assert!(cardwarden_policy::explain::chain(&error).contains("second-lok"));
    }
    #[test]
    fn a_modem_is_one_of_three_words_and_another_is_told_what_to_write() {
        for word in [
            "/dev/wwan0at0",
            "modemmanager",
            "/org/freedesktop/ModemManager1/Modem/3",
        ] {
            let settings: Settings = toml::from_str(&format!("modem = \"{word}\"")).unwrap();
            assert_eq!(settings.modem.unwrap().as_str(), word);
        }
        let error = toml::from_str::<Settings>("modem = \"ttyUSB2\"").unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("`ttyUSB2`") && told.contains("/dev/ttyUSB2"),
            "{told}"
        );
    }
}
