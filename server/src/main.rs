//! `cardwarden-server`: arguments, log, signals.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use cardwarden_server::{Server, Settings};
use clap::Parser;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// The Cardwarden device-management server.
///
/// The first start makes a certificate authority (`ca.pem`, to be put on the company's cards) and
/// the administrator's token (`admin-token`) in the data folder.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder for keys and database.
    #[arg(long, env = "CARDWARDEN_DATA", value_name = "FOLDER")]
    data: PathBuf,
    /// Address to listen on.
    #[arg(
        long,
        env = "CARDWARDEN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8443"
    )]
    listen: SocketAddr,
    /// Public key (PEM) of a company whose devices may enrol; several are allowed.
    #[arg(
        long,
        env = "CARDWARDEN_COMPANY",
        value_name = "FILE",
        value_delimiter = ':',
        required = true
    )]
    company: Vec<PathBuf>,
    /// Name or address under which devices reach the server; several are allowed.
    #[arg(
        long,
        env = "CARDWARDEN_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "localhost"
    )]
    name: Vec<String>,
    /// How much to log: error, warn, info, debug or trace.
    #[arg(
        long,
        env = "CARDWARDEN_LOG",
        value_name = "LEVEL",
        default_value = "info"
    )]
    log: LevelFilter,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_max_level(arguments.log)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let stop = stop().context("signals cannot be received")?;
    let settings = Settings {
        data: arguments.data,
        companies: arguments.company,
        names: arguments.name,
    };
    let server = Server::open(&settings).await?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", arguments.listen))?;
    let address = listener
        .local_addr()
        .context("the address cannot be read")?;
    tracing::info!(%address, "listening");
    notify(&[NotifyState::Ready]);
    server.serve(listener, stop).await;
    tracing::info!("stopped");
    Ok(())
}

/// Done when the process is asked to end.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        // Both arms are cancel-safe: a signal stays noted.
        tokio::select! {
            () = received(&mut terminate) => {}
            () = received(&mut interrupt) => {}
        }
        notify(&[NotifyState::Stopping]);
    })
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // The runtime is going down: so does the server.
        tracing::debug!("no more signals");
    }
}

/// Tells the service manager, where there is one.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}
