//! What a company would do to a card, and what its adversaries would.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use cardwarden_card::{
    Authority, Issue, ManagementKey, NamedGroup, Pin, WRITING_TIME, issue, open,
};
use cardwarden_policy::manifest::MAX_MANIFEST;
use cardwarden_policy::trust::sign_introducing;
use cardwarden_policy::{Account, Group, Manifest, Policy, Rejected, Selectors, SigningKey};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use p256::pkcs8::der::Document;
use serde_json::json;

use crate::firmware::{Application, Model, fresh_seed, power};

/// The user's PIN that both firmwares leave the factory with.
const USER_PIN: &[u8] = b"123456";
/// The administrator's PIN that the `OpenPGP` firmware leaves the factory with.
const ADMIN_PIN: &[u8] = b"12345678";

/// Options of `lab-card provision`.
#[derive(Args, Debug)]
pub struct Provision {
    /// The card; made when it is not there
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    #[command(flatten)]
    model: Model,
    /// The company's name
    #[arg(long, value_name = "NAME")]
    company: String,
    /// The company's private key (PKCS#8 PEM)
    #[arg(long, value_name = "PEM")]
    key: PathBuf,
    /// Version of manifest and policy
    #[arg(long, value_name = "N")]
    version: u64,
    /// The policy of the group
    #[arg(long, value_name = "TOML")]
    policy: PathBuf,
    /// The group's name
    #[arg(long, value_name = "NAME", default_value = "all")]
    group: String,
    /// A kind of device that the group is for; for all when not given
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// One more group, behind the first
    #[arg(long = "and-group", value_name = "NAME[:KIND,…]=TOML")]
    more: Vec<String>,
    /// Put the groups behind the card's PIN, which is 123456
    #[arg(long)]
    pin: bool,
    /// The company's DM server
    #[arg(long, value_name = "URL", requires_all = ["server_ca", "server_id"])]
    server_url: Option<String>,
    /// Its certificate authority (PEM or DER)
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    /// Its identifier
    #[arg(long, value_name = "ID")]
    server_id: Option<String>,
    /// What is done to the content on its way to the card
    #[arg(long, value_name = "KIND")]
    tamper: Option<Tamper>,
}

/// What an adversary, or an accident, does to a card's content.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Tamper {
    /// The signature is empty
    Unsigned,
    /// One bit of the signature differs
    WrongSignature,
    /// The second half of the manifest is missing
    Truncated,
    /// The manifest is longer than is ever read
    Oversized,
    /// The signed hash is of another group
    GroupHash,
}

