//! The host's own Debian mirrors, read from its apt sources, and a private apt for packages of another suite.
//!
//! No mirror is named here: what the host uses is used. Only Debian's own suites count; a third party's
//! repository on the host has no place in the guest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::pins;
use crate::place;
use crate::run::Run;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One of the host's Debian sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The mirror's address.
    pub uri: String,
    /// For example `bookworm` or `bookworm-security`.
    pub suite: String,
    /// The value of `Signed-By`, if the host gives one.
    pub signed_by: Option<String>,
}

/// The code name of the host's Debian release, one of [`pins::SUITES`].
pub fn host_suite() -> Result<String> {
    let text = std::fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
    let suite = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .unwrap_or_default();
    if !pins::SUITES.contains(&suite.as_str()) {
        bail!(
            "the lab needs a Debian {} machine, this one says '{suite}'",
            pins::SUITES.join(" or ")
        );
    }
    Ok(suite)
}

/// The host's sources for its own suite (with updates and security, as far as the host has them).
pub fn host_sources() -> Result<Vec<Source>> {
    let suite = host_suite()?;
    let mut sources = Vec::new();
    for file in source_files() {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        if file
            .extension()
            .is_some_and(|extension| extension == "sources")
        {
            sources.extend(parse_stanzas(&text));
        } else {
            sources.extend(text.lines().filter_map(parse_line).flatten());
        }
    }
    sources.retain(|source| is_suite_of(&source.suite, &suite));
    sources.dedup();
    if sources.is_empty() {
        bail!("found no apt source for {suite} main on this machine");
    }
    Ok(sources)
}

fn is_suite_of(name: &str, suite: &str) -> bool {
    name.strip_prefix(suite)
        .is_some_and(|rest| ["", "-updates", "-security"].contains(&rest))
}

fn source_files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files
}

/// Reads the stanza format ("deb822").
fn parse_stanzas(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .filter(|line| !line.starts_with('#'))
                .find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name)
                        .then(|| value.trim().to_owned())
                })
        };
        let has = |name: &str, word: &str| {
            field(name).is_some_and(|value| value.split_whitespace().any(|part| part == word))
        };
        let disabled = field("Enabled").is_some_and(|value| value == "no");
        if disabled || !has("Types", "deb") || !has("Components", "main") {
            continue;
        }
        let (Some(uris), Some(suites)) = (field("URIs"), field("Suites")) else {
            continue;
        };
        let signed_by = field("Signed-By").filter(|value| value.starts_with('/'));
        for uri in uris.split_whitespace() {
            sources.extend(suites.split_whitespace().map(|suite| Source {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
                signed_by: signed_by.clone(),
            }));
        }
    }
    sources
}

/// Reads one line of the older format.
fn parse_line(line: &str) -> Option<Vec<Source>> {
    let mut rest = line.trim().strip_prefix("deb ")?.trim_start();
    let mut signed_by = None;
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        signed_by = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .filter(|value| value.starts_with('/'))
            .map(str::to_owned);
        rest = after.trim_start();
    }
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.any(|component| component == "main").then(|| {
        vec![Source {
            uri,
            suite,
            signed_by,
        }]
    })
}

/// The sources as lines for mmdebstrap or a private apt.
pub fn lines(sources: &[Source]) -> String {
    sources.iter().fold(String::new(), |lines, source| {
        let key = source.signed_by.as_deref().unwrap_or(KEYRING);
        lines
            + &format!(
                "deb [signed-by={key}] {} {} main\n",
                source.uri, source.suite
            )
    })
}

/// An apt of its own, below the lab's cache, for packages of any suite on the host's mirrors.
///
/// The host's own apt state is neither read nor changed.
#[derive(Debug)]
pub struct PrivateApt {
    dir: PathBuf,
}

