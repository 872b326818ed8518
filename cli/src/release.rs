//! `cardwarden release`: the company signs that a device may go; the device's agent is told.

use std::path::Path;

use cardwarden_policy::Release;
use cardwarden_policy::trust::{Signed as _, sign};
use zbus::Connection;

use crate::agent;
use crate::args::Issue;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::key;
use crate::output::{Output, harmless};

/// Signs a release.
pub(crate) fn issue(issue: &Issue) -> Result<Output, Failure> {
    let key = key::open(&issue.signing)?;
    let release = Release {
        company: issue.company.clone(),
        device: issue.device.clone(),
        association: issue.association,
        from: issue.from,
    };
    let statement = sign(&key, &release)
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
