//! What is there before anything is played: companies with keys, and the one that this device trusts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cardwarden_tests::run::{Key, Run, find};
use serde_json::Value;

/// The company whose key the device trusts.
pub(crate) const COMPANY: &str = "B Company";

/// Everything that the lab keeps; on the disk that outlives a reboot.
pub(crate) const HOME: &str = "/var/lib/lab";

/// A company: its name and the folder with its keys.
pub(crate) struct Company {
    /// As on its cards.
    pub(crate) name: String,
    /// Private key.
    pub(crate) key: PathBuf,
    /// Public key.
    pub(crate) public: PathBuf,
    /// The name in lower case, with `-` for what is neither letter nor digit.
    pub(crate) slug: String,
}

impl Company {
    /// The company numbers its policies: the same text keeps its number, another gets the next, unless one is
    /// `wanted`.
    pub(crate) fn number(&self, policy: &Path, wanted: Option<u64>) -> Result<u64> {
        let book = Path::new(HOME)
            .join("companies")
            .join(&self.slug)
            .join("last-policy");
        let content = Key::default().with_file(policy)?.name();
        let text = std::fs::read_to_string(&book).unwrap_or_default();
        let (last, last_content) = text.split_once(' ').unwrap_or(("0", ""));
        let last: u64 = last.parse().context("read the company's last version")?;
        let next = if last > 0 && last_content == content {
            last
        } else {
            last + 1
        };
        let version = wanted.unwrap_or(next);
        if version >= last {
            std::fs::write(&book, format!("{version} {content}"))
                .with_context(|| format!("write {}", book.display()))?;
        }
        Ok(version)
    }
}

/// A company by name; its key is made at first need.
pub(crate) fn company(name: &str) -> Result<Company> {
    let slug: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let dir = Path::new(HOME).join("companies").join(&slug);
    let (key, public) = (dir.join("key.pem"), dir.join("public.pem"));
    if !public.is_file() {
        std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        Run::new("cardwarden")
            .args(["policy", "keygen", "--key"])
            .arg(&key)
            .arg("--public")
            .arg(&public)
            .quietly()?;
    }
    Ok(Company {
        name: name.to_owned(),
        key,
        public,
        slug,
    })
}

/// Before the first start, the administrator has put the company's key on the device.
pub(crate) fn prepare() -> Result<()> {
    if find("cardwarden").is_none() {
        // A machine without the product.
        return Ok(());
    }
    let company = company(COMPANY)?;
    let trust = Path::new("/etc/cardwarden/trust.d");
    std::fs::create_dir_all(trust).with_context(|| format!("make {}", trust.display()))?;
    let trusted = trust.join(format!("{}.pem", company.slug));
    if !trusted.exists() {
        std::fs::copy(&company.public, &trusted)
            .with_context(|| format!("write {}", trusted.display()))?;
    }
    Ok(())
}

/// What `cardwarden status --json` says.
pub(crate) fn status() -> Result<Value> {
    let text = Run::new("cardwarden").args(["status", "--json"]).text()?;
    serde_json::from_str(&text).context("read the agent's status")
}

/// A text of the status, by JSON pointer; empty if it is not there.
pub(crate) fn text<'a>(status: &'a Value, pointer: &str) -> &'a str {
    status
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