impl PrivateApt {
    /// An apt for `suite`, with its package lists fetched.
    pub fn for_suite(suite: &str) -> Result<Self> {
        let host = host_suite()?;
        let mut sources = host_sources()?;
        for source in &mut sources {
            source.suite = source.suite.replacen(&host, suite, 1);
            source.signed_by = None;
        }
        let dir = place::lab(&format!("apt/{suite}"))?;
        for name in ["lists/partial", "cache/archives/partial"] {
            let path = dir.join(name);
            std::fs::create_dir_all(&path)
                .with_context(|| format!("make folder {}", path.display()))?;
        }
        place::write_whole(&dir.join("sources.list"), lines(&sources))?;
        place::write_whole(&dir.join("status"), "")?;
        let apt = Self { dir };
        if apt.has_fresh_lists() {
            return Ok(apt);
        }
        apt.run("apt-get")
            .args(["update", "-q"])
            .quietly()
            .with_context(|| {
                format!("fetch the package lists of {suite} (wanted for its kernel)")
            })?;
        Ok(apt)
    }

    /// Whether the lists were fetched within the last day.
    fn has_fresh_lists(&self) -> bool {
        let day = std::time::Duration::from_hours(24);
        let entries = std::fs::read_dir(self.dir.join("lists"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .any(|file| {
                file.modified()
                    .is_ok_and(|time| time.elapsed().is_ok_and(|age| age < day))
            })
    }

    fn run(&self, program: &str) -> Run {
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        let settings = [
            option("Dir::Etc::sourcelist", &self.dir.join("sources.list")),
            "Dir::Etc::sourceparts=-".to_owned(),
            option("Dir::State::lists", &self.dir.join("lists")),
            option("Dir::State::status", &self.dir.join("status")),
            option("Dir::Cache", &self.dir.join("cache")),
            "APT::Sandbox::User=root".to_owned(),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ];
        settings
            .iter()
            .fold(Run::new(program), |run, setting| run.arg("-o").arg(setting))
    }

    /// The package that the newest version of `package` depends on whose name starts with `prefix`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let shown = self
            .run("apt-cache")
            .args(["show", "--no-all-versions", package])
            .text()?;
        shown
            .lines()
            .filter_map(|line| line.strip_prefix("Depends:"))
            .flat_map(|list| list.split(','))
            .filter_map(|item| item.split_whitespace().next())
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
            .with_context(|| format!("{package} depends on no package named {prefix}…"))
    }

    /// Downloads a package and returns its file.
    pub fn download(&self, package: &str) -> Result<PathBuf> {
        let dir = self.dir.join("debs");
        std::fs::create_dir_all(&dir).with_context(|| format!("make folder {}", dir.display()))?;
        self.run("apt-get")
            .args(["download", "-q", package])
            .current_dir(&dir)
            .quietly()?;
        std::fs::read_dir(&dir)
            .with_context(|| format!("list {}", dir.display()))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let is_package = path.extension().is_some_and(|extension| extension == "deb");
                is_package && name.starts_with(&format!("{package}_"))
            })
            .max()
            .with_context(|| format!("apt downloaded {package}, but there is no such file"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, parse_line, parse_stanzas};

    #[test]
    fn both_formats_of_sources_are_read() {
        let stanza = "Types: deb\n# a note: of old\nURIs: m://one/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /k.gpg\n";
        let lines = "deb [arch=amd64 signed-by=/k.gpg] m://one/debian bookworm main contrib";
        let first = Source {
            uri: "m://one/debian".into(),
            suite: "bookworm".into(),
            signed_by: Some("/k.gpg".into()),
        };
        assert_eq!(parse_stanzas(stanza).first(), Some(&first));
        assert_eq!(parse_stanzas(stanza).len(), 2);
        assert_eq!(parse_line(lines), Some(vec![first]));
    }

    #[test]
    fn sources_without_main_or_disabled_are_left_out() {
        assert_eq!(parse_line("deb m://one bookworm contrib"), None);
        assert_eq!(parse_line("# deb m://one bookworm main"), None);
        let disabled =
            "Types: deb\nEnabled: no\nURIs: m://one\nSuites: bookworm\nComponents: main\n";
        assert!(parse_stanzas(disabled).is_empty());
    }
}
