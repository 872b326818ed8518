//! Policies as files: which spelling a file has, reading any, and writing each.

use std::path::Path;

use cardwarden_policy::document::MAX_DOCUMENT;
use cardwarden_policy::mo::Unreadable;
use cardwarden_policy::{Account, Group, Policy};
use clap::ValueEnum;
use omadm::tnds;

use super::fault::Fault;
use super::layout;
use crate::failure::Failure;
use crate::file;
use crate::output::Paint;

/// Tag of a `COSE_Sign1` (RFC 9052, 2), and an array of four without one.
const SIGNED: [u8; 2] = [0xD2, 0x84];
/// The last version of WBXML, 1.3; a document begins with its version.
const LAST_WBXML: u8 = 0x03;

/// How a policy is spelt.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// As people write it.
    Toml,
    /// TNDS in XML.
    Xml,
    /// TNDS in WBXML, as on a card.
    Wbxml,
}

impl Format {
    /// By the end of a file's name.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "xml" => Some(Self::Xml),
            "wbxml" | "tnds" => Some(Self::Wbxml),
            _ => None,
        }
    }

    /// By the first byte.
    fn of_content(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(b'<') => Self::Xml,
            Some(version) if *version <= LAST_WBXML => Self::Wbxml,
            Some(_) | None => Self::Toml,
        }
    }

    /// Writes a group. TOML has no room for an account.
    pub(crate) fn write(self, group: &Group) -> Result<Vec<u8>, Failure> {
        let unwritable =
            |error: &dyn std::error::Error| Failure::because("it cannot be written", error);
        if self == Self::Toml {
            return toml(&group.policy).map(String::into_bytes);
        }
        let wbxml = group.to_bytes().map_err(|error| unwritable(&error))?;
        if self == Self::Wbxml {
            return Ok(wbxml);
        }
        let document = tnds::Document::from_wbxml(&wbxml).map_err(|error| unwritable(&error))?;
        document.to_xml().map_err(|error| unwritable(&error))
    }
}

/// A policy in TOML, as people would write it.
pub(super) fn toml(policy: &Policy) -> Result<String, Failure> {
    layout::written(policy).ok_or_else(|| Failure::new("the policy cannot be written as TOML"))
}

/// Why a file gives no policy.
#[derive(Debug)]
pub(crate) enum NoPolicy {
    /// It cannot be read at all.
    File(Failure),
    /// What it says is wrong.
    Faulty(Box<Fault>),
}

impl NoPolicy {
    /// For verbs that need the policy.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::File(failure) => failure,
            Self::Faulty(fault) => {
                let shown = fault.show(Paint::for_errors());
                Failure::new(format!("{} is no policy\n{}", fault.file, shown.trim_end()))
            }
        }
    }
}

/// Reads a policy in any spelling, with the account that is beside it in Management Objects.
pub(crate) fn load(path: &Path) -> Result<Group, NoPolicy> {
    let bytes = file::read(path, MAX_DOCUMENT).map_err(NoPolicy::File)?;
    if bytes.first().is_some_and(|first| SIGNED.contains(first)) {
        return Err(NoPolicy::File(Failure::new(format!(
            "{} is signed; `cardwarden policy verify --out FILE` takes the policy out of it",
            path.display()
        ))));
    }
    let faulty = |error: &Unreadable| NoPolicy::Faulty(Box::new(Fault::of_objects(path, error)));
    let broken = |error: String| faulty(&Unreadable::Tree(error));
    match Format::of_content(&bytes) {
        Format::Toml => {
            let text = String::from_utf8(bytes).map_err(|error| {
                let what = format!("{} is no text", path.display());
                NoPolicy::File(Failure::because(what, &error))
            })?;
            match Policy::from_toml(&text) {
                Ok(policy) => Ok(Group {
                    policy,
                    account: None::<Account>,
                }),
                Err(error) => {
                    let fault = Fault::of_text(path, text, &error);
                    Err(NoPolicy::Faulty(Box::new(fault)))
                }
            }
        }
        Format::Xml => {
            let document =
                tnds::Document::from_xml(&bytes).map_err(|error| broken(error.to_string()))?;
            let bytes = document
                .to_wbxml()
                .map_err(|error| broken(error.to_string()))?;
            sensible(&bytes).map_err(|error| faulty(&error))
        }
        Format::Wbxml => sensible(&bytes).map_err(|error| faulty(&error)),
    }
}

/// Reads a group as strictly as a policy in TOML is read.
fn sensible(bytes: &[u8]) -> Result<Group, Unreadable> {
    let group = Group::from_bytes(bytes)?;
    group.policy.check_sense()?;
    Ok(group)
}

/// Reads a policy in any spelling, or says what is wrong with it and where.
pub(crate) fn read(path: &Path) -> Result<Policy, Failure> {
    load(path)
        .map(|group| group.policy)
        .map_err(NoPolicy::into_failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_the_same_in_every_spelling() {
        let text = include_str!("../../../policy/tests/documents/everything.toml");
        let group = Group {
            policy: Policy::from_toml(text).unwrap(),
            account: None,
        };
        let directory = tempfile::tempdir().unwrap();
        for format in [Format::Toml, Format::Xml, Format::Wbxml] {
            let path = directory.path().join(format!("{format:?}"));
            let bytes = format.write(&group).unwrap();
            assert_eq!(Format::of_content(&bytes), format);
            file::create(&path, &bytes, file::Readable::All).unwrap();
            assert_eq!(load(&path).unwrap(), group, "{format:?}");
        }
    }
}
