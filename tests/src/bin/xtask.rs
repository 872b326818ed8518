//! `cargo xtask`: everything about this repository that is done by running something.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use cardwarden_tests::pins::{Kernel, System, Tier};
use cardwarden_tests::{attacks, bench, demo, fuzz, lab, matrix, say, session, setup, suite};
use clap::{Parser, Subcommand};

/// Builds, tests and shows Cardwarden in virtual machines.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find or install what building and the lab need
    Setup,
    /// Show the main job, live, in a virtual machine
    Demo {
        /// The guest's kernel: 6.1 or 6.12
        #[arg(long, default_value = "6.1")]
        kernel: Kernel,
    },
    /// Run every test
    Test {
        /// Only these: unit, fuzz, or the name of a file of scenarios
        #[arg(long)]
        suite: Option<String>,
    },
    /// Look for bytes that break a law, longer than the tests do
    Fuzz {
        /// Only this target, or "properties"
        target: Option<String>,
        /// How long each target is run
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// How many cases each property test tries
        #[arg(long, default_value_t = 20_000)]
        cases: u32,
        /// Try the bytes of this file, once
        #[arg(long, requires = "target", value_name = "FILE")]
        input: Option<PathBuf>,
    },
    /// Measure, and compare with the bounds
    Bench {
        /// Only this group of figures
        group: Option<String>,
        /// Also write the figures here, as one flat JSON object
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Write the table of what is held, in docs/ENFORCEMENT.md, from what the last scenarios of functions found
    Matrix,
    /// Write the table of attacks, in docs/ATTACKS.md, from what the last run of them found
    Attacks,
    /// Use a lab machine
    Lab {
        #[command(subcommand)]
        task: LabTask,
    },
}

#[derive(Subcommand)]
enum LabTask {
    /// Run a script in a fresh machine as root; ends with the script's exit status
    Run {
        /// The guest's kernel: 6.1 or 6.12
        #[arg(long, default_value = "6.1")]
        kernel: Kernel,
        /// What it can hold a policy with: kernel or kernel-open (started without the `bpf` LSM)
        #[arg(long, default_value = "kernel")]
        tier: Tier,
        /// A policy whose card is put in first, or "none"
        #[arg(long, default_value = "none")]
        card: String,
        /// The script; run by its first line, or by sh
        script: PathBuf,
    },
    /// An interactive machine
    Shell {
        /// The guest's kernel: 6.1 or 6.12
        #[arg(long, default_value = "6.1")]
        kernel: Kernel,
        /// What it can hold a policy with: kernel or kernel-open (started without the `bpf` LSM)
        #[arg(long, default_value = "kernel")]
        tier: Tier,
        /// Without the product: only Debian and the lab's own programs
        #[arg(long)]
        bare: bool,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            say::progress(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup => {
            setup::setup()?;
            say::progress("setup: everything is there");
        }
        Task::Demo { kernel } => {
            setup::setup()?;
            demo::run(kernel)?;
        }
        Task::Test { suite } => suite::run(suite.as_deref())?,
        Task::Fuzz {
            target,
            seconds,
            cases,
            input,
        } => {
            setup::setup()?;
            let wish = fuzz::Wish {
                target,
                seconds,
                cases,
                input,
            };
            if !fuzz::run(&wish)? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Bench { group, json } => {
            setup::setup()?;
            if !bench::run(group.as_deref(), json.as_deref())? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Matrix => matrix::rewrite()?,
        Task::Attacks => attacks::rewrite()?,
        Task::Lab { task } => return with_machine(task),
    }
    Ok(ExitCode::SUCCESS)
}

fn with_machine(task: LabTask) -> Result<ExitCode> {
    setup::setup()?;
    match task {
        LabTask::Run {
            kernel,
            tier,
            card,
            script,
        } => {
            let mut machine = lab::ready(System { kernel, tier })?;
            session::run_script(&mut machine, &card, &script)
        }
        LabTask::Shell { kernel, tier, bare } => {
            let mut machine = if bare {
                lab::bare(System { kernel, tier })?
            } else {
                lab::ready(System { kernel, tier })?
            };
            session::shell(&mut machine)
        }
    }
}
