//! The company's server as its administrator uses it, and the release of this device.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::{progress, result};
use clap::Subcommand;
use serde_json::Value;

use crate::world::{self, HOME, text};

const UNIT: &str = "cardwarden-server.service";

/// What can be done with the server.
#[derive(Subcommand)]
pub(crate) enum Play {
    /// What it was told by devices
    Outcomes {
        /// The server's own answer
        #[arg(long)]
        json: bool,
    },
    /// The devices that it knows
    Devices {
        /// The server's own answer
        #[arg(long)]
        json: bool,
    },
    /// It is away
    Stop,
    /// It is back
    Start,
}

/// Does it.
pub(crate) fn play(play: &Play) -> Result<()> {
    match play {
        Play::Outcomes { json } => show("outcomes", *json),
        Play::Devices { json } => show("devices", *json),
        Play::Stop => Run::new("systemctl")
            .args(["stop", UNIT])
            .quietly()
            .map(drop),
        Play::Start => Run::new("systemctl")
            .args(["start", UNIT])
            .quietly()
            .map(drop),
    }
}

fn show(what: &str, json: bool) -> Result<()> {
    let answer = ask(what)?;
    if json {
        result(answer);
        return Ok(());
    }
    let list: Value = serde_json::from_str(&answer).context("read the server's answer")?;
    for entry in list.as_array().into_iter().flatten() {
        result(if what == "devices" {
            device(entry)
        } else {
            outcome(entry)
        });
    }
    Ok(())
}

/// One line for a person.
fn device(device: &Value) -> String {
    let field = |name: &str| text(device, name);
    let version = device.get("version").unwrap_or(&Value::Null);
    let released = if field("/released_at").is_empty() {
        ""
    } else {
        ", released"
    };
    format!(
        "{}  {} {}, {}, policy version {version}{released}",
        field("/id"),
        field("/manufacturer"),
        field("/model"),
        field("/company"),
    )
}

/// One line for a person.
fn outcome(outcome: &Value) -> String {
    let field = |name: &str| text(outcome, name);
    let what = match field("/event") {
        "function" => format!(
            "{} {}: {}, by {} ({})",
            field("/function"),
            field("/verdict"),
            field("/result"),
            field("/reason"),
            field("/proof"),
        ),
        "associated" => format!("associated with {}", field("/company")),
        "released" => format!("released by {}", field("/company")),
        other => format!("{other}: {}", field("/problem")),
    };
    let at = field("/at").split('.').next().unwrap_or_default();
    format!("{at}  {what}")
}

/// Asks over the network as an administrator's program would: TLS, the server's own authority, the token.
fn ask(what: &str) -> Result<String> {
    let read = |name: &str| {
        let path = format!("{HOME}/server/{name}");
        std::fs::read(&path).with_context(|| format!("read {path} (the server makes it)"))
    };
    let authority = ureq::tls::Certificate::from_pem(&read("ca.pem")?)
        .context("read the server's authority")?
        .to_owned();
    let token =
        String::from_utf8(read("admin-token")?).context("read the administrator's token")?;
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::Specific(Arc::new(vec![authority])))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(std::time::Duration::from_secs(30)))
            .build(),
    );
    let mut answer = agent
        .get(format!("https://localhost:8443/api/v1/{what}"))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .call()
        .context("ask the server")?;
    answer
        .body_mut()
        .read_to_string()
        .context("read the server's answer")
}

/// The company signs a release for this device and hands it over, or only writes it.
pub(crate) fn release(out: Option<&PathBuf>) -> Result<()> {
    let status = world::status()?;
    let name = text(&status, "/association/company");
    anyhow::ensure!(!name.is_empty(), "no company has a say on this device");
    let company = world::company(name)?;
    let file = out
        .cloned()
        .unwrap_or_else(|| PathBuf::from(format!("/run/lab-release-{}", std::process::id())));
    Run::new("cardwarden")
        .args(["release", "issue", "--company", &company.name, "--key"])
        .arg(&company.key)
        .args([
            "--device",
            text(&status, "/device"),
            "--association",
            text(&status, "/association_id"),
        ])
        .arg("--out")
        .arg(&file)
        .quietly()?;
    if out.is_some() {
        return Ok(());
    }
    Run::new("cardwarden")
        .args(["release", "apply"])
        .arg(&file)
        .quietly()?;
    std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
    progress(format!("lab: {name} has released this device"));
    Ok(())
}
