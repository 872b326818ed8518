//! `cardwarden release`: the company signs that a device may go; the device's agent is told.

use std::path::Path;

use cardwarden_policy::trust::Signed as _;
use cardwarden_policy::{Release, SigningKey};
use zbus::Connection;

use crate::agent;
use crate::args::Issue;
use crate::failure::{Exit, Failure};
use crate::file::{self, Readable};
use crate::output::{Output, harmless};

/// Longest private key in PEM that is read; P-256 and Ed25519 take less than 300 bytes.
const MAX_KEY: usize = 4096;

/// Signs a release.
pub(crate) fn issue(issue: &Issue) -> Result<Output, Failure> {
    let key = signing_key(&issue.key)?;
    let release = Release {
        company: issue.company.clone(),
        device: issue.device.clone(),
        association: issue.association,
    };
    let statement = key
        .sign(&release)
        .map_err(|error| Failure::because("the release cannot be signed", &error))?;
    file::create(&issue.out, &statement, Readable::All)?;
    Ok(Output::text(format!(
        "{} lets {} go once it is applied there: cardwarden release apply {}\n",
        harmless(&issue.company),
        issue.device,
        issue.out.display()
    )))
}

/// Reads a release; whether it is believed is the agent's to say.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    file::read(path, Release::MAX)
}

/// Hands a release to the agent.
pub(crate) async fn apply(bus: &Connection, statement: &[u8]) -> Result<Output, Failure> {
    agent::proxy(bus).await?.release(statement).await?;
    Ok(Output::text("the device is released\n"))
}

/// Reads a company's private key.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::from_pem(&file::read_text(path, MAX_KEY)?).map_err(|error| {
        Failure::because(format!("{} cannot be used", path.display()), &error).exiting(Exit::Failed)
    })
}
