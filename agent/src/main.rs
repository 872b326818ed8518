//! `cardwardend`: turns a company's card into the thing that decides what this device may do.
//!
//! Tasks and threads, and what flows between them:
//!
//! ```text
//! card (thread) ── CardEvent ──► ┐                     ┌─► Status (watch) ──► bus
//! devices ─────── a nudge ─────► │                     ├─► Link (watch) ────► dm ──► server
//! clock ───────── a nudge ─────► ├─ reconciler (owner) ┤
//! bus ─────────── Request ─────► │   snapshot, decide, ├─► Outcome (queue on disk) ──► dm
//! kernel events ─ refusals ────► ┘   plan, apply,      └─► Denial (broadcast) ──► bus
//!                                    verify, publish
//! ```
//!
//! Only the reconciler changes what is in force. Events carry no meaning of their own for it, but
//! for a card's reading and a request: whatever they say, it looks at everything again.

mod bus;
mod card;
mod clock;
mod denial;
mod devices;
mod dm;
mod durable;
mod enforce;
mod facts;
mod identity;
mod nearby;
mod netlink;
mod prober;
mod properties;
mod ready;
mod reconciler;
mod request;
mod rest;
mod run;
mod settings;
mod status;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// The settings by which the agent of a device goes. One that goes by others is not that agent: the guard keeps it
/// out.
const SETTINGS: &str = "/etc/cardwarden/agent.toml";

/// The Cardwarden agent: enforces the policy of a company's smart card.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The settings; defaults hold where the file is missing.
    #[arg(long, default_value = SETTINGS)]
    config: PathBuf,
    /// Nothing but what the agent starts for itself.
    #[command(subcommand)]
    part: Option<Part>,
}

/// What else this program can be.
#[derive(Clone, Debug, clap::Subcommand)]
enum Part {
    /// The child that tries what is refused, as an ordinary process.
    #[command(name = prober::WORD, hide = true)]
    Probe,
    /// The child that loads the kernel programs.
    #[command(name = enforce::bpf::loader::WORD, hide = true)]
    Load {
        /// Where they are pinned.
        folder: PathBuf,
        /// Which.
        programs: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_usual = arguments.config == Path::new(SETTINGS);
    if !is_usual || matches!(arguments.part, Some(Part::Probe)) {
        enforce::bpf::guard::mark::lay_down();
    }
    if let Some(Part::Probe) = &arguments.part {
        return prober::child::run();
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .init();
    if let Some(Part::Load { folder, programs }) = &arguments.part {
        return enforce::bpf::loader::run(folder, programs);
    }
    match run::run(&arguments.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", cardwarden_policy::explain::chain(&error));
            ExitCode::FAILURE
        }
    }
}
