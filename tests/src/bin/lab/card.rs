//! The company's cards: written by the company, put into the reader, and pulled out.
//!
//! A card is written before it is put in, without the reader: the agent sees only finished cards.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cardwarden_tests::run::Run;
use cardwarden_tests::say::{progress, result};
use clap::{Args, Subcommand, ValueEnum};

use crate::settle::{self, Expected};
use crate::world::{self, COMPANY, Company, HOME};

/// The unit that is the inserted card.
const UNIT: &str = "lab-card";

/// The first of vpcd's two readers.
const READER: &CStr = c"Virtual PCD 00 00";

/// What can be done with cards.
#[derive(Subcommand)]
pub(crate) enum Play {
    /// The company writes a card with this policy, and it goes into the reader
    Insert(Insert),
    /// The company writes a card with this policy, and nobody puts it in; prints where it lies
    Write(Insert),
    /// The card comes out
    Remove,
}

/// Options of `lab card insert`.
#[derive(Args)]
pub(crate) struct Insert {
    /// The policy, TOML
    policy: PathBuf,
    /// The policy's version; without it, one more than the company's last if the text is another
    #[arg(long)]
    version: Option<u64>,
    /// The company; every other than "B Company" is a stranger to this device
    #[arg(long, default_value = COMPANY)]
    company: String,
    /// How the card keeps data
    #[arg(long, default_value = "piv")]
    profile: Profile,
    /// What is wrong with the content: unsigned, wrong-signature, truncated, oversized or group-hash
    #[arg(long)]
    tamper: Option<String>,
    /// What is wrong with the card: drop-after:N, endless-61xx or garbage
    #[arg(long)]
    fault: Option<String>,
    /// The card is a copy: same content, other key
    #[arg(long)]
    copied: bool,
    /// The account on the card names no server
    #[arg(long)]
    no_server: bool,
    /// The name of the policy's group on the card
    #[arg(long)]
    group: Option<String>,
    /// A kind of device that the group is for; for all when not given
    #[arg(long = "kind")]
    kinds: Vec<String>,
    /// One more group on the card, with its policy
    #[arg(long = "and-group", value_name = "NAME[:KIND,…]=TOML")]
    more: Vec<String>,
}

/// How a card keeps data.
#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    /// NIST SP 800-73
    Piv,
    /// OpenPGP card 3.x
    Openpgp,
}

impl Profile {
    /// The word for it in `lab-card`.
    const fn name(self) -> &'static str {
        match self {
            Self::Piv => "piv",
            Self::Openpgp => "openpgp",
        }
    }
}

/// Does it.
pub(crate) fn play(play: Play) -> Result<()> {
    match play {
        Play::Insert(insert) => put_in(&insert),
        Play::Write(insert) => {
            let company = world::company(&insert.company)?;
            let version = company.number(&insert.policy, insert.version)?;
            result(write(&insert, &company, version)?.display());
            Ok(())
        }
        Play::Remove => remove(),
    }
}

fn put_in(insert: &Insert) -> Result<()> {
    if is_in() {
        remove()?;
    }
    let company = world::company(&insert.company)?;
    let version = company.number(&insert.policy, insert.version)?;
    let image = write(insert, &company, version)?;
    start_reader()?;
    settle::expect(Expected::Card)?;
    let mut run = Run::new("systemd-run")
        .args(["--quiet", "--collect", "--unit", UNIT])
        // The virtual reader listens a moment after pcscd has started.
        .args([
            "-p",
            "Restart=on-failure",
            "-p",
            "RestartSec=100ms",
            "-p",
            "StartLimitBurst=100",
        ])
        .args([
            "lab-card",
            "run",
            "--profile",
            insert.profile.name(),
            "--image",
        ])
        .arg(&image);
    if let Some(fault) = &insert.fault {
        run = run.args(["--fault", fault]);
    }
    run.quietly()?;
    // A card with a fault may be gone again before anybody has looked.
    if insert.fault.is_none() {
        await_card(true)?;
    }
    progress(format!(
        "lab: the card of {} (policy version {version}) is in the reader",
        company.name
    ));
    Ok(())
}

fn write(insert: &Insert, company: &Company, version: u64) -> Result<PathBuf> {
    let dir = Path::new(HOME).join("cards");
    std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    let kind = match insert.profile {
        Profile::Piv => "card",
        Profile::Openpgp => "openpgp.card",
    };
    let image = dir.join(format!("{}.{kind}", company.slug));
    let mut run = Run::new("lab-card")
        .args([
            "provision",
            "--profile",
            insert.profile.name(),
            "--company",
            &company.name,
            "--version",
            &version.to_string(),
        ])
        .arg("--image")
        .arg(&image)
        .arg("--key")
        .arg(&company.key)
        .arg("--policy")
        .arg(&insert.policy);
    if !insert.no_server {
        run = run.args([
            "--server-url",
            "https://localhost:8443",
            "--server-id",
            &company.slug,
        ]);
        run = run.args(["--server-ca", "/var/lib/lab/server/ca.pem"]);
    }
    if let Some(tamper) = &insert.tamper {
        run = run.args(["--tamper", tamper]);
    }
    if let Some(group) = &insert.group {
        run = run.args(["--group", group]);
    }
    for (option, values) in [("--kind", &insert.kinds), ("--and-group", &insert.more)] {
        for value in values {
            run = run.args([option, value]);
        }
    }
    run.quietly()?;
    if !insert.copied {
        return Ok(image);
    }
    let copy = dir.join(format!("{}-copy.{kind}", company.slug));
    Run::new("lab-card")
        .args(["copy", "--profile", insert.profile.name(), "--from"])
        .arg(&image)
        .arg("--to")
        .arg(&copy)
        .quietly()?;
    Ok(copy)
}

fn is_in() -> bool {
    Run::new("systemctl")
        .args(["is-active", "--quiet", UNIT])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// pcscd is started by its socket; without either there is nothing to put a card into.
fn start_reader() -> Result<()> {
    let started = Run::new("systemctl")
        .args(["start", "pcscd.service"])
        .quietly();
    started
        .map(drop)
        .context("there is no reader, since pcscd does not start")
}

/// Waits until pcscd has seen that the card is there, or is not: it looks every 400 ms, and a card that goes and
/// comes in between was never away for it.
fn await_card(is_in: bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let context = pcsc::Context::establish(pcsc::Scope::System).context("ask pcscd")?;
    let mut readers = [pcsc::ReaderState::new(READER, pcsc::State::UNAWARE)];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        context
            .get_status_change(left, &mut readers)
            .context("wait for the reader")?;
        for reader in &mut readers {
            if reader.event_state().contains(pcsc::State::PRESENT) == is_in {
                return Ok(());
            }
            reader.sync_current_state();
        }
    }
}

fn remove() -> Result<()> {
    if !is_in() {
        bail!("there is no card in the reader");
    }
    settle::expect(Expected::NoCard)?;
    Run::new("systemctl").args(["stop", UNIT]).quietly()?;
    await_card(false)
}