/// Writes a card.
pub fn provision(options: &Provision) -> anyhow::Result<serde_json::Value> {
    let key = SigningKey::from_pem(&text(&options.key)?)
        .with_context(|| options.key.display().to_string())?;
    let content = Issue {
        company: options.company.clone(),
        version: options.version,
        issued: Timestamp::now(),
        groups: groups(options)?,
        releases: Vec::new(),
    };
    let receipt = power(&options.image, options.model, |card| {
        let mut profile = open(card, WRITING_TIME)?;
        if options.pin {
            profile.verify_pin(&user_pin()?)?;
        }
        let authority = authority(options.model.profile)?;
        let sign = |manifest: &Manifest| sign(&key, manifest, options.tamper);
        anyhow::Ok(issue(profile.as_mut(), &authority, &content, sign)?)
    })??;
    Ok(json!({
        "image": options.image,
        "company": receipt.manifest.company,
        "version": receipt.manifest.version,
        "signer": key.anchor()?.id().to_string(),
        "groups": receipt.manifest.groups.iter().map(|group| json!({
            "name": group.name,
            "kinds": group.selectors.kinds,
            "bytes": group.length,
            "pin": group.pin,
            "containers": group.containers.iter().map(|tag| format!("{tag:06X}")).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "card": receipt.manifest.card.fingerprint().to_string(),
        "copyable": receipt.manifest.card.is_copyable(),
        "manifest_bytes": receipt.length,
        "apdus": receipt.exchanges,
        "tampered": options.tamper.and_then(|tamper| tamper.to_possible_value())
            .map(|value| value.get_name().to_owned()),
    }))
}

/// What opens a card for writing as it leaves the factory.
pub fn authority(profile: Application) -> anyhow::Result<Authority> {
    Ok(match profile {
        Application::Piv => Authority::ManagementKey(ManagementKey::factory()),
        Application::Openpgp => Authority::AdminPin(Pin::new(ADMIN_PIN.to_vec())?),
    })
}

/// The user's PIN of a card as it leaves the factory.
pub fn user_pin() -> anyhow::Result<Pin> {
    Ok(Pin::new(USER_PIN.to_vec())?)
}

/// Makes a company's key.
pub fn company(private: &Path, public: &Path) -> anyhow::Result<serde_json::Value> {
    let key = SigningKey::p256_from_seed(&fresh_seed()?)?;
    std::fs::write(private, key.to_pem()?).with_context(|| private.display().to_string())?;
    std::fs::write(public, key.to_public_pem()?).with_context(|| public.display().to_string())?;
    Ok(json!({ "private": private, "public": public, "id": key.anchor()?.id().to_string() }))
}

fn sign(
    key: &SigningKey,
    manifest: &Manifest,
    tamper: Option<Tamper>,
) -> Result<Vec<u8>, Rejected> {
    let mut manifest = manifest.clone();
    if tamper == Some(Tamper::GroupHash) {
        for byte in manifest
            .groups
            .iter_mut()
            .filter_map(|group| group.sha256.last_mut())
        {
            *byte ^= 1;
        }
    }
    // The company introduces itself, as `cardwarden card write` has it.
    let root = key.anchor().map_err(|error| Rejected::NotSigned {
        problem: error.to_string(),
    })?;
    let mut signed = sign_introducing(key, &manifest, &root)?;
    match tamper {
        // The signature is the last item of a COSE_Sign1: 58 40 and 64 bytes.
        Some(Tamper::Unsigned) => {
            signed.truncate(signed.len().saturating_sub(66));
            signed.push(0x40);
        }
        Some(Tamper::WrongSignature) => {
            if let Some(last) = signed.last_mut() {
                *last ^= 1;
            }
        }
        Some(Tamper::Truncated) => signed.truncate(signed.len().div_euclid(2)),
        Some(Tamper::Oversized) => signed.resize(MAX_MANIFEST.saturating_add(1), 0),
        Some(Tamper::GroupHash) | None => {}
    }
    Ok(signed)
}

fn groups(options: &Provision) -> anyhow::Result<Vec<NamedGroup>> {
    let account = account(options)?;
    let group = |name: &str, kinds: Vec<String>, policy: &Path| {
        let policy =
            Policy::from_toml(&text(policy)?).with_context(|| policy.display().to_string())?;
        let account = account.clone();
        anyhow::Ok(NamedGroup {
            name: name.to_owned(),
            selectors: Selectors {
                kinds: kinds.into_iter().collect(),
                ..Selectors::default()
            },
            pin: options.pin,
            group: Group { policy, account },
        })
    };
    let mut groups = vec![group(
        &options.group,
        options.kinds.clone(),
        &options.policy,
    )?];
    for more in &options.more {
        let Some((name, policy)) = more.split_once('=') else {
            bail!("`{more}` is not NAME[:KIND,…]=TOML");
        };
        let (name, kinds) = name.split_once(':').unwrap_or((name, ""));
        let kinds = kinds
            .split(',')
            .filter(|kind| !kind.is_empty())
            .map(str::to_owned)
            .collect();
        groups.push(group(name, kinds, Path::new(policy))?);
    }
    Ok(groups)
}

fn account(options: &Provision) -> anyhow::Result<Option<Account>> {
    let (Some(url), Some(ca), Some(id)) =
        (&options.server_url, &options.server_ca, &options.server_id)
    else {
        ensure!(
            options.server_url.is_none(),
            "a server needs --server-ca and --server-id"
        );
        return Ok(None);
    };
    let bytes = std::fs::read(ca).with_context(|| ca.display().to_string())?;
    let ca = match std::str::from_utf8(&bytes).map(|text| Document::from_pem(text.trim())) {
        Ok(Ok((_label, certificate))) => certificate.as_bytes().to_vec(),
        Ok(Err(_)) | Err(_) => bytes,
    };
    Ok(Some(Account {
        server_url: url.clone(),
        server_id: id.clone(),
        ca,
    }))
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
