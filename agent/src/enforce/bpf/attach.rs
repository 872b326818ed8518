//! From a program that is loaded and pinned to one that runs.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use aya::programs::links::FdLink;
use aya::programs::{CgroupDevice, Iter, Lsm, ProgramError};
use cardwarden_ebpf_abi::OpenFile;
use cardwarden_policy::Hook;
use zerocopy::FromBytes as _;

use super::{loader, syscall};
use crate::enforce::Error;

/// The root of cgroup v2.
const CGROUP: &str = "/sys/fs/cgroup";

/// Where the link of a hook is pinned.
pub(super) fn link_pin(folder: &Path, hook: Hook) -> PathBuf {
    folder.join(format!("link_{}", hook.program()))
}

/// Attaches the program of a hook, which is loaded, and pins the link.
pub(super) fn attach(folder: &Path, hook: Hook) -> Result<(), Error> {
    let failed = |source: ProgramError| Error::Attach {
        hook,
        source: Box::new(source),
    };
    let link = |source: Box<dyn std::error::Error + Send + Sync>| Error::Link { hook, source };
    let program = loader::pin(folder, hook.program());
    let pin = link_pin(folder, hook);
    if hook == Hook::DeviceOpen {
        let program = CgroupDevice::from_pin(&program).map_err(failed)?;
        let program = program.fd().map_err(failed)?;
        return File::open(CGROUP)
            .and_then(|cgroup| syscall::attach_and_pin(program.as_fd(), cgroup.as_fd(), &pin))
            .map_err(|error| link(Box::new(error)));
    }
    let mut program = Lsm::from_pin(&program).map_err(failed)?;
    let id = program.attach().map_err(failed)?;
    let attached: FdLink = program.take_link(id).map_err(failed)?.into();
    attached
        .pin(&pin)
        .map(drop)
        .map_err(|error| link(Box::new(error)))
}

/// Runs an iterator over the descriptors or the mappings of all tasks.
pub(super) fn open_files(pin: &Path) -> Result<Vec<OpenFile>, Box<dyn std::error::Error>> {
    let mut program = Iter::from_pin(pin)?;
    let id = program.attach()?;
    let mut said = Vec::new();
    program.take_link(id)?.into_file()?.read_to_end(&mut said)?;
    let each = said.chunks_exact(size_of::<OpenFile>());
    Ok(each
        .filter_map(|bytes| OpenFile::read_from_bytes(bytes).ok())
        .collect())
}
