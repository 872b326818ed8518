//! Loading the programs, by a child that ends: it reads all of the kernel's type information, which
//! takes a hundred times the memory that the agent needs otherwise, and the code of a loader.
//!
//! What it loads it pins, beside the maps: the agent attaches from there, at once. What this kernel does
//! not take, the child says, a line of JSON each.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use aya::maps::{MapData, MapError};
use aya::programs::ProgramError;
use cardwarden_ebpf_abi::Decision;
use cardwarden_policy::Hook;
use cardwarden_policy::explain::chain;
use serde::{Deserialize, Serialize};

use super::object::Object;
use super::syscall;
use crate::enforce::Error;

/// The child's own word on the command line.
pub(crate) const WORD: &str = "load";
/// `BPF_MAP_TYPE_ARRAY` (`enum bpf_map_type`, `include/uapi/linux/bpf.h`).
const MAP_TYPE_ARRAY: u32 = 2;

/// A program that this kernel does not take.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    program: String,
    /// Why, as a sentence.
    pub(super) why: String,
    /// Whether another hook does its work on this kernel.
    pub(super) is_needless: bool,
}

impl Failure {
    /// Whose program it is.
    pub(super) fn hook(&self) -> Option<Hook> {
        hook(&self.program)
    }
}

fn hook(program: &str) -> Option<Hook> {
    Hook::ALL.into_iter().find(|hook| hook.program() == program)
}

/// Where a program is pinned.
pub(super) fn pin(folder: &Path, program: &str) -> PathBuf {
    folder.join(format!("prog_{program}"))
}

/// Has a child load these programs and the maps, and pin them; what was not taken.
pub(super) fn load(folder: &Path, programs: &[&str]) -> Result<Vec<Failure>, Error> {
    let failed = |problem: String| Error::Load { problem };
    #[expect(
        clippy::disallowed_methods,
        reason = "the daemon starts no programs but itself"
    )]
    let child = Command::new("/proc/self/exe")
        .arg(WORD)
        .arg(folder)
        .args(programs)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .env_clear()
        .output()
        .map_err(|error| failed(format!("cannot start the child that does it: {error}")))?;
    let said = String::from_utf8_lossy(&child.stdout);
    if !child.status.success() {
        return Err(failed(said.trim().to_owned()));
    }
    said.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| failed(error.to_string())))
        .collect()
}

/// The child: loads and pins what its arguments name.
#[expect(clippy::print_stdout, reason = "the agent reads it")]
pub(crate) fn run(folder: &Path, programs: &[String]) -> ExitCode {
    match try_run(folder, programs) {
        Ok(failures) => {
            for failure in failures {
                println!("{failure}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn try_run(folder: &Path, programs: &[String]) -> Result<Vec<serde_json::Value>, Error> {
    make_decision(folder)?;
    let needs_types = |name: &String| hook(name).is_none_or(Hook::is_lsm);
    let mut object = Object::load(folder, programs.iter().any(needs_types))?;
    let mut failures = Vec::new();
    for name in programs {
        if let Err(error) = object.pin(name, &pin(folder, name)) {
            failures.push(serde_json::json!(Failure {
                program: name.clone(),
                is_needless: is_needless(name, &error),
                why: chain(&error),
            }));
        }
    }
    Ok(failures)
}

/// Before it had this hook, the kernel asked `file_ioctl` for 32-bit programs, too.
fn is_needless(program: &str, error: &Error) -> bool {
    let is_unknown =
        matches!(error, Error::Program { source, .. } if matches!(**source, ProgramError::Btf(_)));
    hook(program) == Some(Hook::FileIoctlCompat) && is_unknown
}

/// Makes the outer map of the decisions, unless it is there.
fn make_decision(folder: &Path) -> Result<(), Error> {
    let pin = folder.join("CWD_DECISION");
    if pin.exists() {
        return Ok(());
    }
    let template = make_inner("template").map_err(|source| Error::Map {
        path: pin.display().to_string(),
        source: Box::new(source),
    })?;
    syscall::make_outer_and_pin(template.fd().as_fd(), &pin).map_err(|source| Error::Pins {
        path: pin.display().to_string(),
        source,
    })
}

/// Makes an inner map, without type information like every other.
pub(super) fn make_inner(name: &str) -> Result<MapData, MapError> {
    let size = u32::try_from(size_of::<Decision>()).unwrap_or(u32::MAX);
    let shape = aya_obj::Map::new_from_params(MAP_TYPE_ARRAY, 4, size, 1, 0);
    MapData::create(shape, name, None)
}
