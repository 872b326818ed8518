//! What every card of a box holds, with gaps for what is each person's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cardwarden_card::NamedGroup;
use cardwarden_policy::manifest::{Account, Group, MAX_GROUPS, Selectors};
use cardwarden_policy::{Function, Policy};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::fill::{self, fill, fill_all};
use super::journal::Batch;
use super::staff::Person;
use crate::card::content::{MAX_PEM, account};
use crate::card::shown::hex;
use crate::failure::Failure;
use crate::{file, policy};

/// A template that `--template-example` prints.
pub(crate) const EXAMPLE: &str = include_str!("../../../templates/cards.toml");
/// Longest template that is read, in bytes.
const MAX_TEMPLATE: usize = 256 * 1024;
/// Longest policy that counts for the template's hash, in bytes.
const MAX_NAMED: usize = 1024 * 1024;

/// A template, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    company: String,
    version: u64,
    server: Option<Server>,
    groups: Vec<WrittenGroup>,
}

/// The company's server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    url: String,
    id: String,
    ca: PathBuf,
}

/// A group, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenGroup {
    name: String,
    policy: String,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    serials: Vec<String>,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    functions: Vec<Function>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    priority: i16,
    #[serde(default)]
    pin: bool,
    #[serde(default = "with_server")]
    server: bool,
}

const fn with_server() -> bool {
    true
}

/// A template, ready to be filled.
#[derive(Debug)]
pub(crate) struct Template {
    written: Written,
    account: Option<Account>,
    /// Where the files that it names are.
    folder: PathBuf,
    /// SHA-256 of the template and of the files that it names for everybody.
    hash: String,
    /// The policies that were read so far.
    policies: BTreeMap<PathBuf, Policy>,
}

impl Template {
    /// Reads a template.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = file::read_text(path, MAX_TEMPLATE)?;
        let written: Written = toml::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is no template\n{error}", path.display())))?;
        let wrong = |what: String| Failure::new(format!("{}: {what}", path.display()));
        if written.version == 0 {
            return Err(wrong("the version is at least 1".to_owned()));
        }
        if written.groups.is_empty() || written.groups.len() > MAX_GROUPS {
            return Err(wrong(format!("a card has 1 to {MAX_GROUPS} [[groups]]")));
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut hash = Sha256::new().chain_update(text.as_bytes());
        for group in &written.groups {
            if fill::is_fixed(&group.policy) {
                let bytes = file::read(&folder.join(&group.policy), MAX_NAMED)?;
                hash.update(Sha256::digest(bytes));
            }
        }
        let account = match &written.server {
            None => None,
            Some(server) => {
                let ca = folder.join(&server.ca);
                hash.update(Sha256::digest(file::read(&ca, MAX_PEM)?));
                Some(account(&server.url, &server.id, &ca)?)
            }
        };
        Ok(Self {
            account,
            folder: folder.to_owned(),
            hash: hex(&hash.finalize()),
            policies: BTreeMap::new(),
            written,
        })
    }

    /// What is issued by it.
    pub(crate) fn batch(&self) -> Batch {
        Batch {
            company: self.written.company.clone(),
            version: self.written.version,
            template: self.hash.clone(),
        }
    }

    /// The groups of a person's card.
    pub(crate) fn groups(&mut self, person: &Person) -> Result<Vec<NamedGroup>, Failure> {
        let Self {
            written,
            account,
            folder,
            policies,
            ..
        } = self;
        let groups = written.groups.iter().map(|group| {
            let unfilled = |error: fill::Unfilled| {
                Failure::because(
                    format!(
                        "the card of {} cannot be made from the template",
                        person.name()
                    ),
                    &error,
                )
            };
            let path = folder.join(fill(&group.policy, person).map_err(unfilled)?);
            let policy = if let Some(policy) = policies.get(&path) {
                policy.clone()
            } else {
                let policy = policy::read(&path)?;
                policies.insert(path, policy.clone());
                policy
            };
            let account = account.clone().filter(|_account| group.server);
            Ok(NamedGroup {
                name: fill(&group.name, person).map_err(unfilled)?,
                selectors: group.selectors(person).map_err(unfilled)?,
                pin: group.pin,
                group: Group { policy, account },
            })
        });
        groups.collect()
    }
}

