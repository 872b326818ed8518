//! The built-in object: loading it, and attaching one of its programs for good.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use aya::programs::links::FdLink;
use aya::programs::{CgroupDevice, Lsm, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use cardwarden_policy::Hook;

use super::{offsets, syscall};
use crate::enforce::Error;

/// The object, as `build.rs` built it.
pub(super) static BYTES: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/programs.o"));
/// Its maps; each is pinned under its name.
pub(super) const MAPS: [&str; 4] = ["DECISION", "REFUSALS", "EVENTS", "PERMIT"];
/// The root of cgroup v2.
const CGROUP: &str = "/sys/fs/cgroup";

/// Loads the object with the maps that are pinned in `folder`, or pins new ones there.
pub(super) fn load(folder: &Path, offsets: &[(&'static str, u32)]) -> Result<Ebpf, Error> {
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    for name in MAPS {
        loader.map_pin_path(name, folder.join(name));
    }
    for (symbol, offset) in offsets {
        loader.override_global(symbol, offset, true);
    }
    loader
        .load(BYTES)
        .map_err(|source| Error::Load(Box::new(source)))
}

/// Attaches the program of a hook and pins its link.
pub(super) fn attach(folder: &Path, hook: Hook, pin: &Path) -> Result<(), Error> {
    match hook {
        Hook::DeviceOpen => attach_device_open(folder, pin),
        Hook::SocketCreate => attach_lsm(&mut load(folder, &[])?, hook, "socket_create", pin),
        Hook::FileOpen => attach_lsm(
            &mut load(folder, &offsets::resolve()?)?,
            hook,
            "file_open",
            pin,
        ),
    }
}

fn attach_device_open(folder: &Path, pin: &Path) -> Result<(), Error> {
    let hook = Hook::DeviceOpen;
    let mut ebpf = load(folder, &[])?;
    let failed = |source: ProgramError| Error::Attach {
        hook,
        source: Box::new(source),
    };
    let name = "device_open";
    let program = ebpf.program_mut(name).ok_or(Error::Missing { name })?;
    let program: &mut CgroupDevice = program.try_into().map_err(failed)?;
    program.load().map_err(failed)?;
    let linked = File::open(CGROUP).and_then(|cgroup| {
        let program = program.fd().map_err(std::io::Error::other)?;
        syscall::attach_and_pin(program.as_fd(), cgroup.as_fd(), pin)
    });
    linked.map_err(|source| Error::Link {
        hook,
        source: Box::new(source),
    })
}

fn attach_lsm(ebpf: &mut Ebpf, hook: Hook, name: &'static str, pin: &Path) -> Result<(), Error> {
    let failed = |source: ProgramError| Error::Attach {
        hook,
        source: Box::new(source),
    };
    let program = ebpf.program_mut(name).ok_or(Error::Missing { name })?;
    let program: &mut Lsm = program.try_into().map_err(failed)?;
    let btf = Btf::from_sys_fs().map_err(|error| failed(error.into()))?;
    program.load(name, &btf).map_err(failed)?;
    let id = program.attach().map_err(failed)?;
    let attached: FdLink = program.take_link(id).map_err(failed)?.into();
    attached.pin(pin).map_err(|source| Error::Link {
        hook,
        source: Box::new(source),
    })?;
    Ok(())
}
