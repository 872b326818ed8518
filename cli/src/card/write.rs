//! `cardwarden card write`: a company's policies onto a card.

use std::path::{Path, PathBuf};

use cardwarden_card::{Issue, NamedGroup, NotIssued, SignedRelease, issue};
use cardwarden_policy::manifest::{Account, Manifest, Selectors};
use cardwarden_policy::trust::{
    Anchor, Delegation, MAX_DELEGATION, Signer, sign, sign_introducing,
};
use cardwarden_policy::{Anchors, Rejected};
use jiff::Timestamp;
use serde::Serialize;

use super::args::{Showing, Write};
use super::authority::{Asking, Refusal};
use super::content::{account, group, release};
use super::shown::{Entry, hex, identity};
use crate::args::Signing;
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::{file, key};

/// The company's key, and whether cards show it.
pub(super) struct Company {
    key: Box<dyn Signer>,
    /// The company's own public key.
    root: Anchor,
    /// Whether cards show it to devices that do not know the company.
    introduces: bool,
}

impl Company {
    /// Makes the key ready. Where it is a delegate's, the company's own has to be known as well,
    /// since nobody believes the one without the other.
    pub(super) fn open(signing: &Signing, showing: &Showing) -> Result<Self, Failure> {
        let key = key::open(signing)?;
        let root = match &signing.delegation {
            None => key
                .anchor()
                .map_err(|error| Failure::because("the company's key", &error))?,
            Some(delegation) => root_of(delegation, showing)?,
        };
        Ok(Self {
            key,
            root,
            introduces: showing.introduce,
        })
    }

    /// Signs a manifest.
    pub(super) fn sign(&self, manifest: &Manifest) -> Result<Vec<u8>, Rejected> {
        if self.introduces {
            sign_introducing(&self.key, manifest, &self.root)
        } else {
            sign(&self.key, manifest)
        }
    }

    /// Whom devices of the company trust.
    pub(super) fn anchors(&self) -> Anchors {
        [self.root.clone()].into_iter().collect()
    }
}

/// The key that a delegation is of.
fn root_of(delegation: &Path, showing: &Showing) -> Result<Anchor, Failure> {
    let named: Vec<PathBuf> = showing.company_key.iter().cloned().collect();
    let anchors = key::anchors(&named)?;
    let bytes = file::read(delegation, MAX_DELEGATION)?;
    let believed = anchors
        .verify_at::<Delegation>(&bytes, Some(Timestamp::now()))
        .map_err(|rejected| {
            let hint = "name the company's public key with --company-key";
            let what = format!("{} is not believed here ({hint})", delegation.display());
            Failure::because(what, &rejected).exiting(Exit::Refused)
        })?;
    anchors
        .find(believed.signer())
        .cloned()
        .ok_or_else(|| Failure::new("the company's key is not known here"))
}

/// `card write --json`.
#[derive(Serialize)]
struct Written {
    reader: String,
    profile: &'static str,
    company: String,
    version: u64,
    issued: Timestamp,
    /// The card's fingerprint.
    card: String,
    copyable: bool,
    groups: Vec<Entry>,
    /// Bytes of the signed manifest.
    manifest: usize,
    apdus: u32,
    #[serde(skip)]
    described: String,
}

/// Writes policies to a card.
pub(super) fn write(arguments: &Write) -> Result<Output, Failure> {
    let company = Company::open(&arguments.signing, &arguments.showing)?;
    let groups = groups(arguments)?;
    let releases = releases(arguments, &company)?;
    let mut asking = Asking::new(&arguments.authorities)?;
    let source = arguments.at.source();
    let written = asking.with(source, "writing the card", |card, authority| {
        let content = Issue {
            company: arguments.company.clone(),
            version: arguments.version,
            issued: Timestamp::now(),
            groups: groups.clone(),
            releases: releases.clone(),
        };
        let receipt = issue(card.profile, authority, &content, |manifest| {
            company.sign(manifest)
        })
        .map_err(|error| not_issued(&card.card(), error))?;
        let manifest = &receipt.manifest;
        Ok(Written {
            reader: card.reader.to_owned(),
            profile: card.profile.name(),
            company: manifest.company.clone(),
            version: manifest.version,
            issued: manifest.issued,
            card: hex(&manifest.card.fingerprint().0),
            copyable: manifest.card.is_copyable(),
            groups: manifest.groups.iter().map(Entry::from).collect(),
            manifest: receipt.length,
            apdus: receipt.exchanges,
            described: identity(&manifest.card),
        })
    })?;
    if arguments.at.json {
        return Output::json(&written);
    }
    Ok(Output::text(format!(
        "the card in {} holds version {} of the policy of {}: {} in {} APDUs; the card is known by {}\n",
        harmless(&written.reader),
        written.version,
        harmless(&written.company),
        match written.groups.len() {
            1 => "1 group".to_owned(),
            groups => format!("{groups} groups"),
        },
        written.apdus,
        written.described
    )))
}

/// Why nothing was issued: what the card failed with, or what cannot be signed.
pub(super) fn not_issued(card: &str, error: NotIssued) -> Refusal {
    match error {
        NotIssued::Card(error) => Refusal::Card(error),
        error @ (NotIssued::Unsignable(_) | NotIssued::Unwritable(_)) => {
            Refusal::Other(Failure::because(card, &error).into())
        }
    }
}

fn groups(arguments: &Write) -> Result<Vec<NamedGroup>, Failure> {
    let account = server(arguments)?;
    let options = &arguments.selectors;
    let mut groups = vec![NamedGroup {
        name: arguments.group.clone(),
        selectors: Selectors {
            kinds: options.kinds.iter().cloned().collect(),
            models: options.models.iter().cloned().collect(),
            serials: options.serials.iter().cloned().collect(),
            devices: options.devices.iter().cloned().collect(),
            functions: options.functions.iter().copied().collect(),
            labels: options.labels.iter().cloned().collect(),
            priority: options.priority,
        },
        pin: arguments.pin,
        group: group(&arguments.policy, account.as_ref())?,
    }];
    for spec in &arguments.and_group {
        groups.push(spec.load(account.as_ref())?);
    }
    Ok(groups)
}

fn releases(arguments: &Write, company: &Company) -> Result<Vec<SignedRelease>, Failure> {
    let anchors = company.anchors();
    let paths = arguments.release.iter();
    paths.map(|path| release(path, &anchors)).collect()
}

fn server(arguments: &Write) -> Result<Option<Account>, Failure> {
    let server = &arguments.server;
    let (Some(url), Some(id), Some(ca)) = (&server.url, &server.id, &server.ca) else {
        return Ok(None);
    };
    account(url, id, ca).map(Some)
}