impl WrittenGroup {
    fn selectors(&self, person: &Person) -> Result<Selectors, fill::Unfilled> {
        Ok(Selectors {
            kinds: fill_all(&self.kinds, person)?,
            models: fill_all(&self.models, person)?,
            serials: fill_all(&self.serials, person)?,
            devices: fill_all(&self.devices, person)?,
            functions: self.functions.iter().copied().collect(),
            labels: fill_all(&self.labels, person)?,
            priority: self.priority,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Readable;

    const OFFICE: &str = include_str!("../../../templates/office.toml");

    fn folder(template: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cards.toml");
        file::create(&path, template.as_bytes(), Readable::All).unwrap();
        for name in ["office.toml", "handset.toml", "research.toml"] {
            file::create(
                &directory.path().join(name),
                OFFICE.as_bytes(),
                Readable::All,
            )
            .unwrap();
        }
        (directory, path)
    }

    fn ada(columns: &[(&str, &str)]) -> Person {
        let columns = columns
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Person::new("Ada", "17", columns).unwrap()
    }

    #[test]
    fn the_example_becomes_the_groups_of_a_person() {
        let (_directory, path) = folder(EXAMPLE);
        let mut template = Template::read(&path).unwrap();
        let ada = ada(&[
            ("department", "research"),
            ("laptop", "PF1"),
            ("labels", "a;b"),
        ]);
        let groups = template.groups(&ada).unwrap();
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["own laptop of Ada", "handsets", "all"]);
        let serials = &groups[0].selectors.serials;
        assert!(serials.contains("PF1") && groups[0].selectors.priority == 10);
        assert_eq!(groups[1].selectors.labels.len(), 2);
        assert!(groups[1].pin && !groups[2].pin);
        assert!(EXAMPLE.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn another_word_in_a_file_for_everybody_makes_another_batch() {
        let (directory, path) = folder(EXAMPLE);
        let before = Template::read(&path).unwrap().batch();
        assert_eq!(Template::read(&path).unwrap().batch(), before);
        let office = directory.path().join("office.toml");
        let other = OFFICE.replace("microphone", "bluetooth");
        file::replace(&office, other.as_bytes()).unwrap();
        assert_ne!(Template::read(&path).unwrap().batch(), before);
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_before_any_card_is_asked_for() {
        for (template, part) in [
            ("company = 1", "expected a string"),
            ("company = \"B\"\nversion = 0\ngroups = []", "at least 1"),
            ("company = \"B\"\nversion = 1\ngroups = []", "[[groups]]"),
            (
                "company = \"B\"\nversion = 1\n[[groups]]\nname = \"a\"\npolicy = \"no.toml\"",
                "no.toml",
            ),
            (
                "company = \"B\"\nversion = 1\n[[groups]]\nname = \"a\"\npolici = \"a\"",
                "polici",
            ),
        ] {
            let (_directory, path) = folder(template);
            let failure = Template::read(&path).unwrap_err();
            assert!(failure.text.contains(part), "{template}: {}", failure.text);
        }
        let (_directory, path) = folder(EXAMPLE);
        let mut template = Template::read(&path).unwrap();
        let failure = template
            .groups(&ada(&[("department", "research")]))
            .unwrap_err();
        assert!(failure.text.contains("`laptop`"), "{}", failure.text);
        let nobody = ada(&[("department", "../x"), ("laptop", "P"), ("labels", "")]);
        assert!(
            template
                .groups(&nobody)
                .unwrap_err()
                .text
                .contains("x.toml")
        );
    }
}
