//! The built-in object: loading it, and attaching one of its programs for good.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use aya::programs::links::FdLink;
use aya::programs::{CgroupDevice, Lsm, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use cardwarden_policy::Hook;

use super::{offsets, syscall};
use crate::enforce::Error;

/// The object, as `build.rs` built it.
pub(super) static BYTES: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/programs.o"));
/// Its maps; each is pinned under its name.
pub(super) const MAPS: [&str; 5] = ["DECISION", "WATCHED", "REFUSALS", "EVENTS", "PERMIT"];
/// The root of cgroup v2.
const CGROUP: &str = "/sys/fs/cgroup";

/// The object as far as it is loaded. Programs that are loaded and not attached cost nothing; one
/// that is loaded attaches at once, while loading it reads all of the kernel's type information.
pub(super) struct Object {
    ebpf: Ebpf,
    has_offsets: bool,
}

impl Object {
    /// Loads the object with the maps that are pinned in `folder`, or pins new ones there.
    /// `with_offsets` looks up what `file_open` reads; where the kernel does not tell, the other
    /// programs serve without it.
    pub(super) fn load(folder: &Path, with_offsets: bool) -> Result<Self, Error> {
        let offsets = match with_offsets.then(offsets::resolve) {
            Some(Ok(offsets)) => offsets,
            Some(Err(error)) => {
                tracing::warn!("{error}");
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        for name in MAPS {
            loader.map_pin_path(name, folder.join(name));
        }
        for (symbol, offset) in &offsets {
            loader.override_global(symbol, offset, true);
        }
        let ebpf = loader
            .load(BYTES)
            .map_err(|source| Error::Load(Box::new(source)))?;
        Ok(Self {
            ebpf,
            has_offsets: !offsets.is_empty(),
        })
    }

    /// Loads the program of a hook, unless it is loaded.
    pub(super) fn prepare(&mut self, hook: Hook) -> Result<(), Error> {
        match hook {
            Hook::DeviceOpen => self.device_open().map(drop),
            Hook::SocketCreate | Hook::FileOpen => self.lsm(hook).map(drop),
        }
    }

    /// Attaches the program of a hook and pins its link.
    pub(super) fn attach(&mut self, hook: Hook, pin: &Path) -> Result<(), Error> {
        let failed = |source: ProgramError| Error::Attach {
            hook,
            source: Box::new(source),
        };
        match hook {
            Hook::DeviceOpen => {
                let program = self.device_open()?;
                let linked = File::open(CGROUP).and_then(|cgroup| {
                    let program = program.fd().map_err(std::io::Error::other)?;
                    syscall::attach_and_pin(program.as_fd(), cgroup.as_fd(), pin)
                });
                linked.map_err(|source| Error::Link {
                    hook,
                    source: Box::new(source),
                })
            }
            Hook::SocketCreate | Hook::FileOpen => {
                let program = self.lsm(hook)?;
                let id = program.attach().map_err(failed)?;
                let link: FdLink = program.take_link(id).map_err(failed)?.into();
                link.pin(pin).map_err(|source| Error::Link {
                    hook,
                    source: Box::new(source),
                })?;
                Ok(())
            }
        }
    }

    fn device_open(&mut self) -> Result<&mut CgroupDevice, Error> {
        let hook = Hook::DeviceOpen;
        let failed = |source: ProgramError| Error::Attach {
            hook,
            source: Box::new(source),
        };
        let program: &mut CgroupDevice = self.program(hook)?.try_into().map_err(failed)?;
        if program.fd().is_err() {
            program.load().map_err(failed)?;
        }
        Ok(program)
    }

    fn lsm(&mut self, hook: Hook) -> Result<&mut Lsm, Error> {
        let failed = |source: ProgramError| Error::Attach {
            hook,
            source: Box::new(source),
        };
        if hook == Hook::FileOpen && !self.has_offsets {
            return Err(Error::Offset {
                field: "file.f_inode".to_owned(),
            });
        }
        let program: &mut Lsm = self.program(hook)?.try_into().map_err(failed)?;
        if program.fd().is_err() {
            let btf = Btf::from_sys_fs().map_err(|error| failed(error.into()))?;
            program.load(name(hook), &btf).map_err(failed)?;
        }
        Ok(program)
    }

    fn program(&mut self, hook: Hook) -> Result<&mut Program, Error> {
        let name = name(hook);
        self.ebpf.program_mut(name).ok_or(Error::Missing { name })
    }
}

/// The name of a hook's program, which for LSM is the hook's own.
const fn name(hook: Hook) -> &'static str {
    match hook {
        Hook::DeviceOpen => "device_open",
        Hook::SocketCreate => "socket_create",
        Hook::FileOpen => "file_open",
    }
}
