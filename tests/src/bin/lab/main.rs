//! `lab`: plays the outside world in a lab machine: the company and its cards, devices that are plugged in, the
//! company's server, and a person who sits at the machine.
//!
//! It uses the product only as a user could: by its commands and its server's interface.

mod camera;
mod card;
mod count;
mod device;
mod held;
mod netlink;
mod person;
mod probe;
mod send;
mod server;
mod settle;
mod syscall;
mod using;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use cardwarden_tests::say;
use clap::{Parser, Subcommand};

/// Plays the outside world in a lab machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    play: Play,
}

#[derive(Subcommand)]
enum Play {
    /// The company's cards
    Card {
        #[command(subcommand)]
        play: card::Play,
    },
    /// Plug a device in; prints its name
    Plug {
        /// What to plug in
        kind: device::Kind,
    },
    /// Unplug a device
    Unplug {
        /// Its name, as `plug` printed it
        name: String,
    },
    /// Wait until the agent has applied and verified what was done last
    Settle {
        /// How long at most
        #[arg(default_value_t = 30)]
        seconds: u64,
        /// Also wait until the server has been told everything
        #[arg(long)]
        reported: bool,
    },
    /// The company's server
    Server {
        #[command(subcommand)]
        play: server::Play,
    },
    /// The company signs this policy and sends it in a file, instead of a new card
    Send(send::Send),
    /// The company releases this device
    Release {
        /// Only write the signed release to this file
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Run a command as an unprivileged person with a seat session
    AsUser {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Try what is to be refused, and say what the kernel answers
    Try {
        #[command(subcommand)]
        what: probe::Try,
    },
    /// Start a program that films, records, or has something open, and does not stop by itself; prints its name
    Hold {
        /// What it does
        kind: held::Kind,
        /// With which node; without it, the first that the lab plugs in
        #[arg(long)]
        path: Option<PathBuf>,
        /// How to call it; without it, as what it does
        #[arg(long)]
        name: Option<String>,
        /// Use the descriptor that this program hands over, and not one of its own
        #[arg(long, conflicts_with = "path")]
        of: Option<String>,
        /// In a thread that has a table of descriptors to itself
        #[arg(long)]
        apart: bool,
        /// Be this program
        #[arg(long, hide = true, requires = "name")]
        serve: bool,
    },
    /// Say how such a program fares: `busy TIMES LAST`, or `stopped TIMES LAST AT ERROR`: how often it got something,
    /// when it did last, when it was stopped (milliseconds since 1970), and what it was told
    Held {
        /// Its name, as `hold` printed it
        name: String,
        /// Wait until it has been stopped, so many seconds at most
        #[arg(long)]
        stopped: Option<u64>,
        /// End it
        #[arg(long, conflicts_with = "stopped")]
        end: bool,
    },
    /// Be a USB device at the end of a wire
    #[command(hide = true)]
    Wire {
        /// Which
        kind: device::wire::Kind,
    },
    /// What happened before the machine was switched on (run at every start)
    #[command(hide = true)]
    Prepare,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().play) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::progress(format!("lab: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform(play: Play) -> Result<()> {
    match play {
        Play::Card { play } => card::play(play),
        Play::Plug { kind } => device::plug(kind),
        Play::Unplug { name } => device::unplug(&name),
        Play::Settle { seconds, reported } => settle::settle(seconds, reported),
        Play::Server { play } => server::play(&play),
        Play::Send(send) => send::send(&send),
        Play::Release { out } => server::release(out.as_ref()),
        Play::AsUser { command } => person::run(&command),
        Play::Try { what } => probe::attempt(&what),
        Play::Hold {
            kind,
            path,
            name,
            of,
            apart,
            serve,
        } => {
            let wish = held::Wish {
                kind,
                path,
                of,
                is_apart: apart,
            };
            match name {
                Some(name) if serve => held::serve(&wish, &name),
                name => held::hold(&wish, name.as_deref()),
            }
        }
        Play::Held {
            name, end: true, ..
        } => held::end(&name),
        Play::Held { name, stopped, .. } => held::state(
            &name,
            stopped.map_or(held::Question::State, |seconds| {
                held::Question::Stopped(std::time::Duration::from_secs(seconds))
            }),
        ),
        Play::Wire { kind } => device::wire::be(kind),
        Play::Prepare => world::prepare(),
    }
}
