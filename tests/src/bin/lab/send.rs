//! The company sends a policy in a file, instead of a new card.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::progress;
use clap::Args;

use crate::world::{self, COMPANY};

/// Options of `lab send`.
#[derive(Args)]
pub(crate) struct Send {
    /// The policy, TOML
    policy: PathBuf,
    /// The policy's version; without it, one more than the company's last if the text is another
    #[arg(long)]
    version: Option<u64>,
    /// The company
    #[arg(long, default_value = COMPANY)]
    company: String,
    /// Only write the signed policy to this file
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Signs it and hands it over, or only writes it.
pub(crate) fn send(send: &Send) -> Result<()> {
    let company = world::company(&send.company)?;
    let version = company.number(&send.policy, send.version)?;
    let file = send
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("/run/lab-policy-{}", std::process::id())));
    Run::new("cardwarden")
        .args(["policy", "sign"])
        .arg(&send.policy)
        .args([
            "--company",
            &company.name,
            "--version",
            &version.to_string(),
        ])
        .arg("--key")
        .arg(&company.key)
        .arg("--out")
        .arg(&file)
        .quietly()?;
    if send.out.is_some() {
        return Ok(());
    }
    let applied = Run::new("cardwarden")
        .args(["policy", "apply"])
        .arg(&file)
        .quietly();
    std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    applied?;
    progress(format!(
        "lab: {} has sent a policy (version {version})",
        company.name
    ));
    Ok(())
}
