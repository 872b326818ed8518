//! `cardwarden`: what a company's card lets this device do, and why; and the company's side of it:
//! policies, cards and releases.
//!
//! It asks the agent over D-Bus, speaks with cards over PC/SC, and never touches the kernel. Each
//! verb is one file that gives text or JSON back; only [`output`] prints.

#![forbid(unsafe_code)]

mod agent;
mod args;
mod associate;
mod card;
mod doctor;
mod failure;
mod file;
mod key;
mod manual;
mod output;
mod policy;
mod release;
mod status;
mod wait;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Arguments, ReleaseVerb, Verb};
use failure::Failure;
use output::{Output, Paint};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let paint = Paint::for_terminal();
    match run(arguments.verb, paint) {
        Ok(output) => output.print(),
        Err(failure) => output::complain(&failure),
    }
}

fn run(verb: Verb, paint: Paint) -> Result<Output, Failure> {
    match verb {
        Verb::Status { json } => agent::ask(async |bus| status::show(&bus, json, paint).await),
        Verb::Why { function, json } => {
            agent::ask(async |bus| why::show(&bus, function, json, paint).await)
        }
        Verb::Associate(wish) => {
            let paint = Paint::for_errors();
            agent::ask(async |bus| associate::associate(&bus, &wish, paint).await)
        }
        Verb::Wait(until) => agent::ask(async |bus| wait::wait(&bus, &until).await),
        Verb::Doctor { json } => doctor::run(json, paint),
        Verb::Sync => agent::ask(async |bus| agent::sync(&bus).await),
        Verb::Release(ReleaseVerb::Issue(issue)) => release::issue(&issue),
        Verb::Release(ReleaseVerb::Apply { file }) => {
            let statement = release::read(&file)?;
            agent::ask(async |bus| release::apply(&bus, &statement).await)
        }
        Verb::Policy(verb) => policy::run(&verb, paint),
        Verb::Card(verb) => card::run(&verb),
        Verb::Man { folder } => manual::pages(&folder),
        Verb::Completions { shell } => manual::completions(shell),
    }
}
