//! What goes onto a card: groups as the command line names them, the account of a server, and
//! releases.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use cardwarden_card::{NamedGroup, SignedRelease};
use cardwarden_policy::manifest::{Account, Group, Selectors};
use cardwarden_policy::trust::Signed as _;
use cardwarden_policy::{Anchors, Release};
use jiff::Timestamp;

use crate::failure::{Exit, Failure};
use crate::{file, policy};

/// Longest certificate or public key that is read, in bytes.
pub(super) const MAX_PEM: usize = 64 * 1024;

/// A group as `--and-group` names it: `NAME[:SELECTORS]=FILE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    name: String,
    selectors: Selectors,
    pin: bool,
    policy: PathBuf,
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "a group is written NAME[:SELECTORS]=FILE".to_owned();
        // The file is behind the last `=`, since selectors have some of their own.
        let (name, policy) = text.rsplit_once('=').ok_or_else(form)?;
        let (name, words) = name.split_once(':').unwrap_or((name, ""));
        if name.trim().is_empty() || policy.is_empty() {
            return Err(form());
        }
        let mut spec = Self {
            name: name.to_owned(),
            selectors: Selectors::default(),
            pin: false,
            policy: policy.into(),
        };
        for word in words.split(',').filter(|word| !word.is_empty()) {
            spec.take(word)?;
        }
        Ok(spec)
    }
}

impl Spec {
    fn take(&mut self, word: &str) -> Result<(), String> {
        let selectors = &mut self.selectors;
        let Some((selector, value)) = word.split_once('=') else {
            if word == "pin" {
                self.pin = true;
            } else {
                selectors.kinds.insert(word.to_owned());
            }
            return Ok(());
        };
        let list = match selector {
            "kind" => &mut selectors.kinds,
            "model" => &mut selectors.models,
            "serial" => &mut selectors.serials,
            "device" => &mut selectors.devices,
            "label" => &mut selectors.labels,
            "function" => {
                let function = value.parse().map_err(
                    |error: cardwarden_policy::function::UnknownFunction| error.to_string(),
                )?;
                selectors.functions.insert(function);
                return Ok(());
            }
            "priority" => {
                selectors.priority = value
                    .parse()
                    .map_err(|_no_number| format!("`{value}` is no priority (-32768 to 32767)"))?;
                return Ok(());
            }
            other => {
                return Err(format!(
                    "`{other}` is no selector: kind, model, serial, device, label, function, \
                     priority, or pin alone"
                ));
            }
        };
        if value.trim().is_empty() {
            return Err(format!("the selector `{selector}` has no value"));
        }
        list.insert(value.to_owned());
        Ok(())
    }

    /// Reads the policy.
    pub(super) fn load(&self, account: Option<&Account>) -> Result<NamedGroup, Failure> {
        Ok(NamedGroup {
            name: self.name.clone(),
            selectors: self.selectors.clone(),
            pin: self.pin,
            group: group(&self.policy, account)?,
        })
    }
}

/// A policy of a file, with the server's account.
pub(super) fn group(policy: &Path, account: Option<&Account>) -> Result<Group, Failure> {
    Ok(Group {
        policy: policy::read(policy)?,
        account: account.cloned(),
    })
}

/// A signed release as a card carries it, for the one device that it lets go.
pub(super) fn release(path: &Path, anchors: &Anchors) -> Result<SignedRelease, Failure> {
    let bytes = file::read(path, Release::MAX)?;
    let release = anchors
        .verify_at::<Release>(&bytes, Some(Timestamp::now()))
        .map_err(|rejected| {
            Failure::because(
                format!("no device would believe the release {}", path.display()),
                &rejected,
            )
            .exiting(Exit::Refused)
        })?;
    Ok(SignedRelease {
        device: release.device.clone(),
        statement: bytes,
    })
}

/// How devices reach a server.
pub(super) fn account(url: &str, id: &str, ca: &Path) -> Result<Account, Failure> {
    if !url.starts_with("https://") {
        return Err(Failure::new(format!(
            "the server's address {url} does not start with https://"
        )));
    }
    Ok(Account {
        server_url: url.trim_end_matches('/').to_owned(),
        server_id: id.to_owned(),
        ca: certificate(ca)?,
    })
}

/// The first certificate of a PEM file, in DER.
pub(super) fn certificate(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = file::read_text(path, MAX_PEM)?;
    let none = || Failure::new(format!("{} holds no certificate in PEM", path.display()));
    let (_, rest) = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .ok_or_else(none)?;
    let (body, _) = rest
        .split_once("-----END CERTIFICATE-----")
        .ok_or_else(none)?;
    let body: String = body.split_whitespace().collect();
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body)
        .map_err(|error| Failure::because(format!("{} is damaged", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use cardwarden_policy::Function;

    use super::*;
    use crate::file::Readable;

    #[test]
    fn the_first_certificate_of_a_file_is_taken_and_others_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let pem = "x\n-----BEGIN CERTIFICATE-----\nMAMC\nAQU=\n-----END CERTIFICATE-----\n";
        file::create(&path, pem.as_bytes(), Readable::All).unwrap();
        assert_eq!(certificate(&path).unwrap(), [0x30, 3, 2, 1, 5]);

        let other = directory.path().join("key.pem");
        file::create(&other, b"-----BEGIN PUBLIC KEY-----\n", Readable::All).unwrap();
        assert!(
            certificate(&other)
                .unwrap_err()
                .text
                .contains("no certificate")
        );
    }

    #[test]
    fn a_further_group_is_named_with_its_selectors_and_its_file() {
        let spec: Spec =
            "field:laptop,kind=tablet,label=field,function=camera,priority=-5,pin=f.toml"
                .parse()
                .unwrap();
        assert_eq!((spec.name.as_str(), spec.pin), ("field", true));
        assert_eq!(spec.policy, Path::new("f.toml"));
        assert_eq!(spec.selectors.kinds.len(), 2);
        assert_eq!(spec.selectors.functions, [Function::Camera].into());
        assert_eq!(spec.selectors.priority, -5);
        let all: Spec = "all=office.toml".parse().unwrap();
        assert_eq!(all.selectors, Selectors::default());
    }

    #[test]
    fn a_group_that_nobody_could_mean_is_a_wrong_command_line() {
        for (text, part) in [
            ("all", "NAME"),
            ("=x.toml", "NAME"),
            ("all=", "NAME"),
            ("all:colour=red=x.toml", "no selector"),
            ("all:priority=much=x.toml", "no priority"),
            ("all:function=kitchen=x.toml", "kitchen"),
            ("all:serial==x.toml", "no value"),
        ] {
            let problem = text.parse::<Spec>().unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
